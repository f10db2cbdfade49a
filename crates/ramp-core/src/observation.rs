//! What the outside tells the campaign: the load's account, the latencies of its records, and readings of signals.

use std::{fmt, time::Duration};

use crate::{
    signal::SignalId,
    statistics::{NINETY_NINE, quantile_ranks, tail_ranks},
    units::Elapsed,
};

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
    /// 99th percentile of (acknowledged − handed to the client); nothing where no record was acknowledged, or nobody
    /// took note of it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub ack_p99: Option<Duration>,
    /// How the system under test says that it held the load's requests back; nothing where nobody took note of it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub throttle: Option<Throttle>,
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

/// For how long answers to the load's requests said that the next ones are held back, as beyond a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Throttle {
    /// Answers that said so. The others are not among them.
    pub answers: u64,
    /// The times of all of them together.
    pub total: Duration,
    /// The longest of these times.
    pub longest: Duration,
}

impl Throttle {
    /// The mean over the answers that said so; `None` where none did.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        (self.answers > 0).then(|| self.total.div_f64(self.answers as f64))
    }

    /// Adds the answers of another client, or of another time.
    pub fn merge(&mut self, other: &Self) {
        self.answers = self.answers.saturating_add(other.answers);
        self.total = self.total.saturating_add(other.total);
        self.longest = self.longest.max(other.longest);
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
    /// Arrived records that were known by what their own content says; the others were known by what travels beside it.
    /// `None` where nobody took note of it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub known_by_content: Option<u64>,
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
    /// The latencies at the ranks that [`quantile_ranks`] gives for `p99`: its 95 %
    /// confidence interval. `None` where it gives none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub p99_range: Option<(Duration, Duration)>,
    /// Highest latency, the present age of records that have not arrived included.
    pub max: Option<Duration>,
    /// The whole distribution over the same population, for display: one point for each of
    /// [`tail_ranks`], or none where it was not taken.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub tail: Vec<TailPoint>,
}

/// One point of a distribution of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TailPoint {
    /// At most one record in so many took longer: 100 for the 99th percentile.
    pub one_in: u64,
    /// The latency.
    pub latency: Duration,
}

impl LatencySnapshot {
    /// The snapshot of `records` that were offered: how long each took from its intended time, if it has arrived, or
    /// how old it is by now. Every one of them counts as acknowledged; a hand-over later than intended is not told
    /// apart.
    ///
    /// Sorts them all: meant for harnesses of up to some 100 000 records, which keep no counts of their own.
    #[must_use]
    pub fn of(records: impl IntoIterator<Item = Taken>, bound: Duration) -> Self {
        let mut ages = Vec::new();
        let mut snapshot = Self::default();
        let mut arrived = Duration::ZERO;
        for record in records {
            let (age, beyond) = match record {
                Taken::Arrived(latency) => {
                    snapshot.arrived += 1;
                    arrived = arrived.saturating_add(latency);
                    (latency, &mut snapshot.late)
                }
                Taken::Outstanding(age) => (age, &mut snapshot.overdue),
            };
            *beyond += u64::from(age >= bound);
            ages.push(age);
        }
        ages.sort_unstable();
        let rank = |rank: u64| ages.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied();
        let offered = ages.len() as u64;
        let p99_range = quantile_ranks(offered, NINETY_NINE);
        Self {
            offered,
            late_from_handover: snapshot.late,
            overdue_from_handover: snapshot.overdue,
            outstanding: offered - snapshot.arrived,
            mean: u32::try_from(snapshot.arrived).ok().and_then(|count| arrived.checked_div(count)),
            p50: rank(offered.div_ceil(2)),
            p99: rank(offered - offered / 100),
            p99_range: p99_range.and_then(|ranks| Some((rank(*ranks.start())?, rank(*ranks.end())?))),
            max: rank(offered),
            tail: tail_ranks(offered)
                .filter_map(|(one_in, at)| Some(TailPoint { one_in, latency: rank(at)? }))
                .collect(),
            ..snapshot
        }
    }

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

/// What became of a record so far, counted from its intended time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It arrived after this long.
    Arrived(Duration),
    /// It has not arrived and is this old.
    Outstanding(Duration),
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
    /// The value; finite. A value that is not finite is treated as absent, and written down as null.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "value_or_nan"))]
    pub value: f64,
    /// When the value was taken where it arose (the scrape), not when it was asked for.
    pub scraped: Elapsed,
}

#[cfg(feature = "serde")]
fn value_or_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value: Option<f64> = serde::Deserialize::deserialize(deserializer)?;
    Ok(value.map_or(f64::NAN, |value| value))
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

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn a_snapshot_counts_what_has_not_arrived_by_its_age() {
        let records = (1..=1_000).map(|n| match n {
            n if n % 2 == 0 => Taken::Arrived(n * MILLI),
            n => Taken::Outstanding(n * MILLI),
        });
        let expected = LatencySnapshot {
            offered: 1_000,
            arrived: 500,
            late: 26,
            overdue: 25,
            late_from_handover: 26,
            overdue_from_handover: 25,
            outstanding: 500,
            mean: Some(501 * MILLI),
            p50: Some(500 * MILLI),
            p99: Some(990 * MILLI),
            p99_range: Some((983 * MILLI, 998 * MILLI)),
            max: Some(1_000 * MILLI),
            tail: [1, 500, 800, 900, 950, 980, 990, 995, 998, 999]
                .into_iter()
                .zip([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000])
                .map(|(millis, one_in)| TailPoint { one_in, latency: millis * MILLI })
                .collect(),
            ..LatencySnapshot::default()
        };
        assert_eq!(LatencySnapshot::of(records, 950 * MILLI), expected);
    }

    #[test]
    fn a_snapshot_of_nothing_has_no_latency() {
        assert_eq!(LatencySnapshot::of([], MILLI), LatencySnapshot::default());
        let one = LatencySnapshot::of([Taken::Outstanding(MILLI)], MILLI);
        assert_eq!((one.offered, one.overdue, one.mean, one.p99), (1, 1, None, Some(MILLI)));
    }

    #[test]
    fn what_is_in_flight_is_neither_acknowledged_nor_failed() {
        let progress = LoadProgress { offered: 10, acknowledged: 6, failed: 1, ..LoadProgress::default() };
        assert_eq!(progress.in_flight(), 3);
    }

    #[test]
    fn a_mean_throttle_is_that_of_the_answers_that_were_throttled() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.mean(), None);
        throttle.merge(&Throttle { answers: 1, total: 100 * MILLI, longest: 100 * MILLI });
        throttle.merge(&Throttle { answers: 3, total: 900 * MILLI, longest: 700 * MILLI });
        throttle.merge(&Throttle::default());
        assert_eq!(throttle.mean(), Some(250 * MILLI));
        assert_eq!((throttle.answers, throttle.longest), (4, 700 * MILLI));
    }

    #[test]
    fn each_part_has_its_name() {
        let parts = [LoadPart::Client, LoadPart::Source, LoadPart::Network].map(|part| part.to_string());
        assert_eq!(parts, ["client", "source cluster", "network"]);
    }

    #[test]
    fn each_absence_says_why() {
        let texts = [
            Absence::NoSeries,
            Absence::NotANumber,
            Absence::Stale(1_500 * MILLI),
            Absence::Unreachable("refused".to_owned()),
            Absence::Unexpected("12 series".to_owned()),
        ]
        .map(|absence| absence.to_string());
        let expected = [
            "no series",
            "not a number",
            "stale by 1.5 s",
            "unreachable: refused",
            "unexpected answer: 12 series",
        ];
        assert_eq!(texts, expected);
    }
}
