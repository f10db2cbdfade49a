//! Renders a campaign: the form's grid, the capacity, and what was found. Reads no clock, no network and no
//! environment; locale, width and colour are arguments.
//!
//! A [`Report`] holds everything and renders nothing; the renderers are siblings that give the same bytes for the
//! same report.

mod grid;
pub mod json;
mod locale;
pub mod markdown;
pub mod terminal;

use std::{collections::BTreeMap, time::Duration};

use ramp_core::{
    campaign::{Campaign, Stage},
    capacity::{Capacity, Refined},
    event::Ending,
    plan::Plan,
    signal::SignalId,
    tier_result::TierResult,
};
use serde::{Deserialize, Serialize};

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
    /// The tiers that have a final verdict, in order.
    pub tiers: Vec<TierResult>,
    /// The capacity, if a tier was GO.
    pub capacity: Option<Capacity>,
    /// The probes of the search for the limit that have a final verdict, in order.
    pub probes: Vec<TierResult>,
    /// What the search has found, once it has begun.
    pub refined: Option<Refined>,
    /// How long the campaign took, once it is over.
    pub took: Option<Duration>,
    /// By how much that was beyond the plan's budget.
    pub overrun: Option<Duration>,
    #[serde(skip)]
    columns: GridSignals,
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
    /// Every query that was asked.
    pub queries: Vec<QueryFact>,
    /// What the dashboards' template variables were resolved to.
    pub variables: BTreeMap<String, String>,
    /// The topics that were loaded.
    pub topics: Vec<String>,
    /// What each record carried.
    pub payload: String,
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
    /// The query, its variables resolved.
    pub expression: String,
    /// What is to be known about its readings: how the panel's expression was taken apart, and cautions.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Which signals fill the form's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridSignals {
    /// "Latence Avg".
    pub latency_avg: SignalId,
    /// "Latence Max".
    pub latency_max: SignalId,
    /// "CPU %".
    pub cpu: SignalId,
    /// The panel that calls itself lag, shown beside the true one.
    pub active_records: SignalId,
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
    /// The report of `campaign` as it stands, over or not.
    #[must_use]
    pub fn of(facts: RunFacts, campaign: &Campaign, columns: GridSignals) -> Self {
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
        Self {
            schema_version: SCHEMA_VERSION,
            facts,
            ending,
            capacity: Capacity::of(&tiers, plan.recommended()),
            tiers,
            probes: campaign.probes().to_vec(),
            refined: campaign.refined(),
            took: outcome.as_ref().map(|outcome| outcome.took),
            overrun: outcome.and_then(|outcome| outcome.overrun),
            plan,
            columns,
        }
    }

    /// The result of the plan's tier at `place`, once it has one.
    fn result(&self, place: usize) -> Option<&TierResult> {
        self.tiers.iter().find(|result| result.tier == place)
    }
}

/// Raised when a field changes in a way that older readers would take wrongly.
const SCHEMA_VERSION: u32 = 1;
