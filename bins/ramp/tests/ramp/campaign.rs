//! Whole campaigns of the `ramp` command on a real Kafka, MirrorMaker 2 and Prometheus.
//!
//! Loads keep a factor of two from the knee they aim at, every wait is for a condition, and no speed is asserted.

use std::time::Duration;

use ramp_lab::{Mirror, Process, Side, Throttle};
use serde_json::Value;

use crate::laboratory::Laboratory;

/// Half of what P3 asks for, and more than twice what P2 does (records of 1 KiB).
const BETWEEN_P2_AND_P3: u64 = 5 * 512 * 1024;

#[test]
fn the_capacity_is_where_the_replication_breaks() {
    let lab = Laboratory::start();

    let mut watch = lab.watch();
    let free = lab.campaign("free", &["P1", "P2"]).warmup("5s").watched(&mut watch);
    watch.has_seen_every_signal();
    assert_eq!(free.status, 0, "{free}");
    assert_eq!(free.verdicts(), ["go", "go"], "{free}");
    assert_eq!(free.capacity(), (1_000, false, 700), "unthrottled, the last tier passes: {free}");
    assert!(free.stdout.contains("GO"), "{free}");
    assert_eq!(free.report["warmup"]["held"]["secs"], 5, "{free}");

    // Where nobody reads the target, the dashboards prove that every record met the bound, or nothing.
    let counted = lab.campaign("counted", &["P1"]).bound("60s").counted().run();
    assert_eq!((counted.verdicts(), counted.provenance(0)), (vec!["go"], "bounded"), "{counted}");
    let beyond = lab.campaign("beyond", &["P1"]).bound("1ms").give_up("20s").counted().run();
    assert_eq!((beyond.verdicts(), beyond.provenance(0)), (vec!["inconclusive"], "unknown"), "{beyond}");
    let reason = beyond.finding_of_kind(0, "path_not_clear")["reason"].as_str().unwrap();
    assert!(reason.starts_with("mm2.latency_max stands at "), "{reason}");

    lab.throttle(Throttle::to(BETWEEN_P2_AND_P3, Side::Target).unwrap());
    let throttled = lab.campaign("throttled", &["P1", "P2", "P3"]).run();
    assert_eq!(throttled.status, 0, "{throttled}");
    assert_eq!(throttled.verdicts(), ["go", "go", "stop"], "{throttled}");
    assert_eq!(throttled.capacity(), (1_000, true, 700), "{throttled}");
    let finding = throttled.finding(2, "crossed", "mm2.active_records");
    assert!(finding["source"].as_str().unwrap().contains("source_record_active_count"), "{finding}");
    assert!(
        finding["value"].as_f64().unwrap() > finding["criterion"]["bound"].as_f64().unwrap(),
        "{finding}"
    );
    assert!(!finding["series"].as_str().unwrap().is_empty(), "{finding}");
    assert!(throttled.recovery_seconds(2) > 0.0, "{throttled}");
    assert!(throttled.limits(2).contains(&"target"), "{throttled}");
    lab.throttle(Throttle::off(Side::Target));

    // The blind spot: a throttle on the reading side leaves the worker's panels at rest.
    lab.throttle(Throttle::to(BETWEEN_P2_AND_P3, Side::Source).unwrap());
    let blind = lab.campaign("blind", &["P3"]).bound("3s").run();
    assert_eq!(blind.verdicts(), ["stop"], "{blind}");
    assert_eq!(blind.status, 1, "no tier passed: {blind}");
    assert!(blind.limits(0).contains(&"source") && !blind.limits(0).contains(&"target"), "{blind}");
    let counted = lab.campaign("counted-blind", &["P3"]).bound("3s").counted().run();
    assert_ne!(counted.verdicts(), ["go"], "the same without a probe: {counted}");
    let was_loaded =
        |finding: &Value| finding["kind"] == "not_bounded" || finding["criterion"]["signal"] == "lag";
    assert!(counted.findings(0).iter().any(was_loaded), "{counted}");
    let finding = blind.finding_of_kind(0, "latency_objective");
    assert!(finding["violations"].as_u64().unwrap() > finding["allowed"].as_u64().unwrap(), "{finding}");
    assert!(
        blind.findings(0).iter().all(|finding| finding["kind"] != "crossed" || is_warning(finding)),
        "{blind}"
    );
    lab.throttle(Throttle::off(Side::Source));

    // What does not reach the source in time is no limit of the replication, and the brokers say so themselves.
    lab.throttle(Throttle::to(BETWEEN_P2_AND_P3, Side::Load).unwrap());
    let held_back = lab.campaign("held-back", &["P3"]).bound("3s").run();
    assert_eq!(held_back.verdicts(), ["stop"], "{held_back}");
    let clues = held_back.clues(0, "source_brokers");
    let throttled = clues.iter().find(|clue| clue["kind"] == "throttled");
    let throttled = throttled.unwrap_or_else(|| panic!("{held_back}"));
    assert!(throttled["answers"].as_u64().unwrap() > 0, "{throttled}");
    assert!(clues.iter().any(|clue| clue["kind"] == "slow_acks"), "{clues:?}");
}

#[test]
fn a_replication_that_dies_under_way_is_a_stop() {
    let lab = Laboratory::start();
    let campaign = lab.campaign("connect", &["P1"]).give_up("20s").kill(&lab, Process::Connect);
    assert_eq!(campaign.verdicts(), ["stop"], "what was acknowledged never arrived: {campaign}");
    assert_eq!(campaign.status, 1, "{campaign}");
    let finding = campaign.finding_of_kind(0, "not_recovered");
    assert!(finding["outstanding"].as_u64().unwrap() > 0, "{finding}");
    let clues = campaign.clues(0, "task");
    assert!(
        clues.iter().any(|clue| clue["component"] == "Kafka Connect"),
        "who was asked is gone: {clues:?}"
    );
}

#[test]
fn a_task_that_was_paused_or_failed_under_load_is_named_with_what_connect_said() {
    let lab = Laboratory::start();
    for (name, hurt, mend, state, standing) in [
        ("paused", Mirror::Pause, Mirror::Resume, "PAUSED on", "halted"),
        ("failed", Mirror::Break, Mirror::Mend, "FAILED on", "failed"),
    ] {
        let told = format!("connector mm2, task 0 {state}");
        let campaign = lab.campaign(name, &["P1"]).bound("3s").disturb(&lab, hurt, &told, mend);
        assert_eq!(campaign.verdicts(), ["stop"], "nothing arrived for ten seconds: {campaign}");
        let clues = campaign.clues(0, "task").iter();
        let mut task = clues.filter(|clue| clue["component"] == "connector mm2, task 0");
        let task = task.next().unwrap_or_else(|| panic!("{campaign}"));
        assert_eq!((&task["kind"], &task["standing"]), (&"disturbed".into(), &standing.into()), "{task}");
        assert!(task["said"].as_str().unwrap().starts_with(state), "{task}");
        assert!(task["seconds"].as_f64().unwrap() > 0.0, "{task}");
        assert!(campaign.recovery_seconds(0) > 0.0, "what had waited has arrived: {campaign}");
    }
}

#[test]
fn a_prometheus_that_dies_under_way_leaves_the_tier_inconclusive() {
    let lab = Laboratory::start();
    let campaign = lab.campaign("prometheus", &["P1"]).kill(&lab, Process::Prometheus);
    assert_eq!(campaign.verdicts(), ["inconclusive"], "{campaign}");
    assert_eq!(campaign.status, 3, "{campaign}");
    let finding = campaign.finding_of_kind(0, "coverage");
    assert!(finding["absence"].is_object(), "the reason is named: {finding}");
}

/// What a gate that counts only what was sent and came back takes for a pass.
#[test]
fn a_broker_that_stood_still_and_a_load_that_was_not_reached_are_no_go() {
    let lab = Laboratory::start();
    let (status, found) = lab.check();
    assert_eq!(status, 0, "{found}");
    for line in [
        "✓ source      127.0.0.1:",
        "✓ target      127.0.0.1:",
        "! topics      source: 10 topics of 3 partitions, replication factor 1, min.insync.replicas 1, CreateTime",
        "! topics      target: 10 topics of 3 partitions, replication factor 1, min.insync.replicas 1, CreateTime",
        "✓ connect     connector mm2 RUNNING on 127.0.0.1:",
        "✓ replication one canary for each partition crossed in ",
        "✓ prometheus  http://127.0.0.1:",
        "✓ clocks      127.0.0.1:",
        "✓ backlog     mm2.active_records stands at",
    ] {
        assert!(found.lines().any(|found| found.starts_with(line)), "no {line:?}: {found}");
    }

    let still = Duration::from_secs(5);
    let frozen = lab.campaign("frozen", &["P1"]).bound("3s").freeze(&lab, Process::Source, still);
    assert_eq!(frozen.verdicts(), ["stop"], "{frozen}");
    let finding = frozen.finding_of_kind(0, "latency_objective");
    assert!(finding["max"]["secs"].as_u64().unwrap() >= 4, "it stood still for five seconds: {finding}");

    // A client that holds as many records as there are canaries, and each for a fifth of a second, sends 160 a second.
    let slow = lab.campaign("slow", &["P3"]);
    let slow = slow.source_property("queue.buffering.max.messages", "32").source_property("linger.ms", "200");
    let slow = slow.run();
    assert_eq!(slow.verdicts(), ["inconclusive"], "{slow}");
    assert_eq!(slow.status, 3, "{slow}");
    let finding = slow.finding_of_kind(0, "shortfall");
    assert!(finding["offered"].as_u64().unwrap() < finding["due"].as_u64().unwrap(), "{finding}");
}

fn is_warning(finding: &Value) -> bool {
    finding["criterion"]["severity"] == "warning"
}
