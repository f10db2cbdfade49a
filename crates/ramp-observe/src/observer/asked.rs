//! A signal as it is asked at each sampling.

use std::{
    mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{self, Either};
use ramp_core::{
    observation::{Absence, Reading, Sample},
    signal::{Fold, Signal},
};
use tokio::time::{Instant, timeout};

use super::{Observed, binder::Bound, server::Server};
use crate::{
    catalog::Entry,
    check::QueryCheck,
    client::{
        Moments, Prometheus, QueryError,
        answer::{Answer, Data},
    },
    decode::{Answers, Reader, Seen, Table},
    query::{Parts, Query},
};

/// A signal as it is asked at each sampling.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) entry: Entry,
    pub(super) signal: Signal,
    /// How often its samples are scraped, as far as that is known.
    pub(super) scrape: Duration,
    bound: Mutex<Arc<Bound>>,
    seen: Mutex<Seen>,
    /// What is to be told with the next reading.
    notes: Mutex<Vec<String>>,
}

impl Asked {
    pub(super) fn new(entry: &Entry, bound: Bound, check: &QueryCheck, sampling: Duration) -> Self {
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
        Self {
            entry: entry.clone(),
            signal,
            scrape: check.scrape.unwrap_or(sampling),
            bound: Mutex::new(Arc::new(bound)),
            seen: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    /// Asks `query` from now on, and says so with the next reading.
    pub(super) fn rebind(&self, query: Query) {
        let mut bound = held(&self.bound);
        if bound.query.judged != query.judged {
            let note = format!("a template variable has new values; asked since then: {}", query.judged);
            held(&self.notes).push(note);
            *bound = Arc::new(Bound { query, scale: bound.scale.clone() });
        }
    }

    /// The highest value now.
    pub(super) async fn level(&self, server: &Server) -> Result<Option<f64>, QueryError> {
        let bound = Arc::clone(&held(&self.bound));
        let Bound { query, scale } = &*bound;
        let deadline = Instant::now() + server.patience;
        // The parts of a sum are asked for one by one otherwise.
        let expression = if matches!(query.parts, Parts::Sum(_)) { &query.panel } else { &query.judged };
        let answer = server.prometheus.query(expression, None, deadline).await?;
        let Data::Vector(series) = answer.data else { return Ok(None) };
        let values = series.iter().filter_map(|one| one.value());
        Ok(values.filter(|value| value.is_finite()).map(|value| scale.apply(value)).reduce(f64::max))
    }

    /// The readings that are new at `time`, the campaign having begun at `start`; both in seconds by the server's clock.
    pub(super) async fn observe(
        &self,
        prometheus: &Prometheus,
        (start, time): (f64, f64),
        deadline: Instant,
    ) -> Vec<Observed> {
        let bound = Arc::clone(&held(&self.bound));
        let Bound { query, scale } = &*bound;
        let mut warnings = mem::take(&mut *held(&self.notes));
        let samples = match self.ask(query, prometheus, time, deadline, &mut warnings).await {
            Ok(answers) => {
                Reader { signal: &self.signal, query, scale, start }.read(&answers, &mut held(&self.seen))
            }
            Err(why) => vec![Sample::Absent(why)],
        };
        let readings = samples.into_iter().map(|sample| Reading { signal: self.signal.id.clone(), sample });
        readings.map(|reading| Observed { reading, warnings: mem::take(&mut warnings) }).collect()
    }

    /// The moments to ask for: half a scrape interval apart, so that each scrape is the newest at one of them, and back
    /// to where the last ones may have missed a scrape that was still under way.
    fn moments(&self, time: f64) -> Moments {
        let interval = self.signal.interval.as_secs_f64();
        match held(&self.seen).until {
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
        query: &Query,
        prometheus: &Prometheus,
        time: f64,
        deadline: Instant,
        warnings: &mut Vec<String>,
    ) -> Result<Answers, Absence> {
        let moments = self.moments(time);
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
        let is_first = self.signal.fold == Fold::Increase && !held(&self.seen).has_values;
        let before = query.before.clone().filter(|_| is_first);
        let judged = pin!(async {
            let before = future::OptionFuture::from(before.map(&ask));
            let before = async { before.await.transpose() };
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

/// What a lock guards, also after a task broke off that held it: every change is one assignment.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is scraped more often within a sampling period is not seen each time.
pub(super) const MOST_SCRAPES: u32 = 5;

/// As far back a sampling makes up for what those before it could not ask.
const MOST_MOMENTS: u16 = 30;

/// So much later than what is judged the panel's own value may come.
const PANEL_PATIENCE: Duration = Duration::from_millis(200);
