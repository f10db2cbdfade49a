//! What the rules say of one campaign each.

use std::time::Duration;

use ramp_core::{
    campaign::{Campaign, Input, Stage},
    criterion::Severity,
    event::{Action, Ending},
    observation::{LatencySnapshot, LoadProgress},
    plan::{Plan, PlanDraft, Recovery},
    signal::SignalId,
    tier_result::P99,
    units::{Elapsed, Rate},
    verdict::{Finding, Verdict},
};

use crate::world::{World, draft, secs};

use Verdict::{Go, Inconclusive, Stop};

#[test]
fn a_healthy_campaign_ends_with_a_capacity_that_is_a_floor() {
    let run = World::healthy().run();
    assert_eq!(run.verdicts(), [Go; 5]);
    let outcome = run.outcome();
    assert_eq!(outcome.ending, Ending::LastTierPassed);
    let capacity = outcome.capacity.unwrap();
    assert_eq!((capacity.validated.get(), capacity.exact), (10_000, false));
    assert_eq!(capacity.recommended.map(Rate::get), Some(7_000));
    assert_eq!(outcome.overrun, None);
    assert!(outcome.tiers.iter().all(|tier| tier.recovery.unwrap().recovered_after == Some(Duration::ZERO)));
}

#[test]
fn a_replication_that_stalls_at_minute_four_of_p3_is_a_stop_there() {
    let stall = |tier, since: f64| if tier == 2 && since > 240.0 { since - 240.0 } else { 0.05 };
    let run = World { behind: Box::new(stall), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Go, Stop]);
    assert!(run.has(|finding| matches!(finding, Finding::LatencyObjective { certain: Some(_), .. })));
    let outcome = run.outcome();
    let capacity = outcome.capacity.unwrap();
    assert_eq!((capacity.validated.get(), capacity.exact), (2_500, true));
    let cut = outcome.tiers[2].stopped.unwrap().since(outcome.tiers[2].started.unwrap());
    assert!(
        cut > secs(243) && cut < secs(248),
        "it is cut once 1 % of the tier is beyond the bound: {cut:?}"
    );
}

#[test]
fn a_replication_that_dies_two_seconds_before_the_end_of_p3_is_a_stop() {
    let stall = |tier, since: f64| if tier == 2 && since > 298.0 { since - 298.0 } else { 0.05 };
    let run = World { behind: Box::new(stall), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Go, Stop]);
    assert!(run.has(|finding| matches!(finding, Finding::NotRecovered { .. })));
}

#[test]
fn a_paused_partition_with_half_a_percent_of_the_records_is_a_stop_after_the_recovery() {
    let run = World { stuck: Box::new(|tier| if tier == 1 { 0.005 } else { 0.0 }), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Stop]);
    assert!(run.has(|finding| matches!(finding, Finding::NotRecovered { outstanding: 3_750, .. })));
    assert!(
        !run.has(|finding| matches!(finding, Finding::LatencyObjective { .. })),
        "under 1 % are beyond it"
    );
    let recovery = run.last().recovery.unwrap();
    assert_eq!((recovery.waited, recovery.outstanding), (secs(600), 3_750));
}

#[test]
fn a_partition_without_a_leader_cannot_hide_in_an_open_ledger() {
    let open = |tier, progress: &mut LoadProgress| {
        if tier == 1 {
            progress.acknowledged -= progress.offered / 30;
        }
    };
    let run = World { load: Box::new(open), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::OpenLedger { in_flight: 25_000 })));
}

#[test]
fn a_processor_at_its_limit_stops_the_tier_at_once() {
    let cpu = |tier, since| Some(if tier == 1 && since > 120.0 { 97.5 } else { 40.0 });
    let run = World { cpu: Box::new(cpu), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Stop]);
    let ran = run.last().stopped.unwrap().since(run.last().started.unwrap());
    assert!(ran > secs(120) && ran <= secs(126), "{ran:?}");
    let crossed = |finding: &Finding| match finding {
        Finding::Crossed { criterion, value, series, source, .. } => {
            criterion.severity == Severity::Stop
                && (*value, series.as_str(), source.as_str()) == (97.5, "w1", "query of cpu")
        }
        _ => false,
    };
    assert!(run.has(crossed));
}

#[test]
fn a_warning_leaves_a_tier_go_and_is_listed() {
    let run = World { cpu: Box::new(|_, _| Some(85.0)), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go; 5]);
    assert!(run.has(|finding| matches!(finding, Finding::Crossed { value: 85.0, .. })));
}

#[test]
fn a_generator_that_was_late_itself_is_inconclusive() {
    let late = |tier, snapshot: &mut LatencySnapshot| {
        if tier == 0 {
            snapshot.late = snapshot.offered / 50;
        }
    };
    let run = World { latency: Box::new(late), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::GeneratorLate { from_handover: 0, .. })));
    assert_eq!(run.outcome().capacity, None);
}

#[test]
fn a_late_generator_is_found_by_its_own_lateness() {
    let late = |_, progress: &mut LoadProgress| progress.lateness_p99 = Duration::from_millis(101);
    let run = World { load: Box::new(late), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::Lateness { .. })));
}

#[test]
fn a_pause_of_five_seconds_within_the_objective_of_p5_stops_nothing() {
    let pause = |tier, since: f64| {
        let into = since - 100.0;
        if tier == 4 && (0.0..4.9).contains(&into) { into } else { 0.05 }
    };
    let run = World { behind: Box::new(pause), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go; 5]);
    let lag = |finding: &Finding| matches!(finding, Finding::Crossed { criterion, .. } if criterion.signal == SignalId::LAG);
    assert!(run.has(lag), "the lag's warning is listed: {:?}", run.last().findings);
}

#[test]
fn a_lag_beyond_its_stop_for_thirty_seconds_is_a_stop() {
    let mut plan = draft();
    for tier in &mut plan.tiers {
        tier.p99_bound = secs(60);
    }
    let behind = |tier, _| if tier == 4 { 6.0 } else { 0.05 };
    let run = World { plan, behind: Box::new(behind), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Go, Go, Go, Stop]);
    let ran = run.last().stopped.unwrap().since(run.last().started.unwrap());
    assert!(ran >= secs(35) && ran < secs(40), "6 s of 10 000/s are 60 000, from second 5 on: {ran:?}");
}

#[test]
fn a_load_that_was_not_offered_proves_nothing() {
    let short = |_, progress: &mut LoadProgress| {
        progress.offered = progress.due * 98 / 100;
        progress.acknowledged = progress.offered;
    };
    let run = World { load: Box::new(short), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::Shortfall { due: 300_000, offered: 294_000, .. })));
}

#[test]
fn a_record_that_failed_denies_the_go() {
    let failing = |_, progress: &mut LoadProgress| {
        progress.failed = progress.offered.min(1);
        progress.acknowledged -= progress.failed;
    };
    let run = World { load: Box::new(failing), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::RecordsFailed { failed: 1, .. })));
}

#[test]
fn without_a_probe_there_is_no_go() {
    let run = World { probe: false, ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::NoLatency)));
}

#[test]
fn an_observation_that_is_lost_is_inconclusive_and_never_a_stop_for_silence() {
    let reason = "the target is gone".to_owned();
    let at = vec![(100, Input::ObservationLost { tier: 0, reason })];
    let silent = |_, since: f64| if since > 100.0 { since - 100.0 } else { 0.05 };
    let run = World { at, behind: Box::new(silent), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| matches!(finding, Finding::ObservationLost { .. })));
}

#[test]
fn an_interrupt_in_a_tier_stops_the_load_and_keeps_the_capacity_as_a_floor() {
    let run = World { at: vec![(500, Input::Interrupt)], ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Inconclusive]);
    assert_eq!(run.outcome().ending, Ending::Interrupted);
    let capacity = run.outcome().capacity.unwrap();
    assert_eq!((capacity.validated.get(), capacity.exact), (1_000, false));
}

#[test]
fn an_interrupt_in_a_recovery_leaves_that_tier_without_a_go() {
    let run = World { at: vec![(350, Input::Interrupt)], ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert_eq!(run.outcome().ending, Ending::Interrupted);
    assert_eq!(run.last().recovery, None);
}

#[test]
fn an_interrupt_while_the_load_starts_stops_it() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    while campaign.poll_action().is_some() {}
    campaign.handle(Elapsed::START, Input::Interrupt);
    assert_eq!(campaign.poll_action(), Some(Action::StopLoad));
    assert!(campaign.outcome().is_some());
}

#[test]
fn a_path_that_is_blocked_starts_no_load() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    assert_eq!(campaign.poll_action(), Some(Action::ProvePath { tier: 0 }));
    campaign.handle(Elapsed::START, Input::PathBlocked { tier: 0, reason: "backlog".to_owned() });
    assert_eq!(campaign.poll_action(), None);
    assert_eq!(campaign.outcome().unwrap().ending, Ending::Inconclusive);
}

#[test]
fn a_load_that_never_starts_or_never_ends_is_not_waited_for_for_ever() {
    for started in [false, true] {
        let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
        campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
        if started {
            campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
        }
        let mut wakes = 0;
        while let Some(at) = campaign.poll_timeout() {
            campaign.handle(at, Input::Tick);
            wakes += 1;
            assert!(wakes < 1_000, "the campaign spins at {at:?}");
        }
        let actions: Vec<_> = std::iter::from_fn(|| campaign.poll_action()).collect();
        assert!(actions.contains(&Action::StopLoad), "{actions:?}");
        assert_eq!(campaign.results()[0].verdict, Inconclusive);
    }
}

#[test]
fn a_stop_that_an_interrupt_cut_short_leaves_the_capacity_a_floor() {
    let slow = |tier, _: f64| if tier == 1 { 3.0 } else { 0.05 };
    let at = vec![(425, Input::Interrupt)];
    let run = World { at, behind: Box::new(slow), ..World::healthy() }.run();
    assert_eq!(run.outcome().ending, Ending::Interrupted);
    assert!(!run.outcome().capacity.unwrap().exact);
}

#[test]
fn a_ledger_that_was_given_up_on_denies_the_go() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    let arrived = LatencySnapshot { offered: 300_000, arrived: 300_000, ..LatencySnapshot::default() };
    let progress =
        LoadProgress { due: 300_000, offered: 300_000, acknowledged: 300_000, ..LoadProgress::default() };
    for second in 0..900 {
        let now = Elapsed::new(secs(second));
        campaign.handle(now, Input::Load { tier: 0, progress: progress.clone() });
        campaign.handle(now, Input::Latency { tier: 0, snapshot: arrived.clone() });
    }
    let result = &campaign.results()[0];
    assert_eq!(result.verdict, Inconclusive);
    assert!(result.findings.iter().any(|finding| matches!(finding, Finding::OpenLedger { .. })));
}

#[test]
fn a_load_that_starts_after_it_was_given_up_on_is_stopped() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::Interrupt);
    while campaign.poll_action().is_some() {}
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    assert_eq!(campaign.poll_action(), Some(Action::StopLoad));
}

#[test]
fn a_client_that_stalls_for_four_seconds_at_p1_proves_nothing_about_the_replication() {
    // Records due in the stall are handed over when it ends: late from their due time, in time from the hand-over.
    let stalled = 4_000.0_f64;
    let late = move |tier, snapshot: &mut LatencySnapshot| {
        if tier == 0 && snapshot.offered > 100_000 {
            snapshot.late = (stalled * 0.75) as u64 + 1;
        }
    };
    let run = World { latency: Box::new(late), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    let expected = Finding::GeneratorLate { violations: 3_001, from_handover: 0, allowed: 3_000 };
    assert!(run.last().findings.contains(&expected), "{:?}", run.last().findings);
}

#[test]
fn a_replication_that_takes_longer_than_the_recovery_may_is_a_stop() {
    let slow = |_, since: f64| if since > 297.0 { since - 297.0 } else { 0.05 };
    let run = World { behind: Box::new(slow), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Stop]);
    let recovery = run.last().recovery.unwrap();
    assert_eq!((recovery.waited, recovery.recovered_after), (secs(600), None));
    assert!(run.has(|finding| matches!(finding, Finding::NotRecovered { outstanding: 3_000, .. })));
}

#[test]
fn a_lag_that_grows_while_p99_passes_is_a_warning_that_says_when_it_will_not() {
    let creeping = |tier, since: f64| if tier == 0 { 0.05 + since / 1_000.0 } else { 0.05 };
    let run = World { behind: Box::new(creeping), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go; 5]);
    let first = &run.campaign.results()[0];
    let grows = first.findings.iter().find_map(|finding| match finding {
        Finding::LagGrows { severity, per_second, limit, reached_in, .. } => {
            Some((*severity, *per_second, *limit, reached_in.as_secs()))
        }
        _ => None,
    });
    let (severity, per_second, limit, reached_in) = grows.unwrap();
    assert_eq!((severity, limit), (Severity::Warning, 1_000));
    assert!((0.9..1.1).contains(&per_second), "1 record more per second: {per_second}");
    assert!((600..750).contains(&reached_in), "650 are left at 1 a second: {reached_in}");
}

#[test]
fn a_p99_next_to_its_bound_says_that_chance_may_have_decided() {
    for (late, verdict) in [(2_950, Go), (3_000, Go), (3_001, Stop), (2_800, Go), (4_000, Stop)] {
        let narrow = move |tier, snapshot: &mut LatencySnapshot| {
            if tier == 0 && snapshot.offered == 300_000 {
                (snapshot.late, snapshot.late_from_handover) = (late, late);
            }
        };
        let run = World { latency: Box::new(narrow), ..World::healthy() }.run();
        let first = &run.campaign.results()[0];
        assert_eq!(first.verdict, verdict);
        let said = first.findings.iter().any(|finding| {
            matches!(finding, Finding::NearlyLate { .. } | Finding::LatencyObjective { straddles: true, .. })
        });
        assert_eq!(said, (2_900..3_100).contains(&late), "{late}: {:?}", first.findings);
    }
}

#[test]
fn a_measured_p99_has_its_samples_and_its_interval() {
    let range = Some((Duration::from_millis(49), Duration::from_millis(52)));
    let ranged = move |_, snapshot: &mut LatencySnapshot| snapshot.p99_range = range;
    let run = World { latency: Box::new(ranged), ..World::healthy() }.run();
    let value = Duration::from_millis(50);
    assert_eq!(run.campaign.results()[0].p99, P99::Measured { value, samples: 300_000, range });
}

#[test]
fn a_load_that_fails_to_start_leaves_its_tier_inconclusive_with_the_reason() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadFailed { tier: 1, reason: "of another tier".to_owned() });
    assert!(campaign.results().is_empty(), "it is not this tier's");
    campaign.handle(Elapsed::START, Input::LoadFailed { tier: 0, reason: "refused".to_owned() });
    let result = &campaign.results()[0];
    assert_eq!((result.verdict, result.started), (Inconclusive, None));
    assert_eq!(result.findings, [Finding::LoadFailed { reason: "refused".to_owned() }]);
    assert_eq!(campaign.outcome().unwrap().ending, Ending::Inconclusive);
}

#[test]
fn a_load_that_dies_mid_tier_leaves_it_inconclusive_with_the_reason() {
    let reason = "the generator was killed".to_owned();
    let at = vec![(100, Input::LoadFailed { tier: 0, reason: reason.clone() })];
    let run = World { at, ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Inconclusive]);
    assert!(run.has(|finding| *finding == Finding::LoadFailed { reason: reason.clone() }));
    assert_eq!(run.last().stopped, Some(Elapsed::new(secs(100))));
}

#[test]
fn a_load_is_stopped_when_none_is_wanted_and_only_then() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    let mut started = |inputs: &[Input]| {
        inputs.iter().for_each(|input| campaign.handle(Elapsed::START, input.clone()));
        let actions: Vec<_> = std::iter::from_fn(|| campaign.poll_action()).collect();
        (actions.last().cloned(), campaign.stage())
    };
    let since = Elapsed::START;
    let proving = started(&[Input::LoadStarted { tier: 0 }]);
    assert_eq!(proving, (Some(Action::StopLoad), Stage::Proving { tier: 0, since }));
    let starting = started(&[Input::PathClear { tier: 0 }, Input::LoadStarted { tier: 1 }]);
    let load = Action::StartLoad {
        tier: 0,
        rate: Rate::per_second(1_000).unwrap(),
        hold: secs(300),
        bound: secs(1),
    };
    assert_eq!(starting, (Some(load), Stage::Starting { tier: 0, since }));
    let running = started(&[Input::LoadStarted { tier: 0 }]);
    assert_eq!(running, (None, Stage::Loading { tier: 0, since }));
    let again = started(&[Input::LoadStarted { tier: 0 }, Input::LoadStarted { tier: 1 }]);
    assert_eq!(again, (None, Stage::Loading { tier: 0, since }), "the load that is wanted goes on");
}

#[test]
fn a_campaign_that_takes_longer_than_planned_says_by_how_much() {
    let took = World::healthy().run().outcome().took;
    for (budget, overrun) in [(took - secs(7), Some(secs(7))), (took, None), (took + secs(7), None)] {
        let plan = PlanDraft { budget: Some(budget), ..draft() };
        assert_eq!(World { plan, ..World::healthy() }.run().outcome().overrun, overrun);
    }
    let plan = PlanDraft { budget: None, ..draft() };
    assert_eq!(World { plan, ..World::healthy() }.run().outcome().overrun, None);
}

#[test]
fn one_in_a_hundred_from_the_hand_over_is_still_the_generator_s_lateness() {
    let late = |_, snapshot: &mut LatencySnapshot| {
        if snapshot.offered == 300_000 {
            (snapshot.late, snapshot.late_from_handover) = (3_001, 3_000);
        }
    };
    let run = World { latency: Box::new(late), ..World::healthy() }.run();
    assert!(run.has(|finding| matches!(finding, Finding::GeneratorLate { from_handover: 3_000, .. })));
    assert_eq!(run.verdicts(), [Inconclusive]);
}

#[test]
fn repeated_and_overtaken_records_are_warnings_with_their_numbers() {
    let told = |tier, snapshot: &mut LatencySnapshot| match tier {
        0 => snapshot.duplicates = 7,
        1 => snapshot.reordered = 5,
        _ => {}
    };
    let run = World { latency: Box::new(told), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go; 5]);
    let found: Vec<_> = run.campaign.results().iter().map(|result| result.findings.clone()).collect();
    assert_eq!(found[0], [Finding::Duplicates { records: 7 }]);
    assert_eq!(found[1], [Finding::Reordered { records: 5 }]);
    assert_eq!(found[2], []);
}

#[test]
fn latencies_of_no_records_are_no_latencies() {
    let none = |_, snapshot: &mut LatencySnapshot| snapshot.offered = 0;
    let run = World { latency: Box::new(none), ..World::healthy() }.run();
    assert!(run.has(|finding| *finding == Finding::NoLatency));
    assert_eq!(run.last().p99, P99::Unknown);
}

#[test]
fn a_recovery_without_a_word_about_latencies_is_an_observation_lost() {
    for (last, lost) in [(299, true), (300, false)] {
        let mut plan = draft();
        plan.recovery = Recovery { minimum: secs(1), floor: 1_000, give_up: secs(5) };
        let mut campaign = Campaign::new(Plan::new(plan).unwrap());
        campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
        campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
        let snapshot =
            LatencySnapshot { offered: 9, arrived: 8, outstanding: 1, ..LatencySnapshot::default() };
        for second in (5..295).step_by(5).chain([last]) {
            let latency = Input::Latency { tier: 0, snapshot: snapshot.clone() };
            campaign.handle(Elapsed::new(secs(second)), latency);
        }
        let ended = Input::LoadEnded { tier: 0, progress: LoadProgress::default() };
        campaign.handle(Elapsed::new(secs(300)), ended);
        campaign.handle(Elapsed::new(secs(305)), Input::Tick);
        let findings = &campaign.results()[0].findings;
        let is_lost = findings.iter().any(|finding| matches!(finding, Finding::ObservationLost { .. }));
        assert_eq!(is_lost, lost, "{findings:?}");
    }
}

#[test]
fn what_is_allowed_is_allowed_to_the_last() {
    let world =
        || World { plan: PlanDraft { tiers: draft().tiers[..1].to_vec(), ..draft() }, ..World::healthy() };
    let one_in_a_hundred = |_, snapshot: &mut LatencySnapshot| {
        if snapshot.offered > 100_000 {
            snapshot.late = 3_000;
        }
    };
    let run = World { latency: Box::new(one_in_a_hundred), ..world() }.run();
    assert_eq!(run.verdicts(), [Go], "{:?}", run.last().findings);
    let ninety_nine = |_, progress: &mut LoadProgress| {
        progress.offered = progress.due * 99 / 100;
        progress.acknowledged = progress.offered;
    };
    assert_eq!(World { load: Box::new(ninety_nine), ..world() }.run().verdicts(), [Go]);
    let late = |_, progress: &mut LoadProgress| progress.lateness_p99 = Duration::from_millis(100);
    assert_eq!(World { load: Box::new(late), ..world() }.run().verdicts(), [Go]);
}

#[test]
fn a_tier_is_cut_with_the_first_record_beyond_one_in_a_hundred_of_all() {
    for (violations, cut) in [(3_000, false), (3_001, true)] {
        let late = move |_, snapshot: &mut LatencySnapshot| {
            if snapshot.offered > 100_000 {
                (snapshot.late, snapshot.late_from_handover) = (violations, violations);
            }
        };
        let run = World { latency: Box::new(late), ..World::healthy() }.run();
        let first = &run.campaign.results()[0];
        let ran = first.stopped.unwrap().since(first.started.unwrap());
        assert_eq!(ran < secs(102), cut, "{violations}: {ran:?}");
    }
}
