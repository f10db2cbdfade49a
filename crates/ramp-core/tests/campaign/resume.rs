//! Campaigns that a new process takes up.

use ramp_core::{
    campaign::{Campaign, Input, Stage},
    event::{Action, Ending, Event},
    observation::{LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::Plan,
    signal::{Signal, SignalId, Unit},
    units::Elapsed,
    verdict::Verdict,
};

use crate::world::{World, draft, secs, signal};

fn at(second: u64) -> Elapsed {
    Elapsed::new(secs(second))
}

/// A campaign whose first tier has ended with records under way when its process was killed.
fn draining() -> Campaign {
    let mut campaign = Campaign::new(Plan::new(draft()).unwrap());
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    for second in 1..=301 {
        let progress = LoadProgress {
            due: 1_000 * second.min(300),
            offered: 1_000 * second.min(300),
            acknowledged: 1_000 * second.min(300),
            ..LoadProgress::default()
        };
        let snapshot = LatencySnapshot {
            offered: progress.offered,
            arrived: progress.offered / 2,
            outstanding: progress.offered / 2,
            ..LatencySnapshot::default()
        };
        let load = if second > 300 {
            Input::LoadEnded { tier: 0, progress }
        } else {
            Input::Load { tier: 0, progress }
        };
        campaign.handle(at(second), load);
        campaign.handle(at(second), Input::Latency { tier: 0, snapshot });
    }
    assert!(matches!(campaign.stage(), Stage::Recovering { tier: 0, .. }));
    campaign
}

#[test]
fn a_campaign_resumed_while_draining_proves_the_path_and_runs_the_tier_again() {
    let mut campaign = draining();
    campaign.handle(at(400), Input::Resumed);
    assert_eq!(campaign.poll_action(), Some(Action::ProvePath { tier: 0 }), "old actions are gone");
    assert_eq!(campaign.poll_action(), None);
    assert_eq!(campaign.poll_event(), Some(Event::TierRepeated { tier: 0, at: at(400) }));
    assert!(campaign.results().is_empty(), "the unfinished tier has no verdict");
    assert!(campaign.poll_timeout().unwrap() >= at(1_000), "the old backlog is given a recovery's time");
    campaign.handle(at(500), Input::PathClear { tier: 0 });
    assert!(matches!(campaign.poll_action(), Some(Action::StartLoad { tier: 0, .. })));
    campaign.handle(at(500), Input::LoadStarted { tier: 0 });
    assert_eq!(campaign.stage(), Stage::Loading { tier: 0, since: at(500) });
}

#[test]
fn a_backlog_that_does_not_drain_after_a_resume_starts_no_load() {
    let mut campaign = draining();
    campaign.handle(at(400), Input::Resumed);
    campaign.handle(at(1_000), Input::PathBlocked { tier: 0, reason: "backlog".to_owned() });
    assert_eq!(campaign.outcome().unwrap().ending, Ending::Inconclusive);
}

#[test]
fn an_interrupted_campaign_is_taken_up_at_the_tier_that_was_cut() {
    let mut run = World { at: vec![(500, Input::Interrupt)], ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Verdict::Go, Verdict::Inconclusive]);
    run.campaign.handle(at(700), Input::Resumed);
    assert_eq!(run.verdicts(), [Verdict::Go]);
    assert_eq!(run.campaign.stage(), Stage::Proving { tier: 1, since: at(700) });
}

#[test]
fn a_campaign_that_has_come_to_its_own_end_is_not_taken_up() {
    let stalls = |tier, _: f64| if tier == 1 { 3.0 } else { 0.05 };
    for world in [World::healthy(), World { behind: Box::new(stalls), ..World::healthy() }] {
        let mut run = world.run();
        let before = run.campaign.clone();
        run.campaign.handle(at(9_000), Input::Resumed);
        assert_eq!(run.campaign.outcome(), before.outcome());
        assert_eq!(run.campaign.poll_action(), None);
    }
}

#[test]
fn a_peak_that_is_in_a_gauge_before_the_path_is_clear_is_not_the_tier_s() {
    let path_clear = [Input::PathClear { tier: 0 }, Input::LoadStarted { tier: 0 }];
    // Whoever loaded the path before the campaign has left it.
    assert_eq!(highest_of_a_gauge_that_remembers_a_minute([]), Some(200.0));
    // The process whose campaign is taken up again has.
    let before = path_clear.map(|input| (at(0), input)).into_iter().chain([(at(50), Input::Resumed)]);
    assert_eq!(highest_of_a_gauge_that_remembers_a_minute(before), Some(200.0));
}

/// What is taken for the highest of a tier whose path is shown to be clear after 100 s, where a gauge that remembers a
/// minute stands at 9 000 until 160 s, and at 200 from then on.
fn highest_of_a_gauge_that_remembers_a_minute(
    before: impl IntoIterator<Item = (Elapsed, Input)>,
) -> Option<f64> {
    let highest = SignalId::literal("latency.max");
    let mut plan = draft();
    plan.signals.push(Signal { memory: secs(60), ..signal(highest.clone(), Unit::Milliseconds) });
    let mut campaign = Campaign::new(Plan::new(plan).unwrap());
    before.into_iter().for_each(|(now, input)| campaign.handle(now, input));
    campaign.handle(at(100), Input::PathClear { tier: 0 });
    campaign.handle(at(100), Input::LoadStarted { tier: 0 });
    for second in 101..=165 {
        let value = if second <= 160 { 9_000.0 } else { 200.0 };
        let points = vec![Point { series: String::new(), value, scraped: at(second) }];
        let sample = Sample::Present { points, panel: None };
        campaign.handle(at(second), Input::Reading(Reading { signal: highest.clone(), sample }));
        campaign.handle(at(second), Input::Latency { tier: 0, snapshot: LatencySnapshot::default() });
    }
    campaign.handle(at(165), Input::Interrupt);
    campaign.handle(at(200), Input::LoadEnded { tier: 0, progress: LoadProgress::default() });
    let result = campaign.results().last().unwrap();
    let evidence = result.signals.iter().find(|evidence| evidence.signal == highest).unwrap();
    evidence.highest.as_ref().map(|highest| highest.value)
}
