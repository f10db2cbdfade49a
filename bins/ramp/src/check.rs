//! `ramp check`: everything that a campaign needs, each part looked at although another is missing. It writes one canary
//! to each partition that a campaign would load, and nothing else.

pub(crate) mod connect;
mod found;
pub(crate) mod hosts;
pub(crate) mod topics;

use std::{convert::Infallible, error::Error, time::Duration};

use futures_util::{StreamExt, future::OptionFuture};
use ramp_load::{
    client_config::ClusterConfig,
    clock::Clock,
    cluster::ClusterView,
    probe::{
        Probe,
        canary::{Canaries, Crossing},
    },
    stamp::{Identity, RunId},
};
use ramp_observe::{Observed, Observer, catalog, connect::ConnectError};
use tokio::time::interval;

pub(crate) use self::found::Finding;
use self::found::Found;
use crate::{
    claim::Claim,
    cli::{CheckArgs, Output},
    components::{Components, Connectors},
    config::resolve::{Settings, dashboards_ceiling},
    console,
    driver::{Counted, Start},
    error::CommandError,
    exit::Exit,
    preflight::{self, PreflightError},
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
            OptionFuture::from(settings.target.as_ref().map(async |target| {
                (target, preflight::watch(target, &target_topics, clock, run).await)
            })),
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
            Some((cluster, Ok(probe))) => watched(cluster, &settings.topics, probe),
            Some((_, Err(error))) => Finding::missing("target", &cause(error)),
            None => Finding::doubtful("target", UNREAD.to_owned()),
        });
        let read = target.as_ref().and_then(|(cluster, answered)| answered.is_ok().then_some(*cluster));
        self.topics(source.is_ok().then_some(&settings.source), read).await;
        if let Some(connectors) = connectors {
            self.connectors(connectors.map(|(_, found)| found));
        }
        match &observer {
            Ok(observer) => self.observed(observer).await,
            Err(error) => self.tell(Finding::missing("prometheus", &cause(error))),
        }
        let unsent = |why: &str| Finding::missing("replication", &format!("{why}; nothing was sent"));
        let needs = if settings.target.is_some() { "needs both clusters" } else { "needs the source" };
        let Ok(view) = source else { return self.tell(unsent(needs)) };
        // No canary may cross beside another campaign's records.
        let claim = match Claim::on(&view.id) {
            Ok(claim) => claim,
            Err(error) => return self.tell(unsent(&error.to_string())),
        };
        let canaries = Canaries::new(settings.source.clone(), run, clock, view.topics);
        match (&target, &observer) {
            (Some((_, Ok(probe))), _) => self.see(&canaries, probe).await,
            (None, Ok(observer)) => self.count(&canaries, observer, start).await,
            (Some((_, Err(_))), _) => self.tell(unsent(needs)),
            (None, Err(_)) => self.tell(unsent("needs Prometheus, which counts what arrives")),
        }
        drop(claim);
    }

    /// Whether the canaries cross, as a probe sees it.
    async fn see(&mut self, canaries: &Canaries, probe: &Probe) {
        match canaries.cross(probe, PATIENCE).await {
            Ok(crossing) => {
                self.tell(crossed(self.settings, &crossing));
                self.found.canaries = Some(crossing.canaries.iter().map(Into::into).collect());
            }
            Err(error) => self.tell(Finding::missing("replication", &error)),
        }
    }

    /// Whether the canaries cross, as the replication counts them.
    async fn count(&mut self, canaries: &Canaries, observer: &Observer, start: Start) {
        let ceiling = dashboards_ceiling();
        let signal = ceiling.arrivals.clone();
        let counted = Counted::by(ceiling);
        let crossed = tokio::select! {
            crossed = counted.cross(canaries, PATIENCE) => crossed,
            never = self.keep_reading(observer, start, &counted) => match never {},
        };
        self.tell(match crossed {
            Ok(_scraped) => Finding::good(
                "replication",
                format!("{signal} counted as many records as canaries were sent, one to each partition"),
            ),
            Err(error) => Finding::missing("replication", &error),
        });
    }

    async fn keep_reading(&self, observer: &Observer, start: Start, counted: &Counted) -> Infallible {
        let mut sampling = interval(self.settings.sampling);
        loop {
            sampling.tick().await;
            let mut readings = observer.sample(start.elapsed());
            while let Some(Observed { reading, .. }) = readings.next().await {
                counted.take(&reading);
            }
        }
    }

    /// How the clusters that answered keep the topics.
    async fn topics(&mut self, source: Option<&ClusterConfig>, target: Option<&ClusterConfig>) {
        let kept = topics::kept(self.settings, source, target).await;
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
    async fn observed(&mut self, observer: &Observer) {
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
        let signals = preflight::signals(settings, observer);
        if let Err(error) = settings.plan.plan(signals, settings.ceiling()) {
            self.tell(Finding::missing("plan", &error));
        }
        let hosts = hosts::findings(observer, settings.bytes()).await;
        hosts.into_iter().for_each(|(_is_known, finding)| self.tell(finding));
        let level = observer.level(&catalog::ACTIVE_RECORDS).await;
        self.tell(match level {
            Ok(level) => backlog(level, settings.plan.recovery.floor),
            Err(error) => Finding::doubtful("backlog", format!("not known: {error}")),
        });
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

fn watched(target: &ClusterConfig, topics: &[String], probe: &Probe) -> Finding {
    let (bootstrap, topics) = (&target.bootstrap, topics.len());
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

const UNREAD: &str = "is not read (replication.arrivals = \"counted\"): a p99 is at best known to be below its bound, and one record \
                      beyond it makes its tier INCONCLUSIVE; the workers' clocks have to agree with this machine's";

/// How long the canaries may take.
const PATIENCE: Duration = Duration::from_secs(60);
