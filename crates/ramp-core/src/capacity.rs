//! The campaign's answer: the capacity.

use crate::{
    tier_result::TierResult,
    units::{Rate, Ratio},
    verdict::Verdict,
};

/// The capacity that a campaign has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Capacity {
    /// The rate of the last final GO.
    pub validated: Rate,
    /// Whether the next tier was a STOP, and not for being interrupted early. Otherwise the true capacity is `validated` or more.
    pub exact: bool,
    /// The share of it recommended for production; `None` where that is below one record per second.
    pub recommended: Option<Rate>,
}

impl Capacity {
    /// The capacity that `results`, in the order of their tiers, have shown; `None` without a GO.
    #[must_use]
    pub fn of(results: &[TierResult], recommended: Ratio) -> Option<Self> {
        let last_go = results.iter().rposition(|result| result.verdict == Verdict::Go)?;
        let validated = results.get(last_go)?.rate;
        let failed = |next: &TierResult| next.verdict == Verdict::Stop && !next.was_interrupted();
        let exact = results.get(last_go + 1).is_some_and(failed);
        Some(Self { validated, exact, recommended: validated.share(recommended) })
    }
}

/// What the [search](crate::plan::Refine) between the last GO and the first STOP has found; apart from the
/// [`Capacity`], which the plan's own tiers alone decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Refined {
    /// The highest rate with a final GO that no later tier of that rate has contradicted, if there is one left.
    pub validated: Option<Rate>,
    /// The lowest rate above it that was STOP: the limit lies between the two.
    pub stopped: Rate,
    /// How the search stands.
    pub state: RefineState,
    /// The plan's share of `validated` for production; `None` where that is below one record per second.
    pub recommended: Option<Rate>,
}

/// How a search for the limit stands, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum RefineState {
    /// It goes on.
    Searching,
    /// The rates lie within the resolution, and the lower one was GO a second time.
    Confirmed,
    /// A rate that was GO was STOP the second time: the limit itself swings between the two rates.
    Swings,
    /// A probe was INCONCLUSIVE: the limit lies between the two rates, and no closer answer was had.
    Inconclusive,
    /// The campaign was interrupted.
    Interrupted,
}
