//! The latencies of every second of a load, in a log of HDR histograms beside the journal.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ramp_load::{account::TierAccount, clock::Clock, interval_log::IntervalLog, snapshot::ArrivalSnapshot};

/// A log that a thread of its own writes, so that a slow disk holds up nobody.
#[derive(Debug)]
pub struct LatencyLog {
    path: PathBuf,
    /// Dropped to end it.
    until: Option<Sender<()>>,
    thread: JoinHandle<io::Result<()>>,
}

/// The log of a load's latencies breaks off before its end.
#[derive(Debug, thiserror::Error)]
#[error("{} breaks off, while the journal has everything: {source}", path.display())]
pub struct LogError {
    path: PathBuf,
    source: io::Error,
}

impl LatencyLog {
    /// Writes the latencies of the load of `tier` into `folder` from now on, behind those of an earlier attempt.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn begin(
        folder: &Path,
        tier: &str,
        account: Arc<TierAccount>,
        clock: Clock,
    ) -> io::Result<Self> {
        let path = folder.join(file_name(tier));
        let (until, ended) = channel();
        let file = path.clone();
        let write = move || write(&file, &account, clock, &ended);
        let thread = thread::Builder::new().name("ramp-latencies".to_owned()).spawn(write)?;
        Ok(Self { path, until: Some(until), thread })
    }

    /// Ends it after what has arrived by now.
    pub(super) fn end(&mut self) {
        self.until = None;
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// When it could not be.
    pub fn close(mut self) -> Result<(), LogError> {
        self.end();
        let written =
            self.thread.join().unwrap_or_else(|_panic| Err(io::Error::other("its thread broke off")));
        written.map_err(|source| LogError { path: self.path, source })
    }
}

fn write(path: &Path, account: &TierAccount, clock: Clock, ended: &Receiver<()>) -> io::Result<()> {
    let file = File::options().create(true).append(true).open(path)?;
    let begun = clock.now();
    let mut log = IntervalLog::begin(BufWriter::new(file), begun, COMMENT)?;
    let (mut last, mut sent, mut seen) = (begun, account.snapshot(begun), ArrivalSnapshot::default());
    loop {
        let is_last = ended.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout);
        let now = clock.now();
        let (all_sent, all_seen) = (account.snapshot(now), account.arrivals());
        let (stretch, arrived) = (all_sent.since(&sent), all_seen.since(&seen));
        if !stretch.span.is_zero() {
            log.write(&stretch)?;
        }
        if arrived.arrived > 0 {
            log.write_arrivals(last.since(begun), now.since(last), &arrived)?;
        }
        if is_last {
            return Ok(());
        }
        (last, sent, seen) = (now, all_sent, all_seen);
    }
}

/// How the log of a tier is called.
pub(crate) fn file_name(tier: &str) -> String {
    let safe = tier.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' });
    format!("latency-{}.{EXTENSION}", safe.collect::<String>())
}

/// How such a log's name ends.
pub(crate) const EXTENSION: &str = "hlog";

const COMMENT: &str = concat!("ramp ", env!("CARGO_PKG_VERSION"));
const INTERVAL: Duration = Duration::from_secs(1);
