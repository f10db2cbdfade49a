//! What each tier's load showed beyond its verdict: how the lag grew, when records last arrived, and what each series
//! was. Memory is bounded by the number of tiers, signals and [`MOST_SERIES`].

mod components;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub(crate) use self::components::Disturbed;
use self::components::{Components, Disturbances};
use ramp_core::{
    campaign::Input,
    observation::{Absence, LatencySnapshot, Reading, Sample},
    signal::SignalId,
    units::Elapsed,
};

/// Every tier of a campaign.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Traces {
    tiers: Vec<TierTrace>,
    /// The signals that had a series at some time.
    seen: BTreeSet<SignalId>,
    pub(crate) components: Components,
}

/// One tier while its records were under way: from the start of its load until none was outstanding. A tier that never
/// began has nothing but how the components stood then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TierTrace {
    tier: usize,
    started: Elapsed,
    /// When something was heard of it last.
    heard: Elapsed,
    disturbances: Disturbances,
    /// Whether the load has ended.
    ended: bool,
    outstanding: u64,
    lag: Trend,
    /// Arrived records, and since when it has been so many, or nothing was outstanding.
    arrived: (u64, Elapsed),
    /// The longest time for which nothing arrived although something was outstanding.
    silence: Duration,
    signals: BTreeMap<SignalId, SignalTrace>,
}

/// One signal while a tier's load ran.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SignalTrace {
    series: BTreeMap<String, SeriesTrace>,
    /// The highest value, and the series that had it.
    pub(crate) highest: Option<(f64, String)>,
    /// Readings without a series after there had been some.
    pub(crate) vanished: u64,
    /// Whether a series came back after that.
    pub(crate) returned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct SeriesTrace {
    sum: f64,
    values: f64,
    newest: Elapsed,
}

/// The series of a signal that stands out from the others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outlier {
    pub(crate) series: String,
    /// Its mean.
    pub(crate) mean: f64,
    /// What nine in ten of the series' means do not exceed.
    pub(crate) usual: f64,
}

/// A least-squares line through values over time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Trend {
    n: f64,
    t: f64,
    v: f64,
    tt: f64,
    tv: f64,
}

impl Traces {
    pub(crate) fn take(&mut self, at: Elapsed, input: &Input) {
        let Self { tiers: traces, seen, components } = self;
        match input {
            Input::LoadStarted { tier } => {
                return traces.push(TierTrace::start(*tier, at, components.disturbed(at)));
            }
            Input::PathBlocked { tier, .. } => {
                let blocked = TierTrace::start(*tier, at, components.disturbed(at));
                return traces.push(TierTrace { ended: true, ..blocked });
            }
            // What else happens begins no tier.
            _other => {}
        }
        if let Input::Reading(Reading { signal, sample: Sample::Present { .. } }) = input
            && !seen.contains(signal)
        {
            seen.insert(signal.clone());
        }
        let trace = traces.last_mut().filter(|trace| !trace.ended || trace.outstanding > 0);
        if let Input::Component(state) = input {
            if let Some(trace) = trace {
                trace.disturbances.take(at, state, components);
                trace.heard = at;
            }
            return components.take(state);
        }
        let Some(trace) = trace else { return };
        trace.heard = at;
        match input {
            Input::LoadEnded { tier, .. } | Input::LoadFailed { tier, .. } if *tier == trace.tier => {
                trace.ended = true;
            }
            Input::Latency { tier, snapshot } if *tier == trace.tier => {
                trace.latency(at, snapshot);
            }
            Input::Reading(reading) => trace.reading(reading, seen.contains(&reading.signal)),
            // Nothing else tells how a load goes.
            _other => {}
        }
    }

    /// The trace of a tier. One that was taken up again counts as it went the last time.
    pub(crate) fn of(&self, tier: usize) -> Option<&TierTrace> {
        self.tiers.iter().rfind(|trace| trace.tier == tier)
    }
}

impl TierTrace {
    const fn start(tier: usize, at: Elapsed, disturbances: Disturbances) -> Self {
        let lag = Trend { n: 0.0, t: 0.0, v: 0.0, tt: 0.0, tv: 0.0 };
        let signals = BTreeMap::new();
        Self {
            tier,
            started: at,
            heard: at,
            disturbances,
            ended: false,
            outstanding: 0,
            lag,
            arrived: (0, at),
            silence: Duration::ZERO,
            signals,
        }
    }

    fn latency(&mut self, at: Elapsed, snapshot: &LatencySnapshot) {
        if snapshot.arrived != self.arrived.0 || self.outstanding == 0 {
            self.arrived = (snapshot.arrived, at);
        }
        self.silence = self.silence.max(at.since(self.arrived.1));
        self.outstanding = snapshot.outstanding;
        if !self.ended {
            // Lags stay far below 2^53, up to which every whole number has its own f64.
            self.lag.take(at.since(self.started).as_secs_f64(), snapshot.outstanding as f64);
        }
    }

    /// Takes a reading of a signal that has had a series before, or not yet.
    fn reading(&mut self, Reading { signal, sample }: &Reading, was_there: bool) {
        let started = self.started;
        let trace = self.signals.entry(signal.clone()).or_default();
        match sample {
            Sample::Present { points, .. } => {
                trace.returned |= trace.vanished > 0;
                for point in points.iter().filter(|point| point.value.is_finite() && point.scraped > started)
                {
                    trace.take(&point.series, point.value, point.scraped);
                }
            }
            Sample::Absent(Absence::NoSeries | Absence::Stale(_)) if was_there => trace.vanished += 1,
            Sample::Absent(_) => {}
        }
    }

    /// By how many records per second the true lag grew, over the whole load.
    pub(crate) fn lag_growth(&self) -> Option<f64> {
        self.lag.slope()
    }

    /// For how many seconds nothing arrived although something was outstanding, at the longest.
    pub(crate) const fn silent_seconds(&self) -> f64 {
        self.silence.as_secs_f64()
    }

    /// The components that did not work throughout, the gravest and longest first.
    pub(crate) fn disturbed(&self) -> Vec<Disturbed<'_>> {
        self.disturbances.until(self.heard)
    }

    pub(crate) fn signal(&self, id: &SignalId) -> Option<&SignalTrace> {
        self.signals.get(id)
    }
}

impl SignalTrace {
    fn take(&mut self, series: &str, value: f64, scraped: Elapsed) {
        if self.highest.as_ref().is_none_or(|(highest, _)| value > *highest) {
            self.highest = Some((value, series.to_owned()));
        }
        if let Some(known) = self.series.get_mut(series) {
            if scraped > known.newest {
                *known = SeriesTrace { sum: known.sum + value, values: known.values + 1.0, newest: scraped };
            }
        } else if self.series.len() < MOST_SERIES {
            self.series.insert(series.to_owned(), SeriesTrace { sum: value, values: 1.0, newest: scraped });
        }
    }

    /// The series with the highest mean, beside what nine in ten do not exceed; `None` with fewer than three.
    pub(crate) fn outlier(&self) -> Option<Outlier> {
        let mut means: Vec<_> =
            self.series.iter().map(|(series, trace)| (trace.sum / trace.values, series)).collect();
        if means.len() < LEAST_SERIES {
            return None;
        }
        means.sort_by(|a, b| a.0.total_cmp(&b.0));
        let usual = means.get((means.len() - 1) * 9 / 10)?.0;
        let (mean, series) = means.last()?;
        Some(Outlier { series: (*series).clone(), mean: *mean, usual })
    }
}

impl Trend {
    fn take(&mut self, t: f64, v: f64) {
        self.n += 1.0;
        self.t += t;
        self.v += v;
        self.tt += t * t;
        self.tv += t * v;
    }

    fn slope(&self) -> Option<f64> {
        let spread = self.n * self.tt - self.t * self.t;
        (self.n >= LEAST_VALUES && spread > 0.0).then(|| (self.n * self.tv - self.t * self.v) / spread)
    }
}

/// More series than this are not told apart.
const MOST_SERIES: usize = 512;

/// Two series have no others to stand out from.
const LEAST_SERIES: usize = 3;

/// Fewer values are no trend.
const LEAST_VALUES: f64 = 4.0;
