//! The form's plan with its times divided, so that a demonstration lasts about a minute and a half.

use std::time::Duration;

use ramp_core::units::Rate;

use super::fault::{Fault, FaultPlan};
use crate::config::{
    ConfigError,
    plan_text::{CriterionText, EvidenceText, PlanText},
    span::Span,
};

/// How much faster than the form's its time runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Tiers of 20 s.
    Usual,
    /// Tiers of 5 s.
    Fast,
}

impl Pace {
    pub(super) const fn of(fast: bool) -> Self {
        if fast { Self::Fast } else { Self::Usual }
    }

    pub(super) const fn divisor(self) -> u32 {
        match self {
            Self::Usual => 15,
            Self::Fast => 60,
        }
    }

    /// As far from the rates of the tiers around it as can be, since a short tier tells only rates apart that differ
    /// by more than its bound ÷ hold: between P2 and P3, and between P1 and P2. A fault, which begins in P2, is seen
    /// alone where P2 is carried.
    pub(super) const fn usual_capacity(self, fault: Option<Fault>) -> Rate {
        const USUAL: Rate = Rate::per_second(3_500).expect("it is above 0");
        const FAST: Rate = Rate::per_second(1_600).expect("it is above 0");
        match (self, fault) {
            (Self::Usual, _) | (Self::Fast, Some(_)) => USUAL,
            (Self::Fast, None) => FAST,
        }
    }
}

/// The form's plan at that pace. Rates and bounds are the form's own. The hosts' criteria are left out: this machine
/// does everything at once.
pub(super) fn compressed(pace: Pace) -> Result<PlanText, ConfigError> {
    let mut plan = PlanText::built_in()?;
    let shorter = |span: Span| Span::new(span.get() / pace.divisor());
    let criteria = |criteria: &mut Vec<CriterionText>| {
        criteria.retain(|criterion| !criterion.signal.as_str().starts_with("host."));
        for threshold in
            criteria.iter_mut().flat_map(|criterion| [&mut criterion.warning, &mut criterion.stop])
        {
            *threshold = threshold.take().map(|threshold| {
                let sustained = threshold.sustained / pace.divisor();
                threshold.sustained_for(sustained)
            });
        }
    };
    criteria(&mut plan.criteria);
    for tier in &mut plan.tiers {
        tier.hold = shorter(tier.hold);
        criteria(&mut tier.criteria);
    }
    plan.name = format!("{} (its times divided by {})", plan.name, pace.divisor());
    plan.lang = None;
    plan.evidence = Some(EvidenceText { lateness: Span::new(LATENESS) });
    plan.budget = plan.budget.map(shorter);
    plan.warmup = plan.warmup.map(shorter);
    plan.recovery.minimum = shorter(plan.recovery.minimum);
    plan.recovery.give_up = shorter(plan.recovery.give_up);
    Ok(plan)
}

/// When `fault` shows in a campaign over `plan`: after a quarter of the second tier, and then for longer than its
/// bound.
pub(super) fn fault(plan: &PlanText, fault: Fault) -> FaultPlan {
    let records = |tier: usize| plan.tiers.get(tier).map_or(0, |tier| tier.rate.records_in(tier.hold.get()));
    let bound = plan.tiers.get(1).map_or(Duration::ZERO, |tier| tier.p99.get());
    FaultPlan { fault, after: records(0) + records(1) / 4, still: bound + BEYOND_BOUND }
}

/// Clusters, mirror and probe share this machine with the generator, which may be late by half of the strictest bound.
const LATENESS: Duration = Duration::from_millis(500);

const BEYOND_BOUND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use ramp_core::signal::SignalId;

    use super::*;

    #[test]
    fn rates_and_bounds_are_the_form_s_and_its_times_are_divided() {
        let form = PlanText::built_in().unwrap();
        for pace in [Pace::Usual, Pace::Fast] {
            let plan = compressed(pace).unwrap();
            for (short, own) in plan.tiers.iter().zip(&form.tiers) {
                assert_eq!((short.rate, short.p99), (own.rate, own.p99));
                assert_eq!(short.hold.get() * pace.divisor(), own.hold.get());
            }
            assert_eq!(plan.recovery.floor, form.recovery.floor);
            let lag = plan.criteria.iter().find(|criterion| criterion.signal == SignalId::LAG).unwrap();
            let stop = lag.stop.as_ref().unwrap();
            assert_eq!(stop.sustained * pace.divisor(), Duration::from_secs(30));
        }
    }

    #[test]
    fn the_usual_capacity_is_told_from_both_its_neighbours() {
        for pace in [Pace::Usual, Pace::Fast] {
            let (plan, capacity) = (compressed(pace).unwrap(), pace.usual_capacity(None));
            let stopped = plan.tiers.iter().find(|tier| tier.rate > capacity).unwrap();
            let excess = f64::from(stopped.rate.get()) / f64::from(capacity.get()) - 1.0;
            let hidden = stopped.p99.get().as_secs_f64() / stopped.hold.get().as_secs_f64();
            assert!(excess > 1.25 * hidden, "{excess} {hidden}");
            let passed = plan.tiers.iter().rfind(|tier| tier.rate < capacity).unwrap();
            assert!(f64::from(capacity.get()) > 1.35 * f64::from(passed.rate.get()));
        }
    }

    #[test]
    fn a_fault_begins_within_the_second_tier_and_outlasts_its_bound() {
        let plan = compressed(Pace::Usual).unwrap();
        let fault = fault(&plan, Fault::Stall);
        assert_eq!(fault.after, 20 * 1_000 + 5 * 2_500);
        assert!(fault.still > plan.tiers[1].p99.get());
    }
}
