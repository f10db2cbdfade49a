//! Which part is named when a tier stops, in worlds where the fault is known.

use std::time::Duration;

use ramp_core::{
    campaign::Input,
    component::{ComponentState, Standing},
    observation::{LoadLimit, LoadPart, Throttle},
    tier_result::P99,
    verdict::Verdict,
};
use ramp_report::{
    Locale, Report,
    limit::{Clue, Limit},
    markdown,
};

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
fn brokers_that_hold_the_load_back_are_named_with_for_how_long() {
    let of = |answers, total, longest| Throttle {
        answers,
        total: Duration::from_millis(total),
        longest: Duration::from_millis(longest),
    };
    let with = |throttle| World { throttle, ..world(4_000.0, Fault::Source) };
    for unnoted in [None, Some(Throttle::default()), Some(of(40, 99, 99))] {
        assert_eq!(named(&with(unnoted)), [Limit::Source], "{unnoted:?}");
    }
    let throttled = with(Some(of(4, 3_000, 1_200)));
    assert_eq!(named(&throttled), [Limit::Source, Limit::SourceBrokers]);
    let report = told(&throttled);
    let told = report.limits.last().unwrap();
    let clue =
        Clue::Throttled { answers: 4, total_seconds: 3.0, mean_millis: 750.0, longest_millis: 1_200.0 };
    assert_eq!(told.clues, [clue]);
    for (locale, line) in [
        (
            Locale::English,
            "throttled by the source: 4 answers, 3.0 s in all, 750 ms on average, at most 1,200 ms",
        ),
        (
            Locale::French,
            "throttling par la source : 4 réponses, 3,0 s en tout, 750 ms en moyenne, au plus 1 200 ms",
        ),
    ] {
        let text = markdown::render(&report, locale).replace(['\u{a0}', '\u{202f}'], " ");
        assert!(text.contains(line), "{line}: {text}");
    }
    let once = markdown::render(&self::told(&with(Some(of(1, 100, 100)))), Locale::English);
    assert!(once.contains("throttled by the source: 1 answer, 100 ms"), "{once}");
}

/// A load that the source's brokers held back.
pub(crate) fn held_back_report() -> Report {
    let throttle =
        Throttle { answers: 4, total: Duration::from_secs(3), longest: Duration::from_millis(1_200) };
    told(&World { acks: Some(3_600_000), throttle: Some(throttle), ..world(4_000.0, Fault::Source) })
}

#[test]
fn acknowledgements_that_take_the_most_of_the_latency_point_at_the_brokers() {
    let with = |acks| World { acks, ..world(4_000.0, Fault::Source) };
    let P99::Measured { value, .. } = told(&with(None)).tiers.last().unwrap().p99 else { panic!("unseen") };
    let half = u64::try_from(value.as_millis() / 2).unwrap() + 1;
    assert!(half > 1_000, "{value:?}");
    assert_eq!(named(&with(Some(half - 2))), [Limit::Source]);
    assert_eq!(named(&with(Some(half))), [Limit::Source, Limit::SourceBrokers]);
    let text = markdown::render(&told(&with(Some(half))), Locale::English).replace(',', "");
    assert!(text.contains(&format!("p99 acknowledgement by the source {half} ms")), "{text}");
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
    report.limits[0].clues = vec![Clue::Client { limit }];
    let text = markdown::render(&report, Locale::English);
    assert!(text.contains("a\\|b\u{fffd}c"), "{text}");
}

/// When the last tier of `world` begins, in seconds.
fn begin_of_the_last(world: &World) -> u64 {
    let mut begin = None;
    world.tell(|at, input| {
        if matches!(input, Input::LoadStarted { .. }) {
            begin = Some(at.since_start().as_secs());
        }
    });
    begin.unwrap()
}

const TASK: &str = "connector mm2, task 0";

fn told_at(second: u64, component: &str, standing: Standing, said: &str) -> (u64, ComponentState) {
    let (component, said) = (component.to_owned(), said.to_owned());
    (second, ComponentState { component, standing, said })
}

/// The report of `world` in which the task comes to each of `states`, so many seconds after the last tier has begun.
fn report_with(world: &World, states: &[(u64, Standing, &str)]) -> Report {
    let begin = begin_of_the_last(world);
    let first = told_at(0, TASK, Standing::Working, "RUNNING on w1:8083");
    let later = states.iter().map(|(after, standing, said)| told_at(begin + after, TASK, *standing, said));
    told(&World { components: [first].into_iter().chain(later).collect(), ..world.clone() })
}

fn clues_of_the_task(report: &Report) -> &[Clue] {
    let tier = report.tiers.last().unwrap().tier;
    let mut likely = report.limits.iter().filter(|likely| likely.tier == tier);
    likely.find(|likely| likely.limit == Limit::Task).map_or(&[], |likely| &likely.clues)
}

#[test]
fn a_task_that_was_paused_is_named_with_how_long_and_whether_it_went_on() {
    let paused = (2, Standing::Halted, "PAUSED on w1:8083");
    let report = report_with(&world(0.0, Fault::Source), &[paused]);
    let [Clue::Disturbed { component, standing, said, seconds, works_again }, rest @ ..] =
        clues_of_the_task(&report)
    else {
        panic!("{:?}", report.limits)
    };
    assert_eq!((component.as_str(), *standing, said.as_str()), (TASK, Standing::Halted, "PAUSED on w1:8083"));
    assert!(*seconds > 5.0 && !works_again, "{report:?}");
    assert!(matches!(rest, [Clue::NothingArrived { .. }]), "{rest:?}");

    let report =
        report_with(&world(4_000.0, Fault::Target), &[paused, (5, Standing::Working, "RUNNING on w1:8083")]);
    let text = markdown::render(&report, Locale::English);
    let clue = "connector mm2, task 0 PAUSED on w1:8083 (for 3 s, then working again)";
    assert!(text.contains(clue), "{text}");
    assert!(text.contains("from the state of tasks, without effect on the verdict"), "{text}");
    let text = markdown::render(&report, Locale::French);
    let clue = "connector mm2, task 0 PAUSED on w1:8083 (pendant 3 s, puis de nouveau en marche)";
    assert!(text.contains(clue), "{text}");
    let limits: Vec<_> = report.limits.iter().map(|likely| likely.limit).collect();
    assert_eq!(limits, [Limit::Task, Limit::Target], "what else fits is shown beside it");
}

#[test]
fn of_a_task_that_failed_and_was_restarted_the_failure_is_told() {
    let states = [
        (2, Standing::Failed, "FAILED on w1:8083: it broke"),
        (4, Standing::Halted, "RESTARTING on w1:8083"),
        (6, Standing::Working, "RUNNING on w1:8083"),
    ];
    let report = report_with(&world(4_000.0, Fault::Target), &states);
    let failed = Clue::Disturbed {
        component: TASK.to_owned(),
        standing: Standing::Failed,
        said: "FAILED on w1:8083: it broke".to_owned(),
        seconds: 4.0,
        works_again: true,
    };
    assert_eq!(clues_of_the_task(&report), [failed]);
}

#[test]
fn a_task_that_works_elsewhere_since_was_moved() {
    let report = report_with(&world(4_000.0, Fault::Target), &[(2, Standing::Working, "RUNNING on w2:8083")]);
    let text = markdown::render(&report, Locale::English);
    assert!(text.contains("connector mm2, task 0 moved: RUNNING on w2:8083"), "{text}");
    let again = (2, Standing::Working, "RUNNING on w1:8083");
    let report = report_with(&world(4_000.0, Fault::Target), &[again]);
    assert_eq!(clues_of_the_task(&report), [], "what is told again has not moved");
}

#[test]
fn tasks_that_work_and_states_that_could_not_be_asked_for_name_no_task() {
    let world = world(4_000.0, Fault::Target);
    let report = report_with(&world, &[]);
    assert_eq!(clues_of_the_task(&report), []);
    let text = markdown::render(&report, Locale::English);
    assert!(text.contains("throttle times are not read"), "{text}");
    let unasked = |world: World| {
        let begin = begin_of_the_last(&world);
        let unasked = told_at(begin + 2, "Kafka Connect", Standing::Unknown, "no answer within 5.0 s");
        told(&World { components: vec![unasked], ..world })
    };
    assert_eq!(clues_of_the_task(&unasked(world)), []);
    let report = unasked(self::world(0.0, Fault::Dead));
    let clues = clues_of_the_task(&report);
    let unknown = |clue: &Clue| matches!(clue, Clue::Disturbed { standing: Standing::Unknown, .. });
    assert!(clues.iter().any(unknown), "beside vanished series it says something: {clues:?}");
}

#[test]
fn a_task_that_holds_up_the_canaries_is_named_although_no_load_began() {
    let failed = told_at(0, TASK, Standing::Failed, "FAILED on w1:8083: it broke");
    let report = told(&World { components: vec![failed], blocked_from: Some(0), ..World::default() });
    assert_eq!(report.tiers.last().unwrap().verdict, Verdict::Inconclusive);
    let [Clue::Disturbed { standing: Standing::Failed, works_again: false, .. }] = clues_of_the_task(&report)
    else {
        panic!("{:?}", report.limits)
    };
}

/// A task that failed and others that wait, more than are told one by one.
pub(crate) fn disturbed_report() -> Report {
    let world = world(4_000.0, Fault::Target);
    let begin = begin_of_the_last(&world);
    let task = |n: u64| {
        let standing = if n == 7 { Standing::Failed } else { Standing::Halted };
        told_at(begin + 2, &format!("connector mm2, task {n}"), standing, "because")
    };
    told(&World { components: (0..20).map(task).collect(), ..world })
}

#[test]
fn of_many_tasks_the_gravest_are_told_and_all_are_counted() {
    let report = disturbed_report();
    let clues = clues_of_the_task(&report);
    assert!(matches!(&clues[0], Clue::Disturbed { component, .. } if component.ends_with(" 7")), "{clues:?}");
    assert_eq!(clues.len(), 5, "{clues:?}");
    assert_eq!(clues[4], Clue::DisturbedToo { components: 16 });
}
