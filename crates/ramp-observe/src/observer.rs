//! The observer: what is asked at each sampling, and how the answers become readings.

mod asked;
mod binder;
mod hosts;
mod server;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{
    Stream, StreamExt,
    future::ready,
    stream::{self, FuturesUnordered},
};
use ramp_core::{
    observation::Reading,
    signal::{Fold, Signal, SignalId, Unit},
    units::Elapsed,
};
use tokio::time::{Instant, timeout_at};

pub use self::hosts::HostValue;
use self::{
    asked::Asked,
    binder::{AllValues, Binder, Meaning},
    server::Server,
};
use crate::{
    catalog::{Catalog, CatalogError},
    check::QueryCheck,
    client::{PrometheusConfig, QueryError},
    dashboard::{DashboardError, Dashboards},
    query::ExpressionError,
    variable::{self, VariableError, VariableValue},
};

/// Reads a campaign's signals from Prometheus.
#[derive(Debug)]
pub struct Observer {
    server: Server,
    address: String,
    /// The campaign's start, by the server's clock.
    start: f64,
    sampling: Duration,
    asked: Vec<Asked>,
    checks: Vec<QueryCheck>,
    variables: BTreeMap<String, String>,
    dashboards: Dashboards,
    given: BTreeMap<String, VariableValue>,
    all: Mutex<All>,
}

/// What the variables stand for that stand for all there is.
#[derive(Debug)]
struct All {
    values: AllValues,
    /// When that was asked, by the server's clock.
    at: f64,
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
    /// What has passed of it: when the queries are asked first, long after the start where it is taken up again.
    pub now: Elapsed,
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
    /// Prometheus cannot be asked with this address, login or certificate.
    #[error(transparent)]
    Configuration(QueryError),
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
    /// A signal that counts is shown by another panel than its own, and whether that shows a counter is not said.
    #[error(
        "signal {signal} counts an increase, and {expression:?} is no counter by its name; \
         say its fold under [signals]: \"increase\", or \"worst\" for a gauge"
    )]
    Fold {
        /// The signal.
        signal: SignalId,
        /// What the panel shows.
        expression: String,
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

impl Observer {
    /// Binds every signal to its panel and asks each query once.
    ///
    /// # Errors
    /// When Prometheus does not answer, or a panel, variable or query of a signal is unusable.
    pub async fn connect(config: &PrometheusConfig, spec: ObserverSpec<'_>) -> Result<Self, ObserveError> {
        let ObserverSpec { dashboards, catalog, signals, topics, sampling, start, now } = spec;
        variable::all_used(config.variables.keys(), dashboards)?;
        let given = given(config, topics);
        let server = Server::meet(config, sampling).await?;
        let start = unix(start) + server.ahead;
        let time = start + now.since_start().as_secs_f64();
        let mut binder = Binder::new(&server, &given, sampling, time, AllValues::default());
        let (mut asked, mut checks) = (Vec::new(), Vec::new());
        for id in signals {
            let entry = catalog.find(id.as_str())?;
            let (bound, check) = binder.bind(dashboards.find(entry)?, Meaning::of(entry)).await?;
            asked.push(Asked::new(entry, bound, &check, sampling));
            checks.push(check);
        }
        let (variables, values) = (binder.variables(), binder.into_all_values());
        Ok(Self {
            server,
            address: config.address(),
            start,
            sampling,
            asked,
            checks,
            variables,
            dashboards: dashboards.clone(),
            given,
            all: Mutex::new(All { values, at: time }),
        })
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
        self.server.ahead
    }

    /// The highest value of `signal` now, outside of its readings; nothing where it has none.
    ///
    /// # Errors
    /// When Prometheus gives no usable answer.
    pub async fn level(&self, signal: &SignalId) -> Result<Option<f64>, QueryError> {
        let Some(asked) = self.asked.iter().find(|asked| asked.signal.id == *signal) else { return Ok(None) };
        asked.level(&self.server).await
    }

    /// Reads every signal as it stands at `at`, and as it stood at every scrape since it was read last: each reading as
    /// soon as it is had, those of one signal in the order of time, all of them within a sampling period.
    ///
    /// The campaign's own clock says when, so that a step of the machine's calendar moves nothing.
    pub fn sample(&self, at: Elapsed) -> impl Stream<Item = Observed> + Send + Unpin + '_ {
        let deadline = Instant::now() + patience(self.sampling);
        let time = self.start + at.since_start().as_secs_f64();
        let (prometheus, times) = (&self.server.prometheus, (self.start, time));
        let observed = self.asked.iter().map(move |asked| asked.observe(prometheus, times, deadline));
        let observed = observed.collect::<FuturesUnordered<_>>();
        // It is for the samplings to come, and holds up no reading of this one.
        let resolved = stream::once(Box::pin(timeout_at(deadline, self.resolve_anew(time))));
        stream::select(observed.flat_map(stream::iter), resolved.filter_map(|_| ready(None)))
    }

    /// Resolves anew the variables that stand for all there is: a worker that has come since is asked for as well.
    async fn resolve_anew(&self, time: f64) {
        let known = {
            let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            if all.values.is_empty() || time - all.at < RESOLVED_FOR {
                return;
            }
            all.at = time;
            all.values.clone()
        };
        let mut binder = Binder::new(&self.server, &self.given, self.sampling, time, known);
        for asked in &self.asked {
            let Ok(found) = self.dashboards.find(&asked.entry) else { continue };
            // What cannot be resolved now stays as it was.
            if let Ok(query) = binder.query(found, Meaning::of(&asked.entry), asked.scrape).await {
                asked.rebind(query);
            }
        }
        let values = binder.into_all_values();
        self.all.lock().unwrap_or_else(PoisonError::into_inner).values.extend(values);
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
    let mut binder =
        Binder::new(&server, &given, sampling, unix(SystemTime::now()) + server.ahead, AllValues::default());
    let mut checks = Vec::new();
    for found in dashboards.queries() {
        let signal =
            SignalId::new(format!("{} / {} / {}", found.dashboard.file, found.panel(), found.ref_id()));
        let meaning = Meaning {
            signal: &signal,
            unit: Unit::Count,
            fold: Fold::Worst,
            is_fold_known: false,
            flowing: None,
        };
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

/// For so many seconds what variables stand for is believed to be all there is.
const RESOLVED_FOR: f64 = 30.0;
