//! A load before the first tier, which no verdict is about.

use ramp_core::{
    campaign::{Campaign, Input, Stage, Warmup},
    event::{Action, Ending, Event},
    plan::{Plan, PlanDraft},
    units::{Elapsed, Rate},
    verdict::{
        Finding,
        Verdict::{Go, Inconclusive},
    },
};

use crate::world::{Run, World, draft, secs};

const WARMUP: usize = Campaign::WARMUP;

fn at(second: u64) -> Elapsed {
    Elapsed::new(secs(second))
}

/// The form's first two tiers after half a minute of their first rate.
fn warmed() -> PlanDraft {
    let mut plan = PlanDraft { warmup: Some(secs(30)), ..draft() };
    plan.tiers.truncate(2);
    plan
}

fn started(run: &Run) -> Vec<(usize, Elapsed)> {
    let started = run.events.iter().filter_map(|event| match event {
        Event::WarmingUp { tier, at, .. } | Event::TierStarted { tier, at } => Some((*tier, *at)),
        _ => None,
    });
    started.collect()
}

#[test]
fn the_first_tier_follows_a_load_of_its_own_rate_and_that_one_s_recovery() {
    let run = World { plan: warmed(), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Go]);
    assert_eq!(started(&run), [(WARMUP, at(0)), (0, at(150)), (1, at(570))]);
    let rate = Rate::per_second(1_000).unwrap();
    assert_eq!(run.events.first(), Some(&Event::WarmingUp { tier: WARMUP, rate, hold: secs(30), at: at(0) }));
    let outcome = run.outcome();
    assert_eq!(outcome.warmup, Some(Warmup { rate, held: secs(30) }));
    assert_eq!((outcome.tiers.len(), outcome.took), (2, secs(990)), "it is no tier, and takes its time");
    assert_eq!(World::healthy().run().outcome().warmup, None);
}

#[test]
fn however_bad_it_is_nothing_is_judged_and_nothing_cut() {
    let cold = |tier: usize, good: f64, bad: f64| if tier == WARMUP { bad } else { good };
    let run = World {
        plan: warmed(),
        behind: Box::new(move |tier, _| cold(tier, 0.05, 20.0)),
        cpu: Box::new(move |tier, _| Some(cold(tier, 40.0, 99.0))),
        ..World::healthy()
    }
    .run();
    assert_eq!(run.verdicts(), [Go, Go]);
    assert_eq!(run.outcome().warmup.unwrap().held, secs(30));
    let of_it: Vec<_> =
        run.events.iter().take_while(|event| !matches!(event, Event::TierStarted { .. })).collect();
    assert!(matches!(of_it[..], [Event::WarmingUp { .. }]), "{of_it:?}");
    assert!(run.outcome().tiers.iter().all(|tier| tier.findings.is_empty()), "{:?}", run.outcome().tiers);
}

#[test]
fn no_tier_starts_on_what_the_warmup_has_left() {
    let behind = |tier, _: f64| if tier == WARMUP { 200.0 } else { 0.05 };
    let run = World { plan: warmed(), behind: Box::new(behind), ..World::healthy() }.run();
    let (_, first) = started(&run)[1];
    assert!(first >= at(230), "its last record arrives 200 s after the load: {first:?}");
    assert_eq!(run.verdicts(), [Go, Go]);
}

#[test]
fn what_cannot_warmup_leaves_the_first_tier_without_a_verdict() {
    let mut campaign = Campaign::new(Plan::new(warmed()).unwrap());
    assert_eq!(campaign.poll_action(), Some(Action::ProvePath { tier: WARMUP }));
    campaign.handle(at(1), Input::PathBlocked { tier: WARMUP, reason: "backlog".to_owned() });
    let outcome = campaign.outcome().unwrap();
    assert_eq!((outcome.ending, outcome.warmup), (Ending::Inconclusive, None));
    assert_eq!((outcome.tiers[0].tier, outcome.tiers[0].verdict), (0, Inconclusive));
}

#[test]
fn a_campaign_that_is_taken_up_before_its_first_verdict_is_warmed_up_again() {
    // In the warm-up, in its recovery, and in the first tier.
    for (second, held) in [(10, secs(10)), (100, secs(30)), (200, secs(30))] {
        let mut run =
            World { plan: warmed(), at: vec![(second, Input::Interrupt)], ..World::healthy() }.run();
        let outcome = run.outcome();
        assert_eq!((outcome.ending, run.verdicts()), (Ending::Interrupted, vec![Inconclusive]), "{second}");
        assert_eq!(outcome.warmup.map(|warmup| warmup.held), Some(held));
        let is_interrupt = |finding: &Finding| matches!(finding, Finding::Interrupted { .. });
        assert!(run.has(is_interrupt), "{:?}", run.last());
        run.campaign.handle(at(900), Input::Resumed);
        assert_eq!(run.campaign.stage(), Stage::Proving { tier: WARMUP, since: at(900) });
        assert_eq!(run.campaign.poll_action(), Some(Action::ProvePath { tier: WARMUP }));
    }
    let mut run = World { plan: warmed(), at: vec![(600, Input::Interrupt)], ..World::healthy() }.run();
    run.campaign.handle(at(900), Input::Resumed);
    assert_eq!(run.campaign.stage(), Stage::Proving { tier: 1, since: at(900) }, "a later tier goes on");
}

#[test]
fn a_warmup_of_no_time_and_a_tier_of_its_name_are_faults() {
    let faults = |change: fn(&mut PlanDraft)| {
        let mut plan = warmed();
        change(&mut plan);
        Plan::new(plan).unwrap_err().to_string()
    };
    assert_eq!(faults(|plan| plan.warmup = Some(secs(0))), "warmup: is zero; give a duration above zero");
    assert_eq!(
        faults(|plan| PlanDraft::WARMUP.clone_into(&mut plan.tiers[1].name)),
        "tiers[1].name: \"warm-up\" is empty or taken; give each tier a name of its own"
    );
}
