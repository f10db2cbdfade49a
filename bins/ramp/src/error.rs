//! Why a command did not come to its end, and the exit status of each cause.

use std::{io, path::PathBuf};

use ramp_observe::grafana::GrafanaError;

use crate::{
    config::ConfigError, driver::DriveError, exit::Exit, init::InitError, journal::JournalError,
    metrics::MetricsError, preflight::PreflightError, resume::ResumeError,
};

/// Why a command did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CommandError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something that a campaign needs is not there.
    #[error("preflight: {0}")]
    Preflight(#[from] PreflightError),
    /// Metrics cannot be served.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Grafana cannot be asked.
    #[error("grafana: {0}")]
    Grafana(#[from] GrafanaError),
    /// The demo's simulation cannot begin.
    #[error("{0}")]
    Simulation(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The run's folder cannot be made.
    #[error("cannot make the folder {}: {source}; choose another place with `runs`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal cannot be written or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No configuration is written.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The campaign cannot be taken up again.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The campaign could not be driven to its end.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The report cannot be written.
    #[error("cannot write {}: {source}; `ramp report` writes it anew from the journal", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder of runs, or a file of one, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody can be asked.
    #[error("cannot ask: {0}; give --yes to go on without")]
    Ask(#[source] io::Error),
    /// Standard output takes nothing.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// The process cannot be told of signals.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] io::Error),
    /// The asynchronous runtime cannot start.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
}

impl CommandError {
    /// How `ramp` ends for it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Preflight(error) if error.is_configuration() => Exit::Usage,
            Self::Config(_) | Self::Init(_) | Self::Resume(_) | Self::Metrics(_) | Self::Grafana(_) => {
                Exit::Usage
            }
            Self::Drive(DriveError::Killed) => Exit::Interrupted,
            Self::Preflight(_)
            | Self::Simulation(_)
            | Self::Folder { .. }
            | Self::Journal(_)
            | Self::Drive(_)
            | Self::Report { .. }
            | Self::Read { .. }
            | Self::Output(_)
            | Self::Ask(_)
            | Self::Signals(_)
            | Self::Runtime(_) => Exit::Inconclusive,
        }
    }
}
