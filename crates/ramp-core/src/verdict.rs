//! Verdicts and the findings that they rest on.

use std::{fmt, time::Duration};

use crate::{
    criterion::{Criterion, Severity},
    evidence::Extreme,
    observation::{Absence, LoadLimit},
    signal::{SignalId, Unit},
    units::{Elapsed, Rate, Ratio},
};

/// The judgement of one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Verdict {
    /// Every `stop` criterion was judged on sufficient evidence and none was crossed.
    Go,
    /// A `stop` criterion was crossed on valid readings.
    Stop,
    /// Nothing was crossed, but the evidence does not carry a GO.
    Inconclusive,
}

impl Verdict {
    /// The verdict that `findings` add up to: a stop outranks what was insufficient, which outranks a GO.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(Finding::weight).max() {
            Some(Weight::Stop) => Self::Stop,
            Some(Weight::Insufficient) => Self::Inconclusive,
            Some(Weight::Warning) | None => Self::Go,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Go => "GO",
            Self::Stop => "STOP",
            Self::Inconclusive => "INCONCLUSIVE",
        })
    }
}

/// What a finding does to its tier's verdict, lightest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Weight {
    /// It is listed; the tier may be GO.
    Warning,
    /// The tier cannot be GO.
    Insufficient,
    /// The tier is STOP.
    Stop,
}

/// One thing that was found about a tier, with the figures to defend it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "kind")
)]
pub enum Finding {
    /// A criterion was crossed for as long as it asks.
    Crossed {
        /// The criterion.
        criterion: Criterion,
        /// The signal's unit.
        unit: Unit,
        /// Where the value comes from: the query or the probe.
        source: String,
        /// The series that crossed worst.
        series: String,
        /// The worst value.
        value: f64,
        /// What the dashboard's own aggregate showed at the worst value, where it differs.
        panel: Option<f64>,
        /// When it was first crossed.
        first: Elapsed,
        /// How long the longest crossing lasted, from its first to its last value.
        lasted: Duration,
    },
    /// The 99th percentile of latency reached the objective's bound.
    LatencyObjective {
        /// The bound.
        bound: Duration,
        /// Records at or beyond the bound.
        violations: u64,
        /// How many of `offered` may be: one in a hundred.
        allowed: u64,
        /// Records that were offered.
        offered: u64,
        /// The 99th percentile, silence counted as latency.
        p99: Option<Duration>,
        /// The highest latency.
        max: Option<Duration>,
        /// When the failure was certain, whatever the rest of the tier would bring.
        certain: Option<Elapsed>,
        /// Whether the bound lies within the confidence interval of the percentile, so that chance may have decided.
        #[cfg_attr(feature = "serde", serde(default))]
        straddles: bool,
    },
    /// The 99th percentile of latency stayed below the bound, but the bound lies within its confidence interval: chance
    /// may have decided.
    NearlyLate {
        /// The bound.
        bound: Duration,
        /// Records at or beyond the bound.
        violations: u64,
        /// How many of `offered` may be: one in a hundred.
        allowed: u64,
        /// Records that were offered.
        offered: u64,
        /// The 99th percentile and its 95 % confidence interval.
        p99: Option<Duration>,
        /// The interval's ends.
        range: Option<(Duration, Duration)>,
    },
    /// The lag grew steadily while the objective was still met: the rate cannot be sustained.
    LagGrows {
        /// What it means here: a warning in a tier of the plan, a stop where the limit is searched for.
        severity: Severity,
        /// By how many records per second: the median slope.
        per_second: f64,
        /// The lag at the tier's end.
        lag: u64,
        /// The lag at which the tier would be STOP: by the plan, or because it takes the bound to work off.
        limit: u64,
        /// The time in which it would be reached from there.
        reached_in: Duration,
    },
    /// Acknowledged records had not arrived when the recovery was given up.
    NotRecovered {
        /// How many.
        outstanding: u64,
        /// Time from the stop of the load until then.
        waited: Duration,
    },
    /// The objective fails from the intended send time but holds from the hand-over: the generator was late itself.
    GeneratorLate {
        /// Records at or beyond the bound from the intended send time.
        violations: u64,
        /// The same from the hand-over.
        from_handover: u64,
        /// How many may be.
        allowed: u64,
    },
    /// The 99th percentile of the generator's own lateness was too high.
    Lateness {
        /// What it was.
        p99: Duration,
        /// What it may be.
        bound: Duration,
    },
    /// Less load was offered than the tier asks.
    Shortfall {
        /// The tier's rate.
        target: Rate,
        /// Records that were due.
        due: u64,
        /// Records that were offered.
        offered: u64,
        /// The least share of `due`.
        least: Ratio,
        /// What held it back, if it is known.
        limit: Option<LoadLimit>,
    },
    /// Records finally failed.
    RecordsFailed {
        /// How many.
        failed: u64,
        /// What made them fail, if it is known.
        limit: Option<LoadLimit>,
    },
    /// The ledger did not close: records neither acknowledged nor failed.
    OpenLedger {
        /// How many.
        in_flight: u64,
    },
    /// No latency was measured.
    NoLatency,
    /// No latency was measured, and the plan's ceiling does not bound it.
    NotBounded {
        /// Why.
        gap: CeilingGap,
    },
    /// The observation of latencies broke off.
    ObservationLost {
        /// When.
        at: Elapsed,
        /// Why.
        reason: String,
    },
    /// Too few values of a `stop` signal.
    Coverage {
        /// The signal.
        signal: SignalId,
        /// Where its values come from.
        source: String,
        /// The series of which the least was seen; none where no series was, or the reader knows none.
        #[cfg_attr(feature = "serde", serde(default))]
        series: Option<String>,
        /// Distinct values seen.
        seen: u64,
        /// Values expected.
        expected: u64,
        /// The least share.
        least: Ratio,
        /// The last reason for which a value was absent.
        absence: Option<Absence>,
    },
    /// It could not be shown that the path is free of a backlog.
    PathNotClear {
        /// Why.
        reason: String,
    },
    /// The load did not start, or broke off.
    LoadFailed {
        /// Why.
        reason: String,
    },
    /// The campaign was interrupted during this tier.
    Interrupted {
        /// When.
        at: Elapsed,
    },
    /// A person cut the recovery's wait short, once the path had drained and everything about the tier had been read.
    RecoverySkipped {
        /// Time from the stop of the load until then.
        waited: Duration,
        /// The least wait that the plan asks for.
        minimum: Duration,
    },
    /// Records arrived more than once.
    Duplicates {
        /// How many arrivals were repeated.
        records: u64,
    },
    /// Records arrived behind a later one.
    Reordered {
        /// How many.
        records: u64,
    },
}

impl Finding {
    /// What this finding does to the verdict.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        match self {
            Self::Crossed { criterion, .. } => match criterion.severity {
                Severity::Stop => Weight::Stop,
                Severity::Warning => Weight::Warning,
            },
            Self::LagGrows { severity: Severity::Stop, .. } => Weight::Stop,
            Self::LatencyObjective { .. } | Self::NotRecovered { .. } => Weight::Stop,
            Self::GeneratorLate { .. }
            | Self::Lateness { .. }
            | Self::Shortfall { .. }
            | Self::RecordsFailed { .. }
            | Self::OpenLedger { .. }
            | Self::NoLatency
            | Self::NotBounded { .. }
            | Self::ObservationLost { .. }
            | Self::Coverage { .. }
            | Self::PathNotClear { .. }
            | Self::LoadFailed { .. }
            | Self::Interrupted { .. } => Weight::Insufficient,
            Self::LagGrows { severity: Severity::Warning, .. }
            | Self::NearlyLate { .. }
            | Self::RecoverySkipped { .. }
            | Self::Duplicates { .. }
            | Self::Reordered { .. } => Weight::Warning,
        }
    }

    /// The signal of which it speaks; none where it is about the load and its latencies themselves.
    #[must_use]
    pub const fn signal(&self) -> Option<&SignalId> {
        match self {
            Self::Crossed { criterion, .. } => Some(&criterion.signal),
            Self::Coverage { signal, .. } => Some(signal),
            Self::LatencyObjective { .. }
            | Self::NearlyLate { .. }
            | Self::LagGrows { .. }
            | Self::NotRecovered { .. }
            | Self::GeneratorLate { .. }
            | Self::Lateness { .. }
            | Self::Shortfall { .. }
            | Self::RecordsFailed { .. }
            | Self::OpenLedger { .. }
            | Self::NoLatency
            | Self::NotBounded { .. }
            | Self::ObservationLost { .. }
            | Self::PathNotClear { .. }
            | Self::LoadFailed { .. }
            | Self::Interrupted { .. }
            | Self::RecoverySkipped { .. }
            | Self::Duplicates { .. }
            | Self::Reordered { .. } => None,
        }
    }
}

/// Why a [`LatencyCeiling`](crate::plan::LatencyCeiling) does not bound a tier's latencies.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "gap")
)]
pub enum CeilingGap {
    /// The gauge had no value during the tier.
    NoValue,
    /// The gauge reached the bound, which proves nothing about one record in a hundred.
    Reached {
        /// Its highest value, in milliseconds.
        highest: Extreme,
        /// The bound.
        bound: Duration,
    },
    /// The gauge stayed below the bound, but not by as much as the generator was late.
    Late {
        /// Its highest value, in milliseconds from the hand-over.
        highest: Extreme,
        /// The 99th percentile of (handed to the client − due).
        lateness: Duration,
        /// The bound.
        bound: Duration,
    },
    /// The gauge had a value below zero: the clock that it is taken by is behind the load's.
    ClockBehind {
        /// The value, in milliseconds.
        lowest: Extreme,
    },
    /// A series was not read for too long.
    Unread {
        /// The series.
        series: String,
        /// For how long, at worst.
        longest: Duration,
        /// The longest time allowed.
        allowed: Duration,
    },
    /// Fewer series of the gauge were read than series of the arrivals' counter have counted.
    Uncovered {
        /// Series of the gauge.
        read: usize,
        /// Series of the counter.
        loaded: usize,
    },
    /// Not every acknowledged record was counted as arrived.
    NotDrained {
        /// How many were not.
        outstanding: u64,
    },
    /// More records were counted as arrived than were acknowledged: somebody else writes to the same place, or records
    /// were repeated.
    Excess {
        /// How many.
        records: u64,
    },
    /// The arrivals were not counted from before the tier to after its load.
    NotCounted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_written_as_its_word() {
        let words = [Verdict::Go, Verdict::Stop, Verdict::Inconclusive].map(|verdict| verdict.to_string());
        assert_eq!(words, ["GO", "STOP", "INCONCLUSIVE"]);
    }

    #[test]
    fn the_gravest_finding_decides() {
        let (warning, insufficient) = (Finding::Duplicates { records: 1 }, Finding::NoLatency);
        let stop = Finding::NotRecovered { outstanding: 1, waited: Duration::ZERO };
        assert_eq!(Verdict::of(&[]), Verdict::Go);
        assert_eq!(Verdict::of(std::slice::from_ref(&warning)), Verdict::Go);
        assert_eq!(Verdict::of(&[warning.clone(), insufficient.clone()]), Verdict::Inconclusive);
        assert_eq!(Verdict::of(&[insufficient, stop, warning]), Verdict::Stop);
    }
}
