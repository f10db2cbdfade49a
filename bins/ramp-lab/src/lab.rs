//! A laboratory as its users have it: started, found again, throttled, hurt and stopped.

use std::{
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    connect::{Mirror, MirrorError},
    options::LabOptions,
    processes::{Identity, Process},
    state::{Endpoints, LabState, ReadStateError, StateFolder},
    supervisor::{DETACH, Report},
    throttle::{Throttle, ThrottleError},
    tls::Guard,
};

/// A running laboratory.
///
/// One that this process has [started](Self::start) ends with this value, and with this process however that ends;
/// one that was [opened](Self::open) or [detached](Self::detach) runs until [`stop`](Self::stop).
#[derive(Debug)]
pub struct Lab {
    folder: StateFolder,
    state: LabState,
    owned: Option<Owned>,
}

#[derive(Debug)]
struct Owned {
    supervisor: Child,
    /// Its end tells the supervisor that the owner is gone.
    input: ChildStdin,
}

impl Lab {
    /// Starts a laboratory and waits until it is ready: topics created and mirrored, metrics visible in Prometheus.
    ///
    /// # Errors
    ///
    /// [`LabError`] with what is missing or what went wrong, including the end of the log concerned. Nothing of the
    /// laboratory is left running then.
    pub fn start(options: LabOptions) -> Result<Self, LabError> {
        Self::start_reporting(options, |_| {})
    }

    /// As [`start`](Self::start), telling `progress` of each step.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_reporting(options: LabOptions, mut progress: impl FnMut(&str)) -> Result<Self, LabError> {
        let mut supervisor = Command::new(&options.executable)
            .args(options.to_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| LabError::NoSupervisor { executable: options.executable.clone(), source })?;
        let folder = StateFolder::new(options.dir);
        let (Some(input), Some(output)) = (supervisor.stdin.take(), supervisor.stdout.take()) else {
            return Err(LabError::Vanished);
        };
        let reports = BufReader::new(output).lines().map_while(Result::ok);
        for report in reports.filter_map(|line| serde_json::from_str(&line).ok()) {
            match report {
                Report::Progress(what) => progress(&what),
                Report::Ready => {
                    let state = folder.read()?;
                    return Ok(Self { folder, state, owned: Some(Owned { supervisor, input }) });
                }
                Report::Failed(why) => {
                    supervisor.wait().ok();
                    return Err(LabError::NotStarted(why));
                }
            }
        }
        supervisor.wait().ok();
        Err(LabError::Vanished)
    }

    /// The laboratory that runs in the state folder `dir`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] where none runs there.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let folder = StateFolder::new(dir);
        let state = folder.read()?;
        if !state.supervisor.is_alive() {
            return Err(OpenError::Ended(folder.path().to_owned()));
        }
        Ok(Self { folder, state, owned: None })
    }

    /// Lets the laboratory run on when this process ends.
    ///
    /// # Errors
    ///
    /// What the system said where the supervisor is gone.
    pub fn detach(mut self) -> io::Result<()> {
        self.owned.take().map_or(Ok(()), |mut owned| writeln!(owned.input, "{DETACH}"))
    }

    /// Stops the laboratory, started here or elsewhere, and waits until nothing of it is left.
    ///
    /// # Errors
    ///
    /// [`StopError`] where the supervisor cannot be told, or does not end.
    pub fn stop(mut self) -> Result<(), StopError> {
        let supervisor = self.state.supervisor;
        supervisor.signal_process(Signal::TERM)?;
        if !wait_until_gone(supervisor, STOP_WITHIN) {
            return Err(StopError::StillThere(supervisor.pid));
        }
        if let Some(mut owned) = self.owned.take() {
            owned.supervisor.wait()?;
        }
        Ok(())
    }

    /// The source cluster's plain listener, as `host:port`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.state.endpoints.source
    }

    /// The target cluster, as `host:port`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.state.endpoints.target
    }

    /// How to pass the source's `SASL_SSL` listener, where it was asked for.
    #[must_use]
    pub const fn guard(&self) -> Option<&Guard> {
        self.state.guard.as_ref()
    }

    /// Prometheus, as a URL without a path.
    #[must_use]
    pub fn prometheus_url(&self) -> &str {
        &self.state.endpoints.prometheus
    }

    /// The Connect worker's REST interface, as a URL without a path.
    #[must_use]
    pub fn connect_url(&self) -> &str {
        &self.state.endpoints.connect
    }

    /// All addresses.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.state.endpoints
    }

    /// Everything that is known of the running laboratory, its processes included.
    #[must_use]
    pub const fn state(&self) -> &LabState {
        &self.state
    }

    /// The ready `ramp.toml` of a campaign on the laboratory.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.folder.ramp_toml()
    }

    /// The environment of the laboratory, as a file that a shell can read.
    #[must_use]
    pub fn env_path(&self) -> PathBuf {
        self.folder.env()
    }

    /// The state folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The log of a process.
    #[must_use]
    pub fn log_path(&self, process: Process) -> PathBuf {
        self.folder.log(process.name())
    }

    /// Limits MirrorMaker 2's bandwidth, or lifts the limit.
    ///
    /// # Errors
    ///
    /// [`ThrottleError`] where the cluster concerned does not take it.
    pub fn throttle(&self, throttle: Throttle) -> Result<(), ThrottleError> {
        throttle.apply(self.source(), self.target())
    }

    /// Pauses, breaks or brings back the connector that copies records.
    ///
    /// # Errors
    ///
    /// [`MirrorError`] where Connect does not take it.
    pub fn mirror(&self, what: Mirror) -> Result<(), MirrorError> {
        what.apply(self.connect_url())
    }

    /// Ends a process at once (SIGKILL), and waits until it is gone. It is not started again.
    ///
    /// # Errors
    ///
    /// [`SignalError`] where it is not running.
    pub fn kill(&self, process: Process) -> Result<(), SignalError> {
        let identity = self.signal(process, Signal::KILL)?;
        if wait_until_gone(identity, SIGNAL_WITHIN) {
            Ok(())
        } else {
            Err(SignalError::StillRunning(process))
        }
    }

    /// Stops a process from running, its connections staying open (SIGSTOP), and waits until it stands still.
    ///
    /// # Errors
    ///
    /// [`SignalError`] where it is not running.
    pub fn freeze(&self, process: Process) -> Result<(), SignalError> {
        let identity = self.signal(process, Signal::STOP)?;
        match wait_until(SIGNAL_WITHIN, || identity.stands_still()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(SignalError::StillRunning(process)),
            Err(source) => Err(SignalError::Refused { process, source }),
        }
    }

    /// Lets a frozen process run on (SIGCONT).
    ///
    /// # Errors
    ///
    /// [`SignalError`] where it is not there.
    pub fn thaw(&self, process: Process) -> Result<(), SignalError> {
        self.signal(process, Signal::CONT).map(drop)
    }

    fn signal(&self, process: Process, signal: Signal) -> Result<Identity, SignalError> {
        let identity = self.state.processes.get(&process).ok_or(SignalError::NotRunning(process))?;
        match identity.signal_group(signal) {
            Ok(true) => Ok(*identity),
            Ok(false) => Err(SignalError::NotRunning(process)),
            Err(source) => Err(SignalError::Refused { process, source }),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(Owned { mut supervisor, input }) = self.owned.take() {
            drop(input);
            // Waiting fails only where the supervisor has been waited for, and is gone.
            supervisor.wait().ok();
        }
    }
}

/// Why a laboratory could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The `ramp-lab` executable does not start.
    #[error("run {executable} (build it with `cargo build -p ramp-lab`)")]
    NoSupervisor {
        /// The executable that was given.
        executable: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A part of the laboratory did not come up; the text says which, why, and what to do.
    #[error("{0}")]
    NotStarted(String),
    /// The supervisor ended without a word: it was killed, or the executable is not `ramp-lab`.
    #[error("hear from the laboratory's supervisor: it ended without a word")]
    Vanished,
    /// The laboratory is ready, but its description cannot be read.
    #[error(transparent)]
    State(#[from] ReadStateError),
}

/// Why no running laboratory was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder does not describe one.
    #[error(transparent)]
    State(#[from] ReadStateError),
    /// The one that it describes is gone, and has left without a word.
    #[error("find a running laboratory in {0}: its supervisor was killed; start one with `ramp-lab up`")]
    Ended(PathBuf),
}

/// Why a process could not be signalled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// It is not there, or no longer.
    #[error("signal {0}: it is not running")]
    NotRunning(Process),
    /// The system refused.
    #[error("signal {process}")]
    Refused {
        /// The process.
        process: Process,
        /// What the system said.
        source: io::Error,
    },
    /// It was killed or frozen and still runs.
    #[error("see {0} stop running")]
    StillRunning(Process),
}

/// Why a laboratory could not be stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// The system refused.
    #[error("stop the laboratory")]
    Io(#[from] io::Error),
    /// The supervisor was told and did not end.
    #[error(
        "see the supervisor end: process {0} is still there; `kill -KILL {0}` ends it with all its children"
    )]
    StillThere(i32),
}

fn wait_until_gone(identity: Identity, time: Duration) -> bool {
    wait_until(time, || Ok(!identity.is_alive())).is_ok_and(|gone| gone)
}

/// Whether `condition` came true within `time`.
fn wait_until(time: Duration, condition: impl Fn() -> io::Result<bool>) -> io::Result<bool> {
    let deadline = Instant::now() + time;
    while !condition()? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        thread::sleep(POLL);
    }
    Ok(true)
}

const POLL: Duration = Duration::from_millis(20);
const SIGNAL_WITHIN: Duration = Duration::from_secs(10);
const STOP_WITHIN: Duration = Duration::from_secs(90);
