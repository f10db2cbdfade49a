//! The demonstration: a whole campaign on a simulated replication.

use std::{path::Path, process::Command};

use tempfile::TempDir;

use crate::laboratory::{Campaign, alone};

/// A campaign of tiers of five seconds.
fn demo(arguments: &[&str], folder: &Path) -> Campaign {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
    Campaign::of(command.args(["demo", "--fast"]).args(arguments), folder)
}

#[test]
fn the_demo_stops_at_the_tier_that_its_mirror_cannot_carry() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let demo = demo(&[], folder.path());
    assert_eq!(demo.verdicts(), ["go", "stop"], "{demo}");
    assert_eq!(demo.capacity(), (1_000, true, 700), "{demo}");
    assert_eq!(demo.status, 0, "{demo}");
    assert_eq!(demo.limits(1), ["target"], "{demo}");
    assert!(demo.stdout.contains("SIMULATION") && demo.stderr.contains("SIMULATION"), "{demo}");
    let (_, page) = demo.stderr.split_once("the whole report is ").unwrap();
    let page = std::fs::read_to_string(folder.path().join(page.trim_end())).unwrap();
    assert!(page.contains("SIMULATION"), "{demo}");
}

#[test]
fn every_fault_of_the_demo_is_found_for_what_it_is() {
    let _alone = alone();
    let run = |arguments: &[&str]| demo(arguments, TempDir::new().unwrap().path());

    let stall = run(&["--fault", "stall"]);
    assert_eq!(stall.verdicts(), ["go", "stop"], "{stall}");
    assert!(!stall.finding_of_kind(1, "latency_objective")["certain"].is_null(), "it ended early: {stall}");

    let loss = run(&["--fault", "loss"]);
    assert_eq!(loss.verdicts(), ["go", "stop"], "{loss}");
    let lost = loss.finding_of_kind(1, "not_recovered")["outstanding"].as_u64().unwrap();
    assert!((90..=98).contains(&lost), "one in a hundred of three quarters of 12 500: {loss}");

    // A mirror that does not carry the second tier either, so that the campaign ends there.
    let duplicate = run(&["--fault", "duplicate", "--capacity", "1600"]);
    assert_eq!(duplicate.verdicts(), ["go", "stop"], "{duplicate}");
    let repeated = duplicate.finding_of_kind(1, "duplicates")["records"].as_u64().unwrap();
    assert!((90..=98).contains(&repeated), "{duplicate}");

    let flap = run(&["--fault", "flap"]);
    assert_eq!(flap.verdicts(), ["go", "stop"], "{flap}");
    assert!(flap.limits(1).contains(&"task"), "{flap}");
}
