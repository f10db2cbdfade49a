//! What a plan may be, to the last, and what it may not.

use std::time::Duration;

use ramp_core::{
    criterion::{Comparison, Criterion, Severity},
    plan::{EvidenceRules, Plan, PlanDraft, PlanError, Recovery},
    signal::{Fold, SignalId, Unit},
    units::Ratio,
    verdict::Verdict::Go,
};

use crate::world::{CPU, World, criterion, draft, secs, signal};

/// The faults of the form's plan after `change`, as they are told.
fn faults(change: impl FnOnce(&mut PlanDraft)) -> Vec<String> {
    let mut plan = draft();
    change(&mut plan);
    match Plan::new(plan) {
        Ok(_) => Vec::new(),
        Err(errors) => {
            let told: Vec<_> = errors.faults().iter().map(PlanError::to_string).collect();
            assert_eq!(errors.to_string(), told.join("\n"), "all are told at once, a line each");
            told
        }
    }
}

#[test]
fn the_form_s_plan_is_sound() {
    assert_eq!(faults(|_| {}), [""; 0]);
}

#[test]
fn a_tier_is_just_long_enough_for_a_stop_signal_at_five_settlings() {
    let window = |plan: &mut PlanDraft, window| plan.signals[0].window = window;
    assert_eq!(faults(|plan| window(plan, secs(55))), [""; 0], "5 x (5 + 55) is 300");
    let told = faults(|plan| window(plan, secs(56)));
    assert_eq!(told.len(), 5);
    assert_eq!(
        told[0],
        "tiers[0].hold: 300s is too short to judge cpu: at least 305s is needed (its interval 5s and its rate \
         window 56s must fit in it 5 times); hold longer, sample faster or shorten the window"
    );
}

#[test]
fn a_signal_that_is_optional_or_only_warns_needs_to_settle_once_and_one_not_judged_never() {
    let slow = |plan: &mut PlanDraft, window| plan.signals[0].window = window;
    let optional = |window| {
        faults(|plan| {
            slow(plan, window);
            plan.signals[0].optional = true;
        })
    };
    assert_eq!((optional(secs(295)).len(), optional(secs(296)).len()), (0, 5));
    let warns = |window| {
        faults(|plan| {
            slow(plan, window);
            plan.tiers.iter_mut().for_each(|tier| {
                tier.criteria.retain(|known| known.signal != CPU || known.severity == Severity::Warning);
            });
        })
    };
    assert_eq!((warns(secs(295)).len(), warns(secs(296)).len()), (0, 5));
    let unjudged = faults(|plan| {
        slow(plan, secs(3_000));
        plan.tiers.iter_mut().for_each(|tier| tier.criteria.retain(|known| known.signal != CPU));
    });
    assert_eq!(unjudged, [""; 0]);
}

#[test]
fn a_crossing_must_be_able_to_last_as_long_as_it_is_asked_to() {
    let lasting =
        |seconds| faults(|plan| plan.tiers[1].criteria.push(criterion(CPU, 99.0, Severity::Stop, seconds)));
    assert_eq!(lasting(299), [""; 0]);
    let expected = "tiers[1].criteria: cpu must cross for 300s in a tier of 300s; ask for less";
    assert_eq!(lasting(300), [expected]);
}

#[test]
fn a_warning_at_its_stop_is_none_too_late_in_either_direction() {
    let pair = |comparison, warning, stop| {
        faults(|plan| {
            let of = |bound, severity| Criterion { comparison, ..criterion(CPU, bound, severity, 0) };
            plan.tiers[0].criteria = vec![of(warning, Severity::Warning), of(stop, Severity::Stop)];
        })
        .len()
    };
    for (warning, stop, above, below) in [(80.0, 95.0, 0, 1), (95.0, 95.0, 0, 0), (96.0, 95.0, 1, 0)] {
        assert_eq!(pair(Comparison::Above, warning, stop), above, "{warning} {stop}");
        assert_eq!(pair(Comparison::AtLeast, warning, stop), above, "{warning} {stop}");
        assert_eq!(pair(Comparison::Below, warning, stop), below, "{warning} {stop}");
    }
    let two_ways = faults(|plan| {
        let low = criterion(CPU, 99.0, Severity::Warning, 0);
        plan.tiers[0].criteria.push(Criterion { comparison: Comparison::Below, ..low });
    });
    assert_eq!(two_ways, [""; 0], "a warning below 99 and a stop above 95 are about different things");
}

#[test]
fn a_recovery_may_be_given_up_on_when_the_least_wait_is_over() {
    let recovery =
        |minimum, give_up| faults(|plan| (plan.recovery.minimum, plan.recovery.give_up) = (minimum, give_up));
    assert_eq!(recovery(secs(600), secs(600)), [""; 0]);
    assert_eq!(
        recovery(secs(601), secs(600)),
        ["recovery.give_up: 600s is shorter than recovery.minimum 601s"]
    );
    assert_eq!(
        recovery(Duration::ZERO, Duration::ZERO),
        ["recovery.give_up: is zero; give a duration above zero"]
    );
    let floor = faults(|plan| plan.recovery.floor = 0);
    assert_eq!(floor, ["recovery.floor: is zero, which no lag can be below; give at least 1"]);
}

#[test]
fn each_fault_names_its_place() {
    assert_eq!(
        faults(|plan| plan.signals[1].interval = Duration::ZERO)[0].split(':').next(),
        Some("signals.lag.interval")
    );
    assert_eq!(
        faults(|plan| plan.tiers[2].p99_bound = Duration::ZERO),
        ["tiers[2].p99_bound: is zero; give a duration above zero"]
    );
    assert_eq!(
        faults(|plan| plan.tiers[2].rate = plan.tiers[1].rate),
        ["tiers[2].rate: 2500/s is not above the tier before (2500/s); order the tiers by rate"]
    );
    assert_eq!(
        faults(|plan| plan.tiers[4].name = String::new()),
        ["tiers[4].name: \"\" is empty or taken; give each tier a name of its own"]
    );
    assert_eq!(
        faults(|plan| plan.tiers[3].criteria[0].bound = f64::INFINITY),
        [
            "tiers[3].criteria: the bound inf on cpu is not a finite number",
            "tiers[3].criteria: the warning at inf on cpu lies beyond its stop at 95"
        ]
    );
    assert_eq!(
        faults(|plan| plan.recommended = Ratio::new(0.0).unwrap()),
        ["recommended: is zero; give a share above zero (the usual one is 0.7)"]
    );
    let zero = faults(|plan| plan.tiers[0].hold = Duration::ZERO);
    assert_eq!(
        zero,
        ["tiers[0].hold: is zero; give a duration above zero"],
        "and nothing that follows from it"
    );
}

#[test]
fn what_is_judged_at_the_end_asks_for_no_time() {
    for fold in [Fold::Mean, Fold::Last] {
        assert_eq!(faults(|plan| plan.signals[0].fold = fold), [""; 0]);
    }
}

#[test]
fn a_plan_tells_all_its_faults_at_once_and_where_they_are() {
    let good = draft();
    let mut plan =
        PlanDraft { recovery: Recovery { minimum: secs(20), floor: 0, give_up: secs(10) }, ..good };
    plan.recommended = Ratio::new(0.0).unwrap();
    plan.signals.push(signal(CPU, Unit::Percent));
    plan.tiers[1].rate = plan.tiers[0].rate;
    plan.tiers[2].name = "P1".to_owned();
    plan.tiers[3].hold = secs(20);
    plan.tiers[4].p99_bound = Duration::ZERO;
    plan.tiers[0].criteria.push(criterion(SignalId::literal("gone"), 1.0, Severity::Stop, 0));
    plan.tiers[0].criteria.push(criterion(CPU, f64::NAN, Severity::Warning, 0));
    plan.tiers[0].criteria.push(criterion(CPU, 99.0, Severity::Warning, 0));
    let errors = Plan::new(plan).unwrap_err();
    let has = |wanted: fn(&PlanError) -> bool| errors.faults().iter().any(wanted);
    assert!(has(|fault| matches!(fault, PlanError::DuplicateSignal(id) if *id == CPU)));
    assert!(has(|fault| matches!(fault, PlanError::RateNotIncreasing { place: 1, .. })));
    assert!(has(|fault| matches!(fault, PlanError::TierName { place: 2, .. })));
    assert!(has(|fault| matches!(fault, PlanError::HoldTooShort { place: 3, .. })));
    assert!(has(|fault| matches!(fault, PlanError::ZeroDuration { place } if place == "tiers[4].p99_bound")));
    assert!(has(|fault| matches!(fault, PlanError::UnknownSignal { place: 0, .. })));
    assert!(has(|fault| matches!(fault, PlanError::BoundNotFinite { place: 0, .. })));
    assert!(has(|fault| matches!(fault, PlanError::WarningBeyondStop { place: 0, .. })));
    assert!(has(|fault| matches!(fault, PlanError::SustainedTooLong { place: 3, .. })));
    assert!(has(|fault| matches!(fault, PlanError::GiveUpBeforeMinimum { .. })));
    assert!(has(|fault| matches!(fault, PlanError::ZeroFloor)));
    assert!(has(|fault| matches!(fault, PlanError::ZeroRecommendation)));
    let empty = Plan::new(PlanDraft { tiers: Vec::new(), ..draft() }).unwrap_err();
    assert!(matches!(empty.faults(), [PlanError::NoTier]));
}

#[test]
fn a_warning_below_its_stop_is_no_fault_in_either_direction() {
    let mut plan = draft();
    for tier in &mut plan.tiers {
        for (bound, severity) in [(20.0, Severity::Warning), (10.0, Severity::Stop)] {
            let low = criterion(CPU, bound, severity, 0);
            tier.criteria.push(Criterion { comparison: Comparison::Below, ..low });
        }
    }
    assert!(Plan::new(plan).is_ok());
}

#[test]
fn a_first_tier_holds_for_as_long_as_a_gauge_remembers_beside_what_judging_it_takes() {
    let mut plan = draft();
    plan.signals[0].memory = secs(60);
    plan.tiers.iter_mut().for_each(|tier| tier.hold = secs(60));
    let errors = Plan::new(plan.clone()).unwrap_err();
    let told = errors.to_string();
    assert_eq!(errors.faults().len(), 1, "every later tier has a wait before it: {told}");
    assert!(
        told.contains("tiers[0].hold: 60s is too short to judge cpu: at least 85s is needed")
            && told.contains("5 times after the 60s that it remembers of the time before the campaign"),
        "{told}"
    );
    plan.tiers[0].hold = secs(85);
    assert!(Plan::new(plan).is_ok());
}

#[test]
fn a_prometheus_scraping_every_15_s_with_a_rate_window_of_2_min_is_too_slow_for_a_tier_of_5_min() {
    let mut plan = draft();
    plan.signals[0].interval = secs(15);
    plan.signals[0].window = secs(120);
    let errors = Plan::new(plan.clone()).unwrap_err();
    assert_eq!(errors.faults().len(), 5, "{errors}");
    assert!(
        errors
            .faults()
            .iter()
            .all(|fault| matches!(fault, PlanError::HoldTooShort { least, .. } if *least == secs(5 * 135)))
    );
    for tier in &mut plan.tiers {
        tier.hold = secs(675);
    }
    let cpu = |_, since: f64| (since as u64).is_multiple_of(15).then_some(40.0);
    let run = World { plan, cpu: Box::new(cpu), ..World::healthy() }.run();
    assert_eq!(run.verdicts(), [Go; 5]);
    let evidence = &run.outcome().tiers[0].signals[0];
    assert!(evidence.expected == 36 && evidence.seen >= 35, "from second 135 on, each 15 s: {evidence:?}");
}

#[test]
fn a_time_to_last_is_refused_where_only_the_end_is_judged() {
    let mut plan = draft();
    plan.signals[0].fold = Fold::Last;
    plan.tiers[2].criteria.push(criterion(CPU, 95.0, Severity::Stop, 10));
    let errors = Plan::new(plan).unwrap_err();
    assert!(
        matches!(errors.faults(), [PlanError::SustainedAtTheEnd { place: 2, fold: Fold::Last, .. }]),
        "{errors}"
    );
}

#[test]
fn a_plan_shows_what_it_was_made_of() {
    let evidence = EvidenceRules { lateness: secs(1), ..EvidenceRules::default() };
    let plan = Plan::new(PlanDraft { evidence, ..draft() }).unwrap();
    assert_eq!((plan.name(), plan.tiers(), plan.signals()), ("form", &*draft().tiers, &*draft().signals));
    assert_eq!(
        (plan.evidence(), plan.recovery(), plan.budget()),
        (evidence, draft().recovery, draft().budget)
    );
    assert_eq!((plan.ceiling(), plan.refine(), plan.recommended()), (None, None, draft().recommended));
    assert_eq!(plan.signal(&CPU), draft().signals.first());
    assert_eq!(plan.signal(&SignalId::literal("none")), None);
    assert_eq!(plan.tiers()[0].records(), 300_000);
    assert_eq!(PlanDraft::from(plan), PlanDraft { evidence, ..draft() });
}
