//! `ramp resume`: goes on with a campaign that was interrupted, or whose process was killed.

use std::time::SystemTime;

use jiff::Timestamp;
use ramp_core::{campaign::Input, event::Ending, signal::Signal};
use ramp_report::RunFacts;

use crate::{
    audience::Outlets,
    cli::Resume,
    config::resolve::Settings,
    demo::Replication,
    driver::Start,
    error::CommandError,
    exit::Exit,
    journal::{Header, Journal, Replay},
    run::{Kept, Ready, complete, conduct, prepare},
};

/// Why a campaign cannot be taken up again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    /// It came to its end.
    #[error("the campaign in {folder} is over; `ramp report {folder}` shows what it came to")]
    Over {
        /// The run's folder.
        folder: String,
    },
    /// It would be another campaign.
    #[error(
        "{what} was {was:?} when the campaign began and is {is:?} now; go on with the configuration that it began with, \
         or begin another campaign"
    )]
    Changed {
        /// Which part.
        what: &'static str,
        /// What the journal says.
        was: String,
        /// What the configuration says.
        is: String,
    },
    /// The journal does not say when it began.
    #[error("the journal says that it began at {started:?}, which is no time: {source}")]
    Started {
        /// What it says.
        started: String,
        /// Why that is none.
        source: jiff::Error,
    },
}

/// `ramp resume`.
pub(crate) fn resume(args: &Resume) -> Result<Exit, CommandError> {
    let (mut journal, Replay { header, mut recorded, last, .. }) = Journal::take_up(&args.run)?;
    let ending = recorded.campaign.outcome().map(|outcome| outcome.ending);
    if ending.is_some_and(|ending| ending != Ending::Interrupted) {
        return Err(ResumeError::Over { folder: args.run.display().to_string() }.into());
    }
    let (begun, calendar) = begun(&header.facts)?;
    complete(async {
        let told = |grafana| Outlets::open(args.tell.metrics, grafana);
        let replication = header.simulation.map(Replication::start).transpose()?;
        let start = Start::again(calendar, last);
        let (outlets, ready) = match &replication {
            Some(replication) => (told(None).await?, replication.ready(start, begun).await?),
            None => {
                let settings = Settings::of(&args.inputs)?;
                let outlets = told(settings.annotated()?).await?;
                let ready = prepare(&settings, start, begun).await?;
                is_the_same(&header, &ready.header)?;
                (outlets, ready)
            }
        };
        let Ready { start, means, claim, .. } = ready;
        let at = start.elapsed();
        journal.record(at, &Input::Resumed)?;
        recorded.handle(at, Input::Resumed);
        eprintln!(
            "ramp: goes on with the campaign in {} after {:.0} s; its path is proven clear first",
            args.run.display(),
            at.since_start().as_secs_f64()
        );
        let kept = Kept { folder: args.run.clone(), journal, header, recorded };
        conduct(kept, start, means, claim, (args.tell, outlets)).await
    })
}

/// When the campaign began.
fn begun(facts: &RunFacts) -> Result<(Timestamp, SystemTime), ResumeError> {
    let error = |source| ResumeError::Started { started: facts.started.clone(), source };
    let begun: Timestamp = facts.started.parse().map_err(error)?;
    Ok((begun, SystemTime::try_from(begun).map_err(error)?))
}

/// Whether it is the campaign that was begun: the same clusters, topics, records and queries.
fn is_the_same(began: &Header, now: &Header) -> Result<(), ResumeError> {
    let queries = |header: &Header| {
        let of = |signal: &Signal| format!("{}: {}", signal.id, signal.source);
        header.plan.signals().iter().map(of).collect::<Vec<_>>().join("\n")
    };
    let parts = [
        ("the source cluster", began.facts.source.clone(), now.facts.source.clone()),
        ("the target cluster", began.facts.target.clone(), now.facts.target.clone()),
        ("the list of topics", began.facts.topics.join(", "), now.facts.topics.join(", ")),
        ("the payload", began.facts.payload.clone(), now.facts.payload.clone()),
        ("the list of queries", queries(began), queries(now)),
    ];
    match parts.into_iter().find(|(_, was, is)| was != is) {
        None => Ok(()),
        Some((what, was, is)) => Err(ResumeError::Changed { what, was, is }),
    }
}
