//! What the campaign tells the outside: actions to carry out, and events to show.

use std::time::Duration;

use crate::{
    evidence::Level,
    signal::SignalId,
    units::{Elapsed, Rate},
    verdict::{Finding, Verdict},
};

/// What the driver is to do. Each is given once; the answer comes back as an [`Input`](crate::campaign::Input).
/// A tier's index counts the plan's tiers and, beyond them, the probes of a [search](crate::plan::Refine), or is that of
/// the [warm-up](crate::campaign::Campaign::WARMUP); [`Campaign::tier`](crate::campaign::Campaign::tier) describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Action {
    /// Show that nothing lies on the path before this tier, then answer `PathClear` or `PathBlocked`.
    ProvePath {
        /// Index of the tier that is to follow.
        tier: usize,
    },
    /// Start the load, answer `LoadStarted` or `LoadFailed`, and `LoadEnded` when its ledger has closed.
    StartLoad {
        /// Index of the tier.
        tier: usize,
        /// The rate.
        rate: Rate,
        /// After this time the load ends by itself.
        hold: Duration,
        /// The bound on latency, which every count of violations is about.
        bound: Duration,
    },
    /// Stop the load at once; harmless where none runs.
    StopLoad,
}

/// Something that happened, for displays and logs. Events follow from inputs and need not be kept.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "event")
)]
pub enum Event {
    /// The limit is searched for: the tier that follows is a probe between two rates.
    Refining {
        /// Index of the probe.
        tier: usize,
        /// Its rate.
        rate: Rate,
        /// The highest rate that was GO.
        validated: Rate,
        /// The lowest rate above it that was STOP.
        stopped: Rate,
        /// When.
        at: Elapsed,
    },
    /// A tier that a former process has left unfinished begins anew.
    TierRepeated {
        /// Index of the tier.
        tier: usize,
        /// When.
        at: Elapsed,
    },
    /// The load of the warm-up runs, which no verdict is about.
    WarmingUp {
        /// [`Campaign::WARMUP`](crate::campaign::Campaign::WARMUP).
        tier: usize,
        /// Its rate.
        rate: Rate,
        /// For how long.
        hold: Duration,
        /// When.
        at: Elapsed,
    },
    /// The load of a tier runs.
    TierStarted {
        /// Index of the tier.
        tier: usize,
        /// When.
        at: Elapsed,
    },
    /// The load of a tier was stopped before its time.
    TierCut {
        /// Index of the tier.
        tier: usize,
        /// The gravest thing found by then.
        finding: Option<Finding>,
        /// When.
        at: Elapsed,
    },
    /// Every record has arrived or is older than the bound.
    Provisional {
        /// Index of the tier.
        tier: usize,
        /// The verdict if nothing is lost.
        verdict: Verdict,
        /// When.
        at: Elapsed,
    },
    /// The recovery is over and the verdict stands.
    Final {
        /// Index of the tier.
        tier: usize,
        /// The verdict.
        verdict: Verdict,
        /// When.
        at: Elapsed,
    },
    /// A signal's level changed.
    LevelChanged {
        /// Index of the tier.
        tier: usize,
        /// The signal.
        signal: SignalId,
        /// The level before.
        from: Level,
        /// The level now.
        to: Level,
        /// The series that changed it.
        series: String,
        /// Its value.
        value: f64,
        /// When it was taken in.
        at: Elapsed,
    },
    /// The source of a signal's readings warned of something that it had not warned of in this tier.
    Warned {
        /// Index of the tier.
        tier: usize,
        /// The signal.
        signal: SignalId,
        /// The warning, as its source words it.
        warning: String,
        /// When it was taken in.
        at: Elapsed,
    },
    /// The campaign is over.
    Ended {
        /// How.
        ending: Ending,
        /// When.
        at: Elapsed,
    },
}

/// How a campaign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Ending {
    /// The last tier was GO: the capacity lies there or higher.
    LastTierPassed,
    /// A tier was STOP.
    Stopped,
    /// A tier was INCONCLUSIVE.
    Inconclusive,
    /// The campaign was interrupted.
    Interrupted,
}
