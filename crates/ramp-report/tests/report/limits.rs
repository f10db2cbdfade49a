//! Which part is named when a tier stops, in worlds where the fault is known.

use ramp_core::{
    observation::{LoadLimit, LoadPart},
    verdict::Verdict,
};
use ramp_report::{Locale, limit::Limit, markdown};

use crate::{
    journal::told,
    world::{Fault, World},
};

/// The limits that are named for the tier that stopped.
fn named(world: &World) -> Vec<Limit> {
    let report = told(world);
    let last = report.tiers.last().unwrap();
    assert_eq!(last.verdict, Verdict::Stop, "{world:?}");
    report.limits.iter().filter(|likely| likely.tier == last.tier).map(|likely| likely.limit).collect()
}

/// A load held long enough, and told often enough, to show a trend.
fn world(capacity: f64, fault: Fault) -> World {
    World { capacity: Some(capacity), fault, hold: 60, beat: 1, ..World::default() }
}

#[test]
fn records_that_wait_in_the_worker_point_at_the_target() {
    assert_eq!(named(&world(4_000.0, Fault::Target)), [Limit::Target]);
}

#[test]
fn records_that_wait_on_the_source_while_the_worker_rests_point_at_reading() {
    assert_eq!(named(&world(4_000.0, Fault::Source)), [Limit::Source]);
}

#[test]
fn a_worker_at_rest_that_moves_nothing_at_all_points_at_its_task() {
    assert_eq!(named(&world(0.0, Fault::Paused)), [Limit::Task]);
}

#[test]
fn series_that_vanish_under_load_point_at_the_task() {
    assert_eq!(named(&world(0.0, Fault::Dead)), [Limit::Task]);
}

#[test]
fn one_partition_far_beyond_the_others_is_named_beside_where_its_records_wait() {
    assert_eq!(named(&world(4_000.0, Fault::HotPartition)), [Limit::Target, Limit::OneSeries]);
}

#[test]
fn what_the_client_says_points_at_the_source_or_at_the_generator() {
    for (part, limit) in [
        (LoadPart::Source, Limit::SourceBrokers),
        (LoadPart::Network, Limit::SourceBrokers),
        (LoadPart::Client, Limit::Generator),
    ] {
        let world = World { client: Some(part), ..world(4_000.0, Fault::Source) };
        assert_eq!(named(&world), [Limit::Source, limit]);
    }
}

#[test]
fn a_generator_that_is_late_is_its_own_limit() {
    let report = told(&World { lateness: 150.0, ..World::default() });
    let last = report.tiers.last().unwrap();
    assert_eq!((last.tier, last.verdict), (0, Verdict::Inconclusive));
    let limits: Vec<_> = report.limits.iter().map(|likely| likely.limit).collect();
    assert_eq!(limits, [Limit::Generator]);
}

#[test]
fn two_rules_that_fit_are_both_shown() {
    let busy = World { cpu: 113.0, ..world(4_000.0, Fault::Target) };
    assert_eq!(named(&busy), [Limit::Target, Limit::WorkerCpu]);
}

#[test]
fn a_campaign_that_passes_names_no_limit() {
    assert_eq!(told(&World::default()).limits, []);
}

#[test]
fn the_rules_never_touch_the_verdict_or_the_capacity() {
    for fault in [Fault::Target, Fault::Source] {
        let report = told(&world(4_000.0, fault));
        let verdicts: Vec<_> = report.tiers.iter().map(|result| result.verdict).collect();
        assert_eq!(verdicts, [Verdict::Go, Verdict::Go, Verdict::Stop]);
        assert_eq!(report.capacity.unwrap().validated.get(), 2_500);
    }
}

#[test]
fn a_stop_that_no_rule_explains_says_so() {
    let mut report = told(&world(4_000.0, Fault::Target));
    report.limits.clear();
    let text = markdown::render(&report, Locale::English);
    assert!(text.contains("No rule names the limit"), "{text}");
}

#[test]
fn what_the_client_saw_is_text_and_not_markup() {
    let mut report = told(&world(4_000.0, Fault::Target));
    let limit = LoadLimit { part: LoadPart::Source, detail: "a|b\nc".to_owned() };
    report.limits[0].clues = vec![ramp_report::limit::Clue::Client { limit }];
    let text = markdown::render(&report, Locale::English);
    assert!(text.contains("a\\|b\u{fffd}c"), "{text}");
}
