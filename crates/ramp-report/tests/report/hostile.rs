//! Names from outside that try to be more than text.

use std::{collections::BTreeMap, time::Duration};

use quick_xml::{Reader, events::Event};
use ramp_core::{
    observation::{LoadLimit, LoadPart},
    verdict::Finding,
};
use ramp_report::{
    Locale, PanelPlace, QueryFact, QueryFound, Report, csv, html, json, junit, markdown, terminal,
};

use crate::journal::report;

/// A name that is markup, a second line, a terminal's command, a change of direction, a formula, and far too long.
pub(crate) fn name() -> String {
    format!("=<script>alert(1)</script>|\n\r\u{1b}[31m\u{202e}\u{2028}`\"'&]]>{}", "x".repeat(10_000))
}

/// A report in which every name from outside is hostile.
pub(crate) fn hostile_report() -> Report {
    let mut report = report("stop-at-p3");
    let name = name();
    report.facts.name.clone_from(&name);
    report.facts.source.clone_from(&name);
    report.facts.target.clone_from(&name);
    report.facts.payload.clone_from(&name);
    report.facts.grafana = Some("javascript:alert(1)//".to_owned());
    report.facts.topics = vec![name.clone(); 3];
    report.facts.versions.insert("ramp".to_owned(), name.clone());
    report.facts.configuration = BTreeMap::from([(name.clone(), name.clone())]);
    report.facts.variables = BTreeMap::from([(name.clone(), name.clone())]);
    report.facts.queries.push(QueryFact {
        signal: ramp_core::signal::SignalId::new(name.clone()),
        dashboard: name.clone(),
        panel: name.clone(),
        place: Some(PanelPlace { uid: name.clone(), panel: Some(-1) }),
        expression: name.clone(),
        panel_expression: Some(name.clone()),
        found: Some(QueryFound {
            series: u64::MAX,
            age: Some(Duration::MAX),
            scrape: None,
            window: Duration::from_secs(30),
        }),
        notes: vec![name.clone()],
    });
    for result in &mut report.tiers {
        for finding in &mut result.findings {
            if let Finding::Crossed { series, source, .. } = finding {
                series.clone_from(&name);
                source.clone_from(&name);
            }
        }
        let limit = Some(LoadLimit { part: LoadPart::Source, detail: name.clone() });
        result.findings.push(Finding::RecordsFailed { failed: 1, limit });
        result.findings.push(Finding::LoadFailed { reason: name.clone() });
    }
    report
}

const INVISIBLE: [char; 4] = ['\u{1b}', '\u{202e}', '\u{2028}', '\r'];

#[test]
fn markdown_shows_them_as_text_and_its_tables_stay_whole() {
    let text = markdown::render(&hostile_report(), Locale::French);
    assert!(!text.contains(INVISIBLE));
    for line in text.lines().filter(|line| line.contains("script")) {
        let text = line.replace("\\`", "").replace("\\<", "");
        let outside_code: String = text.split('`').step_by(2).collect();
        assert!(!outside_code.contains('<'), "{}", &line[..200]);
    }
    let rows = text.lines().filter(|line| line.starts_with("| P") && !line.starts_with("| Palier"));
    assert_eq!(rows.count(), 20, "five tiers in four tables");
}

#[test]
fn a_terminal_gets_no_command_and_no_line_beyond_its_width() {
    for width in [60, 80, 100] {
        let text = terminal::render(&hostile_report(), Locale::French, width, false);
        assert!(!text.contains(INVISIBLE));
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
    }
}

#[test]
fn wide_characters_keep_to_the_width_as_well() {
    let mut report = report("stop-at-p3");
    for finding in report.tiers.iter_mut().flat_map(|result| &mut result.findings) {
        *finding = Finding::LoadFailed { reason: "界".repeat(500) };
    }
    let text = terminal::render(&report, Locale::English, 61, false);
    let wide = |line: &str| line.chars().map(|c| if c == '界' { 2 } else { 1 }).sum::<usize>();
    assert!(text.lines().all(|line| wide(line) <= 61), "{text}");
    assert_eq!(
        text.matches('界').count(),
        500 * report.tiers.iter().map(|t| t.findings.len()).sum::<usize>()
    );
}

#[test]
fn html_has_no_element_and_no_script_of_theirs() {
    let text = html::render(&hostile_report(), Locale::French);
    assert!(!text.contains(INVISIBLE));
    assert!(!text.contains("<script>alert"), "the name is escaped");
    assert_eq!(text.matches("<script").count(), 2, "the values and the page's own script");
    assert_eq!(text.matches("</script>").count(), 2);
}

#[test]
fn json_and_csv_give_them_back_as_they_are_read() {
    let report = hostile_report();
    let value: serde_json::Value = serde_json::from_str(&json::render(&report)).unwrap();
    assert_eq!(value["facts"]["name"], name(), "JSON is for programs: nothing is lost");
    let mut reader = ::csv::Reader::from_reader(csv::grid(&report).into_bytes().leak() as &[u8]);
    let records: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(records.len(), 5, "one record a tier, whatever stands in it");
    for cell in records.iter().flatten() {
        assert!(!cell.contains(INVISIBLE) && !cell.starts_with('='), "{cell}");
    }
}

#[test]
fn junit_is_xml_whatever_stands_in_it() {
    let text = junit::render(&hostile_report(), Locale::English);
    assert!(!text.contains(INVISIBLE));
    let mut reader = Reader::from_str(&text);
    let mut cases = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                assert_ne!(element.name().as_ref(), "script");
                cases += usize::from(element.name().as_ref() == "testcase");
                for attribute in element.attributes() {
                    attribute.unwrap();
                }
            }
            Event::Eof => break,
            _other => {}
        }
    }
    assert_eq!(cases, 5);
}
