//! Where a campaign stands, and what it came to.

use std::time::Duration;

use super::{Campaign, Phase, Warmup, search::Search};
use crate::{
    capacity::{Capacity, Refined},
    event::Ending,
    evidence::{Level, SignalEvidence},
    observation::{LatencySnapshot, LoadProgress},
    tier_result::TierResult,
    units::Elapsed,
};

/// What a campaign came to.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What was loaded before the first tier, where the plan asks for a warm-up and it was begun.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub warmup: Option<Warmup>,
    /// The plan's tiers that were begun, in order. The others were not reached.
    pub tiers: Vec<TierResult>,
    /// The capacity, if a tier was GO.
    pub capacity: Option<Capacity>,
    /// The probes of the search for the limit, in order.
    #[cfg_attr(feature = "serde", serde(default))]
    pub probes: Vec<TierResult>,
    /// What the search has found, where the plan asks for one and there was a limit to search for.
    #[cfg_attr(feature = "serde", serde(default))]
    pub refined: Option<Refined>,
    /// How long it took.
    pub took: Duration,
    /// By how much that was beyond the plan's budget.
    pub overrun: Option<Duration>,
}

/// Where a campaign stands, for displays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The path is being shown to be clear.
    Proving {
        /// Index of the tier that is to follow.
        tier: usize,
        /// Since when.
        since: Elapsed,
    },
    /// The load was told to start.
    Starting {
        /// Index of the tier.
        tier: usize,
        /// Since when.
        since: Elapsed,
    },
    /// The load runs, or its ledger is closing.
    Loading {
        /// Index of the tier.
        tier: usize,
        /// Since when.
        since: Elapsed,
    },
    /// The load has ended; records may still be under way.
    Recovering {
        /// Index of the tier.
        tier: usize,
        /// Since when: the stop of the load.
        since: Elapsed,
    },
    /// The campaign is over.
    Done {
        /// How.
        ending: Ending,
        /// When.
        at: Elapsed,
    },
}

impl Campaign {
    /// Where the campaign stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match &self.phase {
            Phase::Proving { tier, since } => Stage::Proving { tier: *tier, since: *since },
            Phase::Starting { tier, since } => Stage::Starting { tier: *tier, since: *since },
            Phase::Running(run) => run.stage(),
            Phase::Done { ending, at } => Stage::Done { ending: *ending, at: *at },
        }
    }

    /// The load and latencies of the tier that runs or recovers.
    #[must_use]
    pub fn current(&self) -> Option<(&LoadProgress, Option<&LatencySnapshot>)> {
        match &self.phase {
            Phase::Running(run) => Some((run.progress(), run.snapshot())),
            Phase::Proving { .. } | Phase::Starting { .. } | Phase::Done { .. } => None,
        }
    }

    /// The true lag of the tier that runs or recovers, as it was told last: records that were acknowledged and are not known
    /// to have arrived.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        match &self.phase {
            Phase::Running(run) => run.lag.newest(),
            Phase::Proving { .. } | Phase::Starting { .. } | Phase::Done { .. } => None,
        }
    }

    /// The level of every signal of the plan, in its order, while a tier runs or recovers.
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        let run = match &self.phase {
            Phase::Running(run) => Some(run),
            Phase::Proving { .. } | Phase::Starting { .. } | Phase::Done { .. } => None,
        };
        run.into_iter().flat_map(|run| run.levels())
    }

    /// What was read so far of every signal of the plan, in its order, while a tier runs or recovers.
    #[must_use]
    pub fn evidence(&self) -> Vec<SignalEvidence> {
        match &self.phase {
            Phase::Running(run) => run.evidence(&self.plan, self.now),
            Phase::Proving { .. } | Phase::Starting { .. } | Phase::Done { .. } => Vec::new(),
        }
    }

    /// The plan's tiers whose verdict is final, in order.
    #[must_use]
    pub fn results(&self) -> &[TierResult] {
        &self.results
    }

    /// The probes of the search whose verdict is final, in order.
    #[must_use]
    pub fn probes(&self) -> &[TierResult] {
        self.search.as_ref().map_or(&[], Search::results)
    }

    /// What the search has found so far, once it has begun.
    #[must_use]
    pub fn refined(&self) -> Option<Refined> {
        self.search.as_ref().map(|search| search.refined(self.plan.recommended()))
    }

    /// What the campaign came to; `None` before it is over.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let Phase::Done { ending, at } = self.phase else { return None };
        let took = at.since(Elapsed::START);
        Some(Outcome {
            ending,
            warmup: self.warmed_up,
            tiers: self.results.clone(),
            capacity: Capacity::of(&self.results, self.plan.recommended()),
            probes: self.probes().to_vec(),
            refined: self.refined(),
            took,
            overrun: self
                .plan
                .budget()
                .and_then(|budget| took.checked_sub(budget))
                .filter(|over| !over.is_zero()),
        })
    }
}
