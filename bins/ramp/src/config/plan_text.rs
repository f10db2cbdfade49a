//! A plan as it is written in TOML, and what it becomes.

use std::{collections::BTreeSet, path::Path};

use ramp_core::{
    criterion::{Criterion, Severity},
    plan::{EvidenceRules, Plan, PlanDraft, PlanErrors, Recovery, Tier},
    signal::{Signal, SignalId, Unit},
    units::{Rate, Ratio},
};
use serde::{Deserialize, Serialize};

use super::{ConfigError, span::Span, threshold::Threshold};

/// A plan as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanText {
    /// The plan's name.
    pub name: String,
    /// The share of the capacity recommended for production.
    pub recommended: Ratio,
    /// The time that the campaign is meant to take at most.
    pub budget: Option<Span>,
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

/// What follows each tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadText {
    /// How many topics are loaded.
    pub topics: u16,
    /// The payload: `json`, or `random:N` for N bytes that do not compress.
    pub payload: String,
}

/// The bounds on one signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriterionText {
    /// The signal.
    pub signal: SignalId,
    /// What is worth a warning.
    pub warning: Option<Threshold>,
    /// What stops the tier.
    pub stop: Option<Threshold>,
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierText {
    /// Its name.
    pub name: String,
    /// Its rate in records per second.
    pub rate: Rate,
    /// For how long the rate is held.
    pub hold: Span,
    /// What p99 must stay below.
    pub p99: Span,
    /// Criteria of this tier beside those of every tier.
    #[serde(default)]
    pub criteria: Vec<CriterionText>,
}

/// Why a plan's text does not become a [`Plan`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanTextError {
    /// A threshold in another unit than its signal's.
    #[error("criterion on {signal}: {text:?} is in another unit than the signal, which is in {unit:?}")]
    Unit {
        /// The signal.
        signal: SignalId,
        /// The threshold.
        text: String,
        /// The signal's unit.
        unit: Unit,
    },
    /// The plan is faulty.
    #[error(transparent)]
    Plan(#[from] PlanErrors),
}

impl PlanText {
    /// The built-in plan: the form's five tiers.
    pub const BUILT_IN: &str = include_str!("../../plans/phase4.toml");

    /// The name by which a configuration asks for the built-in plan.
    pub const BUILT_IN_NAME: &str = "phase4";

    /// The built-in plan called `name`, or the one in the file of that name, relative to `folder`.
    ///
    /// # Errors
    /// When there is no such file, or it is no plan.
    pub fn load(name: &str, folder: &Path) -> Result<Self, ConfigError> {
        if name == Self::BUILT_IN_NAME {
            return super::parse(Self::BUILT_IN, Path::new("built-in plan phase4"));
        }
        super::read(&folder.join(name))
    }

    /// Every signal that a criterion of the plan refers to.
    #[must_use]
    pub fn signals(&self) -> BTreeSet<SignalId> {
        let own = self.tiers.iter().flat_map(|tier| &tier.criteria);
        self.criteria.iter().chain(own).map(|criterion| criterion.signal.clone()).collect()
    }

    /// Turns every `stop` on the signals named by `prefix` into a warning.
    pub fn only_warn_on(&mut self, prefix: &str) {
        let own = self.tiers.iter_mut().flat_map(|tier| &mut tier.criteria);
        for criterion in self.criteria.iter_mut().chain(own) {
            if criterion.signal.as_str().starts_with(prefix)
                && let Some(stop) = criterion.stop.take()
            {
                criterion.warning.get_or_insert(stop);
            }
        }
    }

    /// The plan over `signals`.
    ///
    /// # Errors
    /// When a threshold has another unit than its signal, or the plan is faulty.
    pub fn plan(&self, signals: Vec<Signal>) -> Result<Plan, PlanTextError> {
        let mut tiers = Vec::with_capacity(self.tiers.len());
        for tier in &self.tiers {
            let mut criteria = Vec::new();
            for criterion in self.criteria.iter().chain(&tier.criteria) {
                criteria.extend(criterion.criteria(&signals)?);
            }
            tiers.push(Tier {
                name: tier.name.clone(),
                rate: tier.rate,
                hold: tier.hold.get(),
                p99_bound: tier.p99.get(),
                criteria,
            });
        }
        let RecoveryText { minimum, floor, give_up } = self.recovery;
        let draft = PlanDraft {
            name: self.name.clone(),
            signals,
            tiers,
            recovery: Recovery { minimum: minimum.get(), floor, give_up: give_up.get() },
            evidence: EvidenceRules::default(),
            recommended: self.recommended,
            budget: self.budget.map(Span::get),
        };
        Ok(Plan::new(draft)?)
    }
}

impl CriterionText {
    fn criteria(&self, signals: &[Signal]) -> Result<Vec<Criterion>, PlanTextError> {
        let thresholds = [(Severity::Warning, &self.warning), (Severity::Stop, &self.stop)];
        let thresholds = thresholds.into_iter().filter_map(|(severity, t)| Some((severity, t.as_ref()?)));
        thresholds.map(|(severity, threshold)| self.criterion(severity, threshold, signals)).collect()
    }

    fn criterion(
        &self,
        severity: Severity,
        threshold: &Threshold,
        signals: &[Signal],
    ) -> Result<Criterion, PlanTextError> {
        let signal = signals.iter().find(|signal| signal.id == self.signal);
        if let Some(signal) = signal
            && threshold.unit.is_some_and(|unit| unit != signal.unit)
        {
            let (signal, unit) = (signal.id.clone(), signal.unit);
            return Err(PlanTextError::Unit { signal, text: threshold.clone().into(), unit });
        }
        Ok(Criterion {
            signal: self.signal.clone(),
            comparison: threshold.comparison,
            bound: threshold.bound,
            severity,
            sustained: threshold.sustained,
        })
    }
}
