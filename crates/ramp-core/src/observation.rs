//! What the outside tells the campaign: the load's account, the latencies of its records, and readings of signals.

use std::{fmt, time::Duration};

use crate::{signal::SignalId, units::Elapsed};

/// The load's account within one tier, cumulative from the tier's start.
///
/// The ledger is `offered = acknowledged + failed + in flight`; it is closed when nothing is in flight.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LoadProgress {
    /// Records whose intended send time has passed.
    pub due: u64,
    /// Records handed to the client.
    pub offered: u64,
    /// Records that the system under test has acknowledged.
    pub acknowledged: u64,
    /// Records that finally failed.
    pub failed: u64,
    /// 99th percentile of (handed to the client − due): how late the generator itself was.
    pub lateness_p99: Duration,
    /// Time the generator spent blocked because the client would take no more.
    pub blocked: Duration,
    /// What held the load back or made records fail, once something did.
    pub limit: Option<LoadLimit>,
}

impl LoadProgress {
    /// Records handed to the client that are neither acknowledged nor failed yet.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.offered.saturating_sub(self.acknowledged).saturating_sub(self.failed)
    }
}

/// Which part held the load back, with what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LoadLimit {
    /// The part.
    pub part: LoadPart,
    /// What was seen, as a person reads it: `broker: message timed out (43 records)`.
    pub detail: String,
}

/// The parts between the schedule and the acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum LoadPart {
    /// The generator's own process: it woke late or could not build records fast enough.
    Client,
    /// The cluster that takes the load: slow or refusing acknowledgements.
    Source,
    /// The way to it: connections lost or refused.
    Network,
}

impl fmt::Display for LoadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Source => "source cluster",
            Self::Network => "network",
        })
    }
}

/// Latencies and arrivals of one tier's records, cumulative from the tier's start, as a probe saw them at one moment.
///
/// Latency counts from the intended send time; records are counted exactly, quantiles are for display.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LatencySnapshot {
    /// Records handed to the client so far: the population of every count below.
    pub offered: u64,
    /// Records that have arrived, each counted once.
    pub arrived: u64,
    /// Arrived records whose latency reached the tier's bound.
    pub late: u64,
    /// Records not arrived (and not finally failed) whose age has reached the bound: violations already.
    pub overdue: u64,
    /// As `late`, measured from the hand-over to the client.
    pub late_from_handover: u64,
    /// As `overdue`, measured from the hand-over to the client.
    pub overdue_from_handover: u64,
    /// Acknowledged records that have not arrived: the true lag.
    pub outstanding: u64,
    /// Records that arrived again.
    pub duplicates: u64,
    /// Records that arrived behind a later one of the same partition (first arrivals only).
    pub reordered: u64,
    /// Mean latency of arrived records, if any has arrived.
    pub mean: Option<Duration>,
    /// Median over arrived records and the present age of those that have not.
    pub p50: Option<Duration>,
    /// 99th percentile over arrived records and the present age of those that have not.
    pub p99: Option<Duration>,
    /// The latencies at the ranks that [`quantile_ranks`](crate::statistics::quantile_ranks) gives for `p99`: its 95 %
    /// confidence interval. `None` where it gives none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub p99_range: Option<(Duration, Duration)>,
    /// Highest latency, the present age of records that have not arrived included.
    pub max: Option<Duration>,
}

impl LatencySnapshot {
    /// Records at or beyond the bound, whether arrived or not.
    #[must_use]
    pub const fn violations(&self) -> u64 {
        self.late.saturating_add(self.overdue)
    }

    /// Records at or beyond the bound counted from the hand-over to the client.
    #[must_use]
    pub const fn violations_from_handover(&self) -> u64 {
        self.late_from_handover.saturating_add(self.overdue_from_handover)
    }
}

/// A signal's value at a moment, or why there is none.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reading {
    /// The signal that was asked.
    pub signal: SignalId,
    /// What the answer was.
    pub sample: Sample,
}

/// The answer to one asking of a signal.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Sample {
    /// At least one series with a finite value.
    Present {
        /// The series behind the signal, each on its own.
        points: Vec<Point>,
        /// The aggregate that people see on their dashboard, where it differs from the series.
        panel: Option<f64>,
    },
    /// Nothing that can be judged.
    Absent(Absence),
}

/// One series' value.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Point {
    /// The labels that name the series, as a person reads them: `instance="w1:7073", task="0"`.
    pub series: String,
    /// The value; finite. A value that is not finite is treated as absent.
    pub value: f64,
    /// When the value was taken where it arose (the scrape), not when it was asked for.
    pub scraped: Elapsed,
}

/// Why a signal could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "reason", content = "detail")
)]
pub enum Absence {
    /// The query matched no series.
    NoSeries,
    /// Every value was NaN or infinite.
    NotANumber,
    /// The newest value was older than the signal allows; its age.
    Stale(Duration),
    /// The source did not answer in a usable way: what it said, without secrets.
    Unreachable(String),
    /// The answer had another shape than the signal needs, such as far too many series.
    Unexpected(String),
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSeries => f.write_str("no series"),
            Self::NotANumber => f.write_str("not a number"),
            Self::Stale(age) => write!(f, "stale by {:.1} s", age.as_secs_f64()),
            Self::Unreachable(why) => write!(f, "unreachable: {why}"),
            Self::Unexpected(what) => write!(f, "unexpected answer: {what}"),
        }
    }
}
