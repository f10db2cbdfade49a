//! Latencies of each interval, in the log format of HDR histograms that other tools read and merge.

use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hdrhistogram::serialization::{
    Deserializer, V2DeflateSerializer,
    interval_log::{
        IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, IntervalLogWriterError,
        LogEntry, Tag,
    },
};

use crate::{
    clock::Moment,
    latency::Distribution,
    snapshot::{ArrivalSnapshot, LoadSnapshot},
};

/// Writes an interval log (`.hlog`): for each interval its histograms in nanoseconds, each tagged with its name. Logs of several loads can be put one behind the other, and the histograms of any of them merged.
#[derive(Debug)]
pub struct IntervalLog<W: Write> {
    writer: W,
}

impl<W: Write> IntervalLog<W> {
    /// Begins the log of a load that started at `start`, about which `comment` says more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(mut writer: W, start: Moment, comment: &str) -> io::Result<Self> {
        let start = UNIX_EPOCH + Duration::from_nanos(start.as_nanos());
        IntervalLogWriterBuilder::new()
            .add_comment(comment)
            .add_comment("[Histogram log format version 1.3]")
            .with_start_time(start)
            .with_base_time(start)
            .begin_log_with(&mut writer, &mut V2DeflateSerializer::new())?
            .write_comment("values and the maximum are in nanoseconds")?;
        writeln!(
            writer,
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
        )?;
        Ok(Self { writer })
    }

    /// Adds an interval of a load, as `lateness`, `ack` and `total`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, interval: &LoadSnapshot) -> io::Result<()> {
        let LoadSnapshot { from, span, lateness, ack, total, .. } = interval;
        self.add(*from, *span, &[(LATENESS, lateness), ("ack", ack), ("total", total)])
    }

    /// Adds an interval of what a probe has seen, as `replication` and `seen`, that began `from` after the start and
    /// took `span`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_arrivals(
        &mut self,
        from: Duration,
        span: Duration,
        interval: &ArrivalSnapshot,
    ) -> io::Result<()> {
        self.add(from, span, &[("replication", &interval.replication), (SEEN, &interval.latency)])
    }

    fn add(&mut self, from: Duration, span: Duration, parts: &[(&str, &Distribution)]) -> io::Result<()> {
        // Without a comment or a time of its own a writer adds nothing but its histograms.
        let mut serializer = V2DeflateSerializer::new();
        let mut log = IntervalLogWriterBuilder::new().begin_log_with(&mut self.writer, &mut serializer)?;
        for (name, part) in parts {
            let written = log.write_histogram(part.histogram(), from, span, Tag::new(name));
            written.map_err(|error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(format!("{error:?}")),
            })?;
            if part.saturated() > 0 {
                log.write_comment(&format!("{name}: {} values above 1 h count as 1 h", part.saturated()))?;
            }
        }
        self.writer.flush()
    }
}

/// What an interval of a log tells of the records that were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// When it began, since the load's start.
    pub from: Duration,
    /// How long it was.
    pub span: Duration,
    /// How long the records that were seen in it had taken, each time with how many took so long; none where the load
    /// was watched and nothing was seen.
    pub seen: Vec<(Duration, u64)>,
}

/// The intervals of the last load in a log, up to the first that cannot be read: the log of a load that was killed
/// breaks off within a line. An interval in which records were seen may come twice, once without them.
pub fn intervals(log: &[u8]) -> impl Iterator<Item = Interval> {
    let last = log.windows(START.len()).rposition(|window| window == START).unwrap_or_default();
    let entries = IntervalLogIterator::new(log.get(last..).unwrap_or_default()).map_while(Result::ok);
    let histograms = entries.filter_map(|entry| match entry {
        LogEntry::Interval(histogram) => Some(histogram),
        LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
    });
    let mut deserializer = Deserializer::new();
    histograms
        .filter_map(move |histogram| match histogram.tag().as_ref().map(Tag::as_str) {
            Some(LATENESS) => {
                let (from, span) = (histogram.start_timestamp(), histogram.duration());
                Some(Some(Interval { from, span, seen: Vec::new() }))
            }
            Some(SEEN) => Some(seen(&mut deserializer, &histogram)),
            _another => None,
        })
        .map_while(|interval| interval)
}

fn seen(deserializer: &mut Deserializer, histogram: &IntervalLogHistogram<'_>) -> Option<Interval> {
    let bytes = BASE64_STANDARD.decode(histogram.encoded_histogram()).ok()?;
    let counts = deserializer.deserialize::<u64, _>(&mut bytes.as_slice()).ok()?;
    let counts = counts
        .iter_recorded()
        .map(|step| (Duration::from_nanos(step.value_iterated_to()), step.count_since_last_iteration()));
    let (from, span) = (histogram.start_timestamp(), histogram.duration());
    Some(Interval { from, span, seen: counts.collect() })
}

const LATENESS: &str = "lateness";
const SEEN: &str = "seen";

/// How the log of each load begins.
const START: &[u8] = b"#[StartTime";

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Writes a load of which records of these latencies were seen in its second second, and none in its first.
    fn write(log: &mut Vec<u8>, latencies: &[u64]) {
        let mut log =
            IntervalLog::begin(log, Moment::from_nanos(1_700_000_000_000_000_000), "a test").unwrap();
        let mut arrived = ArrivalSnapshot::default();
        latencies.iter().for_each(|millis| arrived.latency.record(Duration::from_millis(*millis)));
        for second in [Duration::ZERO, SECOND] {
            log.add(second, SECOND, &[(LATENESS, &Distribution::default())]).unwrap();
        }
        log.write_arrivals(SECOND, SECOND, &arrived).unwrap();
    }

    fn counts(interval: &Interval) -> Vec<(u64, u64)> {
        let rounded = |latency: &Duration| (latency.as_secs_f64() * 100.0).round() as u64 * 10;
        interval.seen.iter().map(|(latency, count)| (rounded(latency), *count)).collect()
    }

    #[test]
    fn a_log_is_read_as_it_was_written_and_only_its_last_load_counts() {
        let mut log = Vec::new();
        write(&mut log, &[500]);
        write(&mut log, &[20, 20, 3_000]);
        let read: Vec<_> = intervals(&log).collect();
        let told: Vec<_> = read.iter().map(|interval| (interval.from, counts(interval))).collect();
        let seen = vec![(20, 2), (3_000, 1)];
        assert_eq!(told, [(Duration::ZERO, vec![]), (SECOND, vec![]), (SECOND, seen)]);
    }

    #[test]
    fn a_log_that_breaks_off_is_read_as_far_as_it_goes_and_what_is_no_log_holds_nothing() {
        let mut log = Vec::new();
        write(&mut log, &[20]);
        for cut in [2, 20, 60] {
            let broken = &log[..log.len() - cut];
            assert!(
                intervals(broken).all(|interval| interval.seen.is_empty()),
                "without the last {cut} bytes"
            );
            assert_eq!(intervals(broken).count(), 2, "without the last {cut} bytes");
        }
        assert_eq!(intervals(b"Tag=seen,0,1,2,hostile\n\xff\x00").count(), 0);
        assert_eq!(intervals(b"").count(), 0);
    }
}
