//! The users' own dashboards on a laboratory under load.
#![expect(clippy::print_stderr, reason = "a test says what this machine keeps it from seeing")]

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use futures_util::StreamExt;
use ramp_core::{observation::Sample, units::Elapsed};
use ramp_lab::Lab;
use ramp_observe::{
    Dashboards, ObserveError, Observer, ObserverSpec, PrometheusConfig, VariableError, VariableValue,
    catalog::Catalog, survey,
};

/// The form's names.
const NAMES: [&str; 8] = [
    "Latence avg",
    "Latence max",
    "Active Records (Lag)",
    "Buffer Utilization",
    "Buffer Exhausted",
    "CPU workers",
    "Memory workers",
    "Disk I/O",
];

/// What has been seen of dashboards so far.
pub(crate) struct Watch {
    config: PrometheusConfig,
    dashboards: Dashboards,
    topics: Vec<String>,
    surveyed: bool,
    /// The signals that had no value at the last look; nothing before the first.
    absent: Option<Vec<String>>,
}

impl Watch {
    pub(crate) fn new(lab: &Lab, topics: u16) -> Self {
        let variables = [("interval".to_owned(), VariableValue::Text("10s".to_owned()))].into();
        let topic = |n| format!("source.test-prometheus.generated-data-{n:02}.json");
        Self {
            config: PrometheusConfig {
                url: lab.prometheus_url().to_owned(),
                variables,
                ..PrometheusConfig::default()
            },
            dashboards: dashboards(),
            topics: (1..=topics).map(topic).collect(),
            surveyed: false,
            absent: None,
        }
    }

    /// Looks, while records flow, until every signal has been seen.
    pub(crate) fn look(&mut self) {
        if self.absent.as_ref().is_none_or(|absent| !absent.is_empty()) {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                if !self.surveyed {
                    self.survey().await;
                }
                self.absent = Some(self.absent().await);
            });
        }
    }

    pub(crate) fn has_seen_every_signal(&self) {
        assert_eq!(self.absent.as_deref(), Some(&[] as &[String]), "these never had a value under load");
    }

    /// Every query of every panel is parsed, resolved and answered.
    async fn survey(&mut self) {
        let checks = survey(&self.config, &self.dashboards, &self.topics, SAMPLING).await.unwrap();
        for check in &checks {
            if let Err(error) = check {
                assert!(is_of_this_machine(error), "{error}");
                eprintln!("not asked, as this machine has no such disk or network: {error}");
            }
        }
        let answered = checks.iter().flatten().count();
        let with_series = checks.iter().flatten().filter(|check| check.series > 0).count();
        eprintln!("{answered} of {} queries are answered, {with_series} of them with series", checks.len());
        self.surveyed = true;
    }

    /// The signals of the form that have no finite value now.
    async fn absent(&self) -> Vec<String> {
        let catalog = Catalog::default();
        let signals: Vec<_> = NAMES.iter().map(|name| catalog.find(name).unwrap().id.clone()).collect();
        let spec = ObserverSpec {
            dashboards: &self.dashboards,
            catalog: &catalog,
            signals: &signals,
            topics: &self.topics,
            sampling: SAMPLING,
            start: SystemTime::now(),
            now: Elapsed::START,
        };
        let observer = Observer::connect(&self.config, spec).await.unwrap();
        let readings: Vec<_> = observer.sample(Elapsed::START).collect().await;
        let absent = readings.into_iter().filter_map(|observed| match observed.reading.sample {
            Sample::Present { points, .. } => {
                assert!(points.iter().all(|point| point.value.is_finite()), "{points:?}");
                None
            }
            Sample::Absent(why) => Some(format!("{}: {why}", observed.reading.signal)),
        });
        absent.collect()
    }
}

/// A network or a file system that a container may lack.
fn is_of_this_machine(error: &ObserveError) -> bool {
    let ObserveError::Variable(VariableError::Empty { name, .. }) = error else { return false };
    ["device", "maxmount"].contains(&name.as_str())
}

/// The users' dashboards where they are at hand, and those that ramp brings along otherwise.
fn dashboards() -> Dashboards {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/dashboards");
    let folder = env::var_os("RAMP_DASHBOARDS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Dashboards::load(&folder).unwrap();
    }
    eprintln!(
        "{} is not there (RAMP_DASHBOARDS names another): the built-in dashboards are asked",
        folder.display()
    );
    Dashboards::embedded().unwrap()
}

const SAMPLING: Duration = Duration::from_secs(5);
