//! A plan as it is written in TOML, and what it becomes.

mod built_in;
mod judged;
mod signals;
mod soundness;
mod tiers;

use ramp_core::{
    plan::Refine,
    signal::SignalId,
    units::{Rate, Ratio},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    judged::PlanTextError,
    tiers::{NoExtension, NoTier},
};
use super::{schema, span::Span, threshold::Threshold};
use crate::lang::Lang;

/// A plan as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanText {
    /// The plan's name.
    pub name: String,
    /// The language of the report, unless the command line says otherwise.
    pub lang: Option<Lang>,
    /// The share of the capacity recommended for production.
    #[schemars(range(min = 0.0, max = 1.0), with = "f64")]
    pub recommended: Ratio,
    /// The time that the campaign is meant to take at most.
    pub budget: Option<Span>,
    /// For how long the first tier's rate is loaded before it, which no verdict is about; not at all where it is not said.
    pub warmup: Option<Span>,
    /// How the limit is searched for between the last tier that was GO and the one that was STOP.
    #[schemars(with = "Option<schema::RefineForm>")]
    pub refine: Option<Refine>,
    /// How far the ramp goes on where the last tier is GO.
    pub extend: Option<ExtendText>,
    /// What evidence must be, where the usual limits do not fit.
    pub evidence: Option<EvidenceText>,
    /// What follows each tier.
    pub recovery: RecoveryText,
    /// The load, where the configuration does not say otherwise.
    pub load: LoadText,
    /// Criteria of every tier.
    #[serde(default)]
    pub criteria: Vec<CriterionText>,
    /// The tiers.
    pub tiers: Vec<TierText>,
}

/// How far the ramp goes on beyond the tiers that are written out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendText {
    /// The rate of the last tier added.
    #[serde(with = "super::rate")]
    #[schemars(schema_with = "schema::rate")]
    pub to: Rate,
    /// By which share each rate is above the one before; a half where it is not said.
    #[serde(default = "tiers::usual_step")]
    #[schemars(range(min = 0.05, max = 1.0), with = "f64")]
    pub by: Ratio,
}

/// What evidence must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceText {
    /// The most that the 99th percentile of the generator's own lateness may be.
    pub lateness: Span,
}

/// What follows each tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryText {
    /// The least wait.
    pub minimum: Span,
    /// The lag below which the replication counts as recovered, in records.
    pub floor: u64,
    /// When to give up.
    pub give_up: Span,
}

/// The load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadText {
    /// How many topics are loaded.
    pub topics: u16,
    /// The payload: `json`, or `random:N` for N bytes that do not compress.
    pub payload: String,
}

/// The bounds on one signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CriterionText {
    /// The signal.
    #[schemars(with = "String")]
    pub signal: SignalId,
    /// What is worth a warning.
    pub warning: Option<Threshold>,
    /// What stops the tier.
    pub stop: Option<Threshold>,
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierText {
    /// Its name.
    pub name: String,
    /// Its rate in records per second.
    #[serde(with = "super::rate")]
    #[schemars(schema_with = "schema::rate")]
    pub rate: Rate,
    /// For how long the rate is held.
    pub hold: Span,
    /// What p99 must stay below.
    pub p99: Span,
    /// Criteria of this tier beside those of every tier.
    #[serde(default)]
    pub criteria: Vec<CriterionText>,
}
