//! `ramp demo`: a whole campaign without Kafka.
//!
//! Only the two clusters and the replication between them are simulated, in this process: driver, producer, probe,
//! state machine, journal and reports are those of a real run.

mod clusters;
mod fault;
mod gauges;
mod mirror;
mod plan;

use std::time::Duration;

use jiff::Timestamp;
use ramp_core::{SCHEMA_VERSION, signal::Signal, units::Rate};
use ramp_load::{payload::Payload, probe::topics::ReplicationPolicy};
use ramp_report::{QueryFact, RunFacts};
use serde::{Deserialize, Serialize};

pub use self::fault::Fault;
use self::{
    clusters::{Clusters, SimulationError},
    gauges::GaugeSignals,
    mirror::{Mirror, MirrorSpec},
    plan::Pace,
};
use crate::{
    audience::Outlets,
    cli::{DemoArgs, Tell},
    config::{ConfigError, plan_text::PlanText},
    driver::{Means, Start},
    error::CommandError,
    exit::Exit,
    journal::Header,
    preflight::{Reached, lag},
    run::{Ready, begin, complete},
};

/// What is simulated: enough to simulate it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// How many records per second the replication carries.
    pub capacity: Rate,
    /// What goes wrong with it.
    pub fault: Option<Fault>,
    /// Whether the tiers are as short as they can be.
    pub fast: bool,
}

/// `ramp demo`: a campaign on a simulated replication.
pub(crate) fn run(args: &DemoArgs) -> Result<Exit, CommandError> {
    let simulation = Simulation::of(args);
    let tell = Tell {
        lang: args.lang,
        output: args.output,
        plain: args.plain,
        metrics: args.metrics,
        require: None,
    };
    eprintln!("ramp: {}", simulation.says());
    complete(async {
        let outlets = Outlets::open(args.metrics, None).await?;
        let replication = Replication::start(simulation)?;
        let begun = Timestamp::now();
        let ready = replication.ready(Start::now(), begun).await?;
        begin(ready, (&args.runs, NAME, begun), (tell, outlets)).await
    })
}

impl Simulation {
    fn of(args: &DemoArgs) -> Self {
        let pace = Pace::of(args.fast);
        let capacity = args.capacity.unwrap_or_else(|| pace.usual_capacity(args.fault));
        Self { capacity, fault: args.fault, fast: args.fast }
    }

    fn pace(self) -> Pace {
        Pace::of(self.fast)
    }

    /// What is simulated, so that nobody takes it for the truth about a cluster.
    fn says(self) -> String {
        let fault = self.fault.map_or_else(String::new, |fault| format!(" {fault}"));
        format!(
            "this is a SIMULATION: two mock clusters in this process, and between them a mirror that carries {} \
             records/s.{fault} Its figures say nothing about any real cluster; what measures and judges them is what \
             `ramp run` uses. The form's times are divided by {}.",
            self.capacity.get(),
            self.pace().divisor(),
        )
    }
}

/// The clusters and the mirror between them, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Replication {
    simulation: Simulation,
    plan: PlanText,
    topics: Vec<String>,
    target_topics: Vec<String>,
    // Its threads must be gone before the clusters are.
    mirror: Mirror,
    clusters: Clusters,
}

impl Replication {
    pub(crate) fn start(simulation: Simulation) -> Result<Self, CommandError> {
        let plan = plan::compressed(simulation.pace())?;
        let policy = ReplicationPolicy::Default { alias: "source".to_owned(), separator: ".".to_owned() };
        let topics: Vec<_> =
            (1..=plan.load.topics).map(|n| format!("simulated.generated-data-{n:02}.json")).collect();
        let target_topics: Vec<_> = topics.iter().map(|topic| policy.target_topic(topic)).collect();
        let clusters = Clusters::start(&topics, &target_topics)?;
        let spec = MirrorSpec {
            topics: topics.iter().cloned().zip(target_topics.iter().cloned()).collect(),
            capacity: simulation.capacity,
            fault: simulation.fault.map(|fault| plan::fault(&plan, fault)),
        };
        let mirror = Mirror::start(&clusters, spec)?;
        Ok(Self { simulation, plan, topics, target_topics, mirror, clusters })
    }

    /// A campaign over it.
    pub(crate) async fn ready(&self, start: Start, begun: Timestamp) -> Result<Ready, CommandError> {
        let (source, target) = (self.clusters.source(), self.clusters.target());
        let target = Some((&target, self.target_topics.as_slice()));
        let reached = Reached::connect((&source, &self.topics), target).await?;
        let Reached { run, clock, canaries, arrivals, cluster: _ } = reached;
        let signals = GaugeSignals::new(self.mirror.gauges(), SAMPLING);
        let facts = self.facts(signals.signals(), begun);
        let known = signals.signals().cloned().chain([lag()]).collect();
        let plan = self.plan.plan(known, None);
        let plan = plan.map_err(|source| ConfigError::Plan { name: self.plan.name.clone(), source })?;
        let means = Means {
            source,
            topics: self.topics.clone(),
            payload: Payload::Json,
            run,
            clock,
            canaries,
            arrivals,
            signals: Box::new(signals),
            sampling: SAMPLING,
            components: None,
        };
        let simulation = Some(self.simulation);
        let header = Header { schema_version: SCHEMA_VERSION, plan, facts, lang: None, simulation };
        Ok(Ready { start, means, header, claim: None })
    }

    fn facts<'a>(&self, signals: impl Iterator<Item = &'a Signal>, begun: Timestamp) -> RunFacts {
        let queries = signals.map(|signal| QueryFact {
            signal: signal.id.clone(),
            dashboard: "simulated".to_owned(),
            panel: "the mirror's own gauges".to_owned(),
            place: None,
            expression: signal.source.clone(),
            panel_expression: None,
            found: None,
            notes: Vec::new(),
        });
        let simulated = |bootstrap: String| format!("simulated ({bootstrap})");
        RunFacts {
            name: format!("SIMULATION (ramp demo), a mirror of {} records/s", self.simulation.capacity.get()),
            started: begun.to_string(),
            versions: [("ramp".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into(),
            source: simulated(self.clusters.source().bootstrap),
            target: simulated(self.clusters.target().bootstrap),
            prometheus: "none: the mirror's own gauges".to_owned(),
            grafana: None,
            queries: queries.collect(),
            variables: [].into(),
            topics: self.topics.clone(),
            payload: Payload::Json.to_string(),
            configuration: [].into(),
        }
    }
}

impl From<SimulationError> for CommandError {
    fn from(error: SimulationError) -> Self {
        Self::Simulation(Box::new(error))
    }
}

/// The run's name, a part of its folder's name.
const NAME: &str = "demo";

/// Short enough for tiers of a few seconds.
const SAMPLING: Duration = Duration::from_millis(500);
