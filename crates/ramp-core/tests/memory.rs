//! What a campaign allocates and holds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use ramp_core::{
    campaign::{Campaign, Input},
    criterion::{Comparison, Criterion, Severity},
    observation::{LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{Plan, PlanDraft, Tier},
    signal::{Fold, Signal, SignalId, Unit},
    units::{Elapsed, Rate},
};

const SIGNALS: usize = 20;
const DAY: u64 = 86_400;

fn ids() -> impl Iterator<Item = SignalId> {
    (0..SIGNALS).map(|n| SignalId::new(format!("signal.{n}")))
}

/// A campaign of one tier that holds for a day, with a lag and signals of every fold, each with two criteria.
fn running() -> Campaign {
    let mut tier = Tier::new("P1", Rate::per_second(10_000).unwrap(), secs(DAY), secs(5));
    let bound = |signal: SignalId, bound, severity| Criterion {
        signal,
        comparison: Comparison::Above,
        bound,
        severity,
        sustained: Duration::ZERO,
    };
    tier.criteria = ids()
        .chain([SignalId::LAG])
        .flat_map(|id| [bound(id.clone(), 1e8, Severity::Warning), bound(id, 1e9, Severity::Stop)])
        .collect();
    let folds = [Fold::Worst, Fold::Mean, Fold::Last, Fold::Increase];
    let gauge = |id| Signal::gauge(id, Unit::Records, "test", secs(1));
    let mut signals: Vec<_> = ids().map(gauge).chain([gauge(SignalId::LAG)]).collect();
    for (signal, fold) in signals.iter_mut().take(SIGNALS).zip(folds.into_iter().cycle()) {
        signal.fold = fold;
    }
    let plan = Plan::new(PlanDraft { signals, ..PlanDraft::new("a day", vec![tier]) }).unwrap();
    let mut campaign = Campaign::new(plan);
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    campaign
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What is told in one second: the load, its latencies and each signal, rising all the time. Every value is the worst
/// so far.
fn told(second: u64) -> Vec<Input> {
    let offered = 10_000 * second;
    let progress = LoadProgress { due: offered, offered, acknowledged: offered, ..LoadProgress::default() };
    let snapshot = LatencySnapshot {
        offered,
        arrived: offered - 300,
        outstanding: second,
        ..LatencySnapshot::default()
    };
    let reading = |signal| {
        let point = |n| Point {
            series: format!("worker-{n}"),
            value: (second * n) as f64,
            scraped: Elapsed::new(secs(second)),
        };
        let sample = Sample::Present { points: (1..=4).map(point).collect(), panel: Some(second as f64) };
        Input::Reading(Reading { signal, sample })
    };
    let accounts = [Input::Load { tier: 0, progress }, Input::Latency { tier: 0, snapshot }];
    accounts.into_iter().chain(ids().map(reading)).collect()
}

#[test]
fn nothing_is_allocated_for_what_is_told_once_every_series_is_known() {
    let mut campaign = running();
    for second in 1..=2 {
        told(second).into_iter().for_each(|input| campaign.handle(Elapsed::new(secs(second)), input));
    }
    for second in 3..300 {
        for input in told(second) {
            let what = format!("{input:?}");
            let AllocationInfo { count_total, .. } =
                measure(|| campaign.handle(Elapsed::new(secs(second)), input));
            assert_eq!(count_total, 0, "{what}");
        }
    }
}

#[test]
fn a_day_of_twenty_signals_told_every_second_is_held_in_less_than_10_mib() {
    let mut campaign = None;
    let AllocationInfo { bytes_current, .. } = measure(|| {
        let mut day = running();
        for second in 1..DAY {
            told(second).into_iter().for_each(|input| day.handle(Elapsed::new(secs(second)), input));
        }
        campaign = Some(day);
    });
    let campaign = campaign.unwrap();
    assert!(
        campaign.current().is_some_and(|(load, _)| load.offered == 10_000 * (DAY - 1)),
        "the load still runs"
    );
    assert!((0..10 << 20).contains(&bytes_current), "{bytes_current} bytes");
    assert!(bytes_current > 1_000, "something is held");
}
