//! The observer: what is asked at each sampling, and how the answers become readings.

mod binder;

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{
    Stream, StreamExt,
    future::{self, Either},
    stream::{self, FuturesUnordered},
};
use ramp_core::{
    observation::{Absence, Reading, Sample},
    signal::{Fold, Signal, SignalId, Unit},
    units::Elapsed,
};
use tokio::time::{Instant, timeout};

use self::binder::{Binder, Bound, Meaning};
use crate::{
    catalog::{Catalog, CatalogError, Entry},
    check::QueryCheck,
    client::{
        Moments, Prometheus, PrometheusConfig, QueryError,
        answer::{Answer, Data},
    },
    dashboard::{DashboardError, Dashboards},
    decode::{Answers, Reader, Seen, Table},
    query::ExpressionError,
    variable::{self, VariableError, VariableValue},
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

#[derive(Debug)]
struct Asked {
    signal: Signal,
    bound: Bound,
    seen: Mutex<Seen>,
}

impl Observer {
    /// Binds every signal to its panel and asks each query once.
    ///
    /// # Errors
    /// When Prometheus does not answer, or a panel, variable or query of a signal is unusable.
    pub async fn connect(config: &PrometheusConfig, spec: ObserverSpec<'_>) -> Result<Self, ObserveError> {
        let ObserverSpec { dashboards, catalog, signals, topics, sampling, start } = spec;
        variable::all_used(config.variables.keys(), dashboards)?;
        let given = given(config, topics);
        let server = Server::meet(config, sampling).await?;
        let (prometheus, ahead, patience) = (server.prometheus.clone(), server.ahead, patience(sampling));
        let mut binder = Binder::new(&server, &given, sampling, unix(start) + ahead);
        let (mut asked, mut checks) = (Vec::new(), Vec::new());
        for id in signals {
            let entry = catalog.find(id.as_str())?;
            let meaning = Meaning::of(entry);
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

    /// Reads every signal as it stands at `at`, and as it stood at every scrape since it was read last: each reading as
    /// soon as it is had, those of one signal in the order of time, all of them within a sampling period.
    ///
    /// The campaign's own clock says when, so that a step of the machine's calendar moves nothing.
    pub fn sample(&self, at: Elapsed) -> impl Stream<Item = Observed> + Send + '_ {
        let deadline = Instant::now() + self.patience;
        let time = self.start + at.since_start().as_secs_f64();
        let observed = self.asked.iter().map(|asked| self.observe(asked, time, deadline));
        observed.collect::<FuturesUnordered<_>>().flat_map(stream::iter)
    }

    async fn observe(&self, asked: &Asked, time: f64, deadline: Instant) -> Vec<Observed> {
        let mut warnings = Vec::new();
        let samples = match asked.ask(&self.prometheus, time, deadline, &mut warnings).await {
            Ok(answers) => asked.reader(self.start).read(&answers, &mut asked.seen()),
            Err(why) => vec![Sample::Absent(why)],
        };
        let readings = samples.into_iter().map(|sample| Reading { signal: asked.signal.id.clone(), sample });
        readings.map(|reading| Observed { reading, warnings: std::mem::take(&mut warnings) }).collect()
    }
}

impl Asked {
    fn new(entry: &Entry, bound: Bound, check: &QueryCheck, sampling: Duration) -> Self {
        let finest = sampling / MOST_SCRAPES;
        let signal = Signal {
            id: entry.id.clone(),
            unit: entry.unit,
            fold: entry.fold,
            source: bound.query.judged.clone(),
            interval: check.scrape.map_or(sampling, |scrape| scrape.max(finest)),
            window: bound.query.window,
            memory: entry.memory,
            optional: false,
        };
        Self { signal, bound, seen: Mutex::default() }
    }

    const fn reader(&self, start: f64) -> Reader<'_> {
        let Bound { query, scale } = &self.bound;
        Reader { signal: &self.signal, query, scale, start }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moments to ask for: half a scrape interval apart, so that each scrape is the newest at one of them, and back
    /// to where the last ones may have missed a scrape that was still under way.
    fn moments(&self, time: f64) -> Moments {
        let interval = self.signal.interval.as_secs_f64();
        match self.seen().until {
            None => Moments::only(time),
            Some(until) => Moments::between(until - interval, time, interval / 2.0, MOST_MOMENTS),
        }
    }

    /// Asks when the samples were scraped, and then at once for what is judged and for what the panel shows.
    ///
    /// In this order a scrape between the two questions has its value seen under the time of the one before, which is
    /// known by then and so not counted; the other way round an old value would pass for the new one.
    async fn ask(
        &self,
        prometheus: &Prometheus,
        time: f64,
        deadline: Instant,
        warnings: &mut Vec<String>,
    ) -> Result<Answers, Absence> {
        let (query, moments) = (&self.bound.query, self.moments(time));
        let ask = async |expression: String| prometheus.query_range(&expression, moments, deadline).await;
        let stamped = query.selectors.iter().map(|selector| ask(format!("timestamp({selector})")));
        let unreachable = |error: QueryError| Absence::Unreachable(error.to_string());
        let stamped = future::try_join_all(stamped).await.map_err(unreachable)?;
        let shown = pin!(async {
            if query.panel == query.judged {
                return None;
            }
            prometheus.query_range_beside(&query.panel, moments, deadline).await.ok()
        });
        let is_first_count = self.signal.fold == Fold::Increase && query.is_plain && !self.seen().has_values;
        let judged = pin!(async {
            let before = async {
                if !is_first_count {
                    return Ok(None);
                }
                ask(format!("last_over_time({}[{LOOK_BACK}])", query.judged)).await.map(Some)
            };
            future::try_join(ask(query.judged.clone()), before).await
        });
        // Beside what is judged, the panel is for people alone: it holds up no reading, and its failure is none of it.
        let (judged, panel) = match future::select(judged, shown).await {
            Either::Left((judged, shown)) => (judged, timeout(PANEL_PATIENCE, shown).await.ok().flatten()),
            Either::Right((panel, judged)) => (judged.await, panel),
        };
        let mut take = |Answer { data, warnings: new }: Answer<Data>| {
            for warning in new {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
            Table::of(data, moments)
        };
        let (judged, before) = judged.map_err(unreachable)?;
        Ok(Answers {
            moments,
            stamps: stamped.into_iter().map(&mut take).collect::<Result<_, _>>()?,
            judged: take(judged)?,
            panel: panel.map(&mut take).transpose()?,
            before: before.map_or_else(|| Ok(Table::default()), take)?,
        })
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

/// A query that is asked for the first time finds cold caches, and nothing waits for it yet.
const LEAST_FIRST_PERIOD: Duration = Duration::from_secs(5);

/// What is scraped more often within a sampling period is not seen each time.
const MOST_SCRAPES: u32 = 5;

/// As far back a sampling makes up for what those before it could not ask.
const MOST_MOMENTS: u16 = 30;

/// So much later than what is judged the panel's own value may come.
const PANEL_PATIENCE: Duration = Duration::from_millis(200);

/// A counter's series that was scraped within this time is known when its target is back.
const LOOK_BACK: &str = "1h";

/// Clocks that differ by less agree, in seconds.
const LEAST_DIFFERENCE: f64 = 1.0;
