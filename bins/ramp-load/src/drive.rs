//! Runs a load to its end while it is watched, interrupted or given up.

use std::{io, path::Path, time::Duration};

use ramp_load::{
    client_config::ClusterConfig,
    clock::Clock,
    producer::{Load, LoadSpec, StartError},
    snapshot::{LoadSnapshot, Steady},
    stamp::RunId,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::latency_log::{LatencyFile, LogError};

/// A load that has ended.
pub(crate) struct Ended {
    /// What marks its records.
    pub(crate) run: RunId,
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
    #[error(transparent)]
    Log(#[from] LogError),
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
    let file = LatencyFile::create(log)?;
    let load = Load::start(cluster, clock, spec)?;
    let mut log = file.begin(clock.now(), None)?;
    let second = |second: &LoadSnapshot| log.add(|log| log.write(second));
    let why =
        runtime()?.block_on(async { attend(&load, &mut Signals::listen()?, every, second, watch).await })?;
    log.end()?;
    Ok(Ended::of(&load, clock, why))
}

impl Ended {
    pub(crate) fn of(load: &Load, clock: Clock, why: Why) -> Self {
        let account = load.account();
        let failures = account.failures().into_iter().collect();
        let steady = account.steady(clock.now());
        Self { run: account.run(), whole: load.snapshot(), steady, failures, why }
    }
}

pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Waits for the end of a load; `second` is given each second of it, and `watch` each stretch of `every`. A signal that
/// comes at the very end stays in `signals` for whoever listens next.
pub(crate) async fn attend(
    load: &Load,
    signals: &mut Signals,
    every: Duration,
    mut second: impl FnMut(&LoadSnapshot),
    mut watch: impl FnMut(Stretch<'_>),
) -> io::Result<Why> {
    let mut why = Why::Over;
    let mut seconds = load.snapshots(Duration::from_secs(1));
    let mut stretches = load.snapshots(every);
    loop {
        tokio::select! {
            Some(interval) = seconds.next() => {
                second(&interval);
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
            else => return Ok(why),
        }
        if load.is_finished() {
            // What is left of the two streams comes at once.
            while let Some(stretch) = stretches.next().await {
                watch(Stretch::of(load, &stretch));
            }
            while let Some(interval) = seconds.next().await {
                second(&interval);
            }
            return Ok(why);
        }
    }
}

/// Interrupts by a person or a system.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A load of which not one record has arrived by then, while others have failed, is not going to succeed.
const HOPELESS: Duration = Duration::from_secs(5);
