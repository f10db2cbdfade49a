//! `ramp run`: from a configuration to a verdict. What it has in common with other commands that drive a campaign
//! stands here too.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use ramp_core::{plan::Plan, units::Rate};
use ramp_report::RunFacts;

use crate::{
    cli::{Output, Run},
    config::resolve::Settings,
    driver::{self, Means, Start},
    error::CommandError,
    exit::Exit,
    journal::Journal,
    lang::Lang,
    preflight::Preflight,
    progress::Progress,
    recorded::Recorded,
    report,
};

/// A campaign that may begin.
#[derive(Debug)]
pub(crate) struct Ready {
    /// When it began.
    pub(crate) start: Start,
    /// What is to be done.
    pub(crate) plan: Plan,
    /// What with.
    pub(crate) means: Means,
    /// What its report says about it.
    pub(crate) facts: RunFacts,
    /// The language that its plan asks for.
    pub(crate) lang: Option<Lang>,
}

/// Where a run is kept.
#[derive(Debug)]
pub(crate) struct Keep {
    folder: PathBuf,
}

/// How a campaign is told of, and what it must come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tell {
    pub(crate) lang: Option<Lang>,
    pub(crate) output: Output,
    pub(crate) require: Option<Rate>,
}

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
    let Preflight { means, facts, signals, queries } = Preflight::pass(&settings, start, begun).await?;
    for query in queries {
        eprintln!("ramp: {query}");
    }
    let plan = settings.plan.plan(signals);
    let plan = plan.map_err(|source| CommandError::Plan { name: settings.plan.name.clone(), source })?;
    let keep = Keep::new(&settings.runs, &settings.name, begun)?;
    let ready = Ready { start, plan, means, facts, lang: settings.plan.lang };
    conduct(ready, keep, Tell { lang: args.lang, output: args.output, require: args.require }).await
}

impl Keep {
    /// A folder of its own for the run, for nobody else to read.
    pub(crate) fn new(runs: &Path, name: &str, begun: Timestamp) -> Result<Self, CommandError> {
        let start = begun.strftime("%Y%m%dT%H%M%SZ");
        let folder = runs.join(format!("{start}-{name}"));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| CommandError::Folder { path: folder.clone(), source })?;
        Ok(Self { folder })
    }
}

/// Drives a campaign to its end and writes its reports.
pub(crate) async fn conduct(ready: Ready, keep: Keep, tell: Tell) -> Result<Exit, CommandError> {
    let Ready { start, plan, means, facts, lang } = ready;
    let folder = keep.folder;
    let mut journal = Journal::create(&folder, plan.clone(), facts.clone(), lang)?;
    eprintln!("ramp: the run is kept in {}", folder.display());

    let locale = Lang::choose(tell.lang, lang).locale();
    let mut progress = Progress::new(tell.output).map_err(CommandError::Runtime)?;
    let recorded = driver::drive(Recorded::new(plan), start, means, &mut journal, &mut progress).await?;
    drop(progress);
    let report = report::of(&facts, &recorded);
    report::write_files(&folder, &report, locale)?;
    match tell.output {
        Output::Text => print!("{}", report::shown(&report, locale)),
        Output::Json => {}
    }
    eprintln!("ramp: the whole report is {}", folder.join(report::HTML).display());
    let outcome = recorded.campaign.outcome();
    Ok(outcome.map_or(Exit::Inconclusive, |outcome| Exit::of(&outcome, tell.require)))
}
