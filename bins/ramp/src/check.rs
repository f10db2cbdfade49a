//! `ramp check`: everything that a campaign needs, each part looked at although another is missing. It writes one canary
//! to each partition that a campaign would load, and nothing else.

pub(crate) mod connect;
mod found;
pub(crate) mod hosts;
pub(crate) mod topics;

use std::{error::Error, time::Duration};

use futures_util::{StreamExt, future::OptionFuture};
use ramp_core::observation::{Reading, Sample};
use ramp_load::{
    clock::Clock,
    cluster::ClusterView,
    probe::{
        Probe,
        canary::{Canaries, Crossing},
    },
    stamp::{Identity, RunId},
};
use ramp_observe::{Observed, Observer, catalog, connect::ConnectError};

pub(crate) use self::found::Finding;
use self::found::Found;
use crate::{
    claim::Claim,
    cli::{CheckArgs, Output},
    components::{Components, Connectors},
    config::resolve::Settings,
    console,
    driver::Start,
    error::CommandError,
    exit::Exit,
    preflight::{self, PreflightError, lag},
    run::complete,
};

/// Looks at every part and tells what it finds.
pub(crate) fn check(args: &CheckArgs) -> Result<Exit, CommandError> {
    let settings = Settings::of(&args.inputs)?;
    complete(async {
        let mut look =
            Look { settings: &settings, output: args.output, found: Found::nothing(), said: Ok(()) };
        look.around().await;
        look.said?;
        match args.output {
            Output::Text => {}
            Output::Json => console::say(&(look.found.json() + "\n"))?,
        }
        Ok(if look.found.is_ready() { Exit::Done } else { Exit::Inconclusive })
    })
}

/// A check under way.
struct Look<'a> {
    settings: &'a Settings,
    output: Output,
    found: Found,
    /// Whether what was found could be told.
    said: Result<(), CommandError>,
}

impl Look<'_> {
    /// What is found is told to people at once: the parts that wait come last.
    fn tell(&mut self, finding: Finding) {
        match self.output {
            Output::Text if self.said.is_ok() => self.said = console::say(&format!("{finding}\n")),
            Output::Text | Output::Json => {}
        }
        self.found.add(finding);
    }

    async fn around(&mut self) {
        let settings = self.settings;
        let (run, clock, start) = (RunId::random(), Clock::start(), Start::now());
        let target_topics = settings.target_topics();
        let (source, target, observer, connectors) = tokio::join!(
            preflight::describe(&settings.source, &settings.topics),
            preflight::watch(&settings.target, &target_topics, clock, run),
            preflight::observe(settings, start),
            OptionFuture::from(
                settings.connect.as_ref().map(|config| Components::find(config, &settings.topics))
            ),
        );
        self.tell(match &source {
            Ok(view) => Finding::good("source", described(settings, view)),
            Err(error) => Finding::missing("source", &cause(error)),
        });
        self.tell(match &target {
            Ok(probe) => watched(settings, probe),
            Err(error) => Finding::missing("target", &cause(error)),
        });
        self.topics(source.is_ok(), target.is_ok()).await;
        if let Some(connectors) = connectors {
            self.connectors(connectors.map(|(_, found)| found));
        }
        match observer {
            Ok(observer) => self.observed(&observer, start).await,
            Err(error) => self.tell(Finding::missing("prometheus", &cause(&error))),
        }
        let (Ok(view), Ok(probe)) = (source, target) else {
            return self.tell(Finding::missing("replication", &"needs both clusters; nothing was sent"));
        };
        // No canary may cross beside another campaign's records.
        match Claim::on(&view.id) {
            Ok(claim) => {
                let canaries = Canaries::new(settings.source.clone(), run, clock, view.topics);
                match canaries.cross(&probe, PATIENCE).await {
                    Ok(crossing) => {
                        self.tell(crossed(settings, &crossing));
                        self.found.canaries = Some(crossing.canaries.iter().map(Into::into).collect());
                    }
                    Err(error) => self.tell(Finding::missing("replication", &error)),
                }
                drop(claim);
            }
            Err(error) => self.tell(Finding::missing("replication", &format!("{error}; nothing was sent"))),
        }
    }

    /// How the clusters that answered keep the topics.
    async fn topics(&mut self, source_answers: bool, target_answers: bool) {
        let kept = topics::kept(self.settings, source_answers, target_answers).await;
        kept.findings.into_iter().for_each(|finding| self.tell(finding));
        self.found.topics = kept.topics;
    }

    fn connectors(&mut self, connectors: Result<Connectors, ConnectError>) {
        match connectors {
            Ok(connectors) => {
                connect::findings(&connectors).into_iter().for_each(|finding| self.tell(finding));
                self.found.connectors = Some(connectors.mirrors.iter().map(Into::into).collect());
            }
            Err(error) => self.tell(Finding::missing(connect::PART, &error)),
        }
    }

    /// The queries, the level before the load, and whether the plan can be judged by them.
    async fn observed(&mut self, observer: &Observer, start: Start) {
        let settings = self.settings;
        let ahead = observer.clock_ahead();
        let text = format!(
            "{} answers; its clock is {ahead:+.1} s from this machine's",
            settings.prometheus.address()
        );
        self.tell(Finding::good("prometheus", text));
        for query in observer.checks() {
            self.tell(match (query.series, query.cautions.as_slice()) {
                (0, []) => Finding::doubtful("query", format!("{query}\n  {NOTHING_YET}")),
                (_, []) => Finding::good("query", query.to_string()),
                (_, _) => Finding::doubtful("query", query.to_string()),
            });
        }
        let signals = observer.signals().cloned().chain([lag()]).collect();
        if let Err(error) = settings.plan.plan(signals) {
            self.tell(Finding::missing("plan", &error));
        }
        let hosts = hosts::findings(observer, settings.bytes()).await;
        hosts.into_iter().for_each(|(_is_known, finding)| self.tell(finding));
        let level = level(observer, start).await;
        self.tell(backlog(level, settings.plan.recovery.floor));
    }
}

/// What is wrong, without the part that the finding names.
pub(crate) fn cause(error: &PreflightError) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

fn described(settings: &Settings, view: &ClusterView) -> String {
    let partitions: usize = view.topics.iter().map(|topic| topic.partitions).sum();
    let (bootstrap, topics) = (&settings.source.bootstrap, view.topics.len());
    format!("{bootstrap} answers; {topics} topics with {partitions} partitions")
}

fn watched(settings: &Settings, probe: &Probe) -> Finding {
    let (bootstrap, topics) = (&settings.target.bootstrap, settings.topics.len());
    match probe.absent().as_slice() {
        [] => Finding::good("target", format!("{bootstrap} answers; {topics} topics can be read")),
        absent => Finding::doubtful(
            "target",
            format!(
                "{bootstrap} answers; {} of {topics} topics are not there yet ({}): the canaries make them, or \
                 [replication] names them otherwise than the replication does",
                absent.len(),
                absent.join(", ")
            ),
        ),
    }
}

fn crossed(settings: &Settings, crossing: &Crossing) -> Finding {
    let known = match crossing.identity(&settings.payload) {
        Ok(Identity::Header) => "header",
        Ok(Identity::Payload) => "payload",
        Err(lost) => return Finding::missing("replication", &lost),
    };
    let millis = |(shortest, longest): (Duration, Duration)| {
        format!("in {} to {} ms", shortest.as_millis(), longest.as_millis())
    };
    let took = crossing.extremes().map_or_else(String::new, millis);
    Finding::good(
        "replication",
        format!("one canary for each partition crossed {took}, known by its {known}"),
    )
}

/// Active Records as they stand before the load.
async fn level(observer: &Observer, start: Start) -> Option<f64> {
    let mut readings = observer.sample(start.elapsed());
    let mut level = None;
    while let Some(Observed { reading: Reading { signal, sample }, .. }) = readings.next().await {
        if let (true, Sample::Present { points, .. }) = (signal == catalog::ACTIVE_RECORDS, sample) {
            level = points.iter().map(|point| point.value).reduce(f64::max);
        }
    }
    level
}

fn backlog(level: Option<f64>, floor: u64) -> Finding {
    let signal = catalog::ACTIVE_RECORDS;
    match level {
        None => Finding::doubtful(
            "backlog",
            format!("{signal} has no value now, so that only the canaries can tell of a backlog"),
        ),
        Some(level) if level < floor as f64 => {
            Finding::good("backlog", format!("{signal} stands at {level:.0} before the load"))
        }
        Some(level) => Finding::doubtful(
            "backlog",
            format!(
                "{signal} stands at {level:.0} before the load, not below the plan's floor of {floor}: others write, or \
                 a backlog is left"
            ),
        ),
    }
}

const NOTHING_YET: &str = "nothing to judge now: a rate needs two scrapes and an idle replication shows none; check again while it works";

/// How long the canaries may take.
const PATIENCE: Duration = Duration::from_secs(60);
