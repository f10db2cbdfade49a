//! `ramp run`: from a configuration to a verdict.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    cli::{Output, Run},
    config::resolve::Settings,
    driver::{self, Start},
    error::CommandError,
    exit::Exit,
    journal::Journal,
    lang::Lang,
    preflight::{self, Preflight},
    progress::Progress,
    report,
};

/// Runs a campaign as `args` say.
pub(crate) fn run(args: &Run) -> Result<Exit, CommandError> {
    let settings = Settings::of(args)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CommandError::Runtime)?;
    let exit = runtime.block_on(campaign(args, settings));
    // A second interrupt ends at once, whatever still waits for a cluster.
    runtime.shutdown_background();
    exit
}

async fn campaign(args: &Run, settings: Settings) -> Result<Exit, CommandError> {
    let start = Start::now();
    let begun = Timestamp::now();
    let Preflight { means, facts, signals } = Preflight::pass(&settings, start, begun).await?;
    for query in preflight::queries(&means.observer) {
        eprintln!("ramp: {query}");
    }
    let plan = settings.plan.plan(signals);
    let plan = plan.map_err(|source| CommandError::Plan { name: settings.plan.name.clone(), source })?;
    let folder = folder(&settings.runs, &settings.name, begun)?;
    let mut journal = Journal::create(&folder, plan.clone(), facts.clone(), settings.plan.lang)?;
    eprintln!("ramp: the run is kept in {}", folder.display());

    let locale = Lang::choose(args.lang, settings.plan.lang).locale();
    let mut progress = Progress::new(args.output).map_err(CommandError::Runtime)?;
    let recorded = driver::drive(plan, start, means, &mut journal, &mut progress).await?;
    drop(progress);
    let report = report::of(&facts, &recorded);
    report::write_files(&folder, &report, locale)?;
    match args.output {
        Output::Text => print!("{}", report::shown(&report, locale)),
        Output::Json => {}
    }
    let outcome = recorded.campaign.outcome();
    Ok(outcome.map_or(Exit::Inconclusive, |outcome| Exit::of(&outcome, args.require)))
}

/// A folder of its own for the run, for nobody else to read.
fn folder(runs: &Path, name: &str, begun: Timestamp) -> Result<PathBuf, CommandError> {
    let start = begun.strftime("%Y%m%dT%H%M%SZ");
    let path = runs.join(format!("{start}-{name}"));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(|source| CommandError::Folder { path: path.clone(), source })?;
    Ok(path)
}
