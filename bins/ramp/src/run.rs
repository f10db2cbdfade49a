//! `ramp run`: from a configuration to a verdict.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    cli::Run,
    config::{ConfigError, plan_text::PlanTextError, resolve::Settings},
    driver::{self, DriveError, Start},
    exit::Exit,
    journal::{Journal, JournalError},
    preflight::{Preflight, PreflightError},
    progress::Progress,
    report::{self, ReportError},
};

/// Why a command did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The plan cannot be used.
    #[error("plan {name:?}:\n{source}")]
    Plan {
        /// The plan.
        name: String,
        /// Its faults.
        source: PlanTextError,
    },
    /// Something that a campaign needs is not there.
    #[error("preflight: {0}")]
    Preflight(#[from] PreflightError),
    /// The run's folder cannot be made.
    #[error("cannot make the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal cannot be written or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The campaign could not be driven to its end.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The asynchronous runtime cannot start.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
}

impl RunError {
    /// How `ramp` ends for it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Plan { .. } => Exit::Usage,
            Self::Drive(DriveError::Killed) => Exit::Interrupted,
            Self::Preflight(_)
            | Self::Folder { .. }
            | Self::Journal(_)
            | Self::Drive(_)
            | Self::Report(_)
            | Self::Runtime(_) => Exit::Inconclusive,
        }
    }
}

/// Runs a campaign as `args` say.
pub(crate) fn run(args: &Run) -> Result<Exit, RunError> {
    let settings = Settings::of(args)?;
    let runtime = tokio::runtime::Runtime::new().map_err(RunError::Runtime)?;
    runtime.block_on(campaign(args, settings))
}

async fn campaign(args: &Run, settings: Settings) -> Result<Exit, RunError> {
    let start = Start::now();
    let begun = Timestamp::now();
    let Preflight { means, facts, signals } = Preflight::pass(&settings, start, begun).await?;
    let plan = settings.plan.plan(signals);
    let plan = plan.map_err(|source| RunError::Plan { name: settings.plan.name.clone(), source })?;
    let folder = folder(&settings.runs, &settings.name, begun)?;
    let mut journal = Journal::create(&folder, plan.clone(), facts.clone())?;
    eprintln!("ramp: the run is kept in {}", folder.display());

    let campaign = driver::drive(plan, start, means, &mut journal, &mut Progress::stderr()).await?;
    let report = report::of(&facts, &campaign);
    report::write_files(&folder, &report, args.lang)?;
    print!("{}", report::shown(&report, args.lang));
    let outcome = campaign.outcome();
    Ok(outcome.map_or(Exit::Inconclusive, |outcome| Exit::of(&outcome, args.require)))
}

/// A folder of its own for the run, for nobody else to read.
fn folder(runs: &Path, name: &str, begun: Timestamp) -> Result<PathBuf, RunError> {
    let start = begun.strftime("%Y%m%dT%H%M%SZ");
    let path = runs.join(format!("{start}-{name}"));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(|source| RunError::Folder { path: path.clone(), source })?;
    Ok(path)
}
