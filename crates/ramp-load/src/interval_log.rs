//! Latencies of each interval, in the log format of HDR histograms that other tools read and merge.

use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag},
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
        self.add(*from, *span, &[("lateness", lateness), ("ack", ack), ("total", total)])
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
        self.add(from, span, &[("replication", &interval.replication), ("seen", &interval.latency)])
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
