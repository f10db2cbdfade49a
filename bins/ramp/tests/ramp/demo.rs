//! The demonstration: a whole campaign on a simulated replication.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::laboratory::{Campaign, alone};

fn ramp(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
    command.args(arguments).current_dir(folder);
    command
}

/// Ends a campaign by `signal` as soon as it says `told`; its exit status, if it lived to have one.
fn end_at(command: &mut Command, told: &str, signal: Signal) -> Option<i32> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(told)), "it never said {told:?}");
    kill_process(Pid::from_child(&child), signal).unwrap();
    lines.for_each(drop);
    child.wait().unwrap().code()
}

/// The folder of the only run in `folder`.
pub(crate) fn only_run(folder: &Path) -> PathBuf {
    let runs: Vec<_> = std::fs::read_dir(folder.join("runs")).unwrap().collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.into_iter().next().unwrap().unwrap().path()
}

/// A campaign of tiers of five seconds.
fn demo(arguments: &[&str], folder: &Path) -> Campaign {
    Campaign::of(ramp(&["demo", "--fast"], folder).args(arguments), folder)
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
    let mut told = demo.stderr.lines();
    assert!(told.any(|line| line.contains("P2: STOP: ") && line.ends_with("(1% allowed)")), "{demo}");
    assert!(demo.stdout.contains("SIMULATION") && demo.stderr.contains("SIMULATION"), "{demo}");
    let (_, page) = demo.stderr.split_once("the whole report is ").unwrap();
    let page = std::fs::read_to_string(folder.path().join(page.trim_end())).unwrap();
    assert!(page.contains("SIMULATION"), "{demo}");
    a_report_is_verified_by_its_journal(folder.path());
}

/// A report is what its journal comes to, until somebody changes one of them.
fn a_report_is_verified_by_its_journal(folder: &Path) {
    let run = only_run(folder);
    let verify = || {
        let output = ramp(&["verify", run.to_str().unwrap()], folder).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, told) = verify();
    assert_eq!((status, told.matches('✓').count()), (0, 6), "{told}");
    let log = std::fs::read_to_string(run.join("latency-P1.hlog")).unwrap();
    for part in ["lateness", "ack", "total", "replication", "seen"] {
        let seconds = log.lines().filter(|line| line.starts_with(&format!("Tag={part},"))).count();
        assert!(seconds >= 5, "{part} in {seconds} of at least 5 s: {log}");
    }
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("<figure id=\"latency-heat\">"), "the page draws what that log holds");
    let report = run.join("report.json");
    let text = std::fs::read_to_string(&report).unwrap();
    std::fs::write(&report, text.replacen(r#""validated":1000"#, r#""validated":2500"#, 1)).unwrap();
    let (status, told) = verify();
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("/capacity/validated: 2500 in the report, 1000 by the journal"), "{told}");

    std::fs::write(&report, text).unwrap();
    std::fs::write(run.join("latency-P1.hlog"), log + "#\n").unwrap();
    let (status, told) = verify();
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("/latency_logs/latency-P1.hlog: "), "{told}");

    let runs = ramp(&["runs"], folder).output().unwrap();
    let listed = String::from_utf8(runs.stdout).unwrap();
    assert!(listed.ends_with("-demo  capacity 1000/s, STOP\n"), "{listed}");
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

#[test]
fn a_campaign_that_is_interrupted_or_killed_anywhere_goes_on_to_its_verdict() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let interrupted = end_at(&mut ramp(&["demo", "--fast"], folder.path()), "P1 starts", Signal::INT);
    assert_eq!(interrupted, Some(130));
    let run = only_run(folder.path());
    let run = run.to_str().unwrap();
    for told in ["P1 starts", "P1: GO, if nothing is lost", "P2 starts"] {
        let killed = end_at(&mut ramp(&["resume", run], folder.path()), told, Signal::KILL);
        assert_eq!(killed, None);
        let report = ramp(&["report", run], folder.path()).output().unwrap();
        assert!(report.status.success(), "{report:?}");
    }
    let whole = Campaign::of(&mut ramp(&["resume", run], folder.path()), folder.path());
    assert_eq!(whole.verdicts(), ["go", "stop"], "{whole}");
    assert_eq!(whole.capacity(), (1_000, true, 700), "{whole}");
    assert_eq!(whole.status, 0, "{whole}");
    for tier in 0..2 {
        let (offered, acknowledged, arrived) = whole.records(tier);
        assert_eq!((acknowledged, arrived), (offered, offered), "every record is accounted for: {whole}");
    }

    let over = ramp(&["resume", run], folder.path()).output().unwrap();
    assert_eq!(over.status.code(), Some(2));
    let said = String::from_utf8(over.stderr).unwrap();
    assert_eq!(
        said,
        format!("ramp: the campaign in {run} is over; `ramp report {run}` shows what it came to\n")
    );
}
