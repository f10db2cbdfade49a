//! The observer: what is asked at each sampling, and how the answers become readings.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, stream};
use ramp_core::{
    observation::{Absence, Point, Reading, Sample},
    signal::{Signal, SignalId},
    units::Elapsed,
};

use crate::{
    catalog::{self, Entry},
    client::{Prometheus, PrometheusConfig, QueryError, Series},
    dashboard::{DashboardError, Dashboards},
    query::{ExpressionError, Query},
    variable::{Resolver, VariableError, any_of, labels},
};

/// Reads a campaign's signals from Prometheus.
#[derive(Debug)]
pub struct Observer {
    prometheus: Prometheus,
    address: String,
    start: SystemTime,
    timeout: Duration,
    asked: Vec<Asked>,
    resolved: Vec<ResolvedQuery>,
    variables: BTreeMap<String, String>,
}

/// A signal's query as it is asked, for whoever wants to repeat it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedQuery {
    /// The signal.
    pub signal: SignalId,
    /// The dashboard's file.
    pub dashboard: String,
    /// The panel's title.
    pub panel: String,
    /// What the panel shows.
    pub panel_expression: String,
    /// What is judged.
    pub expression: String,
    /// How many series there were when it was first asked.
    pub series_found: usize,
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
    #[error("no panel is known for signal {signal}; the catalogue has {known}")]
    UnknownSignal {
        /// The signal.
        signal: SignalId,
        /// The signals there are.
        known: String,
    },
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
    query: Query,
}

impl Observer {
    /// Binds every signal in `wanted` to its panel and asks each query once. `$topic` is restricted to `topics`.
    ///
    /// # Errors
    /// When Prometheus does not answer, or a panel, variable or query of a signal is unusable.
    pub async fn connect(
        config: &PrometheusConfig,
        dashboards: &Dashboards,
        wanted: &[SignalId],
        topics: &[String],
        sampling: Duration,
        start: SystemTime,
    ) -> Result<Self, ObserveError> {
        let unreachable = |source| ObserveError::Unreachable { address: config.address(), source };
        let timeout = sampling.min(LONGEST_TIMEOUT);
        let prometheus = Prometheus::new(config, timeout).map_err(unreachable)?;
        let time = unix(start);
        prometheus.query("vector(1)", time).await.map_err(unreachable)?;
        let intervals = prometheus.scrape_intervals().await;

        let mut given = config.variables.clone();
        given.entry("topic".to_owned()).or_insert_with(|| any_of(topics));
        let mut observer = Self {
            prometheus,
            address: config.address(),
            start,
            timeout,
            asked: Vec::new(),
            resolved: Vec::new(),
            variables: BTreeMap::new(),
        };
        for id in wanted {
            let entry = entry(id)?;
            let (dashboard, expression) = dashboards.expression(&entry)?;
            let mut resolver = Resolver::new(&observer.prometheus, dashboard, &given, sampling, time);
            let expression = resolver.resolve(expression).await?;
            let condition = match entry.condition {
                None => None,
                Some(condition) => Some(resolver.resolve(condition).await?),
            };
            observer.variables.extend(resolver.into_values());
            let failed = |source| ObserveError::Expression { signal: id.clone(), source };
            let query = Query::new(&expression, entry.fold, condition.as_deref()).map_err(failed)?;
            observer.bind(&entry, query, sampling, time, &intervals).await?;
        }
        Ok(observer)
    }

    /// The signals, with the interval and window that coverage is held against.
    pub fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.asked.iter().map(|asked| &asked.signal)
    }

    /// Every query as it is asked.
    #[must_use]
    pub fn resolved(&self) -> &[ResolvedQuery] {
        &self.resolved
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

    /// Reads every signal as it stands at `at`; takes no longer than a sampling period.
    pub async fn sample(&self, at: SystemTime) -> Vec<Reading> {
        let readings: Vec<_> = self.asked.iter().map(|asked| self.reading(asked, at)).collect();
        stream::iter(readings).buffered(AT_ONCE).collect().await
    }

    async fn reading(&self, asked: &Asked, at: SystemTime) -> Reading {
        let sample = tokio::time::timeout(self.timeout, self.read(asked, at)).await;
        let sample = sample.unwrap_or(Err(QueryError::Timeout(self.timeout)));
        let unreachable = |error: QueryError| Sample::Absent(Absence::Unreachable(error.to_string()));
        Reading { signal: asked.signal.id.clone(), sample: sample.unwrap_or_else(unreachable) }
    }

    async fn bind(
        &mut self,
        entry: &Entry,
        query: Query,
        sampling: Duration,
        time: f64,
        intervals: &BTreeMap<(String, String), Duration>,
    ) -> Result<(), ObserveError> {
        let refused = |expression: &str, source| ObserveError::Query {
            signal: entry.id.clone(),
            expression: expression.to_owned(),
            source,
        };
        let found = self.prometheus.query(&query.judged, time).await;
        let found = found.map_err(|source| refused(&query.judged, source))?.len();
        let mut scrape: Option<Duration> = None;
        for selector in &query.selectors {
            let series = self.prometheus.query(selector, time).await;
            let series = series.map_err(|source| refused(selector, source))?;
            let own = series.iter().filter_map(|one| {
                let label = |name: &str| one.labels.get(name).cloned();
                intervals.get(&(label("job")?, label("instance")?)).copied()
            });
            scrape = scrape.max(own.max());
        }
        // A signal without series yet is scraped as its server's slowest target is.
        let scrape = scrape.or_else(|| intervals.values().max().copied()).unwrap_or(sampling);
        self.resolved.push(ResolvedQuery {
            signal: entry.id.clone(),
            dashboard: entry.dashboard.to_owned(),
            panel: entry.panel.to_owned(),
            panel_expression: query.panel.clone(),
            expression: query.judged.clone(),
            series_found: found,
        });
        self.asked.push(Asked {
            signal: Signal {
                id: entry.id.clone(),
                unit: entry.unit,
                fold: entry.fold,
                source: query.judged.clone(),
                interval: scrape.max(sampling),
                window: query.window,
                memory: entry.memory,
                optional: false,
            },
            query,
        });
        Ok(())
    }

    async fn read(&self, asked: &Asked, at: SystemTime) -> Result<Sample, QueryError> {
        let Asked { signal, query } = asked;
        let time = unix(at);
        let series = self.prometheus.query(&query.judged, time).await?;
        if series.is_empty() {
            return Ok(Sample::Absent(Absence::NoSeries));
        }
        if series.len() > MOST_SERIES {
            let what = format!("{} series where at most {MOST_SERIES} are judged", series.len());
            return Ok(Sample::Absent(Absence::Unexpected(what)));
        }
        let scraped = self.scraped(query, time).await?;
        let panel = if query.panel == query.judged {
            None
        } else {
            let shown = self.prometheus.query(&query.panel, time).await?;
            shown.first().map(|one| one.value).filter(|value| value.is_finite())
        };
        Ok(self.decode(&series, scraped, panel, signal, query, time))
    }

    /// When the samples behind a query were scraped: of each selector the newest, and of those the oldest.
    async fn scraped(&self, query: &Query, time: f64) -> Result<Option<f64>, QueryError> {
        let mut oldest: Option<f64> = None;
        for selector in &query.selectors {
            let newest = self.prometheus.query(&format!("max(timestamp({selector}))"), time).await?;
            let Some(newest) = newest.first().map(|one| one.value) else { return Ok(None) };
            oldest = Some(oldest.map_or(newest, |oldest| oldest.min(newest)));
        }
        Ok(oldest)
    }

    fn decode(
        &self,
        series: &[Series],
        scraped: Option<f64>,
        panel: Option<f64>,
        signal: &Signal,
        query: &Query,
        time: f64,
    ) -> Sample {
        let Some(scraped) = scraped else { return Sample::Absent(Absence::NoSeries) };
        let age = Duration::try_from_secs_f64(time - scraped).unwrap_or_default();
        if age > signal.interval.mul_f64(STALE_AFTER) {
            return Sample::Absent(Absence::Stale(age));
        }
        // What was scraped before the campaign began is a counter's baseline, and never a tier's own.
        let scraped =
            Elapsed::new(Duration::try_from_secs_f64(scraped - unix(self.start)).unwrap_or_default());
        let name = |one: &Series| match (query.is_aggregate, labels(&one.labels)) {
            (true, labels) if labels.is_empty() => "(aggregate)".to_owned(),
            (_, labels) => labels,
        };
        let finite = series.iter().filter(|one| one.value.is_finite());
        let points: Vec<_> =
            finite.map(|one| Point { series: name(one), value: one.value, scraped }).collect();
        if points.is_empty() {
            return Sample::Absent(Absence::NotANumber);
        }
        Sample::Present { points, panel }
    }
}

fn entry(id: &SignalId) -> Result<Entry, ObserveError> {
    catalog::find(id.as_str()).ok_or_else(|| {
        let known: Vec<_> = catalog::entries().iter().map(|entry| entry.id.to_string()).collect();
        ObserveError::UnknownSignal { signal: id.clone(), known: known.join(", ") }
    })
}

fn unix(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// So many queries are under way at once at most.
const AT_ONCE: usize = 8;

/// More series than a team's workers, partitions or disks can be: a selector that selects everything.
const MOST_SERIES: usize = 5_000;

/// A sample older than so many intervals was missed at least once.
const STALE_AFTER: f64 = 2.5;

const LONGEST_TIMEOUT: Duration = Duration::from_secs(5);
