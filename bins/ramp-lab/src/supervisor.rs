//! The process that owns a laboratory: starts its parts, watches them come up, and ends them with itself.
//!
//! It reports to whoever started it on standard output, and listens on standard input: the end of that stream means
//! that the owner is gone, unless the owner has said [`DETACH`] before.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    options::LabOptions,
    processes::{Process, Tethered},
    start::{self, StartError},
    state::{Claim, StateFolder},
};

/// The line by which an owner lets go of the laboratory, which then stays until it is stopped.
pub(crate) const DETACH: &str = "detach";

/// What the supervisor tells its owner, one JSON document per line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// What is being done.
    Progress(String),
    /// The laboratory is ready and its state folder describes it.
    Ready,
    /// It could not be started; nothing of it runs any more.
    Failed(String),
}

/// Runs a laboratory until it is told to stop; `false` where it could not be started.
///
/// To be called from the main thread: the parts of the laboratory are tied to the thread that starts them.
pub(crate) fn supervise(options: &LabOptions) -> bool {
    // A terminal's interrupt is for whoever asked for the laboratory. The leader of a group cannot leave it: then
    // there is no terminal to guard against.
    rustix::process::setsid().ok();
    match run(options) {
        Ok(()) => true,
        Err(error) => {
            report(&Report::Failed(chain(&error)));
            false
        }
    }
}

fn run(options: &LabOptions) -> Result<(), StartError> {
    let mut control = Control::listen().map_err(StartError::Control)?;
    let claim = StateFolder::new(&options.dir).claim()?;
    if !options.keep {
        claim.wipe()?;
    }
    let mut children = start::start(options, &claim, &mut control)?;
    report(&Report::Ready);
    while !control.stop_requested(WATCH) {
        for child in children.values_mut() {
            // A child that was killed on purpose is not started again; asking lets the system forget it.
            child.ended()?;
        }
    }
    stop(children, options.keep, &claim)
}

/// Ends all parts, dependants first. Data that is to be kept needs an orderly end; data that is not needs none.
fn stop(mut children: BTreeMap<Process, Tethered>, orderly: bool, claim: &Claim) -> Result<(), StartError> {
    for mut child in Process::ALL.iter().filter_map(|process| children.remove(process)) {
        if orderly {
            child.terminate()?;
            let mut patience = ORDERLY_END;
            while child.ended()?.is_none() && !patience.is_zero() {
                thread::sleep(POLL);
                patience = patience.saturating_sub(POLL);
            }
        }
    }
    claim.folder().forget()?;
    Ok(())
}

/// Where requests to stop arrive.
pub(crate) struct Control {
    stops: Receiver<()>,
    stopping: bool,
}

impl Control {
    fn listen() -> io::Result<Self> {
        let (sender, stops) = mpsc::channel();
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let by_signal = sender.clone();
        thread::spawn(move || signals.forever().try_for_each(|_| by_signal.send(())));
        thread::spawn(move || {
            let detached = io::stdin().lock().lines().map_while(Result::ok).any(|line| line == DETACH);
            if !detached {
                // The other end of the channel is gone only where the process is ending anyway.
                sender.send(()).ok();
            }
        });
        Ok(Self { stops, stopping: false })
    }

    /// Waits up to `time` for a request to stop; `true` once there was one.
    pub(crate) fn stop_requested(&mut self, time: Duration) -> bool {
        if !self.stopping {
            self.stopping = match self.stops.recv_timeout(time) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
                Err(RecvTimeoutError::Timeout) => false,
            };
        }
        self.stopping
    }
}

/// Tells the owner; an owner that no longer listens is noticed by its end of standard input.
pub(crate) fn report(report: &Report) {
    if let Ok(line) = serde_json::to_string(report) {
        let mut output = io::stdout().lock();
        writeln!(output, "{line}").and_then(|()| output.flush()).ok();
    }
}

/// An error with everything that led to it, on one line where they are.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

const WATCH: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(50);
const ORDERLY_END: Duration = Duration::from_secs(15);
