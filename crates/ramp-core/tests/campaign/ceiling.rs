//! Without access to the target: what a gauge of the highest latency and a counter of arrivals can prove.

use std::time::Duration;

use ramp_core::{
    campaign::{Campaign, Input},
    event::Action,
    observation::{Absence, LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{CeilingFault, LatencyCeiling, Plan, PlanDraft, PlanError},
    signal::{Fold, Signal, SignalId, Unit},
    tier_result::{P99, TierResult},
    units::Elapsed,
    verdict::{CeilingGap, Finding, Verdict},
};

use crate::world::{CPU, draft, secs, signal};

const HIGHEST: SignalId = SignalId::literal("latency.max");
const ARRIVED: SignalId = SignalId::literal("records");

/// The form's first tier, watched by a gauge that shows the highest latency of the last minute.
fn bounded() -> PlanDraft {
    let mut plan = draft();
    plan.signals.push(Signal { memory: secs(60), ..signal(HIGHEST, Unit::Milliseconds) });
    plan.signals.push(Signal { fold: Fold::Increase, ..signal(ARRIVED, Unit::Records) });
    plan.signals[1].interval = secs(5);
    plan.ceiling = Some(LatencyCeiling { highest: HIGHEST, arrivals: ARRIVED, gap: secs(30) });
    plan.tiers.truncate(1);
    plan
}

/// What a tier's gauge and counter say at a second of it; `None` where there is nothing to read.
struct Told {
    highest: Box<dyn Fn(u64) -> Option<f64>>,
    /// Records that have arrived of those that were offered.
    arrived: Box<dyn Fn(u64, u64) -> Option<u64>>,
}

impl Told {
    fn healthy() -> Self {
        Self { highest: Box::new(|_| Some(240.0)), arrived: Box::new(|_, offered| Some(offered)) }
    }

    /// Runs the tier, whose records nobody sees arrive.
    fn result(&self) -> TierResult {
        self.result_of(Duration::ZERO)
    }

    /// The same with a generator that is late.
    fn result_of(&self, lateness_p99: Duration) -> TierResult {
        let mut campaign = Campaign::new(Plan::new(bounded()).unwrap());
        // What the counter counted before the campaign is nobody's.
        self.read(&mut campaign, 0, None, 7_000_000);
        campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
        campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
        let mut cut = None;
        for second in 1..=1_000 {
            let now = Elapsed::new(secs(second));
            while let Some(action) = campaign.poll_action() {
                if action == Action::StopLoad {
                    cut.get_or_insert(second);
                }
            }
            let offered = 1_000 * second.min(300).min(cut.unwrap_or(300));
            let progress = LoadProgress {
                due: offered,
                offered,
                acknowledged: offered,
                lateness_p99,
                ..LoadProgress::default()
            };
            if second <= 300 {
                campaign.handle(now, Input::Load { tier: 0, progress: progress.clone() });
            }
            if second == 301 {
                campaign.handle(now, Input::LoadEnded { tier: 0, progress });
            }
            if second % 5 == 0 {
                self.read(&mut campaign, second, Some(second), 7_000_000 + offered);
            }
            campaign.handle(now, Input::Tick);
        }
        campaign.results()[0].clone()
    }

    fn read(&self, campaign: &mut Campaign, second: u64, told: Option<u64>, offered: u64) {
        let scraped = Elapsed::new(secs(second));
        let highest = told.map_or(Some(3.0), |second| (self.highest)(second));
        let arrived = told.map_or(Some(offered), |second| (self.arrived)(second, offered));
        let values = [(CPU, Some(40.0)), (ARRIVED, arrived.map(|n| n as f64)), (HIGHEST, highest)];
        for (signal, value) in values {
            let sample = value.map_or(Sample::Absent(Absence::NotANumber), |value| Sample::Present {
                points: vec![Point { series: "partition=0".into(), value, scraped }],
                panel: None,
            });
            campaign.handle(scraped, Input::Reading(Reading { signal, sample }));
        }
    }
}

fn gap(result: &TierResult) -> Option<&CeilingGap> {
    result.findings.iter().find_map(|finding| match finding {
        Finding::NotBounded { gap } => Some(gap),
        _ => None,
    })
}

#[test]
fn without_access_to_the_target_a_gauge_always_below_the_bound_is_a_go_by_a_bound() {
    let result = Told::healthy().result();
    assert_eq!(result.verdict, Verdict::Go, "{:?}", result.findings);
    assert!(
        matches!(&result.p99, P99::Bounded { bound, highest } if *bound == secs(1) && highest.value == 240.0)
    );
    assert_eq!(result.recovery.unwrap().outstanding, 0);
    assert_eq!(result.recovery.unwrap().waited, secs(120), "it is drained before the least wait is over");
}

#[test]
fn a_gauge_that_is_quiet_once_everything_has_arrived_is_not_absent() {
    let quiet = |second| (second <= 310).then_some(240.0);
    let result = Told { highest: Box::new(quiet), ..Told::healthy() }.result();
    assert_eq!(result.verdict, Verdict::Go, "{:?}", result.findings);
}

#[test]
fn a_gauge_that_falls_silent_as_soon_as_everything_is_counted_may_not_have_shown_the_last() {
    let quiet = |second| (second <= 305).then_some(240.0);
    let result = Told { highest: Box::new(quiet), ..Told::healthy() }.result();
    assert!(matches!(gap(&result), Some(CeilingGap::Unread { .. })), "{:?}", result.findings);
}

#[test]
fn what_the_generator_was_late_by_is_added_to_the_gauge_which_does_not_know_it() {
    for (highest, is_bounded) in [(959.0, true), (960.0, false)] {
        let told = Told { highest: Box::new(move |_| Some(highest)), ..Told::healthy() };
        let result = told.result_of(Duration::from_millis(40));
        let is_late =
            matches!(gap(&result), Some(CeilingGap::Late { lateness, .. }) if lateness.as_millis() == 40);
        assert_eq!((matches!(result.p99, P99::Bounded { .. }), is_late), (is_bounded, !is_bounded));
    }
}

#[test]
fn a_latency_below_zero_is_by_a_clock_that_is_wrong_and_proves_nothing() {
    let behind = |second| Some(if second == 100 { -0.5 } else { 240.0 });
    let result = Told { highest: Box::new(behind), ..Told::healthy() }.result();
    assert!(matches!(gap(&result), Some(CeilingGap::ClockBehind { lowest }) if lowest.value == -0.5));
}

#[test]
fn a_gauge_that_falls_silent_before_everything_has_arrived_proves_nothing() {
    let quiet = |second| (second <= 295).then_some(240.0);
    let result = Told { highest: Box::new(quiet), ..Told::healthy() }.result();
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert!(matches!(gap(&result), Some(CeilingGap::Unread { .. })), "{:?}", result.findings);
}

#[test]
fn a_gauge_unread_for_more_than_half_its_memory_proves_nothing() {
    for (hole, verdict) in [(100..130, Verdict::Go), (100..135, Verdict::Inconclusive)] {
        let read = move |second| (!hole.contains(&second) || second == 100).then_some(240.0);
        let result = Told { highest: Box::new(read), ..Told::healthy() }.result();
        assert_eq!(result.verdict, verdict, "{:?}", result.findings);
    }
}

#[test]
fn a_gauge_that_is_first_read_late_proves_nothing_about_the_beginning() {
    let late = |second| (second >= 35).then_some(240.0);
    let result = Told { highest: Box::new(late), ..Told::healthy() }.result();
    assert!(matches!(gap(&result), Some(CeilingGap::Unread { longest, .. }) if *longest == secs(35)));
}

#[test]
fn a_gauge_at_the_bound_is_no_stop_since_one_record_is_not_one_in_a_hundred() {
    let peak = |second| Some(if second == 100 { 1_000.0 } else { 240.0 });
    let result = Told { highest: Box::new(peak), ..Told::healthy() }.result();
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert!(matches!(gap(&result), Some(CeilingGap::Reached { highest, .. }) if highest.value == 1_000.0));
    assert_eq!(result.p99, P99::Unknown);
}

#[test]
fn a_gauge_without_a_value_proves_nothing() {
    let result = Told { highest: Box::new(|_| None), ..Told::healthy() }.result();
    assert_eq!(gap(&result), Some(&CeilingGap::NoValue));
}

#[test]
fn records_that_were_not_counted_as_arrived_are_waited_for_and_then_deny_the_go() {
    for outstanding in [1_500, 15] {
        let missing = move |_, offered: u64| Some(offered - (offered - 7_000_000) * outstanding / 300_000);
        let result = Told { arrived: Box::new(missing), ..Told::healthy() }.result();
        assert_eq!(result.verdict, Verdict::Inconclusive);
        assert_eq!(gap(&result), Some(&CeilingGap::NotDrained { outstanding }));
        assert_eq!(result.recovery.unwrap().waited, secs(600));
    }
}

#[test]
fn a_peak_after_everything_has_arrived_is_somebody_else_s() {
    let peak = |second| Some(if second > 310 { 9_000.0 } else { 240.0 });
    let result = Told { highest: Box::new(peak), ..Told::healthy() }.result();
    assert_eq!(result.verdict, Verdict::Go, "{:?}", result.findings);
}

#[test]
fn others_who_write_to_the_same_topics_make_the_arrivals_worthless() {
    let others = |second: u64, offered: u64| Some(offered + 10 * second);
    let result = Told { arrived: Box::new(others), ..Told::healthy() }.result();
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert_eq!(gap(&result), Some(&CeilingGap::Excess { records: 4_150 }), "10 a second until second 415");
}

#[test]
fn arrivals_that_are_not_counted_prove_nothing() {
    let result = Told { arrived: Box::new(|_, _| None), ..Told::healthy() }.result();
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert_eq!(gap(&result), Some(&CeilingGap::NotCounted));
}

#[test]
fn a_lag_counted_by_arrivals_is_held_against_what_was_acknowledged_then() {
    let slow = |second: u64, offered: u64| Some(offered - (offered - 7_000_000) * second.min(300) / 600);
    let result = Told { arrived: Box::new(slow), ..Told::healthy() }.result();
    let peak = result.lag_peak.unwrap();
    assert!((68_000..=72_000).contains(&peak), "30 s after 50 000, which are reached at second 173: {peak}");
    let stopped = |finding: &Finding| matches!(finding, Finding::Crossed { criterion, .. } if criterion.bound == 50_000.0);
    assert!(result.findings.iter().any(stopped), "{:?}", result.findings);
    assert_eq!(result.verdict, Verdict::Stop);
}

#[test]
fn the_lag_that_arrivals_leave_is_told_while_a_tier_runs() {
    let mut campaign = Campaign::new(Plan::new(bounded()).unwrap());
    Told::healthy().read(&mut campaign, 0, None, 7_000_000);
    assert_eq!(campaign.lag(), None, "no tier runs");
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    let progress = LoadProgress { due: 900, offered: 900, acknowledged: 900, ..LoadProgress::default() };
    campaign.handle(Elapsed::new(secs(1)), Input::Load { tier: 0, progress });
    assert_eq!(campaign.lag(), None, "nothing is known of arrivals");
    Told::healthy().read(&mut campaign, 5, Some(5), 7_000_600);
    assert_eq!(campaign.lag(), Some(300));
}

#[test]
fn one_latency_that_was_seen_ends_the_reliance_on_the_gauge() {
    let mut campaign = Campaign::new(Plan::new(bounded()).unwrap());
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    let snapshot = LatencySnapshot { offered: 1_000, arrived: 1_000, ..LatencySnapshot::default() };
    campaign.handle(Elapsed::new(secs(1)), Input::Latency { tier: 0, snapshot });
    for _ in 0..100 {
        let Some(at) = campaign.poll_timeout() else { break };
        campaign.handle(at, Input::Tick);
    }
    let result = &campaign.results()[0];
    assert!(result.findings.iter().any(|finding| matches!(finding, Finding::ObservationLost { .. })));
    assert_eq!(gap(result), None);
}

#[test]
fn a_ceiling_of_unfit_signals_is_refused() {
    let mut plan = bounded();
    plan.ceiling = Some(LatencyCeiling { highest: CPU, arrivals: HIGHEST, gap: secs(30) });
    let errors = Plan::new(plan).unwrap_err();
    let fault = |wanted| {
        errors
            .faults()
            .iter()
            .any(|fault| matches!(fault, PlanError::Ceiling { fault, .. } if *fault == wanted))
    };
    assert!(fault(CeilingFault::NotMilliseconds) && fault(CeilingFault::NotACounter), "{errors}");
    let mut plan = bounded();
    plan.ceiling =
        Some(LatencyCeiling { highest: HIGHEST, arrivals: SignalId::literal("none"), gap: secs(31) });
    let errors = Plan::new(plan).unwrap_err().to_string();
    assert!(errors.contains("latency.max remembers 60s, less than twice the gap of 31s"), "{errors}");
    assert!(errors.contains("none is not a signal of the plan"), "{errors}");
    let mut plan = bounded();
    let mut seldom = bounded();
    seldom.signals.iter_mut().for_each(|signal| signal.interval = secs(31));
    let refused = Plan::new(seldom).unwrap_err();
    let too_seldom = CeilingFault::TooSeldom { interval: secs(31), gap: secs(30) };
    let expected = PlanError::Ceiling { signal: HIGHEST, fault: too_seldom };
    assert!(refused.faults().contains(&expected), "{refused}");
    plan.ceiling = Some(LatencyCeiling { highest: HIGHEST, arrivals: ARRIVED, gap: secs(0) });
    assert!(Plan::new(plan).unwrap_err().to_string().contains("ceiling.gap: is zero"));
}

#[test]
fn latencies_of_before_the_load_are_not_the_tier_s() {
    let mut campaign = Campaign::new(Plan::new(bounded()).unwrap());
    let at = |second| Elapsed::new(secs(second));
    let told = Told::healthy();
    told.read(&mut campaign, 0, None, 0);
    campaign.handle(at(10), Input::PathClear { tier: 0 });
    campaign.handle(at(10), Input::LoadStarted { tier: 0 });
    let late = |value, scraped| {
        let points = vec![Point { series: "partition=0".into(), value, scraped }];
        Input::Reading(Reading { signal: HIGHEST, sample: Sample::Present { points, panel: None } })
    };
    campaign.handle(at(11), late(5_000.0, at(9)));
    campaign.handle(at(12), late(f64::NAN, at(12)));
    campaign.handle(
        at(13),
        Input::LoadEnded {
            tier: 0,
            progress: LoadProgress { due: 10, offered: 10, acknowledged: 10, ..LoadProgress::default() },
        },
    );
    told.read(&mut campaign, 15, Some(15), 10);
    told.read(&mut campaign, 20, Some(20), 10);
    campaign.handle(at(140), Input::Tick);
    let result = &campaign.results()[0];
    assert!(matches!(&result.p99, P99::Bounded { highest, .. } if highest.value == 240.0), "{result:#?}");
}
