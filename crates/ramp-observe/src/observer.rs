//! The observer: what is asked at each sampling, and how the answers become readings.

mod binder;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{Stream, future, stream::FuturesUnordered};
use ramp_core::{
    observation::{Absence, Reading, Sample},
    signal::{Fold, Signal, SignalId, Unit},
};
use tokio::time::Instant;

use self::binder::{Binder, Bound, Meaning};
use crate::{
    catalog::{Catalog, CatalogError, Entry},
    check::QueryCheck,
    client::{
        Prometheus, PrometheusConfig, QueryError,
        answer::{Answer, Data},
    },
    dashboard::{DashboardError, Dashboards},
    decode::{Answers, Reader, Stamps},
    query::ExpressionError,
    variable::{VariableError, VariableValue},
};

/// Reads a campaign's signals from Prometheus.
#[derive(Debug)]
pub struct Observer {
    prometheus: Prometheus,
    address: String,
    /// The campaign's start, by the server's clock.
    start: f64,
    /// By how many seconds the server's clock is ahead of this machine's.
    ahead: f64,
    patience: Duration,
    asked: Vec<Asked>,
    checks: Vec<QueryCheck>,
    variables: BTreeMap<String, String>,
}

/// What an observer is to read.
#[derive(Debug, Clone, Copy)]
pub struct ObserverSpec<'a> {
    /// The dashboards to judge by.
    pub dashboards: &'a Dashboards,
    /// Which of their panels shows which signal.
    pub catalog: &'a Catalog,
    /// The signals to read.
    pub signals: &'a [SignalId],
    /// What `$topic` is restricted to, unless the configuration sets it.
    pub topics: &'a [String],
    /// How often they are read.
    pub sampling: Duration,
    /// The campaign's start.
    pub start: SystemTime,
}

/// A reading, and what Prometheus warned of when it was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The reading.
    pub reading: Reading,
    /// What Prometheus warned of, such as an answer that is only partial.
    pub warnings: Vec<String>,
}

/// Why the signals cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// Prometheus does not answer.
    #[error("{address}: {source}; check prometheus.url and that it runs")]
    Unreachable {
        /// Its address.
        address: String,
        /// Why.
        source: QueryError,
    },
    /// A signal that no panel is known for.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A panel is missing.
    #[error(transparent)]
    Dashboard(#[from] DashboardError),
    /// A template variable stands for nothing.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// A panel's expression cannot be parsed.
    #[error("signal {signal}: {source}")]
    Expression {
        /// The signal.
        signal: SignalId,
        /// Why.
        source: ExpressionError,
    },
    /// Prometheus refuses a query.
    #[error("signal {signal}: {expression:?}: {source}")]
    Query {
        /// The signal.
        signal: SignalId,
        /// The query.
        expression: String,
        /// Why.
        source: QueryError,
    },
}

#[derive(Debug)]
struct Asked {
    signal: Signal,
    bound: Bound,
}

impl Observer {
    /// Binds every signal to its panel and asks each query once.
    ///
    /// # Errors
    /// When Prometheus does not answer, or a panel, variable or query of a signal is unusable.
    pub async fn connect(config: &PrometheusConfig, spec: ObserverSpec<'_>) -> Result<Self, ObserveError> {
        let ObserverSpec { dashboards, catalog, signals, topics, sampling, start } = spec;
        let given = given(config, topics);
        let server = Server::meet(config, sampling).await?;
        let (prometheus, ahead, patience) = (server.prometheus.clone(), server.ahead, patience(sampling));
        let mut binder = Binder::new(&server, &given, sampling, unix(start) + ahead);
        let (mut asked, mut checks) = (Vec::new(), Vec::new());
        for id in signals {
            let entry = catalog.find(id.as_str())?;
            let meaning =
                Meaning { signal: &entry.id, unit: entry.unit, fold: entry.fold, flowing: entry.flowing };
            let (bound, check) = binder.bind(dashboards.find(entry)?, meaning).await?;
            asked.push(Asked::new(entry, bound, &check, sampling));
            checks.push(check);
        }
        let variables = binder.into_variables();
        let start = unix(start) + ahead;
        Ok(Self { prometheus, address: config.address(), start, ahead, patience, asked, checks, variables })
    }

    /// The signals, with the interval and window that coverage is held against.
    pub fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.asked.iter().map(|asked| &asked.signal)
    }

    /// Every query as it is asked, with what was found when it was asked first.
    #[must_use]
    pub fn checks(&self) -> &[QueryCheck] {
        &self.checks
    }

    /// What each template variable was resolved to.
    #[must_use]
    pub const fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The address of Prometheus.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// By how many seconds the clock of Prometheus is ahead of this machine's; what is beyond the way there and back
    /// is taken into account.
    #[must_use]
    pub const fn clock_ahead(&self) -> f64 {
        self.ahead
    }

    /// Reads every signal as it stands at `at`: each reading as soon as it is had, all of them within a sampling
    /// period.
    pub fn sample(&self, at: SystemTime) -> impl Stream<Item = Observed> + Send + '_ {
        let deadline = Instant::now() + self.patience;
        let time = unix(at) + self.ahead;
        self.asked.iter().map(|asked| self.observe(asked, time, deadline)).collect::<FuturesUnordered<_>>()
    }

    async fn observe(&self, asked: &Asked, time: f64, deadline: Instant) -> Observed {
        let mut warnings = Vec::new();
        let sample = match asked.bound.ask(&self.prometheus, time, deadline, &mut warnings).await {
            Ok(answers) => asked.reader(time, self.start).read(answers),
            Err(error) => Sample::Absent(Absence::Unreachable(error.to_string())),
        };
        Observed { reading: Reading { signal: asked.signal.id.clone(), sample }, warnings }
    }
}

impl Asked {
    fn new(entry: &Entry, bound: Bound, check: &QueryCheck, sampling: Duration) -> Self {
        let signal = Signal {
            id: entry.id.clone(),
            unit: entry.unit,
            fold: entry.fold,
            source: bound.query.judged.clone(),
            interval: check.scrape.map_or(sampling, |scrape| scrape.max(sampling)),
            window: bound.query.window,
            memory: entry.memory,
            optional: false,
        };
        Self { signal, bound }
    }

    const fn reader(&self, time: f64, start: f64) -> Reader<'_> {
        let Bound { query, scale } = &self.bound;
        Reader { signal: &self.signal, parts: &query.parts, scale, time, start }
    }
}

impl Bound {
    /// Asks for what is judged, for the scrapes behind it and for what the panel shows, all at once.
    async fn ask(
        &self,
        prometheus: &Prometheus,
        time: f64,
        deadline: Instant,
        warnings: &mut Vec<String>,
    ) -> Result<Answers, QueryError> {
        let ask = async |expression: String| prometheus.query(&expression, Some(time), deadline).await;
        let stamped = self.query.selectors.iter().map(|selector| ask(format!("timestamp({selector})")));
        let shown = async {
            // Beside what is judged, it is for people alone: its failure is none of the reading.
            if self.query.panel == self.query.judged {
                None
            } else {
                ask(self.query.panel.clone()).await.ok()
            }
        };
        let judged = ask(self.query.judged.clone());
        let (judged, stamps, panel) = future::join3(judged, future::try_join_all(stamped), shown).await;
        let mut take = |Answer { data, warnings: new }: Answer<Data>| {
            for warning in new {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
            data
        };
        let judged = take(judged?);
        let stamps = stamps?.into_iter().map(|answer| Stamps::of(take(answer))).collect();
        Ok(Answers { judged, stamps, panel: panel.map(take) })
    }
}

/// A Prometheus that has answered.
#[derive(Debug)]
struct Server {
    prometheus: Prometheus,
    ahead: f64,
    /// How long a query may take that is asked once, before anything waits for it.
    patience: Duration,
    intervals: BTreeMap<(String, String), Duration>,
}

impl Server {
    async fn meet(config: &PrometheusConfig, sampling: Duration) -> Result<Self, ObserveError> {
        let unreachable = |source| ObserveError::Unreachable { address: config.address(), source };
        let prometheus = Prometheus::new(config).map_err(unreachable)?;
        let patience = patience(sampling.max(LEAST_FIRST_PERIOD));
        let time = async || prometheus.query("time()", None, Instant::now() + patience).await;
        // The first answer takes as long as connecting does, which says nothing of the clocks.
        time().await.map_err(unreachable)?;
        let asked = SystemTime::now();
        let answer = time().await.map_err(unreachable)?;
        let answered = SystemTime::now();
        let ahead = match answer.data {
            Data::Scalar(time) => {
                let difference = time.value() - f64::midpoint(unix(asked), unix(answered));
                // What the way there and back explains is no difference.
                if difference.abs() < LEAST_DIFFERENCE { 0.0 } else { difference }
            }
            Data::Vector(_) | Data::Matrix(_) | Data::String(_) => 0.0,
        };
        let intervals = prometheus.scrape_intervals(Instant::now() + patience).await;
        Ok(Self { prometheus, ahead, patience, intervals })
    }
}

/// Every query of every panel of `dashboards` asked once, with what was found or why it cannot be asked.
///
/// # Errors
/// When Prometheus does not answer.
pub async fn survey(
    config: &PrometheusConfig,
    dashboards: &Dashboards,
    topics: &[String],
    sampling: Duration,
) -> Result<Vec<Result<QueryCheck, ObserveError>>, ObserveError> {
    let given = given(config, topics);
    let server = Server::meet(config, sampling).await?;
    let mut binder = Binder::new(&server, &given, sampling, unix(SystemTime::now()) + server.ahead);
    let mut checks = Vec::new();
    for found in dashboards.queries() {
        let signal =
            SignalId::new(format!("{} / {} / {}", found.dashboard.file, found.panel(), found.ref_id()));
        let meaning = Meaning { signal: &signal, unit: Unit::Count, fold: Fold::Worst, flowing: None };
        checks.push(binder.bind(found, meaning).await.map(|(_, check)| check));
    }
    Ok(checks)
}

/// The variables that the user has set, and `$topic` in any case.
fn given(config: &PrometheusConfig, topics: &[String]) -> BTreeMap<String, VariableValue> {
    let mut given = config.variables.clone();
    if !topics.is_empty() {
        given.entry("topic".to_owned()).or_insert_with(|| VariableValue::Many(topics.to_vec()));
    }
    given
}

/// How long the answers of a sampling are waited for: it ends before the next one begins.
fn patience(sampling: Duration) -> Duration {
    sampling.mul_f64(SHARE_OF_PERIOD).min(LONGEST_PATIENCE)
}

fn unix(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The share of a sampling period after which its readings are given up on.
const SHARE_OF_PERIOD: f64 = 0.9;

const LONGEST_PATIENCE: Duration = Duration::from_secs(30);

/// A query that is asked for the first time finds cold caches, and nothing waits for it yet.
const LEAST_FIRST_PERIOD: Duration = Duration::from_secs(5);

/// Clocks that differ by less agree, in seconds.
const LEAST_DIFFERENCE: f64 = 1.0;
