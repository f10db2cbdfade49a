//! The plan that a text becomes, by which a campaign is judged.

use ramp_core::{
    criterion::{Criterion, Severity},
    plan::{EvidenceRules, LatencyCeiling, Plan, PlanDraft, PlanErrors, Recovery, Tier},
    signal::{Signal, SignalId, Unit},
};

use super::{CriterionText, PlanText, RecoveryText};
use crate::config::{span::Span, threshold::Threshold};

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
    /// The plan over `signals`, its latencies bounded by `ceiling` where nobody sees records arrive.
    ///
    /// # Errors
    /// When a threshold has another unit than its signal, or the plan is faulty.
    pub fn plan(&self, signals: Vec<Signal>, ceiling: Option<LatencyCeiling>) -> Result<Plan, PlanTextError> {
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
        let mut evidence = EvidenceRules::default();
        evidence.lateness = self.evidence.map_or(evidence.lateness, |own| own.lateness.get());
        let draft = PlanDraft {
            name: self.name.clone(),
            signals,
            warmup: self.warmup.map(Span::get),
            tiers,
            recovery: Recovery { minimum: minimum.get(), floor, give_up: give_up.get() },
            evidence,
            recommended: self.recommended,
            budget: self.budget.map(Span::get),
            ceiling,
            refine: self.refine,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ramp_observe::catalog;

    use super::{super::EvidenceText, *};

    fn built_in() -> PlanText {
        PlanText::built_in().unwrap()
    }

    #[test]
    fn a_plan_may_let_the_generator_be_later_than_usual() {
        let lateness = |plan: &PlanText| {
            let gauge = |id| Signal::gauge(id, Unit::Count, "", Duration::from_secs(5));
            let signals = plan.signals().into_iter().map(gauge).collect();
            PlanText { criteria: Vec::new(), ..plan.clone() }
                .plan(signals, None)
                .map(|plan| plan.evidence().lateness)
        };
        let mut plan = built_in();
        plan.tiers.iter_mut().for_each(|tier| tier.criteria.clear());
        assert_eq!(lateness(&plan).unwrap(), Duration::from_millis(100));
        plan.evidence = Some(EvidenceText { lateness: "500ms".parse().unwrap() });
        assert_eq!(lateness(&plan).unwrap(), Duration::from_millis(500));
    }

    #[test]
    fn a_plan_may_begin_with_a_warmup() {
        let plan = |text: &str| -> Plan {
            let mut plan: PlanText = toml::from_str(&format!("{text}\n{}", PlanText::BUILT_IN)).unwrap();
            plan.criteria.clear();
            plan.tiers.iter_mut().for_each(|tier| tier.criteria.clear());
            plan.plan(Vec::new(), None).unwrap()
        };
        assert_eq!(plan("").warmup(), None);
        assert_eq!(plan("warmup = '30s'").warmup(), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_threshold_in_another_unit_and_a_misspelt_key_are_named() {
        let text = PlanText::BUILT_IN.replace(">= 200 ms", ">= 200 %");
        let plan: PlanText = toml::from_str(&text).unwrap();
        let latency = catalog::find("mm2.latency_avg").unwrap();
        let signal = Signal {
            id: latency.id,
            unit: latency.unit,
            fold: latency.fold,
            source: String::new(),
            interval: Duration::from_secs(5),
            window: Duration::ZERO,
            memory: Duration::ZERO,
            optional: false,
        };
        let error = plan.plan(vec![signal], None).unwrap_err().to_string();
        assert!(error.contains("mm2.latency_avg") && error.contains(">= 200 %"), "{error}");

        let misspelt = PlanText::BUILT_IN.replace("give_up", "giveup");
        let error = toml::from_str::<PlanText>(&misspelt).unwrap_err().to_string();
        assert!(error.contains("line") && error.contains("giveup"), "{error}");
    }
}
