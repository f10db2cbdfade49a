//! A Prometheus that has the samples of every case.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::StreamExt;
use ramp_core::{
    observation::Sample,
    signal::{Fold, SignalId, Unit},
    units::Elapsed,
};
use ramp_observe::{
    Dashboards, ObserveError, Observer, ObserverSpec, PrometheusConfig, VariableValue,
    catalog::{Binding, Catalog, PanelName},
};
use tempfile::TempDir;

use crate::process::Process;

pub(crate) const ACTIVE: &str = "kafka_connect_source_task_metrics_source_record_active_count";
pub(crate) const EXHAUSTED: &str = "kafka_producer_producer_metrics_buffer_exhausted_total";
pub(crate) const TOPIC: &str = "source.t.generated-data-01.json";

/// The files of `fixtures/openmetrics`, each of an hour of its own.
const CASES: [&str; 11] = [
    "sane",
    "gap",
    "nan",
    "reset",
    "stale-gauge",
    "hot-worker",
    "renamed",
    "appearing",
    "peak",
    "vanishing",
    "returning",
];

/// A Prometheus that has the samples of every case, one scrape in five seconds.
pub(crate) struct Server {
    process: Process,
    data: TempDir,
}

impl Server {
    pub(crate) async fn over_all_cases() -> Self {
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
        let process = Process::start(data.path(), &Process::free_address());
        let server = Self { process, data };
        server.ready().await;
        server
    }

    async fn ready(&self) {
        let begun = Instant::now();
        let ready = || async {
            reqwest::get(format!("{}/-/ready", self.process.url)).await.is_ok_and(|r| r.status().is_success())
        };
        while !ready().await {
            assert!(begun.elapsed() < Duration::from_secs(60), "prometheus does not become ready");
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn end(&mut self) {
        self.process.child.kill().unwrap();
        self.process.child.wait().unwrap();
    }

    pub(crate) async fn restart(&mut self) {
        let address = self.process.url.trim_start_matches("http://").to_owned();
        self.process = Process::start(self.data.path(), &address);
        self.ready().await;
    }

    pub(crate) fn config(&self) -> PrometheusConfig {
        let variables = BTreeMap::from([("interval".to_owned(), VariableValue::Text("30s".to_owned()))]);
        PrometheusConfig { url: self.process.url.clone(), variables, ..PrometheusConfig::default() }
    }

    /// An observer of one signal, which `expression` shows and which folds by `fold`.
    pub(crate) async fn observer_of_expression(&self, case: &str, expression: &str, fold: Fold) -> Observer {
        let panel = serde_json::json!({"title": "p", "targets": [{"refId": "A", "expr": expression}]});
        let dashboards = one_dashboard(
            &serde_json::json!({"panels": [panel], "templating": {"list": [{"name": "interval"}]}}),
        );
        let mut catalog = Catalog::default();
        let binding = Binding { unit: Some(Unit::Count), fold: Some(fold), ..to_its_panel() };
        catalog.bind("own", binding).unwrap();
        self.observer_of(case, &[SignalId::literal("own")], &catalog, &dashboards).await.unwrap()
    }

    /// An observer of `signals` in a case that begins at its first second.
    pub(crate) async fn observer(&self, case: &str, signals: &[SignalId]) -> Result<Observer, ObserveError> {
        self.observer_of(case, signals, &Catalog::default(), &Dashboards::embedded().unwrap()).await
    }

    pub(crate) async fn observer_of(
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
            now: Elapsed::START,
        };
        Observer::connect(&self.config(), spec).await
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// A second of a case.
pub(crate) fn at(case: &str, second: u64) -> SystemTime {
    let hour = CASES.iter().position(|known| *known == case).unwrap() as u64;
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + hour * 3_600 + second)
}

/// What is read at a second of a case, whose observers all begin at its first.
pub(crate) async fn sample(observer: &Observer, second: f64) -> Vec<(SignalId, Sample)> {
    let since = Elapsed::new(Duration::from_secs_f64(second - 1.0));
    let readings = observer.sample(since).map(|observed| (observed.reading.signal, observed.reading.sample));
    readings.collect().await
}

/// Dashboards of which there is one, called `d`.
pub(crate) fn one_dashboard(dashboard: &serde_json::Value) -> Dashboards {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("d.json"), dashboard.to_string()).unwrap();
    Dashboards::load(folder.path()).unwrap()
}

/// A binding to the panel `p` of the dashboard `d`.
pub(crate) fn to_its_panel() -> Binding {
    Binding {
        dashboard: Some("d".to_owned()),
        panel: Some(PanelName::Title("p".into())),
        ..Binding::default()
    }
}
