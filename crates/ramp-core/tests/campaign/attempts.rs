//! Attempts at a verdict that the evidence does not carry.

use std::time::Duration;

use ramp_core::{
    campaign::{Campaign, Input},
    criterion::Severity,
    event::{Action, Ending},
    observation::{Absence, LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{LatencyCeiling, Plan, PlanDraft},
    signal::{Fold, Signal, SignalId, Unit},
    tier_result::TierResult,
    units::Elapsed,
    verdict::{Finding, Verdict},
};

use crate::world::{CPU, criterion, draft, secs, signal};

fn at(s: f64) -> Elapsed {
    Elapsed::new(Duration::from_secs_f64(s))
}

fn point(series: &str, value: f64, s: f64) -> Point {
    Point { series: series.into(), value, scraped: at(s) }
}

fn read(signal: SignalId, points: Vec<Point>) -> Input {
    Input::Reading(Reading { signal, sample: Sample::Present { points, panel: None } })
}

fn progress(n: u64) -> LoadProgress {
    LoadProgress { due: n, offered: n, acknowledged: n, ..Default::default() }
}

fn snapshot(n: u64) -> LatencySnapshot {
    LatencySnapshot { offered: n, arrived: n, p99: Some(Duration::from_millis(50)), ..Default::default() }
}

/// Runs one tier of 300 s: what is read, and what is told of latencies, at each second after its start at `t0`.
fn drive(
    campaign: &mut Campaign,
    tier: usize,
    t0: f64,
    rate: u64,
    until: u64,
    mut readings: impl FnMut(u64) -> Vec<Input>,
    mut latencies: impl FnMut(u64, &mut LatencySnapshot),
) -> u64 {
    while campaign.poll_action().is_some() {}
    campaign.handle(at(t0), Input::PathClear { tier });
    campaign.handle(at(t0), Input::LoadStarted { tier });
    let mut cut: Option<u64> = None;
    let mut ended = false;
    for s in 1..=until {
        while let Some(a) = campaign.poll_action() {
            if a == Action::StopLoad {
                cut.get_or_insert(s - 1);
            }
            if let Action::ProvePath { .. } = a {
                return s;
            }
        }
        if campaign.outcome().is_some() {
            return s;
        }
        let now = at(t0 + s as f64);
        let end = cut.unwrap_or(300).min(300);
        let n = rate * s.min(end);
        if s < end {
            campaign.handle(now, Input::Load { tier, progress: progress(n) });
        } else if !ended {
            ended = true;
            campaign.handle(now, Input::LoadEnded { tier, progress: progress(n) });
        }
        for i in readings(s) {
            campaign.handle(now, i);
        }
        let mut told = snapshot(n);
        latencies(s, &mut told);
        campaign.handle(now, Input::Latency { tier, snapshot: told });
    }
    until
}
fn one(mut edit: impl FnMut(&mut PlanDraft)) -> Campaign {
    let mut p = draft();
    p.tiers.truncate(1);
    p.signals[1].interval = secs(5);
    edit(&mut p);
    Campaign::new(Plan::new(p).unwrap())
}
fn cpu_ok(s: u64, t0: f64) -> Vec<Input> {
    if s.is_multiple_of(5) { vec![read(CPU, vec![point("w1", 40.0, t0 + s as f64)])] } else { vec![] }
}

#[test]
fn latencies_of_one_record_in_many_carry_no_go() {
    let mut campaign = one(|_| {});
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        1_000,
        |s| cpu_ok(s, 0.0),
        |_, told| {
            told.offered = 1;
            told.arrived = 1;
        },
    );
    assert_ne!(campaign.results()[0].verdict, Verdict::Go, "{:?}", campaign.results()[0].findings);
}

#[test]
fn a_failure_that_was_certain_stays_one() {
    let mut campaign = one(|_| {});
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| cpu_ok(s, 0.0),
        |s, told| {
            if s == 200 {
                told.late = 4000;
                told.late_from_handover = 4000;
            }
        },
    );
    assert_eq!(campaign.results()[0].verdict, Verdict::Stop, "{:?}", campaign.results()[0].findings);
}

#[test]
fn a_snapshot_that_comes_late_takes_nothing_back() {
    let mut campaign = one(|_| {});
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| cpu_ok(s, 0.0),
        |s, told| {
            if (250..419).contains(&s) {
                told.late = 2900;
                told.late_from_handover = 2900;
                told.outstanding = 150;
                told.overdue = 150;
                told.overdue_from_handover = 150;
                told.arrived -= 150;
            }
            if s >= 419 {
                *told = snapshot(10_000);
            }
        },
    );
    assert_eq!(campaign.results()[0].verdict, Verdict::Stop, "{:?}", campaign.results()[0].findings);
}

#[test]
fn a_start_said_twice_stops_no_later_load() {
    let mut p = draft();
    p.tiers.truncate(2);
    p.signals[1].interval = secs(5);
    let mut campaign = Campaign::new(Plan::new(p).unwrap());
    let s = drive(&mut campaign, 0, 0.0, 1000, 600, |s| cpu_ok(s, 0.0), |_, _| {}) as f64;
    while campaign.poll_action().is_some() {}
    campaign.handle(at(s), Input::PathClear { tier: 1 });
    campaign.handle(at(s), Input::LoadStarted { tier: 1 });
    while campaign.poll_action().is_some() {}
    campaign.handle(at(s + 1.0), Input::LoadStarted { tier: 0 });
    let a = campaign.poll_action();
    assert_eq!(a, None);
}

#[test]
fn many_values_in_a_minute_do_not_cover_five() {
    let mut campaign = one(|_| {});
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| {
            if s <= 60 {
                vec![read(CPU, vec![point("w1", 40.0, s as f64)])]
            } else {
                vec![Input::Reading(Reading { signal: CPU, sample: Sample::Absent(Absence::NoSeries) })]
            }
        },
        |_, _| {},
    );
    assert_ne!(campaign.results()[0].verdict, Verdict::Go, "{:?}", campaign.results()[0].findings);
}

#[test]
fn a_series_that_vanished_between_two_tiers_is_missed() {
    let mut p = draft();
    p.tiers.truncate(2);
    p.signals[1].interval = secs(5);
    let mut campaign = Campaign::new(Plan::new(p).unwrap());
    let s = drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| {
            if s.is_multiple_of(5) {
                vec![read(CPU, vec![point("w1", 40.0, s as f64), point("w2", 94.0, s as f64)])]
            } else {
                vec![]
            }
        },
        |_, _| {},
    ) as f64;
    drive(&mut campaign, 1, s, 2500, 600, |q| cpu_ok(q, s), |_, _| {});
    let TierResult { verdict, findings, .. } = &campaign.results()[1];
    assert_eq!(*verdict, Verdict::Inconclusive, "{findings:?}");
    let missed = |finding: &Finding| matches!(finding, Finding::Coverage { series: Some(series), seen: 0, .. } if series == "w2");
    assert!(findings.iter().any(missed), "{findings:?}");
}

#[test]
fn a_crossing_lasts_although_other_series_are_scraped_in_between() {
    // both series are in every reading; scraped at other offsets; read each second
    let mut campaign = one(|p| p.tiers[0].criteria = vec![criterion(CPU, 95.0, Severity::Stop, 30)]);
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| {
            let a = (s / 5 * 5) as f64;
            let b = ((s + 2) / 5 * 5) as f64 - 2.0;
            if a > 0.0 {
                vec![read(CPU, vec![point("w1", 99.0, a), point("w2", 40.0, b.max(0.0))])]
            } else {
                vec![]
            }
        },
        |_, _| {},
    );
    assert_eq!(campaign.results()[0].verdict, Verdict::Stop, "{:?}", campaign.results()[0].findings);
}

#[test]
fn two_crossings_with_nothing_read_between_them_are_not_one_that_lasts() {
    let mut campaign = one(|p| p.tiers[0].criteria = vec![criterion(CPU, 95.0, Severity::Stop, 30)]);
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| {
            if s == 100 || s == 150 {
                vec![read(CPU, vec![point("w1", 99.0, s as f64)])]
            } else if s.is_multiple_of(5) && !(100..=150).contains(&s) {
                cpu_ok(s, 0.0)
            } else {
                vec![]
            }
        },
        |_, _| {},
    );
    assert_ne!(campaign.results()[0].verdict, Verdict::Stop, "{:?}", campaign.results()[0].findings);
}
const X: SignalId = SignalId::literal("exhausted");
fn with_counter(p: &mut PlanDraft) {
    p.signals.push(Signal { fold: Fold::Increase, ..signal(X, Unit::Count) });
    for t in &mut p.tiers {
        t.criteria.push(criterion(X, 0.0, Severity::Stop, 0));
    }
}

#[test]
fn a_value_of_the_future_does_not_outdate_those_that_follow() {
    let mut campaign = one(with_counter);
    campaign.handle(at(0.0), read(X, vec![point("w1", 0.0, 3600.0)]));
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| {
            let mut v = cpu_ok(s, 0.0);
            if s.is_multiple_of(5) {
                v.push(read(X, vec![point("w1", 100.0 * s as f64, s as f64)]));
            }
            v
        },
        |_, _| {},
    );
    assert_ne!(campaign.results()[0].verdict, Verdict::Go, "{:?}", campaign.results()[0].findings);
}

#[test]
fn what_was_counted_in_the_last_seconds_of_a_tier_is_its_own() {
    let mut campaign = one(with_counter);
    campaign.handle(at(0.0), read(X, vec![point("w1", 0.0, 0.0)]));
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| {
            let mut v = cpu_ok(s, 0.0);
            if s % 5 == 3 {
                v.push(read(X, vec![point("w1", if s >= 299 { 500.0 } else { 0.0 }, s as f64)]));
            }
            v
        },
        |_, _| {},
    );
    assert_eq!(campaign.results()[0].verdict, Verdict::Stop, "{:?}", campaign.results()[0].findings);
}

#[test]
fn what_was_counted_while_nothing_ran_is_no_tier_s() {
    let mut campaign = one(with_counter);
    campaign.handle(at(0.0), read(X, vec![point("w1", 0.0, 0.0)]));
    campaign.handle(at(1.0), Input::PathClear { tier: 0 });
    campaign.handle(at(1.0), Input::LoadStarted { tier: 0 });
    campaign.handle(at(9000.0), Input::Resumed);
    while campaign.poll_action().is_some() {}
    drive(
        &mut campaign,
        0,
        9001.0,
        1000,
        600,
        |s| {
            let mut v = cpu_ok(s, 9001.0);
            if s.is_multiple_of(5) {
                v.push(read(X, vec![point("w1", 500.0, 9001.0 + s as f64)]));
            }
            v
        },
        |_, _| {},
    );
    assert_ne!(campaign.results()[0].verdict, Verdict::Stop, "{:?}", campaign.results()[0].findings);
}

#[test]
fn a_mean_of_one_reading_in_many_is_none() {
    let mut campaign = one(|p| {
        p.signals[0].fold = Fold::Mean;
        p.tiers[0].criteria = vec![criterion(CPU, 95.0, Severity::Stop, 0)];
    });
    drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| if s == 5 { vec![read(CPU, vec![point("w1", 99.0, s as f64)])] } else { vec![] },
        |_, _| {},
    );
    assert_ne!(campaign.results()[0].verdict, Verdict::Stop, "{:?}", campaign.results()[0].findings);
}
const M: SignalId = SignalId::literal("max");
#[test]
fn a_peak_at_the_end_of_a_tier_is_not_the_next_one_s() {
    let mut p = draft();
    p.tiers.truncate(2);
    p.signals[1].interval = secs(5);
    p.recovery.minimum = secs(5);
    p.signals.push(Signal { memory: secs(60), ..signal(M, Unit::Milliseconds) });
    p.tiers[0].criteria.push(criterion(M, 9000.0, Severity::Stop, 0));
    p.tiers[1].criteria.push(criterion(M, 2000.0, Severity::Stop, 0));
    let mut campaign = Campaign::new(Plan::new(p).unwrap());
    // 5 000 ms once, at second 299 of P1: shows until 359.
    let m =
        |abs: f64| read(M, vec![point("p", if (299.0..359.0).contains(&abs) { 5000.0 } else { 50.0 }, abs)]);
    let s = drive(
        &mut campaign,
        0,
        0.0,
        1000,
        600,
        |s| {
            let mut v = cpu_ok(s, 0.0);
            if s.is_multiple_of(5) {
                v.push(m(s as f64));
            }
            v
        },
        |_, _| {},
    ) as f64;
    drive(
        &mut campaign,
        1,
        s,
        2500,
        600,
        |q| {
            let mut v = cpu_ok(q, s);
            if q.is_multiple_of(5) {
                v.push(m(s + q as f64));
            }
            v
        },
        |_, _| {},
    );
    assert_ne!(campaign.results()[1].verdict, Verdict::Stop, "{:?}", campaign.results()[1].findings);
}
const ARR: SignalId = SignalId::literal("arr");
fn ceil(gauge: impl Fn(u64) -> Vec<Point>, lag: impl Fn(u64) -> u64) -> TierResult {
    let mut campaign = one(|p| {
        p.signals.push(Signal { memory: secs(60), ..signal(M, Unit::Milliseconds) });
        p.signals.push(Signal { fold: Fold::Increase, ..signal(ARR, Unit::Records) });
        p.ceiling = Some(LatencyCeiling { highest: M, arrivals: ARR, gap: secs(30) });
    });
    let a =
        |n: u64, s: f64| read(ARR, vec![point("p0", (n / 2) as f64, s), point("p1", (n - n / 2) as f64, s)]);
    campaign.handle(at(0.0), a(0, 0.0));
    campaign.handle(at(0.0), Input::PathClear { tier: 0 });
    campaign.handle(at(0.0), Input::LoadStarted { tier: 0 });
    for s in 1..=900u64 {
        let n = 1000 * s.min(300);
        let now = at(s as f64);
        if s <= 300 {
            campaign.handle(now, Input::Load { tier: 0, progress: progress(n) });
        }
        if s == 301 {
            campaign.handle(now, Input::LoadEnded { tier: 0, progress: progress(n) });
        }
        if s.is_multiple_of(5) {
            for i in cpu_ok(s, 0.0) {
                campaign.handle(now, i);
            }
            campaign.handle(now, read(M, gauge(s)));
            campaign.handle(now, a(n - if s <= 300 { lag(s) } else { 0 }, s as f64));
        }
        campaign.handle(now, Input::Tick);
    }
    campaign.results()[0].clone()
}

#[test]
fn a_gauge_that_shows_only_some_of_what_is_loaded_bounds_nothing() {
    let r = ceil(|s| vec![point("p0", 240.0, s as f64)], |_| 0);
    assert_ne!(r.verdict, Verdict::Go, "{:?}", r.findings);
}

#[test]
fn a_lag_that_grows_is_told_where_only_arrivals_are_counted() {
    let r = ceil(|s| vec![point("p0", 240.0, s as f64), point("p1", 240.0, s as f64)], |s| 2 * s + 10);
    assert!(r.findings.iter().any(|f| matches!(f, Finding::LagGrows { .. })));
}

#[test]
fn records_that_were_overdue_and_then_failed_were_overdue() {
    let mut campaign = one(|_| {});
    campaign.handle(at(0.0), Input::PathClear { tier: 0 });
    campaign.handle(at(0.0), Input::LoadStarted { tier: 0 });
    for s in 1..=200u64 {
        for i in cpu_ok(s, 0.0) {
            campaign.handle(at(s as f64), i);
        }
        campaign.handle(at(s as f64), Input::Load { tier: 0, progress: progress(1000 * s) });
        let mut told = snapshot(1000 * s);
        told.arrived = told.offered.saturating_sub(4000);
        if s == 200 {
            told.overdue = 4000;
            told.overdue_from_handover = 4000;
        }
        campaign.handle(at(s as f64), Input::Latency { tier: 0, snapshot: told });
    }
    let ended = LoadProgress { acknowledged: 196_000, failed: 4000, ..progress(200_000) };
    campaign.handle(at(201.0), Input::LoadEnded { tier: 0, progress: ended });
    for s in 201..=400u64 {
        let mut told = snapshot(200_000);
        told.arrived = 196_000;
        campaign.handle(at(s as f64), Input::Latency { tier: 0, snapshot: told });
    }
    assert_eq!(campaign.results()[0].verdict, Verdict::Stop, "{:?}", campaign.results()[0].findings);
}

#[test]
fn a_value_that_is_no_number_is_written_and_read_as_none() {
    let input = read(CPU, vec![point("w", f64::NAN, 1.0), point("v", 1.0, 1.0)]);
    let back: Input = serde_json::from_str(&serde_json::to_string(&input).unwrap()).unwrap();
    assert_eq!(format!("{back:?}"), format!("{input:?}"));
}

#[test]
fn a_stop_that_an_interrupt_followed_is_not_run_again() {
    let mut campaign = one(|_| {});
    let cpu =
        |s: u64| if s == 100 { vec![read(CPU, vec![point("w1", 99.0, 100.0)])] } else { cpu_ok(s, 0.0) };
    drive(&mut campaign, 0, 0.0, 1_000, 150, cpu, |_, _| {});
    campaign.handle(at(151.0), Input::Interrupt);
    campaign.handle(at(152.0), Input::Resumed);
    assert_eq!(campaign.outcome().unwrap().ending, Ending::Interrupted);
    assert_eq!(campaign.results()[0].verdict, Verdict::Stop);
}
