//! What one tier came to.

use std::time::Duration;

use crate::{
    evidence::{Extreme, SignalEvidence},
    observation::{LatencySnapshot, LoadProgress},
    units::{Elapsed, Rate},
    verdict::{Finding, Verdict},
};

/// What one tier came to.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TierResult {
    /// Index of the tier: in the plan, or beyond it for a probe of the [search](crate::plan::Refine).
    pub tier: usize,
    /// Its rate.
    pub rate: Rate,
    /// The final verdict.
    pub verdict: Verdict,
    /// What the verdict rests on, gravest first.
    pub findings: Vec<Finding>,
    /// When the load started, if it did.
    pub started: Option<Elapsed>,
    /// When the last record was due or the load was stopped.
    pub stopped: Option<Elapsed>,
    /// The load's final account.
    pub load: LoadProgress,
    /// The last latencies seen, if any were.
    pub latency: Option<LatencySnapshot>,
    /// The 99th percentile of latency, and where it is known from.
    pub p99: P99,
    /// What the signals' readings add up to.
    pub signals: Vec<SignalEvidence>,
    /// The highest lag while the load ran, if latencies were seen.
    pub lag_peak: Option<u64>,
    /// How the system recovered, where that was waited for.
    pub recovery: Option<RecoveryResult>,
}

/// A tier's 99th percentile of latency from the intended send time, and where it is known from.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "provenance")
)]
pub enum P99 {
    /// Each record's arrival was watched for; those that have not arrived count with their age.
    Measured {
        /// The percentile.
        value: Duration,
        /// Records that it is taken over.
        samples: u64,
        /// Its 95 % confidence interval, where there are enough samples for one.
        range: Option<(Duration, Duration)>,
    },
    /// No record's arrival was seen, but a gauge of the highest latency was below the bound all the time: every record
    /// met the objective. How far below is not known of the percentile.
    Bounded {
        /// What every latency was below.
        bound: Duration,
        /// The highest value of the gauge, in milliseconds.
        highest: Extreme,
    },
    /// Nothing is known.
    #[default]
    Unknown,
}

/// How the system recovered after a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RecoveryResult {
    /// From the stop of the load to the first moment below the floor after which the lag stayed there.
    pub recovered_after: Option<Duration>,
    /// From the stop of the load to the end of the wait.
    pub waited: Duration,
    /// Acknowledged records that had not arrived by then.
    pub outstanding: u64,
}

impl TierResult {
    /// Whether the campaign was interrupted during this tier.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding, Finding::Interrupted { .. }))
    }

    /// Whether the tier was cut short by an interrupt before anything was certain about it.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.was_interrupted() && self.verdict != Verdict::Stop
    }

    /// The result of a tier whose load never ran, because of `finding`.
    pub(crate) fn before_load(tier: usize, rate: Rate, finding: Finding) -> Self {
        let findings = vec![finding];
        Self {
            tier,
            rate,
            verdict: Verdict::of(&findings),
            findings,
            started: None,
            stopped: None,
            load: LoadProgress::default(),
            latency: None,
            p99: P99::Unknown,
            signals: Vec::new(),
            lag_peak: None,
            recovery: None,
        }
    }
}
