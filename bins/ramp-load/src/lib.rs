//! The `ramp-load` command as a library: it parses, starts a load, and prints the account. It generates nothing itself.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command: it prints its results")]

pub mod cli;
mod summary;

use std::{io, process::ExitCode, time::Duration};

use ramp_load::{
    clock::Clock,
    producer::{Load, LoadSpec, StartError},
    stamp::RunId,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::interval,
};

use crate::{
    cli::{Cli, Command, Output, Run},
    summary::Summary,
};

/// Carries out `cli`; the exit status says how it ended, and every error has been printed by then.
#[must_use]
pub fn start(cli: Cli) -> ExitCode {
    let Command::Run(run) = cli.command;
    match load(&run) {
        Ok(summary) => {
            match run.output {
                Output::Text => print!("{}", summary.text()),
                Output::Json => println!("{}", summary.json()),
            }
            ExitCode::from(if summary.is_complete() { 0 } else { 1 })
        }
        Err(error) => {
            eprintln!("ramp-load: {error}");
            ExitCode::from(error.status())
        }
    }
}

/// Why no load was run.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    /// The command line does not describe the cluster.
    #[error(transparent)]
    Cluster(#[from] cli::ClusterError),
    /// The cluster cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The runtime cannot start, or signals cannot be listened for.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[from] io::Error),
}

impl LoadError {
    const fn status(&self) -> u8 {
        match self {
            Self::Cluster(_) => 2,
            Self::Start(_) | Self::Runtime(_) => 3,
        }
    }
}

fn load(run: &Run) -> Result<Summary, LoadError> {
    let config = run.cluster()?;
    let clock = Clock::start();
    let spec = LoadSpec {
        topics: run.topic.clone(),
        payload: run.payload.clone(),
        ..LoadSpec::tier(RunId::random(), 0, run.rate, run.duration, run.delivery_bound)
    };
    let load = Load::start(&config, clock, spec)?;
    let account = load.account();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut tick = interval(Duration::from_secs(1));
        let finished = load.finished();
        tokio::pin!(finished);
        loop {
            tokio::select! {
                () = &mut finished => return Ok(Summary::of(&account, clock, run.rate)),
                _ = interrupt.recv() => load.stop(),
                _ = terminate.recv() => load.stop(),
                _ = tick.tick() => eprintln!("{}", Summary::of(&account, clock, run.rate).line()),
            }
        }
    })
}
