//! `ramp run`: from a configuration to a verdict. What it has in common with other commands that drive a campaign
//! stands here too.

use std::{
    fs::DirBuilder,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use ramp_core::SCHEMA_VERSION;
use tokio::runtime::Runtime;

use crate::{
    audience::{Audience, Outlets},
    claim::Claim,
    cli::{Output, Run, Tell},
    config::{ConfigError, resolve::Settings},
    driver::{self, Driven, Interrupts, Means, Start},
    error::CommandError,
    exit::Exit,
    intent::Intent,
    journal::{Header, Journal},
    lang::Lang,
    preflight::Preflight,
    progress::{Progress, Word},
    recorded::Recorded,
    report,
};

/// A campaign that may begin.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) start: Start,
    pub(crate) means: Means,
    /// What its journal begins with.
    pub(crate) header: Header,
    /// What holds off every other campaign on a real source cluster.
    pub(crate) claim: Option<Claim>,
}

/// A campaign in its folder, as far as it has come.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) folder: PathBuf,
    pub(crate) journal: Journal,
    pub(crate) header: Header,
    pub(crate) recorded: Recorded,
}

/// Runs a campaign as `args` say.
pub(crate) fn run(args: &Run) -> Result<Exit, CommandError> {
    let settings = Settings::of(&args.inputs)?;
    complete(async {
        let outlets = Outlets::open(args.tell.metrics, settings.annotated()?).await?;
        let begun = Timestamp::now();
        let ready = prepare(&settings, Start::now(), begun).await?;
        let intent = Intent::of(&settings, &ready.header.plan);
        eprintln!("ramp: {intent}");
        if args.dry_run {
            eprintln!("ramp: nothing was written");
            return Ok(Exit::Done);
        }
        if !args.yes && !intent.is_agreed_to()? {
            return Ok(Exit::Interrupted);
        }
        begin(ready, (&settings.runs, &settings.name, begun), (args.tell, outlets)).await
    })
}

/// Carries a command out to its end.
pub(crate) fn complete(
    command: impl Future<Output = Result<Exit, CommandError>>,
) -> Result<Exit, CommandError> {
    let runtime = Runtime::new().map_err(CommandError::Runtime)?;
    let exit = runtime.block_on(command);
    // A second interrupt ends at once, whatever still waits for a cluster.
    runtime.shutdown_background();
    exit
}

/// Gathers what a campaign by `settings` needs, and says what its queries found.
pub(crate) async fn prepare(
    settings: &Settings,
    start: Start,
    begun: Timestamp,
) -> Result<Ready, CommandError> {
    let Preflight { means, facts, signals, notes, claim } = Preflight::pass(settings, start, begun).await?;
    for note in notes {
        eprintln!("ramp: {note}");
    }
    let plan = settings.plan.plan(signals, settings.ceiling());
    let plan = plan.map_err(|source| ConfigError::Plan { name: settings.plan.name.clone(), source })?;
    let lang = settings.plan.lang;
    let header = Header { schema_version: SCHEMA_VERSION, plan, facts, lang, simulation: None };
    Ok(Ready { start, means, header, claim: Some(claim) })
}

/// Drives a campaign from its beginning, in a folder of its own.
pub(crate) async fn begin(
    Ready { start, means, header, claim }: Ready,
    (runs, name, begun): (&Path, &str, Timestamp),
    told: (Tell, Outlets),
) -> Result<Exit, CommandError> {
    let folder = folder(runs, name, begun)?;
    let journal = Journal::create(&folder, &header)?;
    eprintln!("ramp: the run is kept in {}", folder.display());
    let recorded = Recorded::new(header.plan.clone());
    conduct(Kept { folder, journal, header, recorded }, start, means, claim, told).await
}

/// Drives a campaign on to its end and writes its reports.
pub(crate) async fn conduct(
    Kept { folder, mut journal, header, recorded }: Kept,
    start: Start,
    means: Means,
    claim: Option<Claim>,
    (tell, outlets): (Tell, Outlets),
) -> Result<Exit, CommandError> {
    let locale = Lang::choose(tell.lang, header.lang).locale();
    let progress = Progress::new(tell.output, tell.plain).map_err(CommandError::Runtime)?;
    let mut audience = Audience::new(progress, outlets, &header.facts.name, start);
    let mut interrupts = Interrupts::listen().map_err(CommandError::Signals)?;
    let told = (&mut audience, &mut interrupts);
    let driven = driver::drive(recorded, start, means, (folder.clone(), &mut journal), told).await?;
    let Driven { recorded, latencies } = driven;
    // Whoever waits for the cluster need not wait for this terminal.
    drop(claim);
    let mut words = Vec::new();
    for broken in latencies.into_iter().filter_map(|log| log.close().err()) {
        words.push(Word::Line(format!("ramp: {broken}")));
    }
    let report = report::of(&header.facts, &recorded, journal.sha256(), &folder)?;
    report::write_files(&folder, &report, locale)?;
    match tell.output {
        Output::Text => words.push(Word::Result(report::shown(&report, locale))),
        Output::Json => {}
    }
    words.push(Word::Line(format!("ramp: the whole report is {}", folder.join(report::HTML).display())));
    let (mut progress, last) = audience.leave();
    tokio::select! {
        () = progress.end(words) => {}
        // A terminal that is paused may stay so for ever.
        () = interrupts.next() => return Ok(Exit::Interrupted),
    }
    last.spoken(&mut interrupts).await;
    let outcome = recorded.campaign.outcome();
    Ok(outcome.map_or(Exit::Inconclusive, |outcome| Exit::of(&outcome, tell.require)))
}

/// A folder of its own for the run, for nobody else to read.
fn folder(runs: &Path, name: &str, begun: Timestamp) -> Result<PathBuf, CommandError> {
    let start = begun.strftime("%Y%m%dT%H%M%SZ");
    let failed = |path: &Path, source| CommandError::Folder { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(runs).map_err(|source| failed(runs, source))?;
    let mut path = runs.join(format!("{start}-{name}"));
    // Two runs may begin within a second.
    for number in 2_u32.. {
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                path = runs.join(format!("{start}-{name}-{number}"));
            }
            Err(source) => return Err(failed(&path, source)),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn runs_that_begin_in_the_same_second_have_folders_of_their_own() {
        let (runs, begun) = (TempDir::new().unwrap(), Timestamp::UNIX_EPOCH);
        let made = [1, 2, 3].map(|_| folder(&runs.path().join("runs"), "x", begun).unwrap());
        let names = made.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        assert_eq!(names, ["19700101T000000Z-x", "19700101T000000Z-x-2", "19700101T000000Z-x-3"]);
    }
}
