//! What becomes of the readings of a signal.

use ramp_core::{
    campaign::{Campaign, Input},
    component::{ComponentState, Standing},
    criterion::Severity,
    evidence::{Extreme, SignalEvidence},
    observation::{Absence, LoadProgress, Point, Reading, Sample},
    plan::Plan,
    signal::{Fold, Signal, SignalId, Unit},
    units::Elapsed,
    verdict::{Finding, Verdict},
};

use crate::world::{CPU, Run, World, criterion, draft, secs, signal};

use Verdict::{Go, Inconclusive, Stop};

#[test]
fn what_the_source_of_a_signal_warns_of_is_evidence_once_and_changes_no_verdict() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    let warned = |warning: &str| Input::Warned { signal: CPU, warning: warning.to_owned() };
    campaign.handle(Elapsed::START, warned("before the tier"));
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    for n in 0..100 {
        campaign.handle(Elapsed::new(secs(1)), warned("a store is down"));
        campaign.handle(Elapsed::new(secs(1)), warned(&format!("another, number {n}")));
    }
    let before = campaign.stage();
    campaign.handle(Elapsed::new(secs(2)), warned("a store is down"));
    assert_eq!(campaign.stage(), before);
    campaign.handle(Elapsed::new(secs(3)), Input::Interrupt);
    let ended = Input::LoadEnded { tier: 0, progress: LoadProgress::default() };
    campaign.handle(Elapsed::new(secs(3)), ended);
    let evidence = &campaign.results()[0].signals;
    let cpu = evidence.iter().find(|evidence| evidence.signal == CPU).unwrap();
    assert_eq!(cpu.warnings[..2], ["a store is down", "another, number 0"]);
    assert_eq!(cpu.warnings.len(), 8, "a list without end is cut: {:?}", cpu.warnings);
}

#[test]
fn how_a_component_stands_changes_nothing_of_a_campaign() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    while campaign.poll_action().is_some() || campaign.poll_event().is_some() {}
    let before = (campaign.stage(), campaign.poll_timeout());
    for standing in [Standing::Failed, Standing::Gone, Standing::Halted, Standing::Unknown, Standing::Working]
    {
        let (component, said) = ("task 0".to_owned(), "because".to_owned());
        let state = ComponentState { component, standing, said };
        campaign.handle(Elapsed::START, Input::Component(state));
    }
    assert_eq!((campaign.stage(), campaign.poll_timeout()), before);
    assert_eq!((campaign.poll_action(), campaign.poll_event()), (None, None));
}

#[test]
fn a_crossing_that_was_not_seen_is_no_go_when_too_little_was_seen() {
    let cpu = |tier, since| (tier != 1 || since < 120.0).then_some(40.0);
    let run = World { cpu: Box::new(cpu), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::Coverage { signal, .. } if *signal == CPU)));
}

#[test]
fn one_missed_scrape_in_twenty_leaves_enough() {
    let cpu = |_, since: f64| ((since as u64 / 5) % 20 != 7).then_some(40.0);
    assert_eq!(World { cpu: Box::new(cpu), ..World::healthy() }.run().verdicts(), [Go; 5]);
}

#[test]
fn a_counter_counts_its_increase_across_a_reset() {
    let exhausted = EXHAUSTED;
    let mut plan = draft();
    plan.signals.push(Signal { fold: Fold::Increase, ..signal(exhausted.clone(), Unit::Count) });
    for tier in &mut plan.tiers {
        tier.criteria.push(criterion(exhausted.clone(), 10.0, Severity::Warning, 0));
    }
    let value = |second: u64| match second {
        0..100 => 1_000.0,
        100..200 => 1_006.0,
        _ => 5.0,
    };
    let at = (1..70).map(|n| n * 5).map(|second| {
        let scraped = Elapsed::new(secs(second));
        let point = Point { series: "p".into(), value: value(second), scraped };
        let sample = Sample::Present { points: vec![point], panel: None };
        (second, Input::Reading(Reading { signal: exhausted.clone(), sample }))
    });
    let run = World { plan, at: at.collect(), ..World::healthy() }.run();
    let first = &run.campaign.results()[0];
    let evidence = first.signals.iter().find(|evidence| evidence.signal == exhausted).unwrap();
    assert_eq!(evidence.highest.as_ref().unwrap().value, 11.0, "6 before the reset and 5 after it");
    assert!(first.findings.iter().any(|finding| matches!(finding, Finding::Crossed { value: 11.0, .. })));
}

/// A reading of the counter `exhausted` at a second of the campaign.
fn counted(second: u64, scraped: u64, values: &[(&str, f64)]) -> (u64, Input) {
    let scraped = Elapsed::new(secs(scraped));
    let point = |&(series, value): &(&str, f64)| Point { series: series.to_owned(), value, scraped };
    let sample = Sample::Present { points: values.iter().map(point).collect(), panel: None };
    (second, Input::Reading(Reading { signal: EXHAUSTED, sample }))
}

const EXHAUSTED: SignalId = SignalId::literal("exhausted");

fn counting(at: Vec<(u64, Input)>) -> World {
    let mut plan = draft();
    let counter = Signal { fold: Fold::Increase, interval: secs(60), ..signal(EXHAUSTED, Unit::Count) };
    plan.signals.push(counter);
    plan.tiers.truncate(1);
    plan.tiers[0].criteria.push(criterion(EXHAUSTED, 10.0, Severity::Stop, 0));
    World { plan, at, ..World::healthy() }
}

#[test]
fn old_counts_of_several_series_are_no_increase() {
    let values = [("a", 1_000.0), ("b", 2_000.0)];
    let at = (0..6).map(|minute| counted(minute * 55, minute * 55, &values)).collect();
    assert_eq!(counting(at).run().verdicts(), [Go]);
}

#[test]
fn a_late_answer_with_an_older_count_is_no_reset() {
    let mut at: Vec<_> = (0..6).map(|minute| counted(minute * 55, minute * 55, &[("a", 1_000.0)])).collect();
    at.insert(3, counted(112, 100, &[("a", 900.0)]));
    assert_eq!(counting(at).run().verdicts(), [Go]);
}

#[test]
fn one_scrape_at_the_end_of_a_silent_tier_is_not_enough() {
    let cpu = |_, since: f64| (since >= 295.0).then_some(40.0);
    let run = World { cpu: Box::new(cpu), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::Coverage { signal, .. } if *signal == CPU)));
}

#[test]
fn values_that_are_no_numbers_are_absences() {
    let run = World { cpu: Box::new(|_, _| Some(f64::NAN)), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    let nan =
        |finding: &Finding| matches!(finding, Finding::Coverage { absence: Some(Absence::NotANumber), .. });
    assert!(run.has(nan));
}

#[test]
fn a_counter_without_a_value_from_before_the_tier_is_not_enough() {
    let at = (0..6).map(|minute| counted(1 + minute * 55, 1 + minute * 55, &[("a", 5.0)])).collect();
    let run = counting(at).run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::Coverage { signal, .. } if *signal == EXHAUSTED)));
}

#[test]
fn a_crossing_reading_that_was_absent_once_leaves_a_go_that_lists_the_absence() {
    let cpu = |tier, since: f64| (tier != 1 || !(120.0..125.0).contains(&since)).then_some(40.0);
    let run = World { cpu: Box::new(cpu), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go; 5], "nobody saw it cross");
    let evidence = &run.outcome().tiers[1].signals[0];
    assert_eq!((evidence.absences, evidence.absence.clone()), (1, Some(Absence::NoSeries)));
    assert_eq!(evidence.seen + 1, run.outcome().tiers[0].signals[0].seen);
}

#[test]
fn a_signal_judged_by_its_mean_or_last_value_is_judged_when_the_tier_ends() {
    // High in the first half of each tier, low in the second: a mean of 60, a last value of 20.
    let cpu = |_, since: f64| Some(if since < 150.0 { 100.0 } else { 20.0 });
    for (fold, bound, verdict) in
        [(Fold::Mean, 70.0, Go), (Fold::Mean, 50.0, Stop), (Fold::Last, 30.0, Go), (Fold::Last, 10.0, Stop)]
    {
        let mut plan = draft();
        plan.signals[0].fold = fold;
        plan.tiers.truncate(1);
        plan.tiers[0].criteria = vec![criterion(CPU, bound, Severity::Stop, 0)];
        let run = World { plan, cpu: Box::new(cpu), ..World::healthy() }.run();
        assert_eq!(run.verdicts(), [verdict], "{fold:?} {bound}");
        let ran = run.last().stopped.unwrap().since(run.last().started.unwrap());
        assert_eq!(ran, secs(300), "nothing is certain before the end");
        let crossed = run.last().findings.iter().find_map(|finding| match finding {
            Finding::Crossed { value, .. } => Some(*value),
            _ => None,
        });
        let expected = (verdict == Stop).then_some(if fold == Fold::Mean { 58.0..62.0 } else { 20.0..20.1 });
        assert_eq!(crossed.is_some(), expected.is_some());
        assert!(crossed.zip(expected).is_none_or(|(value, range)| range.contains(&value)), "{crossed:?}");
    }
}

#[test]
fn a_signal_that_only_warns_may_be_absent() {
    let mut plan = draft();
    for tier in &mut plan.tiers {
        tier.criteria.retain(|known| known.signal != CPU || known.severity == Severity::Warning);
    }
    let run = World { plan, cpu: Box::new(|_, _| None), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go; 5]);
}

#[test]
fn what_a_panel_shows_is_kept_of_gauges_and_not_of_counters() {
    let mut plan = draft();
    plan.tiers.truncate(1);
    plan.signals.push(Signal { fold: Fold::Increase, ..signal(EXHAUSTED, Unit::Count) });
    let read = |signal: &SignalId, second: u64, panel| {
        let point = Point { series: "a".to_owned(), value: 50.0, scraped: Elapsed::new(secs(second)) };
        let sample = Sample::Present { points: vec![point], panel: Some(panel) };
        (second, Input::Reading(Reading { signal: signal.clone(), sample }))
    };
    let at = (1..60).flat_map(|n| {
        let panel = if n % 2 == 0 { 20.0 } else { 40.0 };
        [read(&CPU, 5 * n + 1, panel), read(&EXHAUSTED, 5 * n + 1, panel)]
    });
    let run = World { plan, at: at.collect(), ..World::healthy() }.run();
    let panel = |id: SignalId| {
        let mut evidence = run.campaign.results()[0].signals.iter();
        evidence.find(|evidence| evidence.signal == id).unwrap().panel
    };
    let figures = panel(CPU).unwrap();
    assert_eq!((figures.highest, figures.lowest), (40.0, 20.0));
    assert!((29.0..31.0).contains(&figures.mean), "{figures:?}");
    assert_eq!(panel(EXHAUSTED), None);
}

const HEAT: SignalId = SignalId::literal("heat");

/// A reading of the gauge `heat` at the second in which it was scraped.
fn hot(second: u64, values: &[(&str, f64)]) -> (u64, Input) {
    let (at, input) = counted(second, second, values);
    match input {
        Input::Reading(reading) => (at, Input::Reading(Reading { signal: HEAT, ..reading })),
        _other => unreachable!("a count is a reading"),
    }
}

/// A tier of five minutes from the campaign's start, which must not be hotter than 90.
fn heating(fold: Fold, at: Vec<(u64, Input)>) -> Run {
    let mut plan = draft();
    plan.signals.push(Signal { fold, ..signal(HEAT, Unit::Percent) });
    plan.tiers.truncate(1);
    plan.tiers[0].criteria.push(criterion(HEAT, 90.0, Severity::Stop, 0));
    World { plan, at, ..World::healthy() }.run()
}

fn heat(run: &Run) -> &SignalEvidence {
    run.last().signals.iter().find(|evidence| evidence.signal == HEAT).unwrap()
}

#[test]
fn a_counter_counts_in_a_tier_from_that_tier_s_start() {
    let counts = |second: u64| if second < 400 { 8.0 } else { 12.0 };
    let at = (0..20).map(|n| counted(n * 55, n * 55, &[("a", if n == 0 { 0.0 } else { counts(n * 55) })]));
    let mut world = counting(at.collect());
    world.plan.tiers = draft().tiers;
    world.plan.tiers.truncate(2);
    for tier in &mut world.plan.tiers {
        tier.criteria.push(criterion(EXHAUSTED, 10.0, Severity::Stop, 0));
    }
    assert_eq!(world.run().verdicts(), [Go, Go], "8 in the first tier and 4 in the second");
}

#[test]
fn what_was_counted_in_the_last_moments_of_a_tier_is_that_tier_s() {
    let counts = |second: u64| if second > 300 { 20.0 } else { 0.0 };
    let at = (0..7).map(|n| counted(n * 55, n * 55, &[("a", counts(n * 55))]));
    assert_eq!(counting(at.collect()).run().verdicts(), [Stop], "between 275 s and the end at 300 s");
}

#[test]
fn what_was_counted_after_a_scrape_at_the_very_end_of_a_tier_is_not_that_tier_s() {
    let counts = |second: u64| if second > 300 { 20.0 } else { 0.0 };
    let at = (0..8).map(|n| counted(n * 50, n * 50, &[("a", counts(n * 50))]));
    assert_eq!(counting(at.collect()).run().verdicts(), [Go]);
}

#[test]
fn a_series_that_first_counts_after_the_end_of_a_tier_is_not_that_tier_s() {
    let at = (0..8).map(|n| {
        let both: &[_] = &[("a", 0.0), ("b", 20.0)];
        counted(n * 50, n * 50, if n < 7 { &both[..1] } else { both })
    });
    assert_eq!(counting(at.collect()).run().verdicts(), [Go]);
}

#[test]
fn a_gauge_that_is_scraped_after_the_end_of_a_tier_is_not_that_tier_s() {
    let at = (0..80).map(|n| hot(n * 5, &[("a", if n * 5 > 302 { 99.0 } else { 40.0 })]));
    let run = heating(Fold::Worst, at.collect());
    assert_eq!(
        (run.verdicts(), heat(&run).highest.as_ref().map(|highest| highest.value)),
        (vec![Go], Some(40.0))
    );
}

#[test]
fn a_series_that_appears_within_a_tier_is_expected_from_then_on() {
    let both: &[_] = &[("a", 40.0), ("b", 50.0)];
    let at = |gone: u64| {
        let seen = (0..60).map(move |n| hot(n * 5, if n < 30 || n >= gone { &both[..1] } else { both }));
        seen.collect()
    };
    assert_eq!(heating(Fold::Worst, at(60)).verdicts(), [Go], "seen from 150 s to the end");
    let run = heating(Fold::Worst, at(40));
    assert_eq!(run.verdicts(), [Inconclusive], "gone after 200 s");
    assert_eq!((heat(&run).seen, heat(&run).expected), (10, 29));
}

#[test]
fn a_series_that_vanished_is_not_made_up_for_by_one_that_came_late_and_stayed() {
    let at = (0..60).map(|n| hot(n * 5, &[(if n <= 40 { "early" } else { "late" }, 40.0)]));
    let run = heating(Fold::Worst, at.collect());
    assert_eq!(run.verdicts(), [Inconclusive]);
    let early = |finding: &Finding| matches!(finding, Finding::Coverage { series: Some(series), seen: 40, expected: 59, .. } if series == "early");
    assert!(run.has(early), "{:?}", run.last().findings);
}

#[test]
fn a_scrape_that_is_read_several_times_counts_once() {
    let at = (0..60).flat_map(|n| {
        let (value, often) = if n % 2 == 0 { (10.0, 9) } else { (90.0, 1) };
        vec![hot(n * 5, &[("a", value)]); often]
    });
    let run = heating(Fold::Mean, at.collect());
    assert_eq!(run.verdicts(), [Go]);
    // The first of them was scraped as the tier started, and speaks of the time before it.
    assert_eq!((heat(&run).seen, heat(&run).mean), (59, Some((29.0 * 10.0 + 30.0 * 90.0) / 59.0)));
}

#[test]
fn the_extremes_of_a_signal_are_those_that_came_first_with_their_series() {
    let at = (0..60).map(|n| {
        let (a, b) = (40.0 + (n % 10) as f64, 45.0 - (n % 7) as f64);
        hot(n * 5, &[("a", a), ("b", b)])
    });
    let run = heating(Fold::Worst, at.collect());
    let extreme = |series: &str, value, at| {
        Some(Extreme { value, series: series.to_owned(), at: Elapsed::new(secs(at)) })
    };
    assert_eq!(heat(&run).highest, extreme("a", 49.0, 45));
    assert_eq!(heat(&run).lowest, extreme("b", 39.0, 30));
}

#[test]
fn a_signal_that_was_never_seen_has_no_figures() {
    let run = heating(Fold::Worst, Vec::new());
    let SignalEvidence { highest, lowest, mean, seen, expected, .. } = heat(&run);
    assert_eq!((run.verdicts(), *seen, *expected), (vec![Inconclusive], 0, 59));
    assert_eq!((highest, lowest, mean), (&None, &None, &None));
}
