//! Readings as a campaign takes them, and a server that comes and goes.

use std::time::Duration;

use futures_util::StreamExt;
use ramp_core::{
    campaign::{Campaign, Input},
    criterion::{Comparison, Criterion, Severity},
    event::Action,
    observation::{Absence, LatencySnapshot, LoadProgress, Sample},
    plan::{EvidenceRules, Plan, PlanDraft, Recovery, Tier},
    signal::{Fold, SignalId},
    tier_result::TierResult,
    units::{Elapsed, Rate, Ratio},
    verdict::{Finding, Verdict},
};
use ramp_observe::{ObserveError, Observer, catalog};

use crate::server::{EXHAUSTED, Server, sample};

#[tokio::test]
async fn a_restarted_server_is_read_again_and_one_that_is_down_is_a_named_absence() {
    let mut server = Server::over_all_cases().await;
    let signals = [catalog::HOST_MEMORY, catalog::ACTIVE_RECORDS];
    let observer = server.observer("sane", &signals).await.unwrap();
    server.end();
    let down = sample(&observer, 62.0).await;
    assert_eq!(down.len(), 2);
    for (_, sample) in &down {
        let refused = matches!(sample, Sample::Absent(Absence::Unreachable(why)) if why.contains("refused"));
        assert!(refused, "{sample:?}");
    }
    let error = server.observer("sane", &signals).await.unwrap_err();
    assert!(matches!(error, ObserveError::Unreachable { .. }), "{error}");
    server.restart().await;
    let again = sample(&observer, 62.0).await;
    assert!(again.iter().all(|(_, sample)| matches!(sample, Sample::Present { .. })), "{again:?}");
}

/// A campaign of one tier that is told what an observer reads.
struct Run {
    observer: Observer,
    campaign: Campaign,
}

impl Run {
    /// A tier that stops when `own` is above `bound`.
    fn new(observer: Observer, bound: f64) -> Self {
        let campaign = Campaign::new(plan_that_stops_above(bound, &observer));
        Self { observer, campaign }
    }

    fn start_load(&mut self, second: f64) {
        self.campaign.handle(since_start(second), Input::PathClear { tier: 0 });
        self.campaign.handle(since_start(second), Input::LoadStarted { tier: 0 });
        while self.campaign.poll_action().is_some() {}
    }

    /// Samples at a second of the case.
    async fn sample(&mut self, second: f64) {
        let now = since_start(second);
        let mut readings = self.observer.sample(now);
        while let Some(observed) = readings.next().await {
            self.campaign.handle(now, Input::Reading(observed.reading));
        }
        self.campaign.handle(now, Input::Latency { tier: 0, snapshot: LatencySnapshot::default() });
    }

    fn end(mut self, second: f64) -> TierResult {
        let end = since_start(second);
        self.campaign.handle(end, Input::Interrupt);
        self.campaign.handle(end, Input::LoadEnded { tier: 0, progress: LoadProgress::default() });
        self.campaign.results()[0].clone()
    }
}

/// A case's observers begin at its first second.
fn since_start(second: f64) -> Elapsed {
    Elapsed::new(Duration::from_secs_f64(second - 1.0))
}

#[tokio::test]
async fn a_hot_worker_beside_an_idle_one_stops_the_tier() {
    let server = Server::over_all_cases().await;
    // One minus the idle share: a panel that shows the mean of all workers, 51 %.
    let mean = "avg(1 - rate(node_cpu_seconds_total{mode=\"idle\"}[30s]))";
    let mut run = Run::new(server.observer_of_expression("hot-worker", mean, Fold::Worst).await, 0.95);
    run.start_load(1.0);
    for second in (6..=61).step_by(5) {
        run.sample(f64::from(second)).await;
    }
    assert_eq!(
        run.campaign.poll_action(),
        Some(Action::StopLoad),
        "0.97 is beyond 0.95, the mean of 0.51 is not"
    );
    let result = run.end(62.0);
    assert_eq!(result.verdict, Verdict::Stop);
    let Finding::Crossed { series, value, source, panel, .. } = &result.findings[0] else {
        panic!("{:?}", result.findings)
    };
    assert!(
        series.contains(r#"instance="w2:9100""#) && source.contains("node_cpu_seconds_total"),
        "{series} {source}"
    );
    assert!((value - 0.97).abs() < 0.005, "{value}");
    assert!(panel.is_some_and(|panel| panel < 0.6), "what people see: {panel:?}");
}

#[tokio::test]
async fn sampling_as_often_as_is_scraped_and_now_and_then_before_it_misses_no_scrape() {
    let server = Server::over_all_cases().await;
    let mut run = Run::new(server.observer_of_expression("vanishing", FIRST, Fold::Worst).await, 99.0);
    run.start_load(1.0);
    for pair in 0..12 {
        // The newest scrape is twice the same, and the one between is the newest of neither.
        let scrape = f64::from(pair) * 10.0;
        run.sample(scrape + 4.9).await;
        run.sample(scrape + 10.1).await;
    }
    let evidence = run.end(120.5).signals.remove(0);
    assert_eq!((evidence.seen, evidence.expected, evidence.absences), (24, 22, 0), "{evidence:?}");
}

#[tokio::test]
async fn a_counter_whose_target_was_down_at_first_stops_no_tier_by_what_it_counted_before() {
    let server = Server::over_all_cases().await;
    let observer = server.observer_of_expression("returning", EXHAUSTED, Fold::Increase).await;
    let mut run = Run::new(observer, 10.0);
    run.sample(401.0).await;
    run.start_load(402.0);
    for second in (406..=476).step_by(5) {
        run.sample(f64::from(second)).await;
    }
    assert_eq!(run.campaign.poll_action(), None, "it had 500 before, and 2 since");
    let evidence = run.end(477.0).signals.remove(0);
    let highest = evidence.highest.unwrap();
    assert!(highest.series.contains("w2:7073"), "{highest:?}");
    assert_eq!(highest.value, 2.0);
}

/// The one series that is scraped for ten minutes.
const FIRST: &str = "kafka_connect_source_task_metrics_source_record_active_count{task=\"0\"}";

/// One tier of five minutes that stops when `own` is above `bound`.
fn plan_that_stops_above(bound: f64, observer: &Observer) -> Plan {
    let criterion = Criterion {
        signal: SignalId::literal("own"),
        comparison: Comparison::Above,
        bound,
        severity: Severity::Stop,
        sustained: Duration::ZERO,
    };
    Plan::new(PlanDraft {
        name: "cpu".to_owned(),
        signals: observer.signals().cloned().collect(),
        tiers: vec![Tier {
            name: "P1".to_owned(),
            rate: Rate::per_second(1_000).unwrap(),
            hold: Duration::from_secs(300),
            p99_bound: Duration::from_secs(1),
            criteria: vec![criterion],
        }],
        recovery: Recovery {
            minimum: Duration::from_secs(120),
            floor: 1_000,
            give_up: Duration::from_secs(600),
        },
        evidence: EvidenceRules::default(),
        recommended: Ratio::new(0.7).unwrap(),
        budget: None,
        ceiling: None,
        warmup: None,
        refine: None,
    })
    .unwrap()
}
