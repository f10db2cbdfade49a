//! From a panel's query to what is asked: variables resolved, taken apart, asked once.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    time::Duration,
};

use ramp_core::signal::{Fold, SignalId, Unit};
use tokio::time::Instant;

use super::{ObserveError, asked::MOST_SCRAPES, server::Server};
use crate::{
    catalog::{Entry, Flowing},
    check::{Caution, QueryCheck},
    client::{
        Moments, QueryError,
        answer::{Data, Point},
    },
    dashboard::{Found, Scale, span},
    decode::{STALE_AFTER, Table},
    query::Query,
    variable::{Resolver, Times, VariableValue},
};

/// A query that is asked at each sampling.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) query: Query,
    pub(super) scale: Scale,
}

/// What a query's values mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning<'a> {
    pub(super) signal: &'a SignalId,
    pub(super) unit: Unit,
    pub(super) fold: Fold,
    pub(super) is_fold_known: bool,
    pub(super) flowing: Option<Flowing>,
}

impl<'a> Meaning<'a> {
    pub(super) const fn of(entry: &'a Entry) -> Self {
        let Entry { id, unit, fold, is_fold_known, flowing, .. } = entry;
        Self { signal: id, unit: *unit, fold: *fold, is_fold_known: *is_fold_known, flowing: *flowing }
    }
}

/// Binds queries of dashboards, whose variables are resolved once.
pub(super) struct Binder<'a> {
    server: &'a Server,
    given: &'a BTreeMap<String, VariableValue>,
    sampling: Duration,
    /// The time of asking, by the server's clock.
    time: f64,
    /// What variables were resolved to before that stand for all there is.
    known: AllValues,
    resolvers: BTreeMap<&'a str, Resolver<'a>>,
}

/// The values of each variable that stands for all there is, by its dashboard and name.
pub(super) type AllValues = BTreeMap<(String, String), Vec<String>>;

impl<'a> Binder<'a> {
    pub(super) const fn new(
        server: &'a Server,
        given: &'a BTreeMap<String, VariableValue>,
        sampling: Duration,
        time: f64,
        known: AllValues,
    ) -> Self {
        Self { server, given, sampling, time, known, resolvers: BTreeMap::new() }
    }

    /// What each template variable was resolved to; with the dashboard's name where another resolves it otherwise.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let resolved = self.resolvers.iter().flat_map(|(dashboard, resolver)| {
            resolver.values().map(move |(name, value)| (name, (*dashboard, value)))
        });
        let mut by_name: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
        for (name, value) in resolved {
            by_name.entry(name).or_default().push(value);
        }
        let mut variables = BTreeMap::new();
        for (name, values) in by_name {
            let different: BTreeSet<_> = values.iter().map(|(_, value)| value).collect();
            let is_one = different.len() == 1;
            for (dashboard, value) in values {
                let name = if is_one { name.clone() } else { format!("{name} ({dashboard})") };
                variables.insert(name, value);
            }
        }
        variables
    }

    pub(super) fn into_all_values(self) -> AllValues {
        let all = self.resolvers.into_iter().flat_map(|(dashboard, resolver)| {
            let all = resolver.into_all_values().into_iter();
            all.map(move |(name, values)| ((dashboard.to_owned(), name), values))
        });
        all.collect()
    }

    pub(super) async fn bind(
        &mut self,
        found: Found<'a>,
        meaning: Meaning<'_>,
    ) -> Result<(Bound, QueryCheck), ObserveError> {
        // How often the samples are scraped is known when they are, and they are when the variables are.
        let guess = self.server.intervals.values().max().copied().unwrap_or(self.sampling);
        let mut query = self.query(found, meaning, guess).await?;
        let mut stamps = self.stamps(&query, meaning).await?;
        let mut scrape = self.scrape(&query, &stamps).await;
        let steps = found.steps();
        if let Some(scrape) = scrape.filter(|scrape| *scrape != guess)
            && steps.chain([found.expression()]).any(|text| text.contains("interval"))
        {
            query = self.query(found, meaning, scrape).await?;
            stamps = self.stamps(&query, meaning).await?;
        }
        // Without series of its own a signal is believed to be scraped as its server's slowest target is.
        scrape = scrape.or_else(|| self.server.intervals.values().max().copied());
        let refused = |source| refused(meaning, &query.judged, source);
        let answer = self.server.prometheus.query(&query.judged, Some(self.time), self.deadline()).await;
        let answer = answer.map_err(refused)?;
        let series = match &answer.data {
            Data::Vector(series) => series.len(),
            Data::Scalar(_) => 1,
            Data::Matrix(_) | Data::String(_) => 0,
        };
        if meaning.fold == Fold::Increase && !meaning.is_fold_known && !query.is_counter {
            return Err(ObserveError::Fold { signal: meaning.signal.clone(), expression: query.panel });
        }
        let age = stamps.iter().filter_map(newest).reduce(f64::min);
        let age = age.map(|stamp| Duration::try_from_secs_f64(self.time - stamp).unwrap_or_default());
        let scale = found.scale(meaning.unit);
        let mut cautions = self.cautions(&query, &scale, meaning, (age, scrape));
        cautions.extend(self.idle(&query, meaning).await?);
        if found.is_transformed() {
            cautions.push(Caution::Transformed);
        }
        let remarks =
            self.resolvers.get(found.dashboard.file.as_str()).map_or(&[] as &[_], Resolver::remarks);
        cautions.extend(remarks.iter().cloned().map(Caution::Variable));
        cautions.extend(answer.warnings.into_iter().map(Caution::Prometheus));
        let check = QueryCheck {
            signal: meaning.signal.clone(),
            dashboard: found.dashboard.file.clone(),
            panel: found.panel().to_owned(),
            uid: found.dashboard.uid().map(ToOwned::to_owned),
            panel_id: found.panel_id(),
            ref_id: found.ref_id().to_owned(),
            legend: found.legend().to_owned(),
            panel_expression: query.panel.clone(),
            expression: query.judged.clone(),
            parts: query.parts.clone(),
            series,
            age,
            scrape,
            window: query.window,
            cautions,
        };
        Ok((Bound { query, scale }, check))
    }

    /// The query with its variables resolved, its samples being scraped every `scrape`.
    pub(super) async fn query(
        &mut self,
        found: Found<'a>,
        meaning: Meaning<'_>,
        scrape: Duration,
    ) -> Result<Query, ObserveError> {
        let (server, given, time) = (self.server, self.given, self.time);
        let resolver = match self.resolvers.entry(found.dashboard.file.as_str()) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(new) => {
                let file = &found.dashboard.file;
                let known = self.known.iter().filter(|((dashboard, _), _)| dashboard == file);
                let known = known.map(|((_, name), values)| (name.clone(), values.clone())).collect();
                let resolver =
                    Resolver::new(&server.prometheus, found.dashboard, given, time, server.patience);
                new.insert(resolver.knowing(known))
            }
        };
        let mut times = Times { interval: scrape, scrape, range: found.dashboard.range() };
        for step in found.steps() {
            // The least step may itself be a variable.
            if let Some(step) = span(&resolver.resolve(step, &times).await?) {
                times.interval = step.max(scrape);
                break;
            }
        }
        let expression = resolver.resolve(found.expression(), &times).await?;
        let query = Query::new(&expression, meaning.fold, meaning.flowing);
        query.map_err(|source| ObserveError::Expression { signal: meaning.signal.clone(), source })
    }

    async fn stamps(&self, query: &Query, meaning: Meaning<'_>) -> Result<Vec<Table>, ObserveError> {
        let mut stamps = Vec::new();
        for selector in &query.selectors {
            stamps.push(self.table(&format!("timestamp({selector})"), meaning).await?);
        }
        Ok(stamps)
    }

    async fn table(&self, asked: &str, meaning: Meaning<'_>) -> Result<Table, ObserveError> {
        let answer = self.server.prometheus.query(asked, Some(self.time), self.deadline()).await;
        let answer = answer.map_err(|source| refused(meaning, asked, source))?;
        Ok(Table::of(answer.data, Moments::only(self.time)).unwrap_or_default())
    }

    /// How often the samples behind a query are scraped: of several intervals the longest.
    async fn scrape(&self, query: &Query, stamps: &[Table]) -> Option<Duration> {
        let told = stamps.iter().flat_map(|Table(rows)| rows).filter_map(|row| {
            let label = |name: &str| row.labels.get(name).cloned();
            self.server.intervals.get(&(label("job")?, label("instance")?)).copied()
        });
        if let Some(told) = told.max() {
            return Some(told);
        }
        let mut longest = None;
        for (selector, stamps) in query.selectors.iter().zip(stamps) {
            if newest(stamps).is_some() {
                longest = longest.max(self.gap(selector).await);
            }
        }
        longest
    }

    /// Whether nothing tells an idle series from one that works, although it seemed so.
    async fn idle(&self, query: &Query, meaning: Meaning<'_>) -> Result<Option<Caution>, ObserveError> {
        let Some(rate) = &query.rate else { return Ok(None) };
        let Table(rates) = self.table(rate, meaning).await?;
        Ok(rates.is_empty().then(|| Caution::NoRate(rate.clone())))
    }

    /// The usual time between two samples of the first series of `selector`.
    async fn gap(&self, selector: &str) -> Option<Duration> {
        let ask = async |expression: &str| {
            let answer = self.server.prometheus.query(expression, Some(self.time), self.deadline()).await;
            answer.ok().map(|answer| answer.data)
        };
        let Data::Vector(series) = ask(selector).await? else { return None };
        let labels = &series.first()?.labels;
        let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let matchers: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
        let samples = format!("{{{}}}[{LOOK_BACK}]", matchers.join(","));
        let Data::Matrix(ranges) = ask(&samples).await? else { return None };
        let times: Vec<_> = ranges.first()?.values.iter().map(Point::time).collect();
        let mut gaps: Vec<_> =
            times.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).collect();
        gaps.sort_by(f64::total_cmp);
        // A scrape that was missed leaves one long gap, and one that was late a long and a short one.
        Duration::try_from_secs_f64(*gaps.get(gaps.len() / 2)?).ok().filter(|gap| !gap.is_zero())
    }

    fn cautions(
        &self,
        query: &Query,
        scale: &Scale,
        meaning: Meaning<'_>,
        (age, scrape): (Option<Duration>, Option<Duration>),
    ) -> Vec<Caution> {
        let mut cautions = Vec::new();
        let (sampling, window) = (self.sampling, query.window);
        if age.is_none() && !query.selectors.is_empty() {
            cautions.push(Caution::NoSeries);
        }
        let limit = scrape.unwrap_or(sampling).max(sampling).mul_f64(STALE_AFTER);
        cautions.extend(age.filter(|age| *age > limit).map(Caution::Stale));
        match scrape {
            Some(scrape) => {
                if sampling < scrape {
                    cautions.push(Caution::Sampling { sampling, scrape });
                }
                let seen = sampling / MOST_SCRAPES;
                if scrape < seen {
                    cautions.push(Caution::Finer { scrape, seen });
                }
                if !window.is_zero() && window < scrape * LEAST_SCRAPES {
                    cautions.push(Caution::Window { window, scrape });
                }
            }
            None if age.is_some() => cautions.push(Caution::ScrapeUnknown),
            None => {}
        }
        cautions.extend(query.hides.clone().map(Caution::Whole));
        cautions.extend(query.default.clone().map(Caution::Default));
        if meaning.fold == Fold::Worst && query.is_counter {
            cautions.push(Caution::Counter);
        }
        if query.is_unconditional {
            cautions.push(Caution::Unconditional);
        }
        match scale {
            Scale::Same => {}
            Scale::Times(_) => cautions.push(Caution::Converted { to: meaning.unit }),
            Scale::Unlike => cautions.push(Caution::Unit { wanted: meaning.unit }),
        }
        cautions
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.server.patience
    }
}

fn refused(meaning: Meaning<'_>, expression: &str, source: QueryError) -> ObserveError {
    ObserveError::Query { signal: meaning.signal.clone(), expression: expression.to_owned(), source }
}

/// When the newest sample of a table of times was scraped.
fn newest(stamps: &Table) -> Option<f64> {
    stamps.at(0).reduce(f64::max)
}

/// A rate that loses one scrape still has three.
const LEAST_SCRAPES: u32 = 4;

/// Long enough for two scrapes of any interval that a tier can be judged by.
const LOOK_BACK: &str = "15m";
