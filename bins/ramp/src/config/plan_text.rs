//! A plan as it is written in TOML, and what it becomes.

mod soundness;

use std::{collections::BTreeSet, path::Path, time::Duration};

use ramp_core::{
    criterion::{Criterion, Severity},
    plan::{EvidenceRules, LatencyCeiling, Plan, PlanDraft, PlanErrors, Recovery, Refine, Tier},
    signal::{Signal, SignalId, Unit},
    units::{Rate, Ratio},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfigError, schema, span::Span, threshold::Threshold};
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
    #[serde(default = "usual_step")]
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

/// A tier that a plan has not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan has no tier {name:?}; it has {known}")]
pub struct NoTier {
    name: String,
    known: String,
}

/// Why a ramp cannot go on beyond its last tier.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoExtension {
    /// The rate to go on to is none of a further tier.
    #[error("the plan's last tier has {last} already; give a higher rate, or none")]
    NotAbove {
        /// The rate to go on to.
        to: Rate,
        /// The last tier's.
        last: Rate,
    },
    /// The steps are so small that the ramp would hardly end.
    #[error("steps of {by} are too small; give at least 5 % (0.05), and refine for a closer answer")]
    TooFine {
        /// The share.
        by: Ratio,
    },
}

impl NoExtension {
    /// The value that is wrong.
    pub(super) fn value(self) -> String {
        match self {
            Self::NotAbove { to, .. } => to.to_string(),
            Self::TooFine { by } => by.get().to_string(),
        }
    }
}

impl ExtendText {
    /// Up to `to`, by the usual steps.
    #[must_use]
    pub const fn to(to: Rate) -> Self {
        Self { to, by: USUAL_STEP }
    }
}

impl PlanText {
    /// The built-in plan: the form's five tiers.
    pub const BUILT_IN: &str = include_str!("../../plans/phase4.toml");

    /// The name by which a configuration asks for the built-in plan.
    pub const BUILT_IN_NAME: &str = "phase4";

    /// The built-in plan.
    ///
    /// # Errors
    /// When it is none, which its tests rule out.
    pub fn built_in() -> Result<Self, ConfigError> {
        super::parse(Self::BUILT_IN, Path::new("built-in plan phase4"))
    }

    /// The built-in plan called `name`, or the one in the file of that name, relative to `folder`.
    ///
    /// # Errors
    /// When there is no such file, or it is no plan.
    pub fn load(name: &str, folder: &Path) -> Result<Self, ConfigError> {
        if name == Self::BUILT_IN_NAME {
            return Self::built_in();
        }
        super::read(&folder.join(name))
    }

    /// Keeps only the tiers that `wanted` names: `P2`, `P1,P3` or `P1..P3`, from one to another.
    ///
    /// # Errors
    /// The first name that no tier has.
    pub fn keep_tiers(&mut self, wanted: &str) -> Result<(), NoTier> {
        let place = |name: &str| {
            let known = self.tiers.iter().position(|tier| tier.name == name);
            let names = || self.tiers.iter().map(|tier| tier.name.as_str()).collect::<Vec<_>>().join(", ");
            known.ok_or_else(|| NoTier { name: name.to_owned(), known: names() })
        };
        let mut kept = BTreeSet::new();
        for part in wanted.split(',').map(str::trim) {
            let (first, last) = part.split_once("..").unwrap_or((part, part));
            kept.extend(place(first)?..=place(last)?);
        }
        let mut at = 0..;
        self.tiers.retain(|_| at.next().is_some_and(|place| kept.contains(&place)));
        Ok(())
    }

    /// Has the limit searched for, to 5 % where the plan does not say how closely.
    pub fn search(&mut self) {
        const USUAL: Ratio = Ratio::new(0.05).expect("5 % is a ratio");
        self.refine.get_or_insert(Refine { resolution: USUAL });
    }

    /// Writes out the tiers by which the ramp goes on: like the last one, at rates that rise by the same share each.
    ///
    /// # Errors
    /// When there is no rate to go on to.
    pub fn write_out(&mut self) -> Result<(), NoExtension> {
        let (Some(extend), Some(last)) = (self.extend.take(), self.tiers.last().cloned()) else {
            return Ok(());
        };
        let ExtendText { to, by } = extend;
        if to <= last.rate {
            return Err(NoExtension::NotAbove { to, last: last.rate });
        }
        if by < LEAST_STEP {
            return Err(NoExtension::TooFine { by });
        }
        let added = last.rate.rising_to(to, by).zip(1_u32..);
        let added = added.map(|(rate, number)| TierText { name: format!("E{number}"), rate, ..last.clone() });
        self.tiers.extend(added);
        Ok(())
    }

    /// How many records the tiers have together; the search for the limit comes on top.
    #[must_use]
    pub fn records(&self) -> u64 {
        let records = self.tiers.iter().map(|tier| tier.rate.records_in(tier.hold.get()));
        records.fold(0, u64::saturating_add)
    }

    /// How long the tiers and their recoveries take at least.
    #[must_use]
    pub fn least_duration(&self) -> Duration {
        self.duration(self.recovery.minimum.get())
    }

    /// How long the tiers and their recoveries take at most, where each runs to its end.
    #[must_use]
    pub fn most_duration(&self) -> Duration {
        self.duration(self.recovery.give_up.get().max(self.recovery.minimum.get()))
    }

    /// How long the tiers take with a recovery of that length after each.
    fn duration(&self, recovery: Duration) -> Duration {
        let tiers = self.tiers.iter().map(|tier| tier.hold.get().saturating_add(recovery));
        tiers.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// Every signal that a criterion of the plan refers to.
    #[must_use]
    pub fn signals(&self) -> BTreeSet<SignalId> {
        let own = self.tiers.iter().flat_map(|tier| &tier.criteria);
        self.criteria.iter().chain(own).map(|criterion| criterion.signal.clone()).collect()
    }

    /// Replaces every name that a criterion has for its signal by the signal's own, as `find` knows it.
    ///
    /// # Errors
    /// The first name that `find` does not know.
    pub fn name_signals<E>(&mut self, find: impl Fn(&str) -> Result<SignalId, E>) -> Result<(), (String, E)> {
        let own = self.tiers.iter_mut().flat_map(|tier| &mut tier.criteria);
        for criterion in self.criteria.iter_mut().chain(own) {
            let name = criterion.signal.as_str();
            criterion.signal = if name.eq_ignore_ascii_case(SignalId::LAG.as_str()) {
                SignalId::LAG
            } else {
                find(name).map_err(|error| (name.to_owned(), error))?
            };
        }
        Ok(())
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

/// By which share each rate is above the one before, where a plan does not say.
const USUAL_STEP: Ratio = Ratio::new(0.5).expect("a half is a ratio");

const LEAST_STEP: Ratio = Ratio::new(0.05).expect("5 % is a ratio");

const fn usual_step() -> Ratio {
    USUAL_STEP
}

#[cfg(test)]
mod tests {
    use ramp_core::{criterion::Comparison, signal::Fold};
    use ramp_observe::catalog;

    use super::*;

    const FORM: &str = include_str!("../../../../fixtures/seed/phase4-montee-en-charge.md");

    fn built_in() -> PlanText {
        PlanText::built_in().unwrap()
    }

    #[test]
    fn a_plan_goes_on_by_tiers_like_its_last_up_to_a_rate() {
        let mut plan = built_in();
        let last = plan.tiers.last().cloned().unwrap();
        assert_eq!(plan.write_out(), Ok(()));
        assert_eq!(plan, built_in(), "only where it says so");
        plan.extend = Some(toml::from_str("to = 30_000").unwrap());
        assert_eq!(plan.write_out(), Ok(()));
        let added: Vec<_> =
            plan.tiers.iter().skip(5).map(|tier| (tier.name.as_str(), tier.rate.get())).collect();
        assert_eq!(added, [("E1", 15_000), ("E2", 22_500), ("E3", 30_000)]);
        let like_it = |tier: &TierText| tier.p99 == last.p99 && tier.criteria == last.criteria;
        assert!(plan.tiers.iter().skip(5).all(like_it), "{plan:?}");
        let refused = ["to = 30_000", "to = 99_000\nby = 0.01"].map(|text| {
            plan.extend = Some(toml::from_str(text).unwrap());
            plan.write_out().unwrap_err().to_string()
        });
        assert_eq!(
            refused,
            [
                "the plan's last tier has 30000/s already; give a higher rate, or none",
                "steps of 1 % are too small; give at least 5 % (0.05), and refine for a closer answer"
            ]
        );
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
    fn tiers_are_chosen_by_name_and_from_one_to_another() {
        let kept = |wanted: &str| {
            let mut plan = built_in();
            plan.keep_tiers(wanted).map(|()| plan.tiers.into_iter().map(|tier| tier.name).collect::<Vec<_>>())
        };
        assert_eq!(kept("P2"), Ok(vec!["P2".to_owned()]));
        assert_eq!(kept("P4, P1..P2").unwrap(), ["P1", "P2", "P4"]);
        assert_eq!(kept("P3..P1").unwrap(), [""; 0], "nothing lies between them");
        let error = kept("P1,P9").unwrap_err().to_string();
        assert_eq!(error, r#"the plan has no tier "P9"; it has P1, P2, P3, P4, P5"#);
    }

    #[test]
    fn the_built_in_plan_knows_what_it_writes_and_how_long_it_takes() {
        let plan = built_in();
        assert_eq!(plan.records(), 26_000 * 300);
        assert_eq!(plan.least_duration(), Duration::from_secs(5 * (300 + 120)));
        assert_eq!(plan.most_duration(), Duration::from_secs(5 * (300 + 600)));
    }

    #[test]
    fn a_plan_beyond_all_measure_writes_the_most_there_is_and_not_nearly_nothing() {
        let mut plan = built_in();
        plan.tiers.iter_mut().for_each(|tier| {
            tier.rate = Rate::per_second(u32::MAX).unwrap();
            tier.hold = Span::new(Duration::MAX);
        });
        assert_eq!(plan.records(), u64::MAX);
        assert_eq!((plan.least_duration(), plan.most_duration()), (Duration::MAX, Duration::MAX));
    }

    /// The cells of the form's table under `head`, row by row.
    fn table(head: &str) -> Vec<Vec<String>> {
        let rows = FORM.lines().skip_while(|line| !line.starts_with(head)).skip(2);
        let rows = rows.take_while(|line| line.starts_with('|'));
        let cells =
            |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().replace("**", "")).collect();
        rows.map(cells).collect()
    }

    /// `<200ms`, `<1s`, `> 70%`, `> 10000`: the number, in milliseconds where it is a time.
    fn number(cell: &str) -> f64 {
        let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
        let seconds = cell.ends_with('s') && !cell.ends_with("ms");
        digits.parse::<f64>().unwrap() * if seconds { 1_000.0 } else { 1.0 }
    }

    fn threshold(
        criteria: &[CriterionText],
        signal: &SignalId,
        severity: Severity,
    ) -> Option<(Comparison, f64)> {
        let criterion = criteria.iter().find(|criterion| criterion.signal == *signal)?;
        let threshold = match severity {
            Severity::Warning => criterion.warning.as_ref()?,
            Severity::Stop => criterion.stop.as_ref()?,
        };
        Some((threshold.comparison, threshold.bound))
    }

    #[test]
    fn the_tiers_are_the_form_s_cell_by_cell() {
        let plan = built_in();
        let rows = table("| Palier | Débit (msg/s) |");
        assert_eq!(rows.len(), plan.tiers.len());
        for (row, tier) in rows.iter().zip(&plan.tiers) {
            let [name, rate, hold, p99] = row.as_slice() else { panic!("{row:?}") };
            assert_eq!(*name, tier.name);
            assert_eq!(rate.replace(' ', ""), tier.rate.get().to_string());
            assert_eq!(hold.replace(' ', ""), format!("{}min", tier.hold.get().as_secs() / 60));
            let bound = p99.split('<').nth(1).unwrap().replace(" (SLO)", "");
            assert_eq!(number(&bound), tier.p99.get().as_millis() as f64, "{name}");
        }
    }

    #[test]
    fn the_ok_columns_are_the_form_s_cell_by_cell() {
        let plan = built_in();
        for (row, signal) in
            table("| Panel | P1 OK |").iter().zip([catalog::LATENCY_AVG, catalog::LATENCY_MAX])
        {
            assert_eq!(catalog::find(&row[0]).unwrap().id, signal);
            for (cell, tier) in row.iter().skip(1).zip(&plan.tiers) {
                let expected = Some((Comparison::AtLeast, number(cell)));
                assert_eq!(
                    threshold(&tier.criteria, &signal, Severity::Warning),
                    expected,
                    "{} {cell}",
                    tier.name
                );
            }
        }
    }

    #[test]
    fn the_thresholds_are_the_form_s_cell_by_cell() {
        let plan = built_in();
        let mut rows = table("| Panel | Seuil Warning |");
        let second = FORM.split("Node-Eporter.json").nth(1).unwrap();
        let node = second.lines().filter(|line| line.starts_with("| CPU") || line.starts_with("| Memory"));
        rows.extend(
            node.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()),
        );
        assert_eq!(rows.len(), 5);
        for row in rows {
            let signal = catalog::find(&row[0]).unwrap().id;
            for (cell, severity) in [(&row[1], Severity::Warning), (&row[2], Severity::Stop)] {
                let expected = Some((Comparison::Above, number(cell)));
                assert_eq!(threshold(&plan.criteria, &signal, severity), expected, "{signal} {cell}");
            }
        }
        let disk = threshold(&plan.criteria, &catalog::HOST_DISK_BUSY, Severity::Stop);
        assert_eq!(disk, None, "what is visible is a warning, never a stop");
    }

    #[test]
    fn the_rest_of_the_form_is_in_the_plan() {
        let plan = built_in();
        assert!(
            FORM.contains("**Durée** : 45 minutes")
                && plan.budget == Some(Span::new(Duration::from_secs(2_700)))
        );
        assert!(
            FORM.contains("Attendre 2 min") && plan.recovery.minimum == Span::new(Duration::from_secs(120))
        );
        assert!(FORM.contains("Temps récup à <1000") && plan.recovery.floor == 1_000);
        assert!(FORM.contains("70% de la capacité max") && plan.recommended == Ratio::new(0.7).unwrap());
        assert!(FORM.contains("--num-topics 10") && plan.load.topics == 10);
    }

    #[test]
    fn the_built_in_plan_is_sound_over_the_catalogue() {
        let signal = |id: SignalId, unit, fold| Signal {
            id,
            unit,
            fold,
            source: String::new(),
            interval: Duration::from_secs(5),
            window: Duration::from_secs(30),
            memory: Duration::ZERO,
            optional: false,
        };
        let known = catalog::entries().into_iter().map(|entry| signal(entry.id, entry.unit, entry.fold));
        let signals = known.chain([signal(SignalId::LAG, Unit::Records, Fold::Worst)]).collect();
        assert_eq!(built_in().plan(signals, None).unwrap().tiers().len(), 5);
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
