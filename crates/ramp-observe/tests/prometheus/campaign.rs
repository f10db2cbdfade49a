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
    units::{Elapsed, Rate, Ratio},
    verdict::{Finding, Verdict},
};
use ramp_observe::{ObserveError, Observer, catalog};

use crate::server::{Server, sample};

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

#[tokio::test]
async fn a_hot_worker_beside_an_idle_one_stops_the_tier() {
    let server = Server::over_all_cases().await;
    // One minus the idle share: a panel that shows the mean of all workers, 51 %.
    let mean = "avg(1 - rate(node_cpu_seconds_total{mode=\"idle\"}[30s]))";
    let observer = server.observer_of_expression("hot-worker", mean, Fold::Worst).await;
    let mut campaign = Campaign::new(plan_that_stops_on_cpu(&observer));
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    while campaign.poll_action().is_some() {}
    for second in (5..=60).step_by(5) {
        let now = Elapsed::new(Duration::from_secs(second));
        let mut readings = observer.sample(now);
        while let Some(observed) = readings.next().await {
            campaign.handle(now, Input::Reading(observed.reading));
        }
        campaign.handle(now, Input::Latency { tier: 0, snapshot: LatencySnapshot::default() });
    }
    assert_eq!(
        campaign.poll_action(),
        Some(Action::StopLoad),
        "0.97 is beyond 0.95, the mean of 0.51 is not"
    );
    campaign.handle(Elapsed::new(Duration::from_secs(61)), Input::Interrupt);
    let ended = Input::LoadEnded { tier: 0, progress: LoadProgress::default() };
    campaign.handle(Elapsed::new(Duration::from_secs(61)), ended);
    let result = &campaign.results()[0];
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

/// One tier of five minutes that stops when a host's processor is busier than 95 %.
fn plan_that_stops_on_cpu(observer: &Observer) -> Plan {
    let criterion = Criterion {
        signal: SignalId::literal("own"),
        comparison: Comparison::Above,
        bound: 0.95,
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
        refine: None,
    })
    .unwrap()
}
