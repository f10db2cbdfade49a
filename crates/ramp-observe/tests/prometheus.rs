//! Readings from a real Prometheus over blocks that are made from samples.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ramp_core::{
    campaign::{Campaign, Input},
    criterion::{Comparison, Criterion, Severity},
    event::Action,
    observation::{Absence, LatencySnapshot, LoadProgress, Reading, Sample},
    plan::{EvidenceRules, Plan, PlanDraft, Recovery, Tier},
    signal::SignalId,
    units::{Elapsed, Rate, Ratio},
    verdict::{Finding, Verdict},
};
use ramp_observe::{Credentials, Dashboards, ObserveError, Observer, PrometheusConfig, catalog};
use tempfile::TempDir;

const SCRAPE: u64 = 5;
const TOPIC: &str = "source.t.generated-data-01.json";

/// Samples of one time, and what they are to be read as.
struct World {
    text: BTreeMap<&'static str, String>,
    begin: u64,
}

impl World {
    /// The world of the `n`th hour: each case has an hour of its own.
    fn new(n: u64) -> Self {
        Self { text: BTreeMap::new(), begin: 1_700_000_000 + n * 3_600 }
    }

    /// A series that is scraped every 5 s from second `from` to second `to` of the world.
    fn series(
        mut self,
        name: &'static str,
        labels: &str,
        (from, to): (u64, u64),
        value: impl Fn(u64) -> f64,
    ) -> Self {
        let text = self.text.entry(name).or_default();
        for second in (from..=to).step_by(5) {
            writeln!(text, "{name}{{{labels}}} {} {}", value(second), self.begin + second).unwrap();
        }
        self
    }

    /// Everything that the template variables ask for.
    fn with_variables(self) -> Self {
        let all = (0, 300);
        self.series("kafka_connect_source_task_metrics_source_record_poll_rate", WORKER, all, |_| 1.0)
            .series("kafka_producer_producer_metrics_record_send_rate", WORKER, all, |_| 1.0)
            .series("node_uname_info", r#"instance="w1",job="node""#, all, |_| 1.0)
            .series("node_uname_info", r#"instance="w2",job="node""#, all, |_| 1.0)
    }

    fn at(&self, second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.begin + second)
    }

    /// What is read of `signal` at a second of the world, the campaign having begun at its first.
    async fn read(&self, server: &Server, signal: SignalId, second: u64) -> Sample {
        let observer = self.observer(server, signal.clone()).await.unwrap();
        let mut readings = observer.sample(self.at(second)).await;
        let Reading { signal: read, sample } = readings.pop().unwrap();
        assert_eq!(read, signal);
        sample
    }

    async fn observer(&self, server: &Server, signal: SignalId) -> Result<Observer, ObserveError> {
        let variables = BTreeMap::from([("interval".to_owned(), "30s".to_owned())]);
        let config = PrometheusConfig { url: server.url.clone(), variables, ..PrometheusConfig::default() };
        let dashboards = Dashboards::embedded().unwrap();
        // The variables are resolved once series are there.
        Observer::connect(
            &config,
            &dashboards,
            &[signal],
            &[TOPIC.to_owned()],
            Duration::from_secs(SCRAPE),
            self.at(1),
        )
        .await
    }
}

const WORKER: &str = r#"env="lab",kafka_connect_cluster="c",connector="mm2",instance="w1",client_id="p""#;

struct Server {
    url: String,
    child: Child,
    _data: TempDir,
}

impl Server {
    /// A Prometheus that has the samples of `worlds`.
    fn over(worlds: &[&World]) -> Self {
        let data = TempDir::new().unwrap();
        for (number, world) in worlds.iter().enumerate() {
            let mut text = String::new();
            for (name, series) in &world.text {
                writeln!(text, "# TYPE {name} unknown\n{}", series.trim_end()).unwrap();
            }
            text.push_str("# EOF\n");
            let file = data.path().join(format!("{number}.txt"));
            fs::write(&file, text).unwrap();
            let made = Command::new("promtool")
                .args(["tsdb", "create-blocks-from", "openmetrics"])
                .arg(&file)
                .arg(data.path().join("data"))
                .output()
                .unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        let config = data.path().join("prometheus.yml");
        fs::write(&config, "{}").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().join("data").display()))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { url: format!("http://127.0.0.1:{port}"), child, _data: data }
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
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The values of a reading by series, and what the panel showed.
fn values(sample: &Sample) -> (Vec<(&str, f64)>, Option<f64>) {
    match sample {
        Sample::Present { points, panel } => {
            let values = points.iter().map(|point| (point.series.as_str(), point.value)).collect();
            (values, *panel)
        }
        Sample::Absent(why) => panic!("absent: {why}"),
    }
}

fn partition(number: u8) -> String {
    format!(r#"topic="{TOPIC}",partition="{number}",instance="w1""#)
}

#[tokio::test]
async fn each_case_is_read_as_what_it_is() {
    const ACTIVE: &str = "kafka_connect_source_task_metrics_source_record_active_count";
    const LATENCY: &str = "kafka_connect_mirror_source_connector_replication_latency_ms";
    const LATENCY_MAX: &str = "kafka_connect_mirror_source_connector_replication_latency_ms_max";
    const RATE: &str = "kafka_connect_mirror_source_connector_record_rate";
    const EXHAUSTED: &str = "kafka_producer_producer_metrics_buffer_exhausted_total";
    const CPU: &str = "node_cpu_seconds_total";
    let all = (0, 300);
    let task = |task: u8| format!("{WORKER},task=\"{task}\"");
    let idle = |share: f64| move |second: u64| second as f64 * share;

    let sane = World::new(0)
        .with_variables()
        .series(ACTIVE, &task(0), all, |_| 10.0)
        .series(ACTIVE, &task(1), (100, 300), |_| 20.0)
        .series(LATENCY, &partition(0), all, |_| 100.0)
        .series(LATENCY, &partition(1), all, |_| 300.0)
        .series(LATENCY, &partition(2), all, |_| 6_500.0)
        .series(RATE, &partition(0), all, |_| 50.0)
        .series(RATE, &partition(1), all, |_| 50.0)
        .series(RATE, &partition(2), all, |_| 0.0)
        .series(LATENCY_MAX, &partition(0), all, |_| f64::NAN)
        .series(EXHAUSTED, WORKER, all, |second| if second < 100 { 7.0 } else { 2.0 })
        .series(CPU, r#"instance="w1",cpu="0",mode="idle""#, all, idle(0.60))
        .series(CPU, r#"instance="w2",cpu="0",mode="idle""#, all, idle(0.03));
    let gap = World::new(1).with_variables().series(ACTIVE, &task(0), (0, 100), |_| 10.0);
    let renamed = World::new(2).with_variables();
    let server = Server::over(&[&sane, &gap, &renamed]);
    server.ready().await;

    let read = sane.read(&server, catalog::ACTIVE_RECORDS, 52).await;
    assert_eq!(values(&read), (vec![("(aggregate)", 10.0)], None));
    let Sample::Present { points, .. } = &read else { unreachable!() };
    assert_eq!(
        points[0].scraped.since_start(),
        Duration::from_secs(49),
        "the scrape at 50, from the start at 1"
    );
    let read = sane.read(&server, catalog::ACTIVE_RECORDS, 152).await;
    assert_eq!(values(&read).0, [("(aggregate)", 30.0)], "a series that appears is in the sum");

    let read = sane.read(&server, catalog::LATENCY_AVG, 52).await;
    let (points, panel) = values(&read);
    assert_eq!(
        points.iter().map(|point| point.1).collect::<Vec<_>>(),
        [100.0, 300.0],
        "an idle partition's last value does not count"
    );
    assert_eq!(panel, Some((100.0 + 300.0 + 6_500.0) / 3.0), "the panel shows what it shows");

    let read = sane.read(&server, catalog::LATENCY_MAX, 52).await;
    assert_eq!(read, Sample::Absent(Absence::NotANumber));

    assert_eq!(values(&sane.read(&server, catalog::BUFFER_EXHAUSTED, 52).await).0[0].1, 7.0);
    assert_eq!(
        values(&sane.read(&server, catalog::BUFFER_EXHAUSTED, 152).await).0[0].1,
        2.0,
        "a reset is left to the fold"
    );

    let read = sane.read(&server, catalog::HOST_CPU, 152).await;
    let (hot, _) = values(&read);
    assert_eq!(hot.len(), 2);
    let of = |instance: &str| hot.iter().find(|(series, _)| series.contains(instance)).unwrap().1;
    assert!((of("w1") - 40.0).abs() < 0.5 && (of("w2") - 97.0).abs() < 0.5, "{hot:?}: the hot worker shows");

    let read = gap.read(&server, catalog::ACTIVE_RECORDS, 152).await;
    assert_eq!(read, Sample::Absent(Absence::Stale(Duration::from_secs(52))));

    let read = renamed.read(&server, catalog::ACTIVE_RECORDS, 52).await;
    assert_eq!(read, Sample::Absent(Absence::NoSeries));
}

#[tokio::test]
async fn a_hot_worker_beside_an_idle_one_stops_the_tier() {
    let idle = |share: f64| move |second: u64| second as f64 * share;
    let world = World::new(0)
        .with_variables()
        .series("node_cpu_seconds_total", r#"instance="w1",cpu="0",mode="idle""#, (0, 300), idle(0.95))
        .series("node_cpu_seconds_total", r#"instance="w2",cpu="0",mode="idle""#, (0, 300), idle(0.03));
    let server = Server::over(&[&world]);
    server.ready().await;
    let observer = world.observer(&server, catalog::HOST_CPU).await.unwrap();
    let mut campaign = Campaign::new(plan_that_stops_on_cpu(&observer));
    campaign.handle(Elapsed::START, Input::PathClear { tier: 0 });
    campaign.handle(Elapsed::START, Input::LoadStarted { tier: 0 });
    while campaign.poll_action().is_some() {}
    for second in (5..=60).step_by(5) {
        let now = Elapsed::new(Duration::from_secs(second));
        for reading in observer.sample(world.at(1 + second)).await {
            campaign.handle(now, Input::Reading(reading));
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
        series.contains(r#"instance="w2""#) && source.contains("node_cpu_seconds_total"),
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
    })
    .unwrap()
}

#[tokio::test]
async fn a_signal_says_where_it_comes_from_and_how_often() {
    let world = World::new(0).with_variables();
    let server = Server::over(&[&world]);
    server.ready().await;
    let observer = world.observer(&server, catalog::HOST_CPU).await.unwrap();
    let signal = observer.signals().next().unwrap();
    assert_eq!(signal.window, Duration::from_secs(30));
    assert_eq!(signal.interval, Duration::from_secs(SCRAPE));
    assert!(signal.source.contains(r#"instance=~"(w1|w2)""#), "{}", signal.source);
    assert_eq!(observer.variables()["node"], "(w1|w2)");

    let unknown = world.observer(&server, SignalId::literal("mm2.weather")).await.unwrap_err().to_string();
    assert!(unknown.contains("mm2.weather") && unknown.contains("mm2.latency_avg"), "{unknown}");
}

#[tokio::test]
async fn a_server_that_dies_leaves_named_absences_and_shows_no_secret() {
    let world = World::new(0).with_variables();
    let server = Server::over(&[&world]);
    server.ready().await;
    let config = PrometheusConfig {
        url: server.url.clone(),
        credentials: Some(Credentials::basic("ramp".to_owned(), "hunter2".to_owned())),
        ..PrometheusConfig::default()
    };
    let dashboards = Dashboards::embedded().unwrap();
    let wanted = [catalog::HOST_MEMORY, catalog::ACTIVE_RECORDS];
    let connect =
        |start| Observer::connect(&config, &dashboards, &wanted, &[], Duration::from_secs(SCRAPE), start);
    let observer = connect(world.at(1)).await.unwrap();
    drop(server);
    let readings = observer.sample(world.at(60)).await;
    assert_eq!(readings.len(), 2);
    for reading in &readings {
        let unreachable =
            matches!(&reading.sample, Sample::Absent(Absence::Unreachable(why)) if !why.is_empty());
        assert!(unreachable, "{reading:?}");
    }
    let error = connect(world.at(1)).await.unwrap_err();
    assert!(matches!(error, ObserveError::Unreachable { .. }), "{error}");
    assert!(!format!("{observer:?}{config:?}{readings:?}{error}{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_login_in_the_address_is_refused_and_not_shown() {
    let config = PrometheusConfig {
        url: "http://ramp:hunter2@127.0.0.1:1/base".to_owned(),
        headers: BTreeMap::from([("X-Token".to_owned(), "hunter2".to_owned())]),
        ..PrometheusConfig::default()
    };
    let dashboards = Dashboards::embedded().unwrap();
    let start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let connected =
        Observer::connect(&config, &dashboards, &[], &[], Duration::from_secs(SCRAPE), start).await;
    let error = connected.unwrap_err();
    assert!(error.to_string().contains("username_env and password_env"), "{error}");
    assert!(!format!("{error}{error:?}{config:?}").contains("hunter2"), "{error}");
}
