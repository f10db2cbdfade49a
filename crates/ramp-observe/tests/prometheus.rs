//! Readings from a real Prometheus over blocks that are made from samples.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::StreamExt;
use ramp_core::{
    campaign::{Campaign, Input},
    criterion::{Comparison, Criterion, Severity},
    event::Action,
    observation::{Absence, LatencySnapshot, LoadProgress, Sample},
    plan::{EvidenceRules, Plan, PlanDraft, Recovery, Tier},
    signal::{SignalId, Unit},
    units::{Elapsed, Rate, Ratio},
    verdict::{Finding, Verdict},
};
use ramp_observe::{
    Caution, Dashboards, ObserveError, Observer, ObserverSpec, Parts, PrometheusConfig, VariableValue,
    catalog::{self, Binding, Catalog, PanelName},
};
use tempfile::TempDir;

const TOPIC: &str = "source.t.generated-data-01.json";

/// The files of `fixtures/openmetrics`, each of an hour of its own.
const CASES: [&str; 8] = ["sane", "gap", "nan", "reset", "stale-gauge", "hot-worker", "renamed", "appearing"];

/// A Prometheus that has the samples of every case, one scrape in five seconds.
struct Server {
    url: String,
    data: TempDir,
    child: Child,
}

impl Server {
    async fn over_all_cases() -> Self {
        let data = TempDir::new().unwrap();
        for case in CASES {
            let file = fixtures().join("openmetrics").join(format!("{case}.txt"));
            let made = Command::new("promtool")
                .args(["tsdb", "create-blocks-from", "openmetrics"])
                .arg(&file)
                .arg(data.path().join("data"))
                .output()
                .unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        fs::write(data.path().join("prometheus.yml"), "{}").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = start(data.path(), port);
        let server = Self { url: format!("http://127.0.0.1:{port}"), data, child };
        server.ready().await;
        server
    }

    async fn ready(&self) {
        let begun = Instant::now();
        let ready = || async {
            reqwest::get(format!("{}/-/ready", self.url)).await.is_ok_and(|r| r.status().is_success())
        };
        while !ready().await {
            assert!(begun.elapsed() < Duration::from_secs(60), "prometheus does not become ready");
            tokio::task::yield_now().await;
        }
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn restart(&mut self) {
        let port = self.url.rsplit(':').next().unwrap().parse().unwrap();
        self.child = start(self.data.path(), port);
        self.ready().await;
    }

    fn config(&self) -> PrometheusConfig {
        let variables = BTreeMap::from([("interval".to_owned(), VariableValue::Text("30s".to_owned()))]);
        PrometheusConfig { url: self.url.clone(), variables, ..PrometheusConfig::default() }
    }

    /// An observer of `signals` in a case that begins at its first second.
    async fn observer(&self, case: &str, signals: &[SignalId]) -> Result<Observer, ObserveError> {
        self.observer_of(case, signals, &Catalog::default(), &Dashboards::embedded().unwrap()).await
    }

    async fn observer_of(
        &self,
        case: &str,
        signals: &[SignalId],
        catalog: &Catalog,
        dashboards: &Dashboards,
    ) -> Result<Observer, ObserveError> {
        let topics = [TOPIC.to_owned()];
        let spec = ObserverSpec {
            dashboards,
            catalog,
            signals,
            topics: &topics,
            sampling: Duration::from_secs(5),
            start: at(case, 1),
        };
        Observer::connect(&self.config(), spec).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(data: &Path, port: u16) -> Child {
    Command::new("prometheus")
        .arg(format!("--config.file={}", data.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", data.join("data").display()))
        .arg("--storage.tsdb.retention.time=100y")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// A second of a case.
fn at(case: &str, second: u64) -> SystemTime {
    let hour = CASES.iter().position(|known| *known == case).unwrap() as u64;
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + hour * 3_600 + second)
}

async fn sample(observer: &Observer, at: SystemTime) -> Vec<(SignalId, Sample)> {
    let readings = observer.sample(at).map(|observed| (observed.reading.signal, observed.reading.sample));
    readings.collect().await
}

/// What is expected of a reading.
enum Expected {
    /// Series (some of its labels), value and the second of its scrape, and what the panel shows.
    Present(&'static [(&'static str, f64, u64)], Option<f64>),
    Absent(Absence),
}
use Expected::{Absent, Present};

/// Case, signal and second, and what is read then.
fn table() -> Vec<(&'static str, SignalId, u64, Expected)> {
    vec![
        ("sane", catalog::ACTIVE_RECORDS, 62, Present(&[("(sum)", 90.0, 60)], Some(90.0))),
        (
            "sane",
            catalog::LATENCY_AVG,
            62,
            Present(&[("partition=\"0\"", 100.0, 60), ("partition=\"1\"", 300.0, 60)], Some(200.0)),
        ),
        (
            "sane",
            catalog::LATENCY_MAX,
            62,
            Present(&[("partition=\"0\"", 400.0, 60), ("partition=\"1\"", 900.0, 60)], Some(900.0)),
        ),
        (
            "sane",
            catalog::BUFFER_UTILIZATION,
            62,
            Present(
                &[
                    ("client_id=\"connector-producer-mm2-0\"", 75.0, 60),
                    ("client_id=\"producer-1\"", 0.0, 60),
                ],
                None,
            ),
        ),
        ("sane", catalog::BUFFER_EXHAUSTED, 62, Present(&[("client_id=", 7.0, 60)], Some(7.0))),
        ("sane", catalog::HOST_CPU, 62, Present(&[("w1:9100", 40.0, 60), ("w2:9100", 50.0, 60)], None)),
        ("sane", catalog::HOST_MEMORY, 62, Present(&[("w1:9100", 75.0, 60), ("w2:9100", 50.0, 60)], None)),
        ("sane", catalog::HOST_DISK_BUSY, 62, Present(&[("sda", 0.25, 60), ("sdb", 0.0, 60)], None)),
        // The last scrape was at 60: it is still good once one was missed, and stale after two.
        ("gap", catalog::ACTIVE_RECORDS, 72, Present(&[("(sum)", 10.0, 60)], Some(10.0))),
        ("gap", catalog::ACTIVE_RECORDS, 82, Absent(Absence::Stale(Duration::from_secs(22)))),
        ("nan", catalog::LATENCY_MAX, 62, Absent(Absence::NotANumber)),
        // One value that is no number makes the panel's sum none; the others are still known.
        ("nan", catalog::ACTIVE_RECORDS, 62, Present(&[("(sum)", 20.0, 60)], None)),
        // A counter that was reset reads as it stands: the increase is the campaign's to tell.
        (
            "reset",
            catalog::BUFFER_EXHAUSTED,
            57,
            Present(&[("connector-producer-mm2-0", 7.0, 55), ("producer-1", 1.0, 55)], Some(8.0)),
        ),
        (
            "reset",
            catalog::BUFFER_EXHAUSTED,
            62,
            Present(&[("connector-producer-mm2-0", 2.0, 60), ("producer-1", 1.0, 60)], Some(3.0)),
        ),
        (
            "stale-gauge",
            catalog::LATENCY_AVG,
            57,
            Present(
                &[("partition=\"0\"", 100.0, 55), ("partition=\"1\"", 6_500.0, 55)],
                Some(4_352.333_333_333_333),
            ),
        ),
        ("stale-gauge", catalog::LATENCY_AVG, 62, Absent(Absence::NoSeries)),
        ("hot-worker", catalog::HOST_CPU, 62, Present(&[("w1:9100", 5.0, 60), ("w2:9100", 97.0, 60)], None)),
        ("renamed", catalog::ACTIVE_RECORDS, 62, Absent(Absence::NoSeries)),
        ("appearing", catalog::ACTIVE_RECORDS, 57, Present(&[("(sum)", 10.0, 55)], Some(10.0))),
        ("appearing", catalog::ACTIVE_RECORDS, 62, Present(&[("(sum)", 30.0, 60)], Some(30.0))),
        (
            "appearing",
            catalog::BUFFER_EXHAUSTED,
            57,
            Present(&[("connector-producer-mm2-0", 0.0, 55)], Some(0.0)),
        ),
        (
            "appearing",
            catalog::BUFFER_EXHAUSTED,
            62,
            Present(
                &[("connector-producer-mm2-0", 0.0, 60), ("connector-producer-mm2-1", 3.0, 60)],
                Some(3.0),
            ),
        ),
    ]
}

#[tokio::test]
async fn each_case_is_read_as_what_it_is() {
    let server = Server::over_all_cases().await;
    for (case, signal, second, expected) in table() {
        let observer = server.observer(case, std::slice::from_ref(&signal)).await.unwrap();
        let mut readings = sample(&observer, at(case, second)).await;
        let (read, sample) = readings.pop().unwrap();
        assert_eq!(read, signal);
        same(&format!("{signal} of {case} at {second}"), &sample, &expected);
    }
}

fn same(what: &str, sample: &Sample, expected: &Expected) {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9 * b.abs().max(1.0);
    match (sample, expected) {
        (Sample::Present { points, panel }, Present(expected, shown)) => {
            assert_eq!(points.len(), expected.len(), "{what}: {points:?}");
            for (point, (series, value, scraped)) in points.iter().zip(*expected) {
                assert!(point.series.contains(series), "{what}: {point:?}");
                assert!(near(point.value, *value), "{what}: {point:?}");
                // The campaign begins at the first second.
                assert_eq!(point.scraped.since_start(), Duration::from_secs(scraped - 1), "{what}");
            }
            match (panel, shown) {
                (Some(panel), Some(shown)) => {
                    assert!(near(*panel, *shown), "{what}: the panel shows {panel}")
                }
                (panel, shown) => assert_eq!(panel, shown, "{what}: what the panel shows"),
            }
        }
        (Sample::Absent(why), Absent(expected)) => assert_eq!(why, expected, "{what}"),
        (sample, _) => panic!("{what}: {sample:?}"),
    }
}

#[tokio::test]
async fn a_query_says_where_it_comes_from_how_often_and_what_is_worth_knowing() {
    let server = Server::over_all_cases().await;
    let observer = server.observer("renamed", &[catalog::ACTIVE_RECORDS]).await.unwrap();
    assert_eq!(observer.checks()[0].cautions, [Caution::NoSeries]);

    // At its first second a case has one scrape, which tells no interval: it is asked later.
    let topics = [TOPIC.to_owned()];
    let (dashboards, mut catalog) = (Dashboards::embedded().unwrap(), Catalog::default());
    let panel = Some(PanelName::Title("Total Record Rate".into()));
    let own = Binding {
        dashboard: Some("mm2-replication".to_owned()),
        panel,
        unit: Some(Unit::Count),
        ..Binding::default()
    };
    catalog.bind("mm2.rate", own).unwrap();
    let signals = [catalog::HOST_CPU, catalog::ACTIVE_RECORDS, SignalId::literal("mm2.rate")];
    let spec = ObserverSpec {
        dashboards: &dashboards,
        catalog: &catalog,
        signals: &signals,
        topics: &topics,
        sampling: Duration::from_secs(2),
        start: at("sane", 62),
    };
    let mut config = server.config();
    config.variables.insert("interval".to_owned(), VariableValue::Text("10s".to_owned()));
    let observer = Observer::connect(&config, spec).await.unwrap();

    let [cpu, active, rate] = observer.checks() else { panic!("{:?}", observer.checks()) };
    let (sampling, scrape, window) =
        (Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10));
    assert_eq!(cpu.cautions, [Caution::Sampling { sampling, scrape }, Caution::Window { window, scrape }]);
    assert_eq!(
        (cpu.scrape, cpu.window, cpu.series, cpu.age),
        (Some(scrape), window, 2, Some(Duration::from_secs(2)))
    );
    assert_eq!((cpu.ref_id.as_str(), cpu.panel.as_str(), &cpu.parts), ("F", "CPU% Basic", &Parts::Shown));
    assert!(cpu.expression.contains(r#"instance=~"(w1:9100|w2:9100)""#), "{}", cpu.expression);
    assert_eq!((&active.parts, active.series), (&Parts::Sum, 2));
    assert!(active.panel_expression.starts_with("sum("), "{}", active.panel_expression);
    assert_eq!((rate.signal.as_str(), rate.series), ("mm2.rate", 2));
    assert_eq!(observer.variables()["node"], "(w1:9100|w2:9100)");
    assert_eq!(observer.variables()["topic"], TOPIC);

    let signal = observer.signals().next().unwrap();
    assert_eq!((signal.window, signal.interval), (window, scrape), "coverage is held against the scrape");

    let unknown =
        server.observer("sane", &[SignalId::literal("mm2.latency_average")]).await.unwrap_err().to_string();
    assert!(unknown.contains("mm2.latency_average") && unknown.contains("\"mm2.latency_avg\""), "{unknown}");
}

#[tokio::test]
async fn variables_of_every_type_resolve_as_grafana_shows_them() {
    let server = Server::over_all_cases().await;
    let folder = TempDir::new().unwrap();
    let expression = r#"count({job=~"$job", instance=~"$host", mode!="$none"})
        + 0 * count(up{a=~"$all", b="${plain}", c=~"$picked", d="$text$constant", e="[[disk]]", f="$ds", g="$total"})
        + 0 * sum(rate(x[$step])) + 0 * sum(rate(x[$__rate_interval])) + 0 * sum(rate(x[$__range]))"#;
    let node = r#"node_uname_info{job=~"$job"}"#;
    let dashboard = serde_json::json!({
        "time": {"from": "now-30m", "to": "now"},
        "panels": [{"title": "p", "targets": [{"refId": "A", "expr": expression, "datasource": "any"}]}],
        "templating": {"list": [
            {"name": "job", "type": "query", "query": "label_values(job)", "includeAll": true, "current": {}},
            {"name": "host", "type": "query", "query": {"query": format!("label_values({node}, instance)")},
             "multi": true, "sort": 2, "regex": "/(w.):.*/", "current": {"value": ["w1", "gone"]}},
            {"name": "all", "type": "custom", "query": "a,b", "includeAll": true, "allValue": ".+", "current": {"value": "$__all"}},
            {"name": "plain", "type": "custom", "query": "One : 1,Two : 2", "current": {"value": "2"}},
            {"name": "picked", "type": "custom", "query": "a.b,c", "multi": true, "includeAll": true, "current": {"value": ["$__all"]}},
            {"name": "text", "type": "textbox", "query": "default", "current": {"value": "typed"}},
            {"name": "constant", "type": "constant", "query": "!"},
            {"name": "none", "type": "textbox", "query": ""},
            {"name": "ds", "type": "datasource", "query": "prometheus", "current": {"value": "Prom"}},
            {"name": "disk", "type": "query", "query": "query_result(topk(1, node_memory_MemTotal_bytes))",
             "regex": "/instance=\"([^\"]*)\"/"},
            {"name": "total", "type": "query", "query": format!("query_result(count({node}))"), "regex": "/{} (.*) .*/"},
            {"name": "step", "type": "interval", "query": "1m,5m", "auto": true, "auto_count": 30, "auto_min": "10s",
             "current": {"value": "$__auto_interval_step"}},
            {"name": "filter", "type": "adhoc", "filters": [{"key": "a", "operator": "=", "value": "b"}]}
        ]}
    });
    fs::write(folder.path().join("d.json"), dashboard.to_string()).unwrap();
    let dashboards = Dashboards::load(folder.path()).unwrap();
    let mut catalog = Catalog::default();
    let binding = Binding {
        dashboard: Some("d.json".to_owned()),
        panel: Some(PanelName::Title("p".into())),
        unit: Some(Unit::Count),
        ..Binding::default()
    };
    catalog.bind("own", binding).unwrap();
    let signals = [SignalId::literal("own")];
    let topics = [];
    let spec = ObserverSpec {
        dashboards: &dashboards,
        catalog: &catalog,
        signals: &signals,
        topics: &topics,
        sampling: Duration::from_secs(5),
        start: at("sane", 62),
    };
    let observer = Observer::connect(&server.config(), spec).await.unwrap();
    let resolved: Vec<_> =
        observer.variables().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        resolved,
        [
            ("all", ".+"),
            ("constant", "!"),
            ("disk", "w1:9100"),
            ("ds", "Prom"),
            ("host", "w1"),
            ("job", "node"),
            ("none", ""),
            ("picked", "(a.b|c)"),
            ("plain", "2"),
            ("step", "60s"),
            ("text", "typed"),
            ("total", "2"),
        ]
    );
    let check = &observer.checks()[0];
    for part in [r#"a=~".+""#, r#"c=~"(a\\.b|c)""#, r#"d="typed!""#, "x[60s]", "x[20s]", "x[1800s]"] {
        assert!(check.expression.contains(part), "{part} is not in {}", check.expression);
    }
    let remarks: Vec<_> = check.cautions.iter().map(ToString::to_string).collect();
    for remark in ["ad hoc filters of $filter", "$host is 1 of 2 values", "count() cannot be taken apart"] {
        assert!(remarks.iter().any(|one| one.contains(remark)), "{remark} is not in {remarks:?}");
    }
}

#[tokio::test]
async fn a_restarted_server_is_read_again_and_one_that_is_down_is_a_named_absence() {
    let mut server = Server::over_all_cases().await;
    let signals = [catalog::HOST_MEMORY, catalog::ACTIVE_RECORDS];
    let observer = server.observer("sane", &signals).await.unwrap();
    server.end();
    let down = sample(&observer, at("sane", 62)).await;
    assert_eq!(down.len(), 2);
    for (_, sample) in &down {
        let refused = matches!(sample, Sample::Absent(Absence::Unreachable(why)) if why.contains("refused"));
        assert!(refused, "{sample:?}");
    }
    let error = server.observer("sane", &signals).await.unwrap_err();
    assert!(matches!(error, ObserveError::Unreachable { .. }), "{error}");
    server.restart().await;
    let again = sample(&observer, at("sane", 62)).await;
    assert!(again.iter().all(|(_, sample)| matches!(sample, Sample::Present { .. })), "{again:?}");
}

#[tokio::test]
async fn a_hot_worker_beside_an_idle_one_stops_the_tier() {
    let server = Server::over_all_cases().await;
    let observer = server.observer("hot-worker", &[catalog::HOST_CPU]).await.unwrap();
    let mut campaign = Campaign::new(plan_that_stops_on_cpu(&observer));
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    while campaign.poll_action().is_some() {}
    for second in (5..=60).step_by(5) {
        let now = Elapsed::new(Duration::from_secs(second));
        let mut readings = observer.sample(at("hot-worker", 1 + second));
        while let Some(observed) = readings.next().await {
            campaign.handle(now, Input::Reading(observed.reading));
        }
        campaign.handle(now, Input::Latency { tier: 0, snapshot: LatencySnapshot::default() });
    }
    assert_eq!(
        campaign.poll_action(),
        Some(Action::StopLoad),
        "97 % is beyond 95 %, the mean of 51 % is not"
    );
    campaign.handle(Elapsed::new(Duration::from_secs(61)), Input::Interrupt);
    let ended = Input::LoadEnded { tier: 0, progress: LoadProgress::default() };
    campaign.handle(Elapsed::new(Duration::from_secs(61)), ended);
    let result = &campaign.results()[0];
    assert_eq!(result.verdict, Verdict::Stop);
    let Finding::Crossed { series, value, source, .. } = &result.findings[0] else {
        panic!("{:?}", result.findings)
    };
    assert!(
        series.contains(r#"instance="w2:9100""#) && source.contains("node_cpu_seconds_total"),
        "{series} {source}"
    );
    assert!((value - 97.0).abs() < 0.5, "{value}");
}

/// One tier of five minutes that stops when a host's processor is busier than 95 %.
fn plan_that_stops_on_cpu(observer: &Observer) -> Plan {
    let criterion = Criterion {
        signal: catalog::HOST_CPU,
        comparison: Comparison::Above,
        bound: 95.0,
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
