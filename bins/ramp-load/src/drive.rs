//! Runs a load to its end while it is watched, interrupted or given up.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
    time::Duration,
};

use ramp_load::{
    client_config::ClusterConfig,
    clock::Clock,
    interval_log::IntervalLog,
    producer::{Load, LoadSpec, StartError},
    snapshot::{LoadSnapshot, Steady},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A load that has ended.
pub(crate) struct Ended {
    pub(crate) whole: LoadSnapshot,
    /// What came after the warm-up, where there was one.
    pub(crate) steady: Option<Steady>,
    /// Records that failed, by the error.
    pub(crate) failures: Vec<(String, u64)>,
    pub(crate) why: Why,
}

/// Why a load has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was to.
    Over,
    /// Somebody has interrupted it.
    Interrupted,
    /// Not a single record was acknowledged.
    Hopeless,
}

/// A part of a load that has just gone by.
pub(crate) struct Stretch<'a> {
    pub(crate) itself: &'a LoadSnapshot,
    /// The load so far.
    pub(crate) whole: LoadSnapshot,
    /// Whether the load ended it, before its time.
    pub(crate) is_rest: bool,
}

impl<'a> Stretch<'a> {
    fn of(load: &Load, itself: &'a LoadSnapshot) -> Self {
        Self { itself, whole: load.snapshot(), is_rest: load.is_finished() }
    }
}

/// Why no load was run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriveError {
    /// The cluster cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The runtime cannot start, or signals cannot be listened for.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[from] io::Error),
    /// The log of latencies cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs a load. `watch` is given each stretch of `every`.
pub(crate) fn drive(
    cluster: &ClusterConfig,
    spec: LoadSpec,
    every: Duration,
    log: Option<&Path>,
    watch: impl FnMut(Stretch<'_>),
) -> Result<Ended, DriveError> {
    let clock = Clock::start();
    // A file that cannot be written is told before anything is sent.
    let log = log.map(|path| (path, File::create(path)));
    let (path, file) = match log {
        Some((path, Ok(file))) => (path, Some(file)),
        Some((path, Err(source))) => return Err(DriveError::Log { path: path.to_owned(), source }),
        None => (Path::new(""), None),
    };
    let load = Load::start(cluster, clock, spec)?;
    let unwritten = |source| DriveError::Log { path: path.to_owned(), source };
    let comment = concat!("ramp-load ", env!("CARGO_PKG_VERSION"));
    let log = file.map(|file| IntervalLog::begin(BufWriter::new(file), clock.now(), comment));
    let log = log.transpose().map_err(unwritten)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (why, written) = runtime.block_on(attend(&load, every, log, watch))?;
    written.map_err(unwritten)?;
    let account = load.account();
    let failures = account.failures().into_iter().collect();
    Ok(Ended { whole: load.snapshot(), steady: account.steady(clock.now()), failures, why })
}

async fn attend(
    load: &Load,
    every: Duration,
    mut log: Option<IntervalLog<BufWriter<File>>>,
    mut watch: impl FnMut(Stretch<'_>),
) -> io::Result<(Why, io::Result<()>)> {
    let mut signals = Signals::listen()?;
    let mut why = Why::Over;
    let mut written = Ok(());
    let mut seconds = load.snapshots(Duration::from_secs(1));
    let mut stretches = load.snapshots(every);
    loop {
        tokio::select! {
            Some(second) = seconds.next() => {
                if let Some(log) = log.as_mut().filter(|_| written.is_ok()) {
                    written = log.write(&second);
                }
                let whole = load.snapshot();
                if whole.acknowledged == 0 && whole.failed > 0 && whole.span >= HOPELESS && why == Why::Over {
                    why = Why::Hopeless;
                    load.stop();
                }
            }
            Some(stretch) = stretches.next() => watch(Stretch::of(load, &stretch)),
            () = signals.next() => {
                if why == Why::Interrupted {
                    load.abandon();
                }
                why = Why::Interrupted;
                load.stop();
            }
            else => return Ok((why, written)),
        }
        if load.is_finished() {
            // What is left of the two streams comes at once.
            while let Some(stretch) = stretches.next().await {
                watch(Stretch::of(load, &stretch));
            }
            while let Some(second) = seconds.next().await {
                if let Some(log) = log.as_mut().filter(|_| written.is_ok()) {
                    written = log.write(&second);
                }
            }
            return Ok((why, written));
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A load of which not one record has arrived by then, while others have failed, is not going to succeed.
const HOPELESS: Duration = Duration::from_secs(5);
