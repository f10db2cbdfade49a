//! What a campaign is told.

use crate::{
    component::ComponentState,
    observation::{LatencySnapshot, LoadProgress, Reading},
    signal::SignalId,
};

/// Something that happened outside.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The path was shown to be free of a backlog.
    PathClear {
        /// Index of the tier that is to follow.
        tier: usize,
    },
    /// It was not.
    PathBlocked {
        /// Index of the tier that was to follow.
        tier: usize,
        /// Why.
        reason: String,
    },
    /// The load's schedule has begun.
    LoadStarted {
        /// Index of the tier.
        tier: usize,
    },
    /// The load could not start, or broke off; nothing of it runs any more.
    LoadFailed {
        /// Index of the tier.
        tier: usize,
        /// Why.
        reason: String,
    },
    /// The load's account so far.
    Load {
        /// Index of the tier.
        tier: usize,
        /// The account.
        progress: LoadProgress,
    },
    /// The load has ended, by itself or because it was stopped, and its ledger has closed as far as it will.
    LoadEnded {
        /// Index of the tier.
        tier: usize,
        /// The final account.
        progress: LoadProgress,
    },
    /// The latencies so far.
    Latency {
        /// Index of the tier.
        tier: usize,
        /// The latencies.
        snapshot: LatencySnapshot,
    },
    /// Latencies can no longer be observed.
    ObservationLost {
        /// Index of the tier.
        tier: usize,
        /// Why.
        reason: String,
    },
    /// A signal was read, or could not be.
    Reading(Reading),
    /// The source of a signal's readings warned of something, such as an answer that is only partial. It changes no
    /// verdict; the tier's evidence says it.
    Warned {
        /// The signal.
        signal: SignalId,
        /// The warning, as its source words it.
        warning: String,
    },
    /// A component of the system under load stands as it did not before. It changes no verdict.
    Component(ComponentState),
    /// A person or the system wants the campaign to end.
    Interrupt,
    /// A person wants no more of a recovery's least wait than the evidence needs. Heard only while that tier recovers;
    /// acted on once its records have arrived and all that speaks of them has been read, and then a finding says it.
    SkipRecovery {
        /// Index of the tier that recovers.
        tier: usize,
    },
    /// A new process goes on with a campaign that another has left unfinished, by a kill or an interrupt. Nothing of
    /// the old load runs any more. A tier that was under way begins anew, once its backlog is shown to have drained,
    /// unless it was STOP already; counters count from their next reading;
    /// actions and events of the former process that were not polled are gone.
    Resumed,
}
