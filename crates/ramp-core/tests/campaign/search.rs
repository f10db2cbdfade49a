//! The search for the limit after a STOP.

use proptest::prelude::*;
use ramp_core::{
    campaign::{Campaign, Input},
    capacity::{RefineState, Refined},
    event::Ending,
    plan::{Plan, PlanDraft, PlanError, Refine},
    units::{Elapsed, Ratio},
    verdict::{Finding, Verdict},
};

use crate::{
    cluster::{Cluster, form},
    properties::cases,
    world::{World, draft, secs},
};

fn refining(plan: PlanDraft, resolution: f64) -> PlanDraft {
    PlanDraft { refine: Some(Refine { resolution: Ratio::new(resolution).unwrap() }), ..plan }
}

fn refined(cluster: Cluster, resolution: f64) -> (Campaign, Refined) {
    let campaign = cluster.run(Plan::new(refining(form(), resolution)).unwrap());
    let refined = campaign.refined().unwrap();
    (campaign, refined)
}

fn validated(refined: Refined) -> f64 {
    f64::from(refined.validated.unwrap().get())
}

#[test]
fn the_limit_is_found_between_the_last_go_and_the_first_stop_and_confirmed() {
    let (campaign, found) = refined(Cluster::steady(6_200.0), 0.05);
    assert_eq!(found.state, RefineState::Confirmed);
    assert!(validated(found) <= 6_200.0 && f64::from(found.stopped.get()) > 6_200.0, "{found:?}");
    assert!(f64::from(found.stopped.get()) - validated(found) <= 0.05 * validated(found), "{found:?}");
    let rates: Vec<_> = campaign.probes().iter().map(|probe| (probe.tier, probe.rate.get())).collect();
    assert_eq!(rates, [(5, 6_250), (6, 5_625), (7, 5_937), (8, 6_093), (9, 6_093)]);
    let outcome = campaign.outcome().unwrap();
    assert_eq!(outcome.ending, Ending::Stopped);
    let capacity = outcome.capacity.unwrap();
    assert_eq!((capacity.validated.get(), capacity.exact), (5_000, true), "the form's rule stands apart");
    assert_eq!(outcome.refined.unwrap().recommended.map(|rate| rate.get()), Some(4_265));
    assert_eq!(campaign.tier(6).map(|probe| probe.name.as_str()), Some("R2"));
    assert_eq!(campaign.tier(10), None);
}

#[test]
fn a_distance_of_the_resolution_is_close_enough() {
    let (campaign, found) = refined(Cluster::steady(6_200.0), 0.5);
    assert_eq!(
        (found.state, campaign.probes().len()),
        (RefineState::Confirmed, 1),
        "2 500 are half of 5 000"
    );
    let (campaign, _) = refined(Cluster::steady(6_200.0), 0.499);
    assert_eq!(campaign.probes()[0].rate.get(), 6_250);
}

#[test]
fn a_probe_holds_forty_bounds_and_is_judged_by_the_tier_that_was_stop() {
    let mut plan = refining(form(), 0.05);
    for tier in &mut plan.tiers {
        tier.hold = secs(60);
    }
    let campaign = Cluster::steady(6_200.0).run(Plan::new(plan).unwrap());
    let probe = campaign.tier(5).unwrap();
    assert_eq!((probe.hold, probe.p99_bound), (secs(160), secs(4)), "P4 was STOP, 40 × 4 s");
    assert_eq!(probe.criteria, campaign.plan().tiers()[3].criteria);
}

#[test]
fn a_lag_that_grows_denies_a_probe_its_go_and_only_warns_in_the_ladder() {
    // The first tier's rate is 0.2 % beyond what is carried: its bound would be reached long after its end.
    let (campaign, found) = refined(Cluster::steady(4_990.0), 0.02);
    let ladder = &campaign.results()[2];
    assert_eq!(ladder.verdict, Verdict::Go);
    assert!(ladder.findings.iter().any(|finding| matches!(finding, Finding::LagGrows { .. })));
    assert_eq!(found.state, RefineState::Swings, "what the ladder passed is denied: {found:?}");
    assert_eq!((found.validated.map(|rate| rate.get()), found.stopped.get()), (Some(2_500), 5_078));
}

#[test]
fn nothing_is_searched_for_without_a_go_or_without_a_stop_or_unasked() {
    let none = Cluster::steady(500.0).run(Plan::new(refining(form(), 0.05)).unwrap());
    assert_eq!((none.refined(), none.outcome().unwrap().capacity), (None, None));
    let all = Cluster::steady(20_000.0).run(Plan::new(refining(form(), 0.05)).unwrap());
    assert_eq!((all.refined(), all.outcome().unwrap().ending), (None, Ending::LastTierPassed));
    assert_eq!(Cluster::steady(6_200.0).run(Plan::new(form()).unwrap()).refined(), None);
}

#[test]
fn an_inconclusive_probe_ends_the_search_and_leaves_the_interval() {
    let slow = |tier, _: f64| if tier == 2 { 4.0 } else { 0.05 };
    let blind = |tier, _: f64| (tier < 5).then_some(40.0);
    let plan = refining(draft(), 0.05);
    let run = World { plan, behind: Box::new(slow), cpu: Box::new(blind), ..World::healthy() }.run();
    let outcome = run.outcome();
    let found = outcome.refined.unwrap();
    assert_eq!((found.state, outcome.ending), (RefineState::Inconclusive, Ending::Stopped));
    assert_eq!((found.validated.map(|rate| rate.get()), found.stopped.get()), (Some(2_500), 5_000));
    assert_eq!(outcome.probes.len(), 1);
    assert!(outcome.capacity.unwrap().exact);
}

#[test]
fn an_interrupted_search_keeps_the_capacity_and_is_taken_up_again() {
    let slow = |tier, _: f64| if tier == 2 { 4.0 } else { 0.05 };
    let plan = refining(draft(), 0.05);
    let at = vec![(1_050, Input::Interrupt)];
    let mut run = World { plan, at, behind: Box::new(slow), ..World::healthy() }.run();
    let outcome = run.outcome();
    assert_eq!(outcome.ending, Ending::Interrupted);
    assert_eq!(outcome.refined.unwrap().state, RefineState::Interrupted);
    assert!(outcome.capacity.unwrap().exact);
    let interrupted = outcome.probes.last().unwrap().tier;
    run.campaign.handle(Elapsed::new(secs(2_000)), Input::Resumed);
    assert_eq!(run.campaign.refined().unwrap().state, RefineState::Searching);
    assert!(run.campaign.probes().iter().all(|probe| probe.tier < interrupted));
    assert!(run.campaign.outcome().is_none());
}

#[test]
fn a_resolution_that_never_ends_or_never_begins_is_refused() {
    for resolution in [0.0, 1.0] {
        let errors = Plan::new(refining(form(), resolution)).unwrap_err();
        assert!(matches!(errors.faults(), [PlanError::Resolution(_)]), "{errors}");
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_search_converges_to_within_its_resolution_of_the_limit_with_noise(
        limit in 1_100.0..9_800.0_f64, resolution in 0.01..0.20_f64, noise in 0.0..0.10_f64, seed in any::<u64>(),
    ) {
        let cluster = Cluster { noise, seed, ..Cluster::steady(limit) };
        let campaign = cluster.run(Plan::new(refining(form(), resolution)).unwrap());
        // A tier within its own tolerance of the limit may pass the whole ladder.
        if let Some(found) = campaign.refined() {
            let stopped = f64::from(found.stopped.get());
            // A hold of 40 bounds lets a rate pass that is 2.5 % beyond the limit. Noise blurs the limit of a probe.
            let blur = 0.025 + noise / 4.0;
            match (found.state, found.validated) {
                (RefineState::Confirmed, Some(low)) => {
                    let low = f64::from(low.get());
                    prop_assert!(stopped - low <= (resolution * low).max(1.0), "{found:?}");
                    prop_assert!(low <= limit * (1.0 + blur), "{low} is beyond {limit}");
                    prop_assert!(stopped >= limit * (1.0 - blur), "{stopped} is below {limit}");
                }
                (RefineState::Swings, low) => {
                    let low = low.map_or(0.0, |low| f64::from(low.get()));
                    prop_assert!(low <= limit * (1.0 + blur) && stopped >= limit * (1.0 - blur), "{found:?}");
                }
                (state, _) => prop_assert!(false, "{state:?}"),
            }
        }
    }
}
