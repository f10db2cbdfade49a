//! The serialised forms: what is written today must be read tomorrow, under the same names.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Debug, time::Duration};

use ramp_core::{
    campaign::{Campaign, Input, Outcome, Warmup},
    capacity::{Capacity, RefineState, Refined},
    component::{ComponentState, Standing},
    criterion::{Comparison, Criterion, Severity},
    event::{Action, Ending, Event},
    evidence::{Extreme, PanelFigures, SignalEvidence},
    observation::{
        Absence, LatencySnapshot, LoadLimit, LoadPart, LoadProgress, Point, Reading, Sample, TailPoint,
        Throttle,
    },
    plan::{EvidenceRules, LatencyCeiling, Plan, PlanDraft, Recovery, Refine, Tier},
    signal::{Fold, Signal, SignalId, Unit},
    tier_result::{P99, RecoveryResult, TierResult},
    units::{Elapsed, Rate, Ratio},
    verdict::{CeilingGap, Finding, Verdict},
};
use serde::{Serialize, de::DeserializeOwned};

const CPU: SignalId = SignalId::literal("cpu");
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Elapsed {
    Elapsed::new(Duration::from_secs(seconds))
}

fn rate(n: u32) -> Rate {
    Rate::per_second(n).unwrap()
}

/// One line of JSON each; each must read back as it was.
fn lines<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: &[T]) -> String {
    let mut lines = String::new();
    for value in values {
        let line = serde_json::to_string(value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&line).unwrap(), *value, "{line}");
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

fn extreme() -> Extreme {
    Extreme { value: 97.5, series: "worker-1".to_owned(), at: at(42) }
}

fn criterion() -> Criterion {
    let sustained = Duration::from_secs(30);
    Criterion { signal: CPU, comparison: Comparison::Above, bound: 95.0, severity: Severity::Stop, sustained }
}

fn load() -> LoadProgress {
    let limit = LoadLimit { part: LoadPart::Source, detail: "timed out".to_owned() };
    LoadProgress {
        due: 100,
        offered: 99,
        acknowledged: 90,
        failed: 1,
        lateness_p99: SECOND,
        ack_p99: Some(SECOND),
        throttle: Some(Throttle { answers: 2, total: SECOND, longest: SECOND }),
        blocked: SECOND,
        limit: Some(limit),
    }
}

fn latency() -> LatencySnapshot {
    LatencySnapshot {
        offered: 99,
        arrived: 80,
        late: 7,
        overdue: 6,
        late_from_handover: 5,
        overdue_from_handover: 4,
        outstanding: 10,
        known_by_content: None,
        duplicates: 3,
        reordered: 2,
        mean: Some(SECOND),
        p50: Some(SECOND),
        p99: Some(SECOND),
        p99_range: Some((SECOND, SECOND)),
        max: None,
        tail: vec![TailPoint { one_in: 1, latency: SECOND }, TailPoint { one_in: 2, latency: SECOND }],
    }
}

fn draft() -> PlanDraft {
    let highest = SignalId::literal("latency.max");
    let arrivals = SignalId::literal("arrivals");
    let signal = |id: &SignalId, unit, fold| Signal {
        fold,
        memory: Duration::from_secs(60),
        ..Signal::gauge(id.clone(), unit, "query", Duration::from_secs(5))
    };
    PlanDraft {
        name: "wire".to_owned(),
        signals: vec![
            signal(&CPU, Unit::Percent, Fold::Worst),
            signal(&highest, Unit::Milliseconds, Fold::Worst),
            signal(&arrivals, Unit::Records, Fold::Increase),
            signal(&SignalId::literal("mean"), Unit::Ratio, Fold::Mean),
            signal(&SignalId::literal("last"), Unit::Count, Fold::Last),
        ],
        warmup: Some(Duration::from_secs(30)),
        tiers: vec![Tier {
            criteria: vec![criterion()],
            ..Tier::new("P1", rate(1_000), Duration::from_secs(300), SECOND)
        }],
        recovery: Recovery { minimum: SECOND, floor: 1_000, give_up: SECOND },
        evidence: EvidenceRules::default(),
        recommended: Ratio::new(0.7).unwrap(),
        budget: Some(Duration::from_secs(2_700)),
        ceiling: Some(LatencyCeiling { highest, arrivals, gap: Duration::from_secs(30) }),
        refine: Some(Refine { resolution: Ratio::new(0.05).unwrap() }),
    }
}

fn findings() -> Vec<Finding> {
    let series = || "worker-1".to_owned();
    let gaps = [
        CeilingGap::NoValue,
        CeilingGap::Uncovered { read: 1, loaded: 2 },
        CeilingGap::Reached { highest: extreme(), bound: SECOND },
        CeilingGap::Late { highest: extreme(), lateness: SECOND, bound: SECOND },
        CeilingGap::ClockBehind { lowest: extreme() },
        CeilingGap::Unread { series: series(), longest: SECOND, allowed: SECOND },
        CeilingGap::NotDrained { outstanding: 1 },
        CeilingGap::Excess { records: 1 },
        CeilingGap::NotCounted,
    ];
    let others = [
        Finding::Crossed {
            criterion: criterion(),
            unit: Unit::Percent,
            source: "query".to_owned(),
            series: series(),
            value: 97.5,
            panel: Some(60.0),
            first: at(40),
            lasted: SECOND,
        },
        Finding::LatencyObjective {
            bound: SECOND,
            violations: 4,
            allowed: 3,
            offered: 300,
            p99: Some(SECOND),
            max: None,
            certain: Some(at(1)),
            straddles: true,
        },
        Finding::NearlyLate {
            bound: SECOND,
            violations: 3,
            allowed: 3,
            offered: 300,
            p99: Some(SECOND),
            range: Some((SECOND, SECOND)),
        },
        Finding::LagGrows {
            severity: Severity::Warning,
            per_second: 1.5,
            lag: 100,
            limit: 1_000,
            reached_in: SECOND,
        },
        Finding::NotRecovered { outstanding: 1, waited: SECOND },
        Finding::GeneratorLate { violations: 4, from_handover: 2, allowed: 3 },
        Finding::Lateness { p99: SECOND, bound: SECOND },
        Finding::Shortfall {
            target: rate(1_000),
            due: 100,
            offered: 90,
            least: Ratio::new(0.99).unwrap(),
            limit: load().limit,
        },
        Finding::RecordsFailed { failed: 1, limit: None },
        Finding::OpenLedger { in_flight: 1 },
        Finding::NoLatency,
        Finding::ObservationLost { at: at(1), reason: "gone".to_owned() },
        Finding::Coverage {
            signal: CPU,
            source: "query".to_owned(),
            series: Some("worker-2".to_owned()),
            seen: 1,
            expected: 60,
            least: Ratio::new(0.8).unwrap(),
            absence: Some(Absence::Stale(SECOND)),
        },
        Finding::PathNotClear { reason: "backlog".to_owned() },
        Finding::LoadFailed { reason: "refused".to_owned() },
        Finding::Interrupted { at: at(1) },
        Finding::RecoverySkipped { waited: SECOND, minimum: SECOND },
        Finding::Duplicates { records: 1 },
        Finding::Reordered { records: 1 },
    ];
    others.into_iter().chain(gaps.map(|gap| Finding::NotBounded { gap })).collect()
}

#[test]
fn a_plan_is_written_as_ever() {
    insta::assert_snapshot!(lines(&[Plan::new(draft()).unwrap()]));
}

#[test]
fn inputs_are_written_as_ever() {
    let reason = || "because".to_owned();
    let point = Point { series: "worker-1".to_owned(), value: 0.1, scraped: at(41) };
    let present = Sample::Present { points: vec![point], panel: Some(0.2) };
    let absences = [
        Absence::NoSeries,
        Absence::NotANumber,
        Absence::Stale(SECOND),
        Absence::Unreachable("refused".to_owned()),
        Absence::Unexpected("text".to_owned()),
    ];
    let samples = absences.map(Sample::Absent).into_iter().chain([present]);
    let readings = samples.map(|sample| Input::Reading(Reading { signal: CPU, sample }));
    let others = [
        Input::Tick,
        Input::PathClear { tier: 0 },
        Input::PathBlocked { tier: 0, reason: reason() },
        Input::LoadStarted { tier: 0 },
        Input::LoadFailed { tier: 0, reason: reason() },
        Input::Load { tier: 0, progress: load() },
        Input::LoadEnded { tier: 0, progress: LoadProgress::default() },
        Input::Latency { tier: 0, snapshot: latency() },
        Input::ObservationLost { tier: 0, reason: reason() },
        Input::Warned { signal: CPU, warning: "partial".to_owned() },
        Input::Interrupt,
        Input::SkipRecovery { tier: 0 },
        Input::Resumed,
    ];
    let standings =
        [Standing::Working, Standing::Unknown, Standing::Halted, Standing::Gone, Standing::Failed];
    let components = standings.map(|standing| {
        let (component, said) = ("task 0".to_owned(), "because".to_owned());
        Input::Component(ComponentState { component, standing, said })
    });
    let inputs: Vec<_> =
        others.into_iter().chain(readings).chain(components).map(|input| (at(1), input)).collect();
    insta::assert_snapshot!(lines(&inputs));
}

#[test]
fn actions_and_events_are_written_as_ever() {
    let (tier, hold, bound) = (0, SECOND, SECOND);
    let rate = rate(1_000);
    let actions =
        [Action::ProvePath { tier }, Action::StartLoad { tier, rate, hold, bound }, Action::StopLoad];
    let at = at(1);
    let events = [
        Event::Refining { tier, rate, validated: rate, stopped: rate, at },
        Event::WarmingUp { tier: Campaign::WARMUP, rate, hold, at },
        Event::TierRepeated { tier, at },
        Event::TierStarted { tier, at },
        Event::TierCut { tier, finding: Some(Finding::NoLatency), at },
        Event::Provisional { tier, verdict: Verdict::Go, at },
        Event::Final { tier, verdict: Verdict::Stop, at },
        Event::LevelChanged {
            tier,
            signal: CPU,
            from: None,
            to: Some(Severity::Warning),
            series: "worker-1".to_owned(),
            value: 81.0,
            at,
        },
        Event::Warned { tier, signal: CPU, warning: "partial".to_owned(), at },
        Event::Ended { ending: Ending::LastTierPassed, at },
    ];
    insta::assert_snapshot!(format!("{}{}", lines(&actions), lines(&events)));
}

#[test]
fn findings_are_written_as_ever() {
    insta::assert_snapshot!(lines(&findings()));
}

#[test]
fn an_outcome_is_written_as_ever() {
    let figures = [
        P99::Measured { value: SECOND, samples: 300, range: Some((SECOND, SECOND)) },
        P99::Bounded { bound: SECOND, highest: extreme() },
        P99::Unknown,
    ];
    let evidence = SignalEvidence {
        signal: CPU,
        highest: Some(extreme()),
        lowest: None,
        mean: Some(50.0),
        panel: Some(PanelFigures { mean: 40.0, highest: 60.0, lowest: 20.0 }),
        seen: 59,
        expected: 60,
        absences: 1,
        absence: Some(Absence::NoSeries),
        warnings: Vec::new(),
    };
    let results = figures.map(|p99| TierResult {
        tier: 0,
        rate: rate(1_000),
        verdict: Verdict::Inconclusive,
        findings: vec![Finding::NoLatency],
        started: Some(at(1)),
        stopped: None,
        load: load(),
        latency: Some(latency()),
        p99,
        signals: vec![evidence.clone()],
        lag_peak: Some(7),
        recovery: Some(RecoveryResult { recovered_after: Some(SECOND), waited: SECOND, outstanding: 0 }),
    });
    let states = [
        RefineState::Searching,
        RefineState::Confirmed,
        RefineState::Swings,
        RefineState::Inconclusive,
        RefineState::Interrupted,
    ];
    let endings = [Ending::LastTierPassed, Ending::Stopped, Ending::Inconclusive, Ending::Interrupted];
    let outcome = |(state, ending)| Outcome {
        ending,
        warmup: Some(Warmup { rate: rate(1_000), held: SECOND }),
        tiers: Vec::new(),
        capacity: Some(Capacity { validated: rate(1_000), exact: true, recommended: Some(rate(700)) }),
        probes: Vec::new(),
        refined: Some(Refined { validated: None, stopped: rate(2_500), state, recommended: None }),
        took: SECOND,
        overrun: None,
    };
    let outcomes: Vec<_> = states.into_iter().zip(endings.into_iter().cycle()).map(outcome).collect();
    insta::assert_snapshot!(format!("{}{}", lines(&results), lines(&outcomes)));
}

#[test]
fn what_was_written_before_a_field_was_added_is_still_read() {
    let without = |text: String, field: &str| {
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value.as_object_mut().unwrap().remove(field).is_some(), "{field}");
        value.to_string()
    };
    let text = serde_json::to_string(&latency()).unwrap();
    let old: LatencySnapshot = serde_json::from_str(&without(text, "p99_range")).unwrap();
    assert_eq!(old, LatencySnapshot { p99_range: None, ..latency() });
    let text = serde_json::to_string(&latency()).unwrap();
    let old: LatencySnapshot = serde_json::from_str(&without(text, "tail")).unwrap();
    assert_eq!(old, LatencySnapshot { tail: Vec::new(), ..latency() });
    let text = without(serde_json::to_string(&load()).unwrap(), "ack_p99");
    let old: LoadProgress = serde_json::from_str(&without(text, "throttle")).unwrap();
    assert_eq!(old, LoadProgress { ack_p99: None, throttle: None, ..load() });
    let text = without(serde_json::to_string(&draft()).unwrap(), "ceiling");
    let old: PlanDraft = serde_json::from_str(&without(without(text, "refine"), "warmup")).unwrap();
    assert_eq!(old, PlanDraft { ceiling: None, refine: None, warmup: None, ..draft() });
}

#[test]
fn an_unsound_plan_is_refused_when_it_is_read() {
    let text = serde_json::to_string(&PlanDraft { tiers: Vec::new(), ..draft() }).unwrap();
    let error = serde_json::from_str::<Plan>(&text).unwrap_err().to_string();
    assert!(error.contains("tiers: there is none"), "{error}");
    let text = serde_json::to_string(&draft()).unwrap();
    for (sound, unsound) in [("0.7", "1.7"), (r#""rate":1000"#, r#""rate":0"#)] {
        assert!(serde_json::from_str::<Plan>(&text.replacen(sound, unsound, 1)).is_err(), "{unsound}");
    }
    assert!(Campaign::new(serde_json::from_str(&text).unwrap()).outcome().is_none());
}
