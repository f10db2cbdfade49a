//! The files for other programs against their published forms.

use std::{path::Path, process::Command};

use ramp_report::{Locale, json, junit};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    hostile::hostile_report,
    journal::{JOURNALS, report, told},
    limits::{disturbed_report, held_back_report},
    world::World,
};

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/report.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_json_report_is_of_the_documented_form() {
    let schema = schema();
    let mut told = told(&World { capacity: Some(4_000.0), warmup: Some(30), ..World::default() });
    told.journal_sha256 = Some("0f".repeat(32));
    told.latency_logs.insert("latency-P1.hlog".to_owned(), "0f".repeat(32));
    let disturbed = disturbed_report();
    let held_back = held_back_report();
    for report in JOURNALS.map(report).iter().chain([&hostile_report(), &told, &disturbed, &held_back]) {
        let value: Value = serde_json::from_str(&json::render(report)).unwrap();
        let faults: Vec<_> =
            schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

#[test]
fn a_report_of_another_form_is_refused_by_the_schema() {
    let schema = schema();
    let value: Value = serde_json::from_str(&json::render(&report("stop-at-p3"))).unwrap();
    let without = |key: &str| {
        let mut value = value.clone();
        value.as_object_mut().unwrap().remove(key);
        value
    };
    for key in ["schema_version", "plan", "tiers", "timeline", "limits"] {
        assert!(!schema.is_valid(&without(key)), "{key}");
    }
    let mut other = value.clone();
    other["tiers"][0]["verdict"] = "maybe".into();
    assert!(!schema.is_valid(&other));
    let mut more = value;
    more["unheard_of"] = 1.into();
    assert!(!schema.is_valid(&more));
}

#[test]
fn every_junit_report_is_valid_by_the_schema_of_jenkins() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/junit/junit-10.xsd");
    let folder = TempDir::new().unwrap();
    for (place, report) in JOURNALS.map(report).iter().chain([&hostile_report()]).enumerate() {
        let file = folder.path().join(format!("{place}.xml"));
        std::fs::write(&file, junit::render(report, Locale::French)).unwrap();
        let checked = Command::new("xmllint").args(["--noout", "--schema"]).arg(&schema).arg(&file).output();
        let checked =
            checked.unwrap_or_else(|error| panic!("xmllint: {error}; install the package libxml2-utils"));
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn a_stop_is_a_failure_an_inconclusive_tier_an_error_and_an_unreached_one_skipped() {
    let counts = |name: &str| {
        let text = junit::render(&report(name), Locale::English);
        ["<failure ", "<error ", "<skipped/>"].map(|element| text.matches(element).count())
    };
    assert_eq!(counts("all-go"), [0, 0, 0]);
    assert_eq!(counts("stop-at-p3"), [1, 0, 2]);
    assert_eq!(counts("inconclusive"), [0, 1, 2]);
}
