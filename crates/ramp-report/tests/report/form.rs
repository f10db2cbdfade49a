//! The French Markdown against the form that people fill in by hand.

use ramp_report::{Locale, markdown};

use crate::journal::{JOURNALS, report};

const FORM: &str = include_str!("../../../../fixtures/seed/phase4-montee-en-charge.md");

/// The rows of the table whose head begins so, each with its cells.
fn table(text: &str, head: &str) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| !line.starts_with(head));
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn every_table_has_the_form_s_columns_and_rows() {
    for name in JOURNALS {
        let ours = markdown::render(&report(name), Locale::French);
        for head in ["| Palier | msg/s |", "| Palier | Lag max pendant |", "| Critère | Résultat |"] {
            let (form, ours) = (table(FORM, head), table(&ours, head));
            assert_eq!(form[0], ours[0], "{name}: {head}");
            assert_eq!(form.len(), ours.len(), "{name}: {head}");
            for (form, ours) in form.iter().zip(&ours).skip(2) {
                assert_eq!(form[0], ours[0], "{name}: the row's own name");
                assert_eq!(form.len(), ours.len(), "{name}: {ours:?}");
            }
        }
    }
}

#[test]
fn every_cell_of_the_grid_is_filled_as_the_form_s_column_asks() {
    for name in JOURNALS {
        let ours = markdown::render(&report(name), Locale::French);
        let (form, ours) = (table(FORM, "| Palier | msg/s |"), table(&ours, "| Palier | msg/s |"));
        for (form, ours) in form.iter().zip(&ours).skip(2) {
            assert_eq!(form[1], ours[1], "{name}: msg/s as the form writes it");
            for (column, unit) in [(2, " ms"), (3, " ms"), (4, ""), (5, " %")] {
                let cell = &ours[column];
                let number = cell.strip_suffix(unit).is_some_and(is_number);
                assert!(number || cell.starts_with("—[^"), "{name}: column {column}: {cell}");
            }
            let result = ours[6].trim_end_matches(" (non concluant)");
            assert_eq!(result.replace('☑', "☐"), form[6], "{name}: the boxes");
        }
    }
}

#[test]
fn the_results_stand_in_the_form_s_own_words() {
    let ours = markdown::render(&report("stop-at-p3"), Locale::French);
    let has = |line: &str| assert!(ours.lines().any(|ours| ours == line), "{line}\n{ours}");
    for line in FORM.lines().filter(|line| line.starts_with("### Capacité")) {
        assert!(ours.contains(line.trim_start_matches('#').trim()), "{line}");
    }
    has("Dernier palier GO : P2 = 2\u{202f}500 msg/s");
    has("70% de la capacité max = 1\u{202f}750 msg/s");
    has("**Justification** : Marge pour pics, GC, maintenance");
    has("**Phase 4 terminée** : ☑ GO pour Phase 5");
    for line in FORM.lines().filter(|line| line.starts_with("**Justification**")) {
        has(line);
    }
}

#[test]
fn go_for_phase_5_needs_the_whole_checklist() {
    let ticked = |name| {
        let text = markdown::render(&report(name), Locale::French);
        let list = table(&text, "| Critère | Résultat |");
        let boxes: Vec<_> = list.into_iter().skip(2).map(|row| row[1] == "☑").collect();
        (boxes, text.contains("**Phase 4 terminée** : ☑ GO pour Phase 5"))
    };
    assert_eq!(ticked("all-go"), (vec![true; 4], true));
    assert_eq!(ticked("stop-at-p3"), (vec![true; 4], true));
    assert_eq!(ticked("stop-at-p1").0[1..3], [false, false], "no tier passed: no capacity");
    assert!(!ticked("stop-at-p1").1);
    for name in ["inconclusive", "interrupted"] {
        assert!(!ticked(name).0[0] && !ticked(name).1, "{name}: the tiers are not all documented");
    }
}

#[test]
fn a_capacity_whose_limit_was_not_reached_is_printed_as_a_floor() {
    for name in ["all-go", "inconclusive", "interrupted", "warnings-only"] {
        let text = markdown::render(&report(name), Locale::French);
        assert!(text.contains(" = ≥ "), "{name}: {text}");
    }
    for name in ["stop-at-p3", "refined"] {
        assert!(!markdown::render(&report(name), Locale::French).contains(" = ≥ "), "{name}");
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '\u{202f}' || c == ',')
}
