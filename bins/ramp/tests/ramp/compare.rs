//! Runs side by side, and what a pipeline makes of them.

use std::{path::Path, process::Command};

/// Compares two runs of the fixtures: the exit status, and what was said on both streams.
fn compare(runs: [&str; 2], arguments: &[&str]) -> (i32, String) {
    let journals = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/journals");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
    let output =
        command.arg("compare").args(runs.map(|run| journals.join(run))).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

#[test]
fn a_pipeline_fails_where_a_run_is_worse_and_is_told_where_nothing_can_be_said() {
    let gate = ["--fail-if-worse", "10%", "--lang", "en"];
    let (status, text) = compare(["all-go", "stop-at-p3"], &gate);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("| Capacity ") && text.contains("−75.0% · worse"), "{text}");
    assert_eq!(compare(["stop-at-p3", "all-go"], &gate).0, 0);
    assert_eq!(compare(["all-go", "inconclusive"], &gate).0, 3);
    assert_eq!(compare(["all-go", "stop-at-p3"], &[]).0, 0, "it only shows, unless it is asked to fail");
}

#[test]
fn a_share_that_is_none_and_a_run_that_is_not_there_are_refused() {
    let (status, text) = compare(["all-go", "all-go"], &["--fail-if-worse", "200%"]);
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains("'200%' for '--fail-if-worse <SHARE>': give a share from 0 to 100 %, such as 10%"),
        "{text}"
    );
    let (status, text) = compare(["all-go", "gone"], &[]);
    assert_eq!(status, 3, "{text}");
    assert!(text.contains("gone"), "{text}");
}
