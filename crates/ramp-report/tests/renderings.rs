//! What people see of campaigns that went each way.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, time::Duration};

use ramp_core::{
    campaign::{Campaign, Input},
    criterion::{Comparison, Criterion, Severity},
    event::Action,
    observation::{Absence, LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{EvidenceRules, Plan, PlanDraft, Recovery, Tier},
    signal::{Fold, Signal, SignalId, Unit},
    units::{Elapsed, Rate, Ratio},
};
use ramp_report::{GridSignals, Locale, QueryFact, Report, RunFacts, json, markdown, terminal};

const AVG: SignalId = SignalId::literal("mm2.latency_avg");
const MAX: SignalId = SignalId::literal("mm2.latency_max");
const ACTIVE: SignalId = SignalId::literal("mm2.active_records");
const CPU: SignalId = SignalId::literal("host.cpu");

/// How the tiers of a campaign go.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Well,
    /// From this tier on nothing arrives any more.
    StallsAt(usize),
    /// From this tier on the processor is not read.
    BlindAt(usize),
    InterruptedAt(usize),
    /// Every tier is close to its limits.
    Warns,
}

fn plan() -> Plan {
    let signal = |id: &SignalId, unit| Signal {
        id: id.clone(),
        unit,
        fold: Fold::Worst,
        source: format!("max({})", id.as_str().replace('.', "_")),
        interval: Duration::from_secs(5),
        window: Duration::ZERO,
        memory: Duration::ZERO,
        optional: false,
    };
    let bound = |bound, severity| Criterion {
        signal: CPU,
        comparison: Comparison::Above,
        bound,
        severity,
        sustained: Duration::ZERO,
    };
    let tiers = [1_000, 2_500, 5_000, 7_500, 10_000].into_iter().zip(1..).map(|(rate, number)| Tier {
        name: format!("P{number}"),
        rate: Rate::per_second(rate).unwrap(),
        hold: Duration::from_secs(300),
        p99_bound: Duration::from_secs(number),
        criteria: vec![bound(80.0, Severity::Warning), bound(95.0, Severity::Stop)],
    });
    Plan::new(PlanDraft {
        name: "phase4".to_owned(),
        signals: vec![
            signal(&AVG, Unit::Milliseconds),
            signal(&MAX, Unit::Milliseconds),
            signal(&ACTIVE, Unit::Records),
            signal(&CPU, Unit::Percent),
        ],
        tiers: tiers.collect(),
        recovery: Recovery {
            minimum: Duration::from_secs(120),
            floor: 1_000,
            give_up: Duration::from_secs(600),
        },
        evidence: EvidenceRules::default(),
        recommended: Ratio::new(0.7).unwrap(),
        budget: Some(Duration::from_secs(45 * 60)),
        ceiling: None,
        refine: None,
    })
    .unwrap()
}

/// A campaign that goes one way, told second by second.
fn campaign(way: Way) -> Campaign {
    let mut campaign = Campaign::new(plan());
    let mut load: Option<TierLoad> = None;
    for second in 0..7_200 {
        let now = Elapsed::new(Duration::from_secs(second));
        while let Some(action) = campaign.poll_action() {
            match action {
                Action::ProvePath { tier } => campaign.handle(now, Input::PathClear { tier }),
                Action::StartLoad { tier, .. } => {
                    load = Some(TierLoad { tier, begun: second, sent: 0, stopped: false });
                    campaign.handle(now, Input::LoadStarted { tier });
                }
                Action::StopLoad => {
                    if let Some(load) = &mut load {
                        load.stopped = true;
                    }
                }
            }
        }
        if campaign.outcome().is_some() {
            break;
        }
        if let Some(load) = &mut load {
            tell(&mut campaign, way, now, second - load.begun, load);
        }
    }
    campaign
}

/// The load of the latest tier; times in seconds.
struct TierLoad {
    tier: usize,
    begun: u64,
    /// For how long records were sent.
    sent: u64,
    stopped: bool,
}

fn tell(campaign: &mut Campaign, way: Way, now: Elapsed, since: u64, load: &mut TierLoad) {
    let tier = load.tier;
    let rate = campaign.plan().tiers()[tier].rate;
    let stalls = matches!(way, Way::StallsAt(from) if tier >= from);
    let bound = 1 + tier as u64;
    if !load.stopped {
        load.sent = 300.min(since);
    }
    let offered = rate.records_in(Duration::from_secs(load.sent));
    let progress = LoadProgress { due: offered, offered, acknowledged: offered, ..LoadProgress::default() };
    let arrived = if stalls { offered / 2 } else { offered };
    let ripe = rate.records_in(Duration::from_secs(since.saturating_sub(bound))).min(offered);
    let overdue = ripe.saturating_sub(arrived);
    let span = |millis| Some(Duration::from_millis(millis));
    let snapshot = LatencySnapshot {
        offered,
        arrived,
        overdue,
        overdue_from_handover: overdue,
        outstanding: offered - arrived,
        duplicates: u64::from(way == Way::Warns),
        mean: span(42),
        p50: span(40),
        p99: span(if stalls { since * 1_000 } else { 180 }),
        max: span(if stalls { since * 1_000 } else { 410 }),
        ..LatencySnapshot::default()
    };
    if since.is_multiple_of(5) {
        let cpu = if way == Way::Warns { 85.5 } else { 41.0 };
        let blind = matches!(way, Way::BlindAt(from) if tier >= from);
        for (signal, value, panel) in
            [(AVG, 55.0, Some(52.5)), (MAX, 1_234.0, None), (ACTIVE, 320.0, None), (CPU, cpu, None)]
        {
            let point = Point { series: r#"instance="w1:9100""#.to_owned(), value, scraped: now };
            let sample = if blind && signal == CPU {
                Sample::Absent(Absence::NoSeries)
            } else {
                Sample::Present { points: vec![point], panel }
            };
            campaign.handle(now, Input::Reading(Reading { signal, sample }));
        }
    }
    if matches!(way, Way::InterruptedAt(at) if at == tier) && since == 100 {
        campaign.handle(now, Input::Interrupt);
    }
    campaign.handle(now, Input::Load { tier, progress: progress.clone() });
    if since >= 300 || load.stopped {
        campaign.handle(now, Input::LoadEnded { tier, progress });
    }
    campaign.handle(now, Input::Latency { tier, snapshot });
}

fn report(way: Way) -> Report {
    let facts = RunFacts {
        name: "staging".to_owned(),
        started: "2026-01-02T03:04:05Z".to_owned(),
        versions: BTreeMap::from([("ramp".to_owned(), "0.0.0".to_owned())]),
        source: "kafka-a:9093".to_owned(),
        target: "kafka-b:9092".to_owned(),
        prometheus: "http://prometheus:9090".to_owned(),
        queries: vec![QueryFact {
            signal: CPU,
            dashboard: "Node-Eporter.json".to_owned(),
            panel: "CPU% Basic".to_owned(),
            expression: "max(host_cpu)".to_owned(),
            notes: Vec::new(),
        }],
        variables: BTreeMap::from([("interval".to_owned(), "30s".to_owned())]),
        topics: vec!["t.generated-data-01.json".to_owned()],
        payload: "json".to_owned(),
    };
    let columns = GridSignals { latency_avg: AVG, latency_max: MAX, cpu: CPU, active_records: ACTIVE };
    Report::of(facts, &campaign(way), columns)
}

#[test]
fn what_is_to_be_known_of_a_query_stands_below_it() {
    let mut report = report(Way::Well);
    report.facts.queries[0].notes.push("avg() cannot be *taken* apart".to_owned());
    let text = markdown::render(&report, Locale::English);
    assert!(text.contains("`max(host_cpu)`\n  - avg() cannot be \\*taken\\* apart\n"), "{text}");
}

#[test]
fn all_go_is_a_capacity_that_is_a_floor() {
    insta::assert_snapshot!(markdown::render(&report(Way::Well), Locale::French));
}

#[test]
fn a_stop_at_p3() {
    insta::assert_snapshot!(
        "a_stop_at_p3_in_french",
        markdown::render(&report(Way::StallsAt(2)), Locale::French)
    );
    insta::assert_snapshot!(
        "a_stop_at_p3_in_english",
        markdown::render(&report(Way::StallsAt(2)), Locale::English)
    );
}

#[test]
fn a_stop_at_p1_is_no_capacity() {
    insta::assert_snapshot!(terminal::render(&report(Way::StallsAt(0)), Locale::English, 100, false));
}

#[test]
fn an_inconclusive_tier_says_why() {
    insta::assert_snapshot!(terminal::render(&report(Way::BlindAt(1)), Locale::French, 100, false));
}

#[test]
fn an_interrupted_campaign() {
    insta::assert_snapshot!(terminal::render(&report(Way::InterruptedAt(1)), Locale::English, 100, true));
}

#[test]
fn warnings_are_listed_and_leave_every_tier_go() {
    insta::assert_snapshot!(terminal::render(&report(Way::Warns), Locale::French, 80, false));
}

#[test]
fn the_french_grid_is_the_form_column_by_column_and_row_by_row() {
    let form = include_str!("../../../fixtures/seed/phase4-montee-en-charge.md");
    let ours = markdown::render(&report(Way::Well), Locale::French);
    for table in ["| Palier | msg/s |", "| Palier | Lag max pendant |", "| Critère | Résultat |"] {
        let rows = |text: &str| -> Vec<String> {
            let lines = text.lines().skip_while(|line| !line.starts_with(table));
            lines.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
        };
        let (form, ours) = (rows(form), rows(&ours));
        assert_eq!(form.first(), ours.first(), "{table}");
        assert_eq!(form.len(), ours.len(), "{table}");
        let label = |row: &String| row.split('|').nth(1).map(|cell| cell.trim().to_owned());
        assert_eq!(
            form.iter().skip(2).map(label).collect::<Vec<_>>(),
            ours.iter().skip(2).map(label).collect::<Vec<_>>()
        );
    }
    for heading in form
        .lines()
        .filter(|line| line.starts_with("## Grille") || line.starts_with("### "))
        .filter(|line| ["Temps de", "Capacité", "Grille"].iter().any(|part| line.contains(part)))
    {
        let title = heading.trim_start_matches('#').trim();
        assert!(ours.contains(title), "{title}");
    }
}

#[test]
fn hostile_names_stay_text_and_within_their_width() {
    let mut hostile = report(Way::Warns);
    let name = format!("<script>|\n\u{1b}[31m\u{202e}`{}", "x".repeat(10_000));
    hostile.facts.name = name.clone();
    hostile.facts.variables = BTreeMap::from([(name.clone(), name.clone())]);
    for result in &mut hostile.tiers {
        for finding in &mut result.findings {
            if let ramp_core::verdict::Finding::Crossed { series, .. } = finding {
                series.clone_from(&name);
            }
        }
    }
    let text = markdown::render(&hostile, Locale::French);
    assert!(!text.contains("<script>|") || !text.contains('\u{1b}'), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
    assert_eq!(
        text.lines().filter(|line| line.starts_with("| P") && !line.starts_with("| Palier")).count(),
        15,
        "the tables are whole"
    );
    for width in [60, 80, 100] {
        let text = terminal::render(&hostile, Locale::French, width, false);
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
    }
}

#[test]
fn the_json_report_has_every_tier_and_reads_as_json() {
    let text = json::render(&report(Way::StallsAt(2)));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["schema_version"], 1);
    assert_eq!(value["tiers"][2]["verdict"], "stop");
    assert_eq!(value["capacity"]["validated"], 2_500);
    assert_eq!(text, json::render(&report(Way::StallsAt(2))), "the same report gives the same bytes");
}
