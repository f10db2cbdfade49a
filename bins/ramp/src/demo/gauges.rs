//! What the simulated mirror says of itself, as MirrorMaker 2 does, and the signals that are read from it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::stream::{self, BoxStream, StreamExt};
use ramp_core::{
    observation::{Absence, Point, Reading, Sample},
    signal::Signal,
    units::Elapsed,
};
use ramp_observe::{Observed, catalog};

use super::mirror::BUFFER;
use crate::driver::Signals;

/// The mirror's gauges: written by its threads, read at each sampling.
#[derive(Debug)]
pub(super) struct Gauges {
    /// Whether the task runs. While it does not, its series are gone.
    running: AtomicBool,
    active: AtomicU64,
    buffered: AtomicU64,
    topics: Vec<TopicGauges>,
}

/// The replication latency of a topic's records since the last sampling, in milliseconds and one more: 0 is none.
#[derive(Debug)]
struct TopicGauges {
    topic: String,
    last: AtomicU64,
    highest: AtomicU64,
}

impl Gauges {
    pub(super) fn new(target_topics: impl IntoIterator<Item = String>) -> Self {
        let topic = |topic| TopicGauges { topic, last: AtomicU64::new(0), highest: AtomicU64::new(0) };
        Self {
            running: AtomicBool::new(true),
            active: AtomicU64::new(0),
            buffered: AtomicU64::new(0),
            topics: target_topics.into_iter().map(topic).collect(),
        }
    }

    pub(super) fn running(&self, running: bool) {
        self.running.store(running, Ordering::Relaxed);
    }

    /// A record of so many bytes was read.
    pub(super) fn taken(&self, bytes: usize) {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.buffered.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// It was written, or lost.
    pub(super) fn done(&self, bytes: usize) {
        self.active.fetch_sub(1, Ordering::Relaxed);
        self.buffered.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// A record of the topic in that place was acknowledged by the target, so long after its timestamp.
    pub(super) fn replicated(&self, topic: usize, millis: u64) {
        if let Some(topic) = self.topics.get(topic) {
            topic.last.store(millis + 1, Ordering::Relaxed);
            topic.highest.fetch_max(millis + 1, Ordering::Relaxed);
        }
    }

    /// Bytes read and not yet written.
    pub(super) fn buffered(&self) -> u64 {
        self.buffered.load(Ordering::Relaxed)
    }
}

/// The signals of the form that a mirror has, read from its gauges.
#[derive(Debug)]
pub(super) struct GaugeSignals {
    gauges: Arc<Gauges>,
    signals: Vec<(Measure, Signal)>,
}

#[derive(Debug, Clone, Copy)]
enum Measure {
    LastLatency,
    HighestLatency,
    Active,
    Buffer,
    Exhausted,
}

impl GaugeSignals {
    pub(super) fn new(gauges: Arc<Gauges>, sampling: Duration) -> Self {
        let measures = [
            (Measure::LastLatency, catalog::LATENCY_AVG),
            (Measure::HighestLatency, catalog::LATENCY_MAX),
            (Measure::Active, catalog::ACTIVE_RECORDS),
            (Measure::Buffer, catalog::BUFFER_UTILIZATION),
            (Measure::Exhausted, catalog::BUFFER_EXHAUSTED),
        ];
        let signals = measures.into_iter().filter_map(|(measure, id)| {
            let known = catalog::find(id.as_str())?;
            let gauge = Signal::gauge(id, known.unit, measure.says(), sampling);
            // A reading may still show what was replicated since the one before, canaries included.
            let memory = if known.memory.is_zero() { Duration::ZERO } else { sampling };
            Some((measure, Signal { fold: known.fold, memory, ..gauge }))
        });
        Self { gauges, signals: signals.collect() }
    }

    pub(super) fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.signals.iter().map(|(_, signal)| signal)
    }

    fn read(&self, measure: Measure, at: Elapsed) -> Sample {
        let gauges = &self.gauges;
        if !gauges.running.load(Ordering::Relaxed) {
            return Sample::Absent(Absence::NoSeries);
        }
        let of_task = |value: f64| vec![("task=\"0\"".to_owned(), value)];
        let values = match measure {
            Measure::LastLatency => gauges.latencies(|topic| &topic.last),
            Measure::HighestLatency => gauges.latencies(|topic| &topic.highest),
            Measure::Active => of_task(gauges.active.load(Ordering::Relaxed) as f64),
            Measure::Buffer => of_task(100.0 * (gauges.buffered() as f64 / BUFFER as f64).min(1.0)),
            // A full buffer makes the mirror wait, as Connect does; none is ever refused.
            Measure::Exhausted => of_task(0.0),
        };
        if values.is_empty() {
            return Sample::Absent(Absence::NotANumber);
        }
        let point = |(series, value)| Point { series, value, scraped: at };
        Sample::Present { points: values.into_iter().map(point).collect(), panel: None }
    }
}

impl Gauges {
    /// What came since the last sampling; nothing for a topic that was idle.
    fn latencies(&self, of: impl Fn(&TopicGauges) -> &AtomicU64) -> Vec<(String, f64)> {
        let latency = |topic: &TopicGauges| {
            let millis = of(topic).swap(0, Ordering::Relaxed).checked_sub(1)?;
            Some((format!("topic={:?}", topic.topic), millis as f64))
        };
        self.topics.iter().filter_map(latency).collect()
    }
}

impl Signals for GaugeSignals {
    fn sample(&self, now: Elapsed) -> BoxStream<'_, Observed> {
        let observed = move |(measure, signal): &(Measure, Signal)| {
            let reading = Reading { signal: signal.id.clone(), sample: self.read(*measure, now) };
            Observed { reading, warnings: Vec::new() }
        };
        stream::iter(self.signals.iter().map(observed)).boxed()
    }
}

impl Measure {
    const fn says(self) -> &'static str {
        match self {
            Self::LastLatency => "the last record's timestamp to its acknowledgement by the target, by topic",
            Self::HighestLatency => "the highest of these since the last reading, by topic",
            Self::Active => "records read and not yet acknowledged by the target",
            Self::Buffer => "their bytes, of the buffer's",
            Self::Exhausted => "how often the buffer refused a record (it waits instead)",
        }
    }
}

#[cfg(test)]
mod tests {
    use ramp_core::signal::Fold;

    use super::*;

    fn read(gauges: &Arc<Gauges>, measure: Measure) -> Sample {
        GaugeSignals::new(Arc::clone(gauges), Duration::from_secs(1)).read(measure, Elapsed::START)
    }

    fn values(sample: &Sample) -> Vec<f64> {
        match sample {
            Sample::Present { points, .. } => points.iter().map(|point| point.value).collect(),
            Sample::Absent(why) => panic!("{why}"),
        }
    }

    #[test]
    fn a_record_is_active_from_the_reading_to_the_acknowledgement() {
        let gauges = Arc::new(Gauges::new(["a".to_owned()]));
        gauges.taken(BUFFER / 2);
        assert_eq!(values(&read(&gauges, Measure::Active)), [1.0]);
        assert_eq!(values(&read(&gauges, Measure::Buffer)), [50.0]);
        gauges.done(BUFFER / 2);
        assert_eq!(values(&read(&gauges, Measure::Active)), [0.0]);
    }

    #[test]
    fn a_topic_that_is_idle_has_no_latency_rather_than_none_at_all() {
        let gauges = Arc::new(Gauges::new(["a".to_owned(), "b".to_owned()]));
        gauges.replicated(1, 7);
        gauges.replicated(1, 3);
        assert_eq!(values(&read(&gauges, Measure::HighestLatency)), [7.0]);
        assert_eq!(values(&read(&gauges, Measure::LastLatency)), [3.0]);
        assert_eq!(read(&gauges, Measure::LastLatency), Sample::Absent(Absence::NotANumber));
    }

    #[test]
    fn a_task_that_is_down_has_no_series() {
        let gauges = Arc::new(Gauges::new(["a".to_owned()]));
        gauges.running(false);
        assert_eq!(read(&gauges, Measure::Active), Sample::Absent(Absence::NoSeries));
    }

    #[test]
    fn every_signal_folds_as_the_catalogue_says() {
        let signals = GaugeSignals::new(Arc::new(Gauges::new([])), Duration::from_secs(1));
        assert_eq!(signals.signals().count(), 5);
        let increase = signals.signals().filter(|signal| signal.fold == Fold::Increase);
        assert_eq!(increase.map(|signal| &signal.id).collect::<Vec<_>>(), [&catalog::BUFFER_EXHAUSTED]);
    }
}
