//! Why a tier stopped: which part was likely the limit, with what was measured of it. A table of rules over the
//! measurements; it never touches a verdict, and every rule that fits is shown.

use ramp_core::{
    component::Standing,
    observation::{LoadLimit, LoadPart},
    plan::Plan,
    signal::{SignalId, Unit},
    tier_result::{P99, TierResult},
    verdict::{Finding, Verdict},
};
use serde::Serialize;

use crate::{
    KnownSignals,
    timeline::millis,
    trace::{Disturbed, TierTrace},
};

/// The likely limit of one tier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Likely {
    /// Index of the tier in the plan.
    pub tier: usize,
    /// The part.
    pub limit: Limit,
    /// What speaks for it.
    pub clues: Vec<Clue>,
}

/// A part that can be the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Writing to the target: throttled or slow.
    Target,
    /// Reading from the source: throttled or slow.
    Source,
    /// The worker's processors.
    WorkerCpu,
    /// The worker's memory.
    WorkerMemory,
    /// One partition or worker among several.
    OneSeries,
    /// A task that failed, was paused or was restarted.
    Task,
    /// The source cluster's brokers took the load too slowly, or not at all.
    SourceBrokers,
    /// The load generator itself.
    Generator,
}

/// One thing measured that speaks for a limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Clue {
    /// The highest value of a signal.
    Highest {
        /// The signal.
        signal: SignalId,
        /// Its unit.
        unit: Unit,
        /// The value.
        value: f64,
        /// The series that had it.
        series: String,
    },
    /// One series of a signal that stands out.
    StandsOut {
        /// The signal.
        signal: SignalId,
        /// Its unit.
        unit: Unit,
        /// The series.
        series: String,
        /// Its mean.
        mean: f64,
        /// What the means of nine in ten series do not exceed.
        usual: f64,
    },
    /// The true lag grew.
    LagGrew {
        /// By so many records per second.
        per_second: f64,
        /// Up to so many.
        peak: u64,
    },
    /// No record arrived although some were acknowledged and outstanding.
    NothingArrived {
        /// For so long, in seconds.
        seconds: f64,
    },
    /// The series of a signal vanished.
    Vanished {
        /// The signal.
        signal: SignalId,
        /// Readings without it.
        readings: u64,
        /// Whether it came back.
        returned: bool,
    },
    /// A component of the replication, such as a task, did not work throughout, or works elsewhere since.
    Disturbed {
        /// The component.
        component: String,
        /// The gravest that it came to; `working` where it was only moved.
        standing: Standing,
        /// What was said of that.
        said: String,
        /// For so long it did not work, in seconds.
        seconds: f64,
        /// Whether it worked again before the last record was seen, or given up on.
        works_again: bool,
    },
    /// More components than are told one by one did not work throughout.
    DisturbedToo {
        /// How many more.
        components: u64,
    },
    /// What the load's client saw.
    Client {
        /// Which part held it back, and what it said.
        limit: LoadLimit,
    },
    /// Acknowledgements took the most of the latency.
    SlowAcks {
        /// Their 99th percentile from the hand-over to the client on, in milliseconds.
        p99_millis: f64,
    },
    /// The source's brokers held back the load's requests, as beyond a quota.
    Throttled {
        /// How many answers said so.
        answers: u64,
        /// For how long all of them together, in seconds.
        total_seconds: f64,
        /// For how long, on average, in milliseconds.
        mean_millis: f64,
        /// The longest of these times, in milliseconds.
        longest_millis: f64,
    },
    /// The generator was late.
    Late {
        /// 99th percentile of its lateness, in milliseconds.
        p99_millis: f64,
    },
}

/// What the rules look at.
pub(crate) struct Case<'a> {
    pub(crate) result: &'a TierResult,
    pub(crate) trace: Option<&'a TierTrace>,
    pub(crate) known: &'a KnownSignals,
    pub(crate) plan: &'a Plan,
}

impl From<&Disturbed<'_>> for Clue {
    fn from(disturbed: &Disturbed<'_>) -> Self {
        Self::Disturbed {
            component: disturbed.component.to_owned(),
            standing: disturbed.gravest,
            said: disturbed.said.to_owned(),
            seconds: disturbed.lasted.as_secs_f64(),
            works_again: disturbed.works_again,
        }
    }
}

impl Case<'_> {
    /// The likely limits of the tier; none for one that passed.
    pub(crate) fn limits(&self) -> Vec<Likely> {
        if self.result.verdict == Verdict::Go {
            return Vec::new();
        }
        // The most telling first; a rule fits where it has a clue.
        let rules = [
            (Limit::Task, self.task()),
            (Limit::Target, self.target()),
            (Limit::Source, self.source()),
            (Limit::WorkerCpu, self.cpu()),
            (Limit::WorkerMemory, self.memory()),
            (Limit::OneSeries, self.one_series()),
            (Limit::SourceBrokers, self.source_brokers()),
            (Limit::Generator, self.generator()),
        ];
        let fitting = rules.into_iter().filter(|(_, clues)| !clues.is_empty());
        fitting.map(|(limit, clues)| Likely { tier: self.result.tier, limit, clues }).collect()
    }

    fn task(&self) -> Vec<Clue> {
        let disturbed = self.trace.map_or_else(Vec::new, TierTrace::disturbed);
        let (unknown, mut told): (Vec<_>, Vec<_>) =
            disturbed.into_iter().partition(|one| one.gravest == Standing::Unknown);
        let vanished = [&self.known.active_records, &self.known.buffer].into_iter().find_map(|id| {
            let trace = self.trace?.signal(id).filter(|trace| trace.vanished >= LEAST_VANISHED)?;
            Some(Clue::Vanished { signal: id.clone(), readings: trace.vanished, returned: trace.returned })
        });
        let is_known = vanished.is_some() || !told.is_empty();
        let silent = self.silence().filter(|_| is_known || self.worker_is_idle());
        // That nobody could be asked alone says nothing of what was to be asked about.
        if is_known || silent.is_some() {
            told.extend(unknown);
        }
        let more = told.len().saturating_sub(MOST_DISTURBED) as u64;
        let more = (more > 0).then_some(Clue::DisturbedToo { components: more });
        let told = told.iter().take(MOST_DISTURBED).map(Clue::from);
        told.chain(more).chain(vanished).chain(silent).collect()
    }

    fn target(&self) -> Vec<Clue> {
        let full = self.highest(&self.known.buffer).filter(|buffer| buffer.value >= FULL_BUFFER);
        let held = self.highest(&self.known.active_records).filter(|active| {
            let notable = |peak| active.value >= peak * SHARE_IN_HAND;
            active.value >= MANY_RECORDS && self.lag_peak().is_some_and(notable)
        });
        let both = [(&self.known.buffer, full), (&self.known.active_records, held)];
        let clues: Vec<_> = both.into_iter().filter_map(|(id, found)| Some(self.clue(id, found?))).collect();
        if clues.is_empty() { clues } else { clues.into_iter().chain(self.growth()).collect() }
    }

    fn source(&self) -> Vec<Clue> {
        let Some(growth) = self.growth() else { return Vec::new() };
        if self.trace.is_none_or(|trace| trace.silent_seconds() >= LONG_SILENCE) || !self.worker_is_idle() {
            return Vec::new();
        }
        let at_rest = [&self.known.active_records, &self.known.buffer];
        let at_rest = at_rest.into_iter().filter_map(|id| Some(self.clue(id, self.highest(id)?)));
        [growth].into_iter().chain(at_rest).collect()
    }

    fn cpu(&self) -> Vec<Clue> {
        self.above(&self.known.cpu, BUSY_CPU)
    }

    fn memory(&self) -> Vec<Clue> {
        self.above(&self.known.memory, FULL_MEMORY)
    }

    fn one_series(&self) -> Vec<Clue> {
        let stands_out = |id: &SignalId| {
            let outlier = self.trace?.signal(id)?.outlier()?;
            let much = outlier.mean >= outlier.usual * FAR_OUT && outlier.mean - outlier.usual >= NOTABLE;
            much.then(|| Clue::StandsOut {
                signal: id.clone(),
                unit: self.unit(id),
                series: outlier.series,
                mean: outlier.mean,
                usual: outlier.usual,
            })
        };
        [&self.known.latency_avg, &self.known.latency_max]
            .into_iter()
            .find_map(stands_out)
            .into_iter()
            .collect()
    }

    fn source_brokers(&self) -> Vec<Clue> {
        let client = self.client(|part| matches!(part, LoadPart::Source | LoadPart::Network));
        client.into_iter().chain(self.slow_acks()).chain(self.throttled()).collect()
    }

    fn slow_acks(&self) -> Option<Clue> {
        let P99::Measured { value, .. } = &self.result.p99 else { return None };
        let (p99_millis, whole) = (millis(self.result.load.ack_p99?), millis(*value));
        let most = p99_millis >= NOTABLE && p99_millis >= whole * MOST_OF_IT;
        most.then_some(Clue::SlowAcks { p99_millis })
    }

    fn throttled(&self) -> Option<Clue> {
        let throttle = self.result.load.throttle?;
        let (mean_millis, longest_millis) = (millis(throttle.mean()?), millis(throttle.longest));
        let (answers, total_seconds) = (throttle.answers, throttle.total.as_secs_f64());
        let clue = Clue::Throttled { answers, total_seconds, mean_millis, longest_millis };
        (longest_millis >= NOTABLE).then_some(clue)
    }

    fn generator(&self) -> Vec<Clue> {
        let is_late =
            |finding: &Finding| matches!(finding, Finding::GeneratorLate { .. } | Finding::Lateness { .. });
        let late = self.result.findings.iter().any(is_late);
        let late = late.then(|| Clue::Late { p99_millis: millis(self.result.load.lateness_p99) });
        late.into_iter().chain(self.client(|part| matches!(part, LoadPart::Client))).collect()
    }

    fn client(&self, is_meant: impl Fn(LoadPart) -> bool) -> Vec<Clue> {
        let limit = self.result.load.limit.iter().filter(|limit| is_meant(limit.part));
        limit.map(|limit| Clue::Client { limit: limit.clone() }).collect()
    }

    fn above(&self, id: &SignalId, bound: f64) -> Vec<Clue> {
        let found = self.highest(id).filter(|highest| highest.value >= bound);
        found.map(|found| self.clue(id, found)).into_iter().collect()
    }

    /// Whether the worker's panels were read, and are near zero while records wait.
    fn worker_is_idle(&self) -> bool {
        let active = self.highest(&self.known.active_records);
        let buffer = self.highest(&self.known.buffer);
        let at_rest = |active: Highest<'_>| {
            let small = |peak| peak > 0.0 && active.value < peak * SHARE_IN_HAND;
            self.lag_peak().is_some_and(small)
        };
        active.is_some_and(at_rest) && buffer.is_none_or(|buffer| buffer.value < HALF_BUFFER)
    }

    fn silence(&self) -> Option<Clue> {
        let seconds = self.trace?.silent_seconds();
        let waiting = self.lag_peak().is_some_and(|peak| peak > 0.0);
        (seconds >= LONG_SILENCE && waiting).then_some(Clue::NothingArrived { seconds })
    }

    fn growth(&self) -> Option<Clue> {
        let per_second = self.trace?.lag_growth()?;
        let least = f64::from(self.result.rate.get()) * NOTABLE_GROWTH;
        let peak = self.result.lag_peak?;
        (per_second >= least).then_some(Clue::LagGrew { per_second, peak })
    }

    fn lag_peak(&self) -> Option<f64> {
        // Lags stay far below 2^53, up to which every whole number has its own f64.
        self.result.lag_peak.map(|peak| peak as f64)
    }

    fn highest(&self, id: &SignalId) -> Option<Highest<'_>> {
        let (value, series) = self.trace?.signal(id)?.highest.as_ref()?;
        Some(Highest { value: *value, series })
    }

    fn unit(&self, id: &SignalId) -> Unit {
        self.plan.signal(id).map_or(Unit::Count, |signal| signal.unit)
    }

    fn clue(&self, id: &SignalId, Highest { value, series }: Highest<'_>) -> Clue {
        Clue::Highest { signal: id.clone(), unit: self.unit(id), value, series: series.to_owned() }
    }
}

#[derive(Clone, Copy)]
struct Highest<'a> {
    value: f64,
    series: &'a str,
}

/// A producer whose buffer is that full (per cent) waits for the target.
const FULL_BUFFER: f64 = 90.0;

/// Below this (per cent) it does not.
const HALF_BUFFER: f64 = 50.0;

/// The share of the waiting records that the worker holds where writing is slow. Where reading is, what one fetch
/// brings is all that it holds: a quarter of them and more where few wait.
const SHARE_IN_HAND: f64 = 0.5;

/// Fewer records in the worker's hands are its usual work.
const MANY_RECORDS: f64 = 1_000.0;

/// Per cent of the worker's processors.
const BUSY_CPU: f64 = 90.0;

/// Per cent of the worker's memory.
const FULL_MEMORY: f64 = 95.0;

/// How many times what nine in ten series do not exceed a series that stands out is.
const FAR_OUT: f64 = 3.0;

/// Less than so many milliseconds more is nothing to speak of.
const NOTABLE: f64 = 100.0;

/// The share of a latency that the part which makes it has at least.
const MOST_OF_IT: f64 = 0.5;

/// The share of the tier's rate that the lag grows by at least.
const NOTABLE_GROWTH: f64 = 0.02;

/// For so many seconds nothing arrives where nothing is written any more.
const LONG_SILENCE: f64 = 5.0;

/// So many components are told one by one.
const MOST_DISTURBED: usize = 4;

/// One reading without series may be a scrape that failed.
const LEAST_VANISHED: u64 = 2;
