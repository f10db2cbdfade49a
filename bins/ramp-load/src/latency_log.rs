//! The file of `--hdr-log`.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use ramp_load::{clock::Moment, interval_log::IntervalLog, probe::sample::Sample};

/// A file that latencies are to be written to, where one is wanted.
pub(crate) struct LatencyFile(Option<(PathBuf, File)>);

/// A log that is written, where one is wanted. Only the first failure is kept: nothing follows it.
pub(crate) struct LatencyLog(Option<Writing>);

struct Writing {
    path: PathBuf,
    log: IntervalLog<BufWriter<File>>,
    failure: Option<io::Error>,
}

/// The log of latencies cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub(crate) struct LogError {
    /// The file.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

impl LatencyFile {
    /// Creates the file: one that cannot be written is told before anything is sent.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self, LogError> {
        let Some(path) = path else { return Ok(Self(None)) };
        match File::create(path) {
            Ok(file) => Ok(Self(Some((path.to_owned(), file)))),
            Err(source) => Err(LogError { path: path.to_owned(), source }),
        }
    }

    /// Begins the log of what started at `start`; what is seen is of `sample`, where it is not of all.
    pub(crate) fn begin(self, start: Moment, sample: Option<&Sample>) -> Result<LatencyLog, LogError> {
        let Some((path, file)) = self.0 else { return Ok(LatencyLog(None)) };
        let program = concat!("ramp-load ", env!("CARGO_PKG_VERSION"));
        let of = sample.map_or_else(String::new, |sample| format!("; what is seen is of {sample}"));
        match IntervalLog::begin(BufWriter::new(file), start, &format!("{program}{of}")) {
            Ok(log) => Ok(LatencyLog(Some(Writing { path, log, failure: None }))),
            Err(source) => Err(LogError { path, source }),
        }
    }
}

impl LatencyLog {
    /// Adds what `write` writes.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut IntervalLog<BufWriter<File>>) -> io::Result<()>) {
        if let Some(writing) = self.0.as_mut().filter(|writing| writing.failure.is_none()) {
            writing.failure = write(&mut writing.log).err();
        }
    }

    /// Ends it, and tells the failure if there was one.
    pub(crate) fn end(self) -> Result<(), LogError> {
        let failed = self.0.and_then(|Writing { path, failure, .. }| Some((path, failure?)));
        failed.map_or(Ok(()), |(path, source)| Err(LogError { path, source }))
    }
}
