//! The load before the first tier, which no verdict is about.

use std::time::Duration;

use super::Campaign;
use crate::{
    event::Event,
    plan::{Plan, PlanDraft, Tier},
    tier_result::TierResult,
    units::{Elapsed, Rate},
    verdict::Finding,
};

/// A load before the first tier, which no verdict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Warmup {
    /// Its rate, which is the first tier's.
    pub rate: Rate,
    /// For how long it ran.
    pub held: Duration,
}

impl Campaign {
    /// The index by which actions, events and inputs call the load of a [warm-up](PlanDraft::warmup), as they call
    /// tiers by theirs.
    pub const WARMUP: usize = 65_535;

    /// What was loaded before the first tier, once that is over.
    #[must_use]
    pub const fn warmed_up(&self) -> Option<Warmup> {
        self.warmed_up
    }

    /// Where to begin for `tier` to be run: what was warm may have been started anew.
    pub(super) const fn beginning_of(&self, tier: usize) -> usize {
        if tier == 0 && self.warmup.is_some() { Self::WARMUP } else { tier }
    }

    /// Goes on with the first tier after the warm-up, which came to `result`.
    pub(super) fn warm(&mut self, result: &TierResult, interrupted: bool) {
        let held = result.started.zip(result.stopped).map(|(started, stopped)| stopped.since(started));
        self.warmed_up = held.map(|held| Warmup { rate: result.rate, held });
        if interrupted {
            self.end_before_load(0, Finding::Interrupted { at: self.now });
        } else {
            self.prove(0);
        }
    }
}

/// That the load of `tier`, which campaigns call `index`, runs since `at`.
pub(super) const fn started(index: usize, tier: &Tier, at: Elapsed) -> Event {
    match index {
        Campaign::WARMUP => Event::WarmingUp { tier: index, rate: tier.rate, hold: tier.hold, at },
        _judged => Event::TierStarted { tier: index, at },
    }
}

/// What is loaded before the first tier of `plan`, as a tier without criteria.
pub(super) fn tier(plan: &Plan) -> Option<Tier> {
    let (hold, first) = plan.warmup().zip(plan.tiers().first())?;
    Some(Tier { name: PlanDraft::WARMUP.to_owned(), hold, criteria: Vec::new(), ..first.clone() })
}
