//! What one input costs. `cargo bench -p ramp-core --bench handle`.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ramp_core::{
    campaign::{Campaign, Input, Stage},
    criterion::{Comparison, Criterion as Bound, Severity},
    observation::{LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{Plan, PlanDraft, Tier},
    signal::{Signal, SignalId, Unit},
    units::{Elapsed, Rate},
};

/// A campaign of 20 signals, each with a warning and a stop, whose load runs.
fn running() -> Campaign {
    let ids = || (0..20).map(|n| SignalId::new(format!("signal.{n}")));
    let bound = |signal: SignalId, bound, severity| Bound {
        signal,
        comparison: Comparison::Above,
        bound,
        severity,
        sustained: Duration::ZERO,
    };
    let day = Duration::from_secs(86_400);
    let mut tier = Tier::new("P1", Rate::per_second(10_000).unwrap(), day, Duration::from_secs(5));
    tier.criteria = ids()
        .flat_map(|id| [bound(id.clone(), 80.0, Severity::Warning), bound(id, 95.0, Severity::Stop)])
        .collect();
    let second = Duration::from_secs(1);
    let signals = ids().map(|id| Signal::gauge(id, Unit::Percent, "benchmark", second)).collect();
    let plan = Plan::new(PlanDraft { signals, ..PlanDraft::new("benchmark", vec![tier]) }).unwrap();
    let mut campaign = Campaign::new(plan);
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    campaign
}

/// The `n`th moment. They lie so close together that no number of iterations outlasts the tier or the patience with
/// whoever tells latencies.
fn moment(n: u64) -> Elapsed {
    Elapsed::new(Duration::from_nanos(10 * n))
}

fn reading(n: u64, series: usize) -> Input {
    let point = |worker| Point {
        series: format!("instance=\"worker-{worker}:7073\""),
        value: 40.0 + (n % 20) as f64,
        scraped: moment(n),
    };
    let sample = Sample::Present { points: (0..series).map(point).collect(), panel: Some(41.0) };
    Input::Reading(Reading { signal: SignalId::literal("signal.19"), sample })
}

fn snapshot(n: u64) -> Input {
    let offered = 10_000 * n;
    let age = Some(Duration::from_millis(40 + n % 7));
    let snapshot = LatencySnapshot {
        offered,
        arrived: offered - 400,
        outstanding: 400,
        mean: age,
        p50: age,
        p99: age,
        max: age,
        ..LatencySnapshot::default()
    };
    Input::Latency { tier: 0, snapshot }
}

fn handle(c: &mut Criterion) {
    let mut group = c.benchmark_group("handle");
    for series in [1, 4, 16] {
        group.bench_function(format!("a reading of {series} series"), |b| {
            let mut campaign = running();
            let mut n = 0;
            b.iter_batched(
                || {
                    n += 1;
                    (moment(n), reading(n, series))
                },
                |(at, input)| campaign.handle(at, input),
                BatchSize::SmallInput,
            );
            assert!(matches!(campaign.stage(), Stage::Loading { .. }));
        });
    }
    group.bench_function("a latency snapshot", |b| {
        let mut campaign = running();
        let mut n = 0;
        b.iter_batched(
            || {
                n += 1;
                (moment(n), snapshot(n))
            },
            |(at, input)| campaign.handle(at, input),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("a load account", |b| {
        let mut campaign = running();
        b.iter_batched(
            LoadProgress::default,
            |progress| campaign.handle(Elapsed::START, Input::Load { tier: 0, progress }),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("a tick", |b| {
        let mut campaign = running();
        b.iter(|| campaign.handle(Elapsed::START, Input::Tick));
        assert!(matches!(campaign.stage(), Stage::Loading { .. }));
    });
    group.finish();
}

criterion_group!(benches, handle);
criterion_main!(benches);
