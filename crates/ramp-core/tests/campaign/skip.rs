//! A recovery's wait that a person cuts short.

use std::time::Duration;

use proptest::prelude::*;
use ramp_core::{
    campaign::Input,
    plan::PlanDraft,
    signal::{Signal, SignalId, Unit},
    verdict::{
        Finding,
        Verdict::{Go, Inconclusive, Stop},
    },
};

use crate::{
    properties::{cases, noisy},
    world::{Run, World, draft, secs, signal},
};

/// The form's first two tiers.
fn two_tiers() -> PlanDraft {
    let mut plan = draft();
    plan.tiers.truncate(2);
    plan
}

/// A person who wants no more of the recovery of P1 at that second of the campaign.
fn skip(second: u64) -> Vec<(u64, Input)> {
    vec![(second, Input::SkipRecovery { tier: 0 })]
}

fn waited(run: &Run) -> Duration {
    run.outcome().tiers[0].recovery.unwrap().waited
}

fn skipped(run: &Run) -> Vec<Finding> {
    let is_skip = |finding: &&Finding| matches!(finding, Finding::RecoverySkipped { .. });
    run.outcome().tiers[0].findings.iter().filter(is_skip).cloned().collect()
}

#[test]
fn a_recovery_that_is_skipped_ends_once_the_last_values_of_its_tier_are_read_and_says_so() {
    let run = World { plan: two_tiers(), at: skip(305), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go, Go]);
    let (waited, minimum) = (waited(&run), secs(120));
    assert_eq!(waited, secs(15), "three intervals of the slowest signal");
    assert_eq!(skipped(&run), [Finding::RecoverySkipped { waited, minimum }]);
}

#[test]
fn a_recovery_is_skipped_only_after_the_path_has_drained_and_gauges_have_forgotten_the_tier() {
    let highest = Signal { memory: secs(60), ..signal(SignalId::literal("max"), Unit::Milliseconds) };
    let mut plan = two_tiers();
    plan.signals.push(highest);
    plan.tiers[0].p99_bound = secs(40);
    // The last record arrives 30 s after the load has stopped.
    let behind = Box::new(|tier, _| if tier == 0 { 30.0 } else { 0.05 });
    let run = World { plan, behind, at: skip(310), ..World::healthy() }.run();
    assert_eq!((waited(&run), run.verdicts()), (secs(90), vec![Go, Go]));
}

#[test]
fn a_skip_is_heard_only_while_its_own_tier_recovers() {
    let late = vec![(200, Input::SkipRecovery { tier: 0 }), (310, Input::SkipRecovery { tier: 1 })];
    for at in [late, skip(419)] {
        let run = World { plan: two_tiers(), at, ..World::healthy() }.run();
        assert!(waited(&run) >= secs(119), "{:?}", waited(&run));
    }
    let never = World { plan: two_tiers(), at: skip(200), ..World::healthy() }.run();
    assert_eq!((waited(&never), skipped(&never)), (secs(120), Vec::new()));
}

#[test]
fn a_skip_never_makes_a_wait_longer_nor_gives_up_on_records_that_are_still_missing() {
    let mut plan = two_tiers();
    plan.recovery.minimum = secs(2);
    let run = World { plan, at: skip(301), ..World::healthy() }.run();
    assert_eq!(
        (waited(&run), skipped(&run)),
        (secs(2), Vec::new()),
        "the plan asks for less than the evidence"
    );

    let stuck = Box::new(|_| 0.005);
    let run = World { plan: two_tiers(), at: skip(301), stuck, ..World::healthy() }.run();
    assert_eq!((waited(&run), run.verdicts()), (secs(600), vec![Stop]));
}

#[test]
fn an_interrupt_after_a_skip_is_an_interrupt() {
    let at = vec![(302, Input::SkipRecovery { tier: 0 }), (305, Input::Interrupt)];
    let run = World { plan: two_tiers(), at, ..World::healthy() }.run();
    assert_eq!((run.verdicts(), skipped(&run)), (vec![Inconclusive], Vec::new()));
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn skipping_changes_no_verdict_and_takes_no_evidence_away(
        behind in 0.0..3.0_f64, cpu in 30.0..110.0_f64, seen in prop::collection::vec(any::<bool>(), 1..12),
        at in 0..200_u64,
    ) {
        let waited = noisy(behind, cpu, seen.clone()).run();
        let skipped = World { at: skip(at), ..noisy(behind, cpu, seen) }.run();
        // The next tier begins at another moment between two scrapes, and sees others.
        let (with, without) = (&skipped.outcome().tiers[0], &waited.outcome().tiers[0]);
        prop_assert_eq!(with.verdict, without.verdict);
        prop_assert_eq!(&with.signals, &without.signals);
    }
}
