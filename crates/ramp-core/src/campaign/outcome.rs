//! Where a campaign stands, and what it came to.

use std::time::Duration;

use super::Warmup;
use crate::{
    capacity::{Capacity, Refined},
    event::Ending,
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
