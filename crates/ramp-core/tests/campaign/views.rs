//! What displays are told.

use ramp_core::{
    campaign::{Campaign, Input, Stage},
    criterion::Severity,
    event::{Action, Ending, Event},
    observation::{LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::Plan,
    signal::SignalId,
    units::Elapsed,
    verdict::{Finding, Verdict},
};

use crate::world::{CPU, World, draft, secs};

fn at(second: u64) -> Elapsed {
    Elapsed::new(secs(second))
}

fn cpu(second: u64, value: f64) -> Input {
    let points = vec![Point { series: "w1".into(), value, scraped: at(second) }];
    Input::Reading(Reading { signal: CPU, sample: Sample::Present { points, panel: None } })
}

#[test]
fn the_stages_of_a_tier_follow_each_other_with_their_beginnings() {
    let mut plan = draft();
    plan.signals[1].interval = secs(5);
    let mut campaign = Campaign::new(Plan::new(plan).unwrap());
    assert_eq!(campaign.stage(), Stage::Proving { tier: 0, since: Elapsed::START });
    assert_eq!((campaign.current(), campaign.levels().count(), campaign.evidence()), (None, 0, Vec::new()));
    campaign.handle(at(10), Input::PathClear { tier: 0 });
    assert_eq!(campaign.stage(), Stage::Starting { tier: 0, since: at(10) });
    assert_eq!(campaign.poll_timeout(), Some(at(70)));
    campaign.handle(at(12), Input::LoadStarted { tier: 0 });
    assert_eq!(campaign.stage(), Stage::Loading { tier: 0, since: at(12) });
    assert_eq!(campaign.poll_timeout(), Some(at(22)), "latencies are waited for for 10 s");
    let progress = LoadProgress { due: 10, offered: 9, ..LoadProgress::default() };
    let snapshot = LatencySnapshot { offered: 9, arrived: 4, ..LatencySnapshot::default() };
    campaign.handle(at(13), Input::Load { tier: 0, progress: progress.clone() });
    campaign.handle(at(13), Input::Latency { tier: 0, snapshot: snapshot.clone() });
    assert_eq!(campaign.current(), Some((&progress, Some(&snapshot))));
    campaign.handle(at(15), cpu(14, 85.0));
    assert_eq!(campaign.levels().collect::<Vec<_>>(), [Some(Severity::Warning), None]);
    let read = campaign.evidence();
    assert_eq!(read.iter().map(|read| &read.signal).collect::<Vec<_>>(), [&CPU, &SignalId::LAG]);
    assert_eq!(read[0].highest.as_ref().map(|highest| highest.value), Some(85.0));
    for second in (20..=310).step_by(5) {
        campaign.handle(at(second), cpu(second, 40.0));
        campaign.handle(at(second), Input::Latency { tier: 0, snapshot: snapshot.clone() });
    }
    assert_eq!(campaign.poll_timeout(), Some(at(312)), "the hold's end");
    campaign.handle(at(312), Input::Tick);
    assert_eq!(campaign.stage(), Stage::Loading { tier: 0, since: at(12) }, "its ledger is open");
    assert_eq!(campaign.poll_timeout(), Some(at(313)), "a load that does not end is told to");
    let progress = LoadProgress { due: 300_000, offered: 300_000, acknowledged: 300_000, ..progress };
    campaign.handle(at(313), Input::LoadEnded { tier: 0, progress });
    assert_eq!(campaign.stage(), Stage::Recovering { tier: 0, since: at(312) });
    let snapshot = LatencySnapshot { offered: 300_000, arrived: 300_000, ..snapshot };
    for second in (315..=430).step_by(5) {
        campaign.handle(at(second), Input::Latency { tier: 0, snapshot: snapshot.clone() });
    }
    assert_eq!(campaign.poll_timeout(), Some(at(432)), "the least wait");
    campaign.handle(at(432), Input::Latency { tier: 0, snapshot });
    assert_eq!(campaign.stage(), Stage::Proving { tier: 1, since: at(432) }, "{:?}", campaign.results());
    assert_eq!(campaign.poll_timeout(), Some(at(432 + 605)), "a proof may take as long as a recovery");
    campaign.handle(at(500), Input::Interrupt);
    assert_eq!(campaign.stage(), Stage::Done { ending: Ending::Interrupted, at: at(500) });
    assert_eq!(campaign.poll_timeout(), None);
}

#[test]
fn a_recovery_that_has_waited_long_enough_is_given_up_on_at_its_end() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(at(0), Input::PathClear { tier: 0 });
    campaign.handle(at(0), Input::LoadStarted { tier: 0 });
    let snapshot = LatencySnapshot { offered: 9, outstanding: 9, ..LatencySnapshot::default() };
    campaign.handle(at(5), Input::LoadEnded { tier: 0, progress: LoadProgress::default() });
    for second in (10..=600).step_by(5) {
        campaign.handle(at(second), Input::Latency { tier: 0, snapshot: snapshot.clone() });
        if second == 125 {
            assert_eq!(campaign.poll_timeout(), Some(at(135)), "the least wait is over, and silence is next");
        }
    }
    assert_eq!(campaign.poll_timeout(), Some(at(605)), "given up on 600 s after the stop");
}

#[test]
fn the_events_of_a_campaign_tell_its_story() {
    let cpu = |tier, since: f64| Some(if tier == 1 && since > 120.0 { 97.5 } else { 40.0 });
    let run = World { cpu: Box::new(cpu), ..World::healthy() }.run();
    let half = |second: u64| Elapsed::new(secs(second) + secs(1) / 2);
    let level = |tier, from, to, value, at| Event::LevelChanged {
        tier,
        signal: CPU,
        from,
        to,
        series: "w1".to_owned(),
        value,
        at,
    };
    let finding = run.events.iter().find_map(|event| match event {
        Event::TierCut { finding, .. } => finding.clone(),
        _ => None,
    });
    assert!(
        matches!(&finding, Some(Finding::Crossed { criterion, value: 97.5, .. }) if criterion.signal == CPU)
    );
    let expected = [
        Event::TierStarted { tier: 0, at: at(0) },
        Event::Provisional { tier: 0, verdict: Verdict::Go, at: half(300) },
        Event::Final { tier: 0, verdict: Verdict::Go, at: at(420) },
        Event::TierStarted { tier: 1, at: at(420) },
        level(1, None, Some(Severity::Stop), 97.5, at(545)),
        Event::TierCut { tier: 1, finding, at: at(545) },
        Event::Provisional { tier: 1, verdict: Verdict::Stop, at: half(545) },
        Event::Final { tier: 1, verdict: Verdict::Stop, at: at(665) },
        Event::Ended { ending: Ending::Stopped, at: at(665) },
    ];
    assert_eq!(run.events, expected);
}

#[test]
fn a_level_goes_up_and_down_with_the_readings_and_names_the_series() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(at(0), Input::PathClear { tier: 0 });
    campaign.handle(at(0), Input::LoadStarted { tier: 0 });
    while campaign.poll_event().is_some() {}
    let mut told = Vec::new();
    for (second, cool, hot) in [(1, 10.0, 20.0), (2, 10.0, 81.0), (3, 82.0, 83.0), (4, 10.0, 20.0)] {
        let point = |series: &str, value| Point { series: series.to_owned(), value, scraped: at(second) };
        let sample = Sample::Present { points: vec![point("hot", hot), point("cool", cool)], panel: None };
        campaign.handle(at(second), Input::Reading(Reading { signal: CPU, sample }));
        while let Some(event) = campaign.poll_event() {
            if let Event::LevelChanged { to, series, value, .. } = event {
                told.push((second, to, series, value));
            }
        }
    }
    let expected = [(2, Some(Severity::Warning), "hot".to_owned(), 81.0), (4, None, "hot".to_owned(), 20.0)];
    assert_eq!(told, expected);
}

#[test]
fn a_lag_s_level_is_told_like_any_other_s() {
    let behind =
        |tier, since: f64| if tier == 4 && (100.0..104.9).contains(&since) { since - 100.0 } else { 0.05 };
    let run = World { behind: Box::new(behind), ..World::healthy() }.run();
    let levels = run.events.iter().filter_map(|event| match event {
        Event::LevelChanged { signal, to, .. } if *signal == SignalId::LAG => Some(*to),
        _ => None,
    });
    assert_eq!(levels.collect::<Vec<_>>(), [Some(Severity::Warning), None]);
}

#[test]
fn a_load_that_does_not_end_by_itself_is_told_to_once() {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(at(0), Input::PathClear { tier: 0 });
    campaign.handle(at(0), Input::LoadStarted { tier: 0 });
    let mut told = Vec::new();
    for second in 1..=310 {
        let snapshot = LatencySnapshot { offered: 1_000 * second, ..LatencySnapshot::default() };
        campaign.handle(at(second), Input::Latency { tier: 0, snapshot });
        let actions =
            std::iter::from_fn(|| campaign.poll_action()).filter(|action| *action == Action::StopLoad);
        told.extend(actions.map(|_| second));
    }
    assert_eq!(told, [301], "a second after its hold");
}
