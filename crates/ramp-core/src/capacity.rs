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
