//! The plan that is built in, which is the form's, and plans by their names.

use std::{fs, path::Path};

use super::PlanText;
use crate::config::{self, ConfigError};

impl PlanText {
    /// The built-in plan: the form's five tiers.
    pub const BUILT_IN: &str = include_str!("../../../plans/phase4.toml");

    /// The name by which a configuration asks for the built-in plan.
    pub const BUILT_IN_NAME: &str = "phase4";

    /// The built-in plan.
    ///
    /// # Errors
    /// When it is none, which its tests rule out.
    pub fn built_in() -> Result<Self, ConfigError> {
        config::parse(Self::BUILT_IN, Path::new("built-in plan phase4"))
    }

    /// The built-in plan called `name`, or the one in the file of that name, relative to `folder`.
    ///
    /// # Errors
    /// When that file cannot be read, or is no plan.
    pub fn load(name: &str, folder: &Path) -> Result<Self, ConfigError> {
        if name == Self::BUILT_IN_NAME {
            return Self::built_in();
        }
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => config::parse(&text, &path),
            Err(source) => Err(ConfigError::PlanFile { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ramp_core::{
        criterion::{Comparison, Severity},
        signal::{Fold, Signal, SignalId, Unit},
        units::Ratio,
    };
    use ramp_observe::catalog;

    use super::{super::CriterionText, *};
    use crate::config::span::Span;

    const FORM: &str = include_str!("../../../../../fixtures/seed/phase4-montee-en-charge.md");

    fn built_in() -> PlanText {
        PlanText::built_in().unwrap()
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
}
