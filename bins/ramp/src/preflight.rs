//! What must hold before the first record: both clusters and Prometheus answer, the topics are there.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use ramp_core::{
    plan::LatencyCeiling,
    signal::{Fold, Signal, SignalId, Unit},
};
use ramp_load::{
    client_config::ClusterConfig,
    clock::Clock,
    cluster::{self, ClusterError, ClusterView, Survey, Timestamps, TopicSurvey},
    probe::{Probe, ProbeError, canary::Canaries},
    stamp::RunId,
};
use ramp_observe::{
    DashboardError, Dashboards, ObserveError, Observer, ObserverSpec, Parts, QueryCheck, QueryError,
    VariableError, catalog,
    connect::ConnectError,
    grafana::{Grafana, GrafanaConfig, GrafanaError},
};
use ramp_report::{PanelPlace, QueryFact, QueryFound, RunFacts};
use tokio::{
    runtime::Handle,
    task::{JoinError, spawn_blocking},
};

use crate::{
    check::{self, Finding},
    claim::{Claim, ClaimError},
    components::Components,
    config::resolve::{DashboardPlace, Settings, dashboards_ceiling},
    driver::{Arrivals, BEAT, Counted, Means, Start},
};

/// A campaign that may begin.
#[derive(Debug)]
pub struct Preflight {
    /// What it is driven with.
    pub means: Means,
    /// What its report says about it.
    pub facts: RunFacts,
    /// The signals that its criteria may refer to.
    pub signals: Vec<Signal>,
    /// Every query with what was found, how the replication's tasks stand, and what a person should know about either
    /// before relying on it.
    pub notes: Vec<String>,
    /// What holds off every other campaign on the source cluster.
    pub claim: Claim,
}

/// The clusters, reached: what shows that the path is clear, and what tells that records arrive.
pub(crate) struct Reached {
    pub(crate) run: RunId,
    pub(crate) clock: Clock,
    pub(crate) canaries: Canaries,
    pub(crate) arrivals: Arrivals,
    /// The source cluster's identity.
    pub(crate) cluster: String,
}

/// Why a campaign cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreflightError {
    /// The source cluster.
    #[error("source cluster: {0}")]
    Source(#[source] ClusterError),
    /// The target cluster.
    #[error("target cluster: {0}")]
    Target(#[source] ProbeError),
    /// The settings of the topics.
    #[error("topics: {0}")]
    Topics(#[source] ClusterError),
    /// The dashboards.
    #[error("dashboards: {0}")]
    Dashboards(#[from] DashboardError),
    /// Grafana, which has the dashboards.
    #[error("grafana: {0}")]
    Grafana(#[from] GrafanaError),
    /// Prometheus, or one of the queries.
    #[error("prometheus: {0}")]
    Observe(#[from] ObserveError),
    /// Kafka Connect.
    #[error("connect: {0}")]
    Connect(#[from] ConnectError),
    /// Active Records cannot be read.
    #[error("prometheus: {}: {source}", catalog::ACTIVE_RECORDS)]
    Level {
        /// Why.
        source: QueryError,
    },
    /// Active Records has no value.
    #[error(
        "{} has no value now, so that nobody knows of a backlog where the target is not read; let the replication's \
         worker be scraped, or the target be read",
        catalog::ACTIVE_RECORDS
    )]
    NoLevel,
    /// What should be the highest latency of the last minute may be any one.
    #[error(
        "{}: {expression:?} is no maximum by its name, which has to end in _max where the target is not read; bind the \
         signal to a panel of one under [signals]",
        catalog::LATENCY_MAX
    )]
    NoMaximum {
        /// What is asked.
        expression: String,
    },
    /// The replication's latencies would not count the time before a record was appended.
    #[error(
        "topic {topic} {how}: where the target is not read, latencies count from the record's own time, which has to be that \
         of its making (message.timestamp.type=CreateTime)"
    )]
    Stamped {
        /// A topic on the source.
        topic: String,
        /// How it stamps its records.
        how: &'static str,
    },
    /// Somebody else's records are under way, and nobody reads the target to tell them from the campaign's.
    #[error(
        "{} stands at {level:.0} before the load, not below the plan's floor of {floor}: others write, or a backlog is \
         left, which the dashboards cannot tell from the load's records; wait until it is gone, or let the target be read",
        catalog::ACTIVE_RECORDS
    )]
    Backlog {
        /// How many.
        level: f64,
        /// What the plan allows.
        floor: u64,
    },
    /// Another campaign loads the source cluster.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// A task of this program broke off.
    #[error("a task broke off: {0}")]
    Task(#[from] JoinError),
}

impl PreflightError {
    /// Whether what the user wrote is wrong, whatever the clusters and Prometheus do.
    pub(crate) const fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Dashboards(_)
                | Self::Grafana(
                    GrafanaError::Address { .. }
                        | GrafanaError::Login(_)
                        | GrafanaError::NoDashboard { .. }
                        | GrafanaError::NoPanels { .. }
                )
                | Self::NoMaximum { .. }
                | Self::Observe(
                    ObserveError::Configuration(_)
                        | ObserveError::Dashboard(_)
                        | ObserveError::Variable(VariableError::Unused { .. })
                        | ObserveError::Fold { .. }
                )
                | Self::Connect(ConnectError::Address { .. } | ConnectError::Login(_))
        )
    }
}

impl Preflight {
    /// Connects to everything that a campaign needs.
    ///
    /// # Errors
    /// The first thing that is not there, and what to do about it.
    pub async fn pass(settings: &Settings, start: Start, begun: Timestamp) -> Result<Self, PreflightError> {
        let target_topics = settings.target_topics();
        let source = (&settings.source, settings.topics.as_slice());
        let target = settings.target.as_ref().map(|target| (target, target_topics.as_slice()));
        let reached = Reached::connect(source, target).await?;

        let observer = observe(settings, start).await?;
        let signals = signals(settings, &observer);
        let facts = facts(settings, &observer, begun);
        let mut notes = notes(&observer);
        if settings.target.is_none() {
            let floor = settings.plan.recovery.floor;
            let level = observer.level(&catalog::ACTIVE_RECORDS).await;
            let level = level.map_err(|source| PreflightError::Level { source })?;
            match level {
                None => return Err(PreflightError::NoLevel),
                Some(level) if level >= floor as f64 => return Err(PreflightError::Backlog { level, floor }),
                Some(_) => {}
            }
            is_a_maximum(&observer)?;
            are_stamped_when_made(&survey(&settings.source, &settings.topics).await?)?;
        }
        let components = match &settings.connect {
            Some(config) => {
                let (components, found) = Components::find(config, &settings.topics).await?;
                notes.extend(check::connect::findings(&found).iter().map(Finding::note));
                Some(components)
            }
            None => None,
        };
        let (kept, hosts) = tokio::join!(
            check::topics::kept(settings, Some(&settings.source), settings.target.as_ref()),
            check::hosts::findings(&observer, settings.bytes()),
        );
        let known = hosts.into_iter().filter_map(|(is_known, finding)| is_known.then_some(finding));
        let doubtful = kept.findings.into_iter().chain(known).filter(Finding::is_doubtful);
        notes.extend(doubtful.map(|finding| format!("warning: {}", finding.note())));
        let Reached { run, clock, canaries, arrivals, cluster } = reached;
        let claim = Claim::on(&cluster)?;
        let means = Means {
            source: settings.source.clone(),
            topics: settings.topics.clone(),
            payload: settings.payload.clone(),
            run,
            clock,
            canaries,
            arrivals,
            signals: Box::new(observer),
            sampling: settings.sampling,
            components,
        };
        Ok(Self { means, facts, signals, notes, claim })
    }
}

impl Reached {
    /// Connects to the cluster that takes the load and to the one that the replication writes to, where that is read, each
    /// with its topics.
    pub(crate) async fn connect(
        (source, topics): (&ClusterConfig, &[String]),
        target: Option<(&ClusterConfig, &[String])>,
    ) -> Result<Self, PreflightError> {
        let (run, clock) = (RunId::random(), Clock::start());
        let ClusterView { id, topics } = describe(source, topics).await?;
        let arrivals = match target {
            Some((target, topics)) => Arrivals::Seen(watch(target, topics, clock, run).await?),
            None => Arrivals::Counted(Counted::by(dashboards_ceiling())),
        };
        let canaries = Canaries::new(source.clone(), run, clock, topics);
        Ok(Self { run, clock, canaries, arrivals, cluster: id })
    }
}

/// Describes the cluster that takes the load, and its topics.
pub(crate) async fn describe(
    source: &ClusterConfig,
    topics: &[String],
) -> Result<ClusterView, PreflightError> {
    let (source, topics) = (source.clone(), topics.to_vec());
    let described = spawn_blocking(move || cluster::describe(&source, &topics)).await?;
    described.map_err(PreflightError::Source)
}

/// How a cluster keeps `topics`, as far as they are there.
pub(crate) async fn survey(config: &ClusterConfig, topics: &[String]) -> Result<Survey, PreflightError> {
    let (config, topics) = (config.clone(), topics.to_vec());
    let runtime = Handle::current();
    let surveyed = spawn_blocking(move || runtime.block_on(cluster::survey(&config, &topics))).await?;
    surveyed.map_err(PreflightError::Topics)
}

/// Begins to read the cluster that the replication writes to.
pub(crate) async fn watch(
    target: &ClusterConfig,
    topics: &[String],
    clock: Clock,
    run: RunId,
) -> Result<Probe, PreflightError> {
    let (target, topics) = (target.clone(), topics.to_vec());
    let probe = spawn_blocking(move || Probe::connect(&target, clock, run, topics)).await?;
    probe.map_err(PreflightError::Target)
}

/// Asks each query once.
pub(crate) async fn observe(settings: &Settings, start: Start) -> Result<Observer, PreflightError> {
    let dashboards = match &settings.dashboards {
        DashboardPlace::BuiltIn => Dashboards::embedded()?,
        DashboardPlace::Files(path) => Dashboards::load(path)?,
        DashboardPlace::Grafana(config, named) => Grafana::new(config)?.dashboards(named, PATIENCE).await?,
    };
    let spec = ObserverSpec {
        dashboards: &dashboards,
        catalog: &settings.catalog,
        signals: &wanted(settings),
        topics: &settings.target_topics(),
        sampling: settings.sampling,
        start: start.calendar,
        now: start.elapsed(),
    };
    Ok(Observer::connect(&settings.prometheus, spec).await?)
}

/// How long Grafana may take for a dashboard.
const PATIENCE: Duration = Duration::from_secs(10);

/// The signals of the criteria, and those of the form's columns.
fn wanted(settings: &Settings) -> Vec<SignalId> {
    let columns = [catalog::LATENCY_AVG, catalog::LATENCY_MAX, catalog::ACTIVE_RECORDS, catalog::HOST_CPU];
    let mut wanted = settings.plan.signals();
    wanted.extend(columns);
    if let Some(LatencyCeiling { highest, arrivals, .. }) = settings.ceiling() {
        wanted.extend([highest, arrivals]);
    }
    wanted.remove(&SignalId::LAG);
    wanted.into_iter().collect()
}

/// The signals that criteria may refer to: those of the dashboards, and the true lag.
pub(crate) fn signals(settings: &Settings, observer: &Observer) -> Vec<Signal> {
    let mut signals: Vec<_> = observer.signals().cloned().collect();
    let counted =
        settings.ceiling().and_then(|ceiling| signals.iter().find(|one| one.id == ceiling.arrivals));
    signals.push(counted.map_or_else(lag, counted_lag));
    signals
}

/// The true lag, as the probe tells it.
pub(crate) fn lag() -> Signal {
    Signal {
        id: SignalId::LAG,
        unit: Unit::Records,
        fold: Fold::Worst,
        source: "probe: acknowledged on the source − seen on the target".to_owned(),
        interval: BEAT,
        window: Duration::ZERO,
        memory: Duration::ZERO,
        optional: false,
    }
}

/// The true lag, as a counter of `arrivals` tells it.
fn counted_lag(arrivals: &Signal) -> Signal {
    let source = format!("acknowledged on the source − counted by {}", arrivals.id);
    Signal { source, interval: arrivals.interval, ..lag() }
}

/// Whether what stands for the highest latency is one by its name: a value of one moment proves nothing of the others.
fn is_a_maximum(observer: &Observer) -> Result<(), PreflightError> {
    let check = observer.checks().iter().find(|check| check.signal == catalog::LATENCY_MAX);
    let expression = check.map_or("", |check| check.expression.as_str());
    let metric = expression.split('{').next().unwrap_or("").trim();
    let is_maximum = metric.ends_with("_max") && !metric.contains(|c: char| "()+-*/ ".contains(c));
    if is_maximum { Ok(()) } else { Err(PreflightError::NoMaximum { expression: expression.to_owned() }) }
}

/// Whether every topic of the source keeps the time at which a record was made.
fn are_stamped_when_made(survey: &Survey) -> Result<(), PreflightError> {
    for TopicSurvey { name, settings, .. } in &survey.topics {
        let how = match settings.map(|settings| settings.timestamps) {
            Some(Timestamps::Created) => continue,
            Some(Timestamps::Appended) => "stamps its records when they are appended (LogAppendTime)",
            None => "does not tell how it stamps its records; grant DescribeConfigs on it",
        };
        return Err(PreflightError::Stamped { topic: name.clone(), how });
    }
    Ok(())
}

/// Every query with what was found, and what a person should know about it before relying on its readings.
fn notes(observer: &Observer) -> Vec<String> {
    let clock = Some(observer.clock_ahead()).filter(|ahead| *ahead != 0.0).map(|ahead| {
        format!(
            "warning: the clock of Prometheus is {ahead:+.1} s from this machine's; times are corrected by that"
        )
    });
    clock.into_iter().chain(observer.checks().iter().map(ToString::to_string)).collect()
}

/// What the report says beside a query.
fn remarks(check: &QueryCheck) -> Vec<String> {
    let parts = Some(&check.parts).filter(|parts| matches!(parts, Parts::Series(_) | Parts::Sum(_)));
    parts.into_iter().map(ToString::to_string).chain(check.cautions.iter().map(ToString::to_string)).collect()
}

fn facts(settings: &Settings, observer: &Observer, begun: Timestamp) -> RunFacts {
    // The team's Grafana has the team's dashboards, not those of this program.
    let grafana = match settings.dashboards {
        DashboardPlace::BuiltIn => None,
        DashboardPlace::Files(_) | DashboardPlace::Grafana(..) => settings.grafana.as_ref(),
    };
    let queries = observer.checks().iter().map(|check| QueryFact {
        signal: check.signal.clone(),
        dashboard: check.dashboard.clone(),
        panel: check.panel.clone(),
        place: check.uid.clone().map(|uid| PanelPlace { uid, panel: check.panel_id }),
        expression: check.expression.clone(),
        panel_expression: Some(check.panel_expression.clone()).filter(|panel| *panel != check.expression),
        found: Some(QueryFound {
            series: check.series as u64,
            age: check.age,
            scrape: check.scrape,
            window: check.window,
        }),
        notes: remarks(check),
    });
    RunFacts {
        name: settings.name.clone(),
        started: begun.to_string(),
        versions: BTreeMap::from([("ramp".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        source: settings.source.bootstrap.clone(),
        target: settings
            .target
            .as_ref()
            .map_or_else(|| "not read".to_owned(), |target| target.bootstrap.clone()),
        prometheus: observer.address().to_owned(),
        grafana: grafana.map(GrafanaConfig::address),
        queries: queries.collect(),
        variables: observer.variables().clone(),
        topics: settings.topics.clone(),
        payload: settings.payload.to_string(),
        configuration: settings.shown(),
    }
}
