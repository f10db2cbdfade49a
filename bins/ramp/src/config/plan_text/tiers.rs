//! Which tiers of a plan are run and how far beyond them, what they write and how long they take.

use std::{collections::BTreeSet, time::Duration};

use ramp_core::{
    plan::Refine,
    units::{Rate, Ratio},
};

use super::{ExtendText, PlanText, TierText};

/// A tier that a plan has not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan has no tier {name:?}; it has {known}")]
pub struct NoTier {
    name: String,
    known: String,
}

/// Why a ramp cannot go on beyond its last tier.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoExtension {
    /// The rate to go on to is none of a further tier.
    #[error("the plan's last tier has {last} already; give a higher rate, or none")]
    NotAbove {
        /// The rate to go on to.
        to: Rate,
        /// The last tier's.
        last: Rate,
    },
    /// The steps are so small that the ramp would hardly end.
    #[error("steps of {by} are too small; give at least 5 % (0.05), and refine for a closer answer")]
    TooFine {
        /// The share.
        by: Ratio,
    },
}

impl NoExtension {
    /// The value that is wrong.
    pub(in crate::config) fn value(self) -> String {
        match self {
            Self::NotAbove { to, .. } => to.to_string(),
            Self::TooFine { by } => by.get().to_string(),
        }
    }
}

impl ExtendText {
    /// Up to `to`, by the usual steps.
    #[must_use]
    pub const fn to(to: Rate) -> Self {
        Self { to, by: USUAL_STEP }
    }
}

impl PlanText {
    /// Keeps only the tiers that `wanted` names: `P2`, `P1,P3` or `P1..P3`, from one to another.
    ///
    /// # Errors
    /// The first name that no tier has.
    pub fn keep_tiers(&mut self, wanted: &str) -> Result<(), NoTier> {
        let place = |name: &str| {
            let known = self.tiers.iter().position(|tier| tier.name == name);
            let names = || self.tiers.iter().map(|tier| tier.name.as_str()).collect::<Vec<_>>().join(", ");
            known.ok_or_else(|| NoTier { name: name.to_owned(), known: names() })
        };
        let mut kept = BTreeSet::new();
        for part in wanted.split(',').map(str::trim) {
            let (first, last) = part.split_once("..").unwrap_or((part, part));
            kept.extend(place(first)?..=place(last)?);
        }
        let mut at = 0..;
        self.tiers.retain(|_| at.next().is_some_and(|place| kept.contains(&place)));
        Ok(())
    }

    /// Has the limit searched for, to 5 % where the plan does not say how closely.
    pub fn search(&mut self) {
        const USUAL: Ratio = Ratio::new(0.05).expect("5 % is a ratio");
        self.refine.get_or_insert(Refine { resolution: USUAL });
    }

    /// Writes out the tiers by which the ramp goes on: like the last one, at rates that rise by the same share each.
    ///
    /// # Errors
    /// When there is no rate to go on to.
    pub fn write_out(&mut self) -> Result<(), NoExtension> {
        let (Some(extend), Some(last)) = (self.extend.take(), self.tiers.last().cloned()) else {
            return Ok(());
        };
        let ExtendText { to, by } = extend;
        if to <= last.rate {
            return Err(NoExtension::NotAbove { to, last: last.rate });
        }
        if by < LEAST_STEP {
            return Err(NoExtension::TooFine { by });
        }
        let added = last.rate.rising_to(to, by).zip(1_u32..);
        let added = added.map(|(rate, number)| TierText { name: format!("E{number}"), rate, ..last.clone() });
        self.tiers.extend(added);
        Ok(())
    }

    /// The rate of the warm-up, and for how long it is loaded.
    #[must_use]
    pub fn warmup(&self) -> Option<(Rate, Duration)> {
        self.tiers.first().zip(self.warmup).map(|(first, hold)| (first.rate, hold.get()))
    }

    /// How many records the warm-up and the tiers have together; the search for the limit comes on top.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.loads().map(|(rate, hold)| rate.records_in(hold)).fold(0, u64::saturating_add)
    }

    /// How long the warm-up, the tiers and their recoveries take at least.
    #[must_use]
    pub fn least_duration(&self) -> Duration {
        self.duration(self.recovery.minimum.get())
    }

    /// How long the warm-up, the tiers and their recoveries take at most, where each runs to its end.
    #[must_use]
    pub fn most_duration(&self) -> Duration {
        self.duration(self.recovery.give_up.get().max(self.recovery.minimum.get()))
    }

    /// How long the warm-up and the tiers take with a recovery of that length after each.
    fn duration(&self, recovery: Duration) -> Duration {
        let each = self.loads().map(|(_, hold)| hold.saturating_add(recovery));
        each.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The rate and the hold of the warm-up and of each tier.
    fn loads(&self) -> impl Iterator<Item = (Rate, Duration)> {
        self.warmup().into_iter().chain(self.tiers.iter().map(|tier| (tier.rate, tier.hold.get())))
    }
}

/// By which share each rate is above the one before, where a plan does not say.
const USUAL_STEP: Ratio = Ratio::new(0.5).expect("a half is a ratio");

const LEAST_STEP: Ratio = Ratio::new(0.05).expect("5 % is a ratio");

pub(super) const fn usual_step() -> Ratio {
    USUAL_STEP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::span::Span;

    fn built_in() -> PlanText {
        PlanText::built_in().unwrap()
    }

    #[test]
    fn a_plan_goes_on_by_tiers_like_its_last_up_to_a_rate() {
        let mut plan = built_in();
        let last = plan.tiers.last().cloned().unwrap();
        assert_eq!(plan.write_out(), Ok(()));
        assert_eq!(plan, built_in(), "only where it says so");
        plan.extend = Some(toml::from_str("to = 30_000").unwrap());
        assert_eq!(plan.write_out(), Ok(()));
        let added: Vec<_> =
            plan.tiers.iter().skip(5).map(|tier| (tier.name.as_str(), tier.rate.get())).collect();
        assert_eq!(added, [("E1", 15_000), ("E2", 22_500), ("E3", 30_000)]);
        let like_it = |tier: &TierText| tier.p99 == last.p99 && tier.criteria == last.criteria;
        assert!(plan.tiers.iter().skip(5).all(like_it), "{plan:?}");
        let refused = ["to = 30_000", "to = 99_000\nby = 0.01"].map(|text| {
            plan.extend = Some(toml::from_str(text).unwrap());
            plan.write_out().unwrap_err().to_string()
        });
        assert_eq!(
            refused,
            [
                "the plan's last tier has 30000/s already; give a higher rate, or none",
                "steps of 1 % are too small; give at least 5 % (0.05), and refine for a closer answer"
            ]
        );
    }

    #[test]
    fn tiers_are_chosen_by_name_and_from_one_to_another() {
        let kept = |wanted: &str| {
            let mut plan = built_in();
            plan.keep_tiers(wanted).map(|()| plan.tiers.into_iter().map(|tier| tier.name).collect::<Vec<_>>())
        };
        assert_eq!(kept("P2"), Ok(vec!["P2".to_owned()]));
        assert_eq!(kept("P4, P1..P2").unwrap(), ["P1", "P2", "P4"]);
        assert_eq!(kept("P3..P1").unwrap(), [""; 0], "nothing lies between them");
        let error = kept("P1,P9").unwrap_err().to_string();
        assert_eq!(error, r#"the plan has no tier "P9"; it has P1, P2, P3, P4, P5"#);
    }

    #[test]
    fn the_built_in_plan_knows_what_it_writes_and_how_long_it_takes() {
        let plan = built_in();
        assert_eq!(plan.records(), 26_000 * 300);
        assert_eq!(plan.least_duration(), Duration::from_secs(5 * (300 + 120)));
        assert_eq!(plan.most_duration(), Duration::from_secs(5 * (300 + 600)));
        let warmed = PlanText { warmup: Some("30s".parse().unwrap()), ..plan };
        assert_eq!(warmed.records(), 26_000 * 300 + 1_000 * 30);
        assert_eq!(warmed.least_duration(), Duration::from_secs(5 * (300 + 120) + 30 + 120));
    }

    #[test]
    fn a_plan_beyond_all_measure_writes_the_most_there_is_and_not_nearly_nothing() {
        let mut plan = built_in();
        plan.tiers.iter_mut().for_each(|tier| {
            tier.rate = Rate::per_second(u32::MAX).unwrap();
            tier.hold = Span::new(Duration::MAX);
        });
        assert_eq!(plan.records(), u64::MAX);
        assert_eq!((plan.least_duration(), plan.most_duration()), (Duration::MAX, Duration::MAX));
    }
}
