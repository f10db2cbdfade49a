//! Latencies of each interval, in the log format of HDR histograms that other tools read and merge.

mod counts;

use std::{
    io::{self, BufRead, Write},
    time::{Duration, UNIX_EPOCH},
};

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogIterator, IntervalLogWriterBuilder, IntervalLogWriterError, LogEntry, Tag},
};

use self::counts::Counts;
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

/// What a log tells, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A load begins; what came before was of an earlier one.
    Load,
    /// An interval of the load.
    Interval(Interval),
}

/// Reads a log to its end and hands on what it tells, of each load up to the first line that cannot be read: the log of
/// a load that was killed breaks off within a line. An interval in which records were seen may come twice, once without
/// them. Takes no more memory than a line does.
///
/// # Errors
/// When `log` cannot be read.
pub fn read(mut log: impl BufRead, mut told: impl FnMut(Entry)) -> io::Result<()> {
    let mut counts = Counts::new();
    let mut line = Vec::new();
    let mut is_readable = true;
    while log.read_until(b'\n', &mut line)? > 0 {
        if line.starts_with(START) {
            is_readable = true;
            told(Entry::Load);
        }
        if is_readable {
            match interval(&line, &mut counts) {
                Ok(interval) => interval.into_iter().for_each(|interval| told(Entry::Interval(interval))),
                Err(Unreadable) => is_readable = false,
            }
        }
        line.clear();
    }
    Ok(())
}

/// The interval that a line tells of, if it does.
fn interval(line: &[u8], counts: &mut Counts) -> Result<Option<Interval>, Unreadable> {
    let histogram = match IntervalLogIterator::new(line).next().transpose() {
        Ok(Some(LogEntry::Interval(histogram))) => histogram,
        Ok(Some(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) | None) => return Ok(None),
        Err(_no_line_of_a_log) => return Err(Unreadable),
    };
    let seen = match histogram.tag().as_ref().map(Tag::as_str) {
        Some(LATENESS) => Vec::new(),
        Some(SEEN) => counts.read(histogram.encoded_histogram()).ok_or(Unreadable)?,
        _another => return Ok(None),
    };
    let seen = seen.into_iter().map(|(nanos, count)| (Duration::from_nanos(nanos), count)).collect();
    Ok(Some(Interval { from: histogram.start_timestamp(), span: histogram.duration(), seen }))
}

struct Unreadable;

const LATENESS: &str = "lateness";
const SEEN: &str = "seen";

/// How the log of each load begins.
const START: &[u8] = b"#[StartTime";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::histogram;

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

    fn told(log: &[u8]) -> Vec<Entry> {
        let mut told = Vec::new();
        read(log, |entry| told.push(entry)).unwrap();
        told
    }

    /// The latencies of an interval in milliseconds, each with its number.
    fn interval(from: Duration, seen: &[(u64, u64)]) -> Entry {
        let highest = |(millis, count): &(u64, u64)| {
            let nanos = histogram().highest_equivalent(millis * 1_000_000);
            (Duration::from_nanos(nanos), *count)
        };
        Entry::Interval(Interval { from, span: SECOND, seen: seen.iter().map(highest).collect() })
    }

    #[test]
    fn a_log_is_read_as_it_was_written_load_after_load() {
        let mut log = Vec::new();
        write(&mut log, &[500]);
        write(&mut log, &[20, 20, 3_000]);
        let (first, second) = (interval(Duration::ZERO, &[]), interval(SECOND, &[]));
        let expected = [
            [Entry::Load, first.clone(), second.clone(), interval(SECOND, &[(500, 1)])],
            [Entry::Load, first, second, interval(SECOND, &[(20, 2), (3_000, 1)])],
        ];
        assert_eq!(told(&log), expected.concat());
    }

    #[test]
    fn a_log_that_breaks_off_is_read_as_far_as_it_goes_and_goes_on_with_the_next_load() {
        let mut whole = Vec::new();
        write(&mut whole, &[20]);
        let mut next = Vec::new();
        write(&mut next, &[30]);
        for cut in [2, 20, 60] {
            let broken = &whole[..whole.len() - cut];
            let expected = [Entry::Load, interval(Duration::ZERO, &[]), interval(SECOND, &[])];
            assert_eq!(told(broken), expected, "without the last {cut} bytes");
            let behind = [broken, &next].concat();
            assert_eq!(told(&behind), [&expected[..], &told(&next)].concat(), "without {cut} bytes");
        }
    }

    #[test]
    fn nothing_of_a_load_is_told_behind_a_line_that_cannot_be_read() {
        let mut log = Vec::new();
        write(&mut log, &[20]);
        let first_interval = log.windows(4).position(|word| word == b"\nTag").unwrap() + 1;
        let (head, intervals) = log.split_at(first_interval);
        let hostile: [&[u8]; 4] =
            [b"\xff\x00\n", b"Tag=seen,0,1,2,hostile\n", b"Tag=seen,0.0,1.0,2.0,AAAA\n", b"\n"];
        for line in hostile {
            assert_eq!(told(&[head, line, intervals].concat()), [Entry::Load], "behind {line:?}");
        }
        assert_eq!(told(b""), []);
    }
}
