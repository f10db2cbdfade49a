//! What was measured over time, in bounded memory: every track is kept in buckets of one width, each with its lowest,
//! highest and last value. When a campaign outgrows them, the width doubles and neighbours are joined, so that no
//! extreme is ever lost.

use std::time::Duration;

use ramp_core::{
    campaign::Input,
    observation::{LatencySnapshot, LoadProgress, Reading, Sample},
    plan::Plan,
    signal::{SignalId, Unit},
    units::Elapsed,
};
use serde::{Serialize, Serializer, ser::SerializeTuple};

/// Every track of a campaign.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// The width of every bucket, in whole seconds.
    pub bucket_seconds: u32,
    /// The tracks: load and latency first, then the plan's signals.
    pub tracks: Vec<Track>,
}

/// One quantity over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Track {
    /// What it is: a signal of the plan, or one of [`OFFERED`] to [`LATENCY_MAX`].
    pub id: SignalId,
    /// The unit of its values.
    pub unit: TrackUnit,
    /// The buckets that something was heard in, in order.
    pub buckets: Vec<Bucket>,
}

/// The unit of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackUnit {
    /// Records per second.
    RecordsPerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Per cent, 0 to 100.
    Percent,
    /// A share, 0 to 1.
    Ratio,
    /// Records.
    Records,
    /// A plain number.
    Count,
}

impl TrackUnit {
    /// Its name, as every file has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RecordsPerSecond => "records_per_second",
            Self::Milliseconds => "milliseconds",
            Self::Percent => "percent",
            Self::Ratio => "ratio",
            Self::Records => "records",
            Self::Count => "count",
        }
    }
}

impl From<Unit> for TrackUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Milliseconds => Self::Milliseconds,
            Unit::Percent => Self::Percent,
            Unit::Ratio => Self::Ratio,
            Unit::Records => Self::Records,
            Unit::Count => Self::Count,
        }
    }
}

/// What a track was within one bucket. As JSON: `[start in seconds, lowest, highest, last]`, the last three `null`
/// where it was only absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The bucket's start, in seconds since the campaign's.
    pub start: u32,
    /// Its values; `None` where the quantity was asked for and absent.
    pub values: Option<Values>,
}

/// The values of one bucket, over every series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    /// The lowest.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
    /// The last; the worst series of the last reading where there are several.
    pub last: f64,
}

impl Serialize for Bucket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(4)?;
        tuple.serialize_element(&self.start)?;
        tuple.serialize_element(&self.values.map(|values| values.lowest))?;
        tuple.serialize_element(&self.values.map(|values| values.highest))?;
        tuple.serialize_element(&self.values.map(|values| values.last))?;
        tuple.end()
    }
}

impl Timeline {
    /// An empty timeline of a campaign over `plan`.
    #[must_use]
    pub(crate) fn new(plan: &Plan) -> Self {
        let own = [
            (OFFERED, TrackUnit::RecordsPerSecond),
            (ACKNOWLEDGED, TrackUnit::RecordsPerSecond),
            (ARRIVED, TrackUnit::RecordsPerSecond),
            (LATENCY_P50, TrackUnit::Milliseconds),
            (LATENCY_P99, TrackUnit::Milliseconds),
            (LATENCY_MAX, TrackUnit::Milliseconds),
            (SignalId::LAG, TrackUnit::Records),
        ];
        let known = |id: &SignalId| own.iter().any(|(own, _)| own == id);
        let signals = plan.signals().iter().filter(|signal| !known(&signal.id));
        let signals = signals.map(|signal| (signal.id.clone(), TrackUnit::from(signal.unit)));
        let tracks = own.iter().cloned().chain(signals);
        let tracks = tracks.map(|(id, unit)| Track { id, unit, buckets: Vec::new() });
        Self { bucket_seconds: 1, tracks: tracks.collect() }
    }

    /// The track called `id`.
    #[must_use]
    pub fn track(&self, id: &SignalId) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == *id)
    }

    /// The end of the last bucket that something was heard in, in seconds since the campaign's start.
    #[must_use]
    pub fn end_seconds(&self) -> u32 {
        let last = self.tracks.iter().filter_map(|track| track.buckets.last()).map(|bucket| bucket.start);
        last.max().map_or(0, |start| start.saturating_add(self.bucket_seconds))
    }

    fn note(&mut self, id: &SignalId, at: Elapsed, values: Option<Values>) {
        let second = u32::try_from(at.since_start().as_secs()).unwrap_or(u32::MAX);
        while second / self.bucket_seconds >= MOST_BUCKETS && self.bucket_seconds < u32::MAX / 2 {
            self.widen();
        }
        let start = second - second % self.bucket_seconds;
        let Some(track) = self.tracks.iter_mut().find(|track| track.id == *id) else { return };
        track.note(Bucket { start, values });
    }

    fn widen(&mut self) {
        self.bucket_seconds *= 2;
        for track in &mut self.tracks {
            let narrow = std::mem::take(&mut track.buckets);
            for bucket in narrow {
                track.note(Bucket { start: bucket.start - bucket.start % self.bucket_seconds, ..bucket });
            }
        }
    }
}

impl Track {
    /// Takes a bucket's worth; buckets of the past are joined where they belong.
    fn note(&mut self, new: Bucket) {
        match self.buckets.last_mut() {
            Some(last) if last.start == new.start => last.join(new),
            Some(last) if last.start > new.start => {
                match self.buckets.binary_search_by_key(&new.start, |bucket| bucket.start) {
                    Ok(place) => {
                        if let Some(known) = self.buckets.get_mut(place) {
                            // What was scraped late is not what was heard last.
                            let last = known.values.map(|values| values.last);
                            known.join(new);
                            if let (Some(values), Some(last)) = (&mut known.values, last) {
                                values.last = last;
                            }
                        }
                    }
                    Err(place) => self.buckets.insert(place, new),
                }
            }
            Some(_) | None => self.buckets.push(new),
        }
    }
}

impl Bucket {
    fn join(&mut self, new: Self) {
        self.values = match (self.values, new.values) {
            (Some(old), Some(new)) => Some(Values {
                lowest: old.lowest.min(new.lowest),
                highest: old.highest.max(new.highest),
                last: new.last,
            }),
            (old, new) => new.or(old),
        };
    }
}

/// Fills a timeline with what a campaign is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recording {
    pub(crate) timeline: Timeline,
    load: Option<Counted<[u64; 2]>>,
    arrivals: Option<Counted<[u64; 1]>>,
}

/// Totals of a tier at a moment, from which the next rates are taken.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counted<T> {
    tier: usize,
    at: Elapsed,
    totals: T,
}

impl Recording {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { timeline: Timeline::new(plan), load: None, arrivals: None }
    }

    pub(crate) fn take(&mut self, at: Elapsed, input: &Input) {
        match input {
            Input::LoadStarted { tier } => {
                self.load = Some(Counted { tier: *tier, at, totals: [0; 2] });
                self.arrivals = Some(Counted { tier: *tier, at, totals: [0; 1] });
            }
            Input::Load { tier, progress } | Input::LoadEnded { tier, progress } => {
                self.load(*tier, at, progress);
            }
            Input::Latency { tier, snapshot } => self.latency(*tier, at, snapshot),
            Input::Reading(reading) => self.reading(at, reading),
            // What else happens has no value to draw.
            _other => {}
        }
    }

    fn load(&mut self, tier: usize, at: Elapsed, progress: &LoadProgress) {
        let totals = [progress.offered, progress.acknowledged];
        let rates = rates(&mut self.load, Counted { tier, at, totals });
        self.rates(at, [OFFERED, ACKNOWLEDGED], rates);
    }

    fn latency(&mut self, tier: usize, at: Elapsed, snapshot: &LatencySnapshot) {
        let rates = rates(&mut self.arrivals, Counted { tier, at, totals: [snapshot.arrived] });
        self.rates(at, [ARRIVED], rates);
        // Lags stay far below 2^53, up to which every whole number has its own f64.
        self.value(&SignalId::LAG, at, snapshot.outstanding as f64);
        for (id, span) in
            [(LATENCY_P50, snapshot.p50), (LATENCY_P99, snapshot.p99), (LATENCY_MAX, snapshot.max)]
        {
            if let Some(span) = span {
                self.value(&id, at, millis(span));
            }
        }
    }

    fn rates<const N: usize>(&mut self, at: Elapsed, ids: [SignalId; N], rates: Option<[f64; N]>) {
        for (id, rate) in ids.iter().zip(rates.into_iter().flatten()) {
            self.value(id, at, rate);
        }
    }

    fn reading(&mut self, at: Elapsed, Reading { signal, sample }: &Reading) {
        if *signal == SignalId::LAG {
            return;
        }
        let Sample::Present { points, .. } = sample else { return self.timeline.note(signal, at, None) };
        let finite = points.iter().filter(|point| point.value.is_finite());
        let joined =
            finite.map(|point| (point.scraped, Values::of(point.value))).reduce(|(a, all), (b, one)| {
                let highest = all.highest.max(one.highest);
                (a.max(b), Values { lowest: all.lowest.min(one.lowest), highest, last: highest })
            });
        match joined {
            Some((scraped, values)) => self.timeline.note(signal, scraped, Some(values)),
            None => self.timeline.note(signal, at, None),
        }
    }

    fn value(&mut self, id: &SignalId, at: Elapsed, value: f64) {
        self.timeline.note(id, at, Some(Values::of(value)));
    }
}

impl Values {
    const fn of(value: f64) -> Self {
        Self { lowest: value, highest: value, last: value }
    }
}

/// Rates per second since the last totals, once enough time has passed to speak of one.
fn rates<const N: usize>(last: &mut Option<Counted<[u64; N]>>, now: Counted<[u64; N]>) -> Option<[f64; N]> {
    let before = match last {
        Some(before) if before.tier == now.tier => *before,
        Some(_) | None => {
            *last = Some(now);
            return None;
        }
    };
    let span = now.at.since(before.at);
    if span < LEAST_SPAN {
        return None;
    }
    *last = Some(now);
    let mut rates = [0.0; N];
    for ((rate, total), before) in rates.iter_mut().zip(now.totals).zip(before.totals) {
        *rate = total.saturating_sub(before) as f64 / span.as_secs_f64();
    }
    Some(rates)
}

/// A span in milliseconds.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// Records handed to the client, per second.
pub const OFFERED: SignalId = SignalId::literal("load.offered");
/// Records that the source cluster acknowledged, per second.
pub const ACKNOWLEDGED: SignalId = SignalId::literal("load.acknowledged");
/// Records that were seen on the target, per second.
pub const ARRIVED: SignalId = SignalId::literal("load.arrived");
/// Median latency since the tier's start.
pub const LATENCY_P50: SignalId = SignalId::literal("latency.p50");
/// 99th percentile of latency since the tier's start: the figure that is judged.
pub const LATENCY_P99: SignalId = SignalId::literal("latency.p99");
/// Highest latency since the tier's start.
pub const LATENCY_MAX: SignalId = SignalId::literal("latency.max");

/// A track of more buckets shows nothing more on any screen.
const MOST_BUCKETS: u32 = 1_024;

/// Two reports that lie closer give a rate of noise.
const LEAST_SPAN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use ramp_core::{
        observation::{Absence, Point},
        plan::{PlanDraft, Tier},
        signal::Signal,
        units::Rate,
    };

    use super::*;

    const CPU: SignalId = SignalId::literal("host.cpu");

    fn at(seconds: u64) -> Elapsed {
        Elapsed::new(Duration::from_secs(seconds))
    }

    fn recording() -> Recording {
        let signal = Signal::gauge(CPU, Unit::Percent, "", Duration::from_secs(5));
        let rate = Rate::per_second(10).unwrap();
        let tier = Tier::new("P1", rate, Duration::from_secs(60), Duration::from_secs(1));
        let draft = PlanDraft { signals: vec![signal], ..PlanDraft::new("one", vec![tier]) };
        Recording::new(&Plan::new(draft).unwrap())
    }

    fn reading(at: Elapsed, values: &[f64]) -> Input {
        let point = |&value| Point { series: String::new(), value, scraped: at };
        let sample = Sample::Present { points: values.iter().map(point).collect(), panel: None };
        Input::Reading(Reading { signal: CPU, sample })
    }

    #[test]
    fn a_long_campaign_stays_within_its_buckets_and_loses_no_extreme() {
        let mut recording = recording();
        let day = 24 * 3_600;
        for second in (0..day).step_by(5) {
            let value = match second {
                40_000 => 99.0,
                40_005 => 1.0,
                _quiet => 50.0,
            };
            recording.take(at(second), &reading(at(second), &[value]));
        }
        let track = recording.timeline.track(&CPU).unwrap();
        assert!(track.buckets.len() <= MOST_BUCKETS as usize, "{}", track.buckets.len());
        assert_eq!(recording.timeline.bucket_seconds, 128);
        let values = || track.buckets.iter().filter_map(|bucket| bucket.values);
        assert_eq!(values().map(|values| values.highest).fold(f64::MIN, f64::max), 99.0);
        assert_eq!(values().map(|values| values.lowest).fold(f64::MAX, f64::min), 1.0);
    }

    #[test]
    fn an_absence_is_kept_as_one_and_never_as_a_zero() {
        let mut recording = recording();
        let absent = Reading { signal: CPU, sample: Sample::Absent(Absence::NoSeries) };
        recording.take(at(5), &Input::Reading(absent));
        recording.take(at(10), &reading(at(10), &[f64::NAN]));
        let track = recording.timeline.track(&CPU).unwrap();
        assert_eq!(track.buckets, [Bucket { start: 5, values: None }, Bucket { start: 10, values: None }]);
        assert_eq!(
            serde_json::to_string(&track.buckets).unwrap(),
            "[[5,null,null,null],[10,null,null,null]]"
        );
    }

    #[test]
    fn several_series_are_one_bucket_from_the_lowest_to_the_highest() {
        let mut recording = recording();
        recording.take(at(7), &reading(at(5), &[20.0, 80.0, 40.0]));
        let bucket = recording.timeline.track(&CPU).unwrap().buckets[0];
        assert_eq!(bucket.start, 5, "a value stands where it was scraped");
        assert_eq!(bucket.values, Some(Values { lowest: 20.0, highest: 80.0, last: 80.0 }));
    }

    #[test]
    fn a_rate_is_what_came_between_two_reports() {
        let mut recording = recording();
        let report = |offered| {
            let progress = LoadProgress { offered, acknowledged: offered / 2, ..LoadProgress::default() };
            Input::Load { tier: 0, progress }
        };
        recording.take(at(10), &Input::LoadStarted { tier: 0 });
        recording.take(at(12), &report(200));
        recording.take(at(13), &report(200));
        let rates = |id| -> Vec<f64> {
            let buckets = &recording.timeline.track(&id).unwrap().buckets;
            buckets.iter().map(|bucket| bucket.values.unwrap().last).collect()
        };
        assert_eq!(rates(OFFERED), [100.0, 0.0]);
        assert_eq!(rates(ACKNOWLEDGED), [50.0, 0.0]);
    }
}
