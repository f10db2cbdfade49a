//! Renders a campaign: the form's grid, the capacity, and what was found. Reads no clock, no network and no
//! environment; locale, width and colour are arguments.
//!
//! A [`Report`] holds everything and renders nothing; the renderers are siblings that give the same bytes for the
//! same report.

mod chart;
pub mod compare;
pub mod csv;
mod grid;
pub mod heat;
pub mod html;
pub mod json;
pub mod junit;
mod label;
pub mod limit;
mod locale;
pub mod markdown;
pub mod terminal;
pub mod timeline;
mod trace;

use std::{collections::BTreeMap, time::Duration};

use ramp_core::{
    campaign::{Campaign, Input, Stage, Warmup},
    capacity::{Capacity, Refined},
    event::Ending,
    plan::{Plan, Tier},
    signal::SignalId,
    tier_result::TierResult,
    units::Elapsed,
};
use serde::{Deserialize, Serialize};

use crate::{
    heat::Heat,
    limit::{Case, Likely},
    timeline::{Recording, Timeline},
    trace::Traces,
};

/// What a campaign came to, or has come to so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of the report's form.
    pub schema_version: u32,
    /// What the run was about.
    pub facts: RunFacts,
    /// The plan.
    pub plan: Plan,
    /// How the campaign ended; `None` where it was cut off or still runs.
    pub ending: Option<Ending>,
    /// What was loaded before the first tier, which no verdict is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
    /// The tiers that have a final verdict, in order.
    pub tiers: Vec<TierResult>,
    /// The capacity, if a tier was GO.
    pub capacity: Option<Capacity>,
    /// The probes of the search for the limit that have a final verdict, in order.
    pub probes: Vec<Probe>,
    /// What the search has found, once it has begun.
    pub refined: Option<Refined>,
    /// How long the campaign took, once it is over.
    pub took: Option<Duration>,
    /// By how much that was beyond the plan's budget.
    pub overrun: Option<Duration>,
    /// Why the tiers that did not pass did not: the parts that were likely the limit.
    pub limits: Vec<Likely>,
    /// What was measured over time.
    pub timeline: Timeline,
    /// The SHA-256 of the journal that it was made from, in hexadecimal, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_sha256: Option<String>,
    /// The SHA-256 of each log of latencies that lies beside the journal, in hexadecimal, by its file's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub latency_logs: BTreeMap<String, String>,
    /// The latencies over time that those logs hold, which a page draws; the logs themselves have every figure of it.
    #[serde(skip)]
    pub heat: Heat,
    #[serde(skip)]
    known: KnownSignals,
    /// Whether the replication told how its tasks stand.
    #[serde(skip)]
    knows_tasks: bool,
}

/// A probe of the search for the limit: a tier beyond those of the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    /// What was asked of it.
    pub tier: Tier,
    /// What it came to.
    pub result: TierResult,
}

/// What a report needs beside the campaign itself: fed with every input that the campaign is fed with, live or from a
/// journal. Its memory does not grow with the campaign's length.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorder {
    recording: Recording,
    traces: Traces,
    now: Elapsed,
}

impl Recorder {
    /// A recorder of a campaign over `plan` at its start.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self { recording: Recording::new(plan), traces: Traces::default(), now: Elapsed::START }
    }

    /// Takes in what happened at `at`; as for the campaign, time that runs backwards stands still.
    pub fn take(&mut self, at: Elapsed, input: &Input) {
        self.now = self.now.max(at);
        self.recording.take(self.now, input);
        self.traces.take(self.now, input);
    }
}

/// What a run was about, from outside the campaign. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The run's name.
    pub name: String,
    /// When it began, by RFC 3339.
    pub started: String,
    /// Versions of the programs that took part.
    pub versions: BTreeMap<String, String>,
    /// The source cluster's bootstrap servers.
    pub source: String,
    /// The target cluster's.
    pub target: String,
    /// The address of Prometheus.
    pub prometheus: String,
    /// That of the Grafana which has the dashboards, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grafana: Option<String>,
    /// Every query that was asked.
    pub queries: Vec<QueryFact>,
    /// What the dashboards' template variables were resolved to.
    pub variables: BTreeMap<String, String>,
    /// The topics that were loaded.
    pub topics: Vec<String>,
    /// What each record carried.
    pub payload: String,
    /// The configuration that the run had, by the keys of its file, a login as `***`; nothing in the journals of older
    /// versions, and where nothing was configured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configuration: BTreeMap<String, String>,
}

/// A query that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryFact {
    /// The signal.
    pub signal: SignalId,
    /// The dashboard's file.
    pub dashboard: String,
    /// The panel's title.
    pub panel: String,
    /// Where the team's Grafana has the panel, if it is known there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PanelPlace>,
    /// The query that was judged, its variables resolved.
    pub expression: String,
    /// What the panel itself asks, where that is another query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel_expression: Option<String>,
    /// What it found before the run; nothing in the journals of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<QueryFound>,
    /// What is to be known about its readings: how the panel's expression was taken apart, and cautions.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Where a Grafana has a panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanelPlace {
    /// The dashboard's uid.
    pub uid: String,
    /// The panel's id in it; nothing where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<i64>,
}

/// What a query found when it was asked before the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryFound {
    /// How many series it had; idle ones that a condition keeps out are not among them.
    pub series: u64,
    /// The age of the newest sample behind it; nothing where there was none.
    pub age: Option<Duration>,
    /// How often the samples behind it are scraped; nothing where that cannot be told.
    pub scrape: Option<Duration>,
    /// The longest time that a value looks back over; zero for a plain gauge.
    pub window: Duration,
}

/// Which of the plan's signals fill the form's columns, and which speak for a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSignals {
    /// "Latence Avg".
    pub latency_avg: SignalId,
    /// "Latence Max".
    pub latency_max: SignalId,
    /// "CPU %".
    pub cpu: SignalId,
    /// The panel that calls itself lag, shown beside the true one.
    pub active_records: SignalId,
    /// How full the worker's producer buffers are, in per cent.
    pub buffer: SignalId,
    /// How much of the workers' memory is in use, in per cent.
    pub memory: SignalId,
}

/// A language of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locale {
    /// French, as the form is.
    French,
    /// English.
    English,
}

impl Report {
    /// The report of `campaign` as it stands, over or not; `recorder` was told all that the campaign was.
    #[must_use]
    pub fn of(facts: RunFacts, campaign: &Campaign, recorder: &Recorder, known: KnownSignals) -> Self {
        let outcome = campaign.outcome();
        let ending = match campaign.stage() {
            Stage::Done { ending, .. } => Some(ending),
            Stage::Proving { .. }
            | Stage::Starting { .. }
            | Stage::Loading { .. }
            | Stage::Recovering { .. } => None,
        };
        let plan = campaign.plan().clone();
        let tiers = campaign.results().to_vec();
        let probes = campaign.probes().iter().filter_map(|result| {
            Some(Probe { tier: campaign.tier(result.tier)?.clone(), result: result.clone() })
        });
        let probes: Vec<_> = probes.collect();
        let limits = tiers.iter().chain(probes.iter().map(|probe| &probe.result)).flat_map(|result| {
            let trace = recorder.traces.of(result.tier);
            Case { result, trace, known: &known, plan: &plan }.limits()
        });
        let limits = limits.collect();
        Self {
            schema_version: SCHEMA_VERSION,
            facts,
            ending,
            warmup: campaign.warmed_up(),
            capacity: Capacity::of(&tiers, plan.recommended()),
            tiers,
            probes,
            refined: campaign.refined(),
            took: outcome.as_ref().map(|outcome| outcome.took),
            overrun: outcome.and_then(|outcome| outcome.overrun),
            limits,
            timeline: recorder.recording.timeline.clone(),
            journal_sha256: None,
            latency_logs: BTreeMap::new(),
            heat: Heat::default(),
            plan,
            known,
            knows_tasks: recorder.traces.components.are_told(),
        }
    }

    /// The tier that results call `index`: one of the plan, or a probe.
    fn tier(&self, index: usize) -> Option<&Tier> {
        let probe = || self.probes.iter().find(|probe| probe.result.tier == index).map(|probe| &probe.tier);
        self.plan.tiers().get(index).or_else(probe)
    }

    /// The results of the plan's tiers, then those of the probes.
    fn results(&self) -> impl Iterator<Item = &TierResult> {
        self.tiers.iter().chain(self.probes.iter().map(|probe| &probe.result))
    }

    /// The tiers and probes that have a final verdict, each with it.
    pub fn loads(&self) -> impl Iterator<Item = (&Tier, &TierResult)> {
        self.results().filter_map(|result| Some((self.tier(result.tier)?, result)))
    }

    /// The likely limits of the tier that results call `place`.
    fn limits_of(&self, place: usize) -> impl Iterator<Item = &Likely> {
        self.limits.iter().filter(move |likely| likely.tier == place)
    }

    /// The result of the plan's tier at `place`, once it has one.
    fn result(&self, place: usize) -> Option<&TierResult> {
        self.tiers.iter().find(|result| result.tier == place)
    }
}

/// Raised when a field changes in a way that older readers would take wrongly.
const SCHEMA_VERSION: u32 = 1;
