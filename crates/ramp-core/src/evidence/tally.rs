//! One tier's readings as they come in.

use std::{collections::BTreeMap, mem, sync::Arc};

use super::{
    Counters, Level, LevelChange, PanelFigures, SignalEvidence,
    crossing::{Crossing, Value},
};
use crate::{
    criterion::{Comparison, Severity},
    observation::{Absence, Point},
    plan::{EvidenceRules, Plan, Tier},
    signal::{Fold, Signal},
    units::{Elapsed, Ratio},
    verdict::Finding,
};

/// One tier's readings as they come in. Takes a reading without an allocation once every series has been seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tally {
    signals: Vec<SignalTally>,
    /// One for each of the tier's criteria, in their order.
    crossings: Vec<Crossing>,
    /// Whether a `stop` criterion has been crossed for as long as it asks, whatever the rest of the tier brings.
    stopped: bool,
    /// The values of the reading that is being taken; kept for its capacity.
    fresh: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
struct SignalTally {
    /// Values scraped at or before this speak of the time before the tier.
    from: Elapsed,
    series: BTreeMap<Arc<str>, SeriesTally>,
    /// Totals of the counters at the tier's start.
    base: Counters,
    highest: Option<Value>,
    lowest: Option<Value>,
    panel: Option<PanelSum>,
    absences: u64,
    absence: Option<Absence>,
    warnings: Vec<String>,
    level: Level,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct SeriesTally {
    /// From when on its values are expected.
    from: Elapsed,
    newest: Elapsed,
    /// The newest value that counts for the coverage.
    counted: Elapsed,
    seen: u64,
    values: u64,
    sum: f64,
    last: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct PanelSum {
    sum: f64,
    values: f64,
    highest: f64,
    lowest: f64,
}

/// How much was seen of a signal.
struct Coverage<'a> {
    /// The series of which the least was seen; none where no series was.
    series: Option<&'a str>,
    /// Values that were seen.
    seen: u64,
    /// Values that were to be seen.
    expected: u64,
}

impl Tally {
    /// A tally for a tier whose load started at `started`; records of an earlier tier were last under way at `drained`.
    pub(crate) fn new(
        plan: &Plan,
        tier: &Tier,
        started: Elapsed,
        drained: Option<Elapsed>,
        counters: &[Counters],
        before: Option<&Self>,
    ) -> Self {
        let signals = plan.signals().iter().zip(counters).enumerate().map(|(place, (signal, base))| {
            let own = started.after(signal.window);
            let from = drained.map_or(own, |drained| own.max(drained.after(signal.memory)));
            let mut tally = SignalTally::new(from, base.clone());
            // A series that was there in the tier before is missed if it is gone.
            let known = before.and_then(|before| before.signals.get(place));
            let known = known.into_iter().flat_map(|known| known.series.keys().cloned());
            tally.series = known.map(|series| (series, SeriesTally::expected(from))).collect();
            tally
        });
        Self {
            signals: signals.collect(),
            crossings: tier.criteria.iter().map(|_| Crossing::default()).collect(),
            stopped: false,
            fresh: Vec::new(),
        }
    }

    /// Notes that the signal at `place` in the plan could not be read.
    pub(crate) fn absent(&mut self, place: usize, why: Absence) {
        if let Some(tally) = self.signals.get_mut(place) {
            tally.absences += 1;
            tally.absence = Some(why);
        }
    }

    /// Notes what the source of the signal at `place` in the plan warned of: each warning once, and no endless list.
    /// False where it was known, or too much is.
    pub(crate) fn warned(&mut self, place: usize, warning: &str) -> bool {
        let Some(SignalTally { warnings, .. }) = self.signals.get_mut(place) else { return false };
        let is_new = warnings.len() < MOST_WARNINGS && !warnings.iter().any(|known| known == warning);
        if is_new {
            warnings.push(warning.to_owned());
        }
        is_new
    }

    /// Takes a reading of the signal at `place` in the plan. Values scraped after `end` are not the tier's.
    pub(crate) fn take(
        &mut self,
        (place, signal): (usize, &Signal),
        tier: &Tier,
        (points, panel): (&[Point], Option<f64>),
        counters: &Counters,
        end: Option<Elapsed>,
    ) -> Option<LevelChange> {
        if points.iter().all(|point| !point.value.is_finite()) {
            self.absent(place, Absence::NotANumber);
            return None;
        }
        let mut fresh = mem::take(&mut self.fresh);
        fresh.clear();
        let change = self.take_points((place, signal), tier, (points, panel), counters, end, &mut fresh);
        self.fresh = fresh;
        change
    }

    fn take_points(
        &mut self,
        (place, signal): (usize, &Signal),
        tier: &Tier,
        (points, panel): (&[Point], Option<f64>),
        counters: &Counters,
        end: Option<Elapsed>,
        fresh: &mut Vec<Value>,
    ) -> Option<LevelChange> {
        let tally = self.signals.get_mut(place)?;
        tally.take(signal, points, counters, end, fresh);
        let mut culprit = fresh.first()?;
        if let Some(panel) = panel.filter(|panel| panel.is_finite() && signal.fold != Fold::Increase) {
            tally.take_panel(panel);
        }
        let mut level = None;
        for (criterion, crossing) in tier.criteria.iter().zip(&mut self.crossings) {
            if criterion.signal != signal.id {
                continue;
            }
            for value in fresh.iter() {
                crossing.take(criterion, signal.interval, value, panel);
            }
            let is_stop = criterion.severity == Severity::Stop;
            self.stopped |= is_stop && crossing.is_met() && !signal.fold.settles();
            if crossing.now(criterion).is_some() && Some(criterion.severity) >= level {
                level = Some(criterion.severity);
            }
            culprit = worst(criterion.comparison, fresh.iter())?;
        }
        let from = mem::replace(&mut tally.level, level);
        (from != level).then(|| LevelChange {
            from,
            to: level,
            series: (*culprit.series).to_owned(),
            value: culprit.value,
        })
    }

    /// Whether a `stop` criterion has been crossed for as long as it asks, whatever the rest of the tier brings.
    pub(crate) const fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// The present level of every signal, in the plan's order.
    pub(crate) fn levels(&self) -> impl Iterator<Item = Level> {
        self.signals.iter().map(|tally| tally.level)
    }

    /// What was found about the criteria, the tier having ended at `end`.
    pub(crate) fn findings(&self, plan: &Plan, tier: &Tier, end: Elapsed) -> Vec<Finding> {
        let EvidenceRules { coverage: least, .. } = plan.evidence();
        let mut findings = Vec::new();
        for (criterion, crossing) in tier.criteria.iter().zip(&self.crossings) {
            let mut signals = plan.signals().iter().zip(&self.signals);
            let Some((signal, tally)) = signals.find(|(signal, _)| signal.id == criterion.signal) else {
                continue;
            };
            if !signal.fold.settles() {
                findings.extend(crossing.finding(signal, criterion));
            } else if tally.coverage(signal, end).suffices(least) {
                // With fewer values, what the rest of the tier would have made of it is not known.
                let word = tally.settled(signal.fold, criterion.comparison);
                findings.extend(word.and_then(|word| crossing.settled(signal, criterion, &word)));
            }
        }
        for (signal, tally) in plan.signals().iter().zip(&self.signals) {
            let stops = tier.criteria.iter().any(|c| c.signal == signal.id && c.severity == Severity::Stop);
            let coverage = tally.coverage(signal, end);
            if stops && !signal.optional && !coverage.suffices(least) {
                findings.push(Finding::Coverage {
                    signal: signal.id.clone(),
                    source: signal.source.clone(),
                    series: coverage.series.map(ToOwned::to_owned),
                    seen: coverage.seen,
                    expected: coverage.expected,
                    least,
                    absence: tally.absence.clone(),
                });
            }
        }
        findings
    }

    /// The figures of every signal, the tier having ended at `end`.
    pub(crate) fn evidence(&self, plan: &Plan, end: Elapsed) -> Vec<SignalEvidence> {
        let tallies = plan.signals().iter().zip(&self.signals);
        tallies.map(|(signal, tally)| tally.evidence(signal, end)).collect()
    }
}

fn worst<'a>(comparison: Comparison, values: impl Iterator<Item = &'a Value>) -> Option<&'a Value> {
    values.reduce(|worst, next| if comparison.is_worse(next.value, worst.value) { next } else { worst })
}

impl SignalTally {
    const fn new(from: Elapsed, base: Counters) -> Self {
        Self {
            from,
            series: BTreeMap::new(),
            base,
            highest: None,
            lowest: None,
            panel: None,
            absences: 0,
            absence: None,
            warnings: Vec::new(),
            level: None,
        }
    }

    /// Takes the points of one reading that are the tier's and new; `fresh` gets what each comes to.
    fn take(
        &mut self,
        signal: &Signal,
        points: &[Point],
        counters: &Counters,
        end: Option<Elapsed>,
        fresh: &mut Vec<Value>,
    ) {
        let is_first = self.series.values().all(|series| series.values == 0);
        for point in points.iter().filter(|point| point.value.is_finite()) {
            let within = point.scraped > self.from && end.is_none_or(|end| self.belongs(signal, point, end));
            let value = match signal.fold {
                Fold::Worst | Fold::Mean | Fold::Last => point.value,
                Fold::Increase => counters.total(&point.series) - self.base.total(&point.series),
            };
            if within && let Some((series, tally)) = self.take_point(signal, point, value, is_first) {
                let value = match signal.fold {
                    Fold::Worst | Fold::Last | Fold::Increase => value,
                    Fold::Mean => tally.mean(),
                };
                fresh.push(Value { value, series, at: point.scraped });
            }
        }
    }

    /// Whether a value speaks of a tier that ended at `end`: also the first one after it where it is a count, since what
    /// was counted between the last scrape and the end shows only there.
    fn belongs(&self, signal: &Signal, point: &Point, end: Elapsed) -> bool {
        let known = self.series.get(point.series.as_str());
        let is_next = signal.fold == Fold::Increase && known.is_some_and(|series| series.newest < end);
        point.scraped <= end || is_next
    }

    /// Takes a value of the tier; `None` where this scrape of the series has been taken already.
    fn take_point(
        &mut self,
        signal: &Signal,
        point: &Point,
        value: f64,
        is_first: bool,
    ) -> Option<(Arc<str>, SeriesTally)> {
        let known =
            self.series.get_key_value(point.series.as_str()).map(|(name, tally)| (name.clone(), *tally));
        let (series, mut tally) = known.unwrap_or_else(|| {
            // The first reading of all answers for the silence before it; a series beside it appears when it does.
            let from = if is_first { self.from } else { point.scraped };
            (point.series.as_str().into(), SeriesTally::expected(from))
        });
        if tally.values > 0 && point.scraped <= tally.newest {
            return None;
        }
        // Values that come more often than the interval says cover no more time than it does.
        if tally.seen == 0 || point.scraped.since(tally.counted) >= signal.interval / 2 {
            tally.seen += 1;
            tally.counted = point.scraped;
        }
        tally.newest = point.scraped;
        tally.values += 1;
        tally.sum += value;
        tally.last = Some(value);
        match self.series.get_mut(&series) {
            Some(known) => *known = tally,
            None => drop(self.series.insert(series.clone(), tally)),
        }
        let this = || Value { value, series: series.clone(), at: point.scraped };
        if self.highest.as_ref().is_none_or(|highest| value > highest.value) {
            self.highest = Some(this());
        }
        if self.lowest.as_ref().is_none_or(|lowest| value < lowest.value) {
            self.lowest = Some(this());
        }
        Some((series, tally))
    }

    fn take_panel(&mut self, value: f64) {
        let panel =
            self.panel.get_or_insert(PanelSum { sum: 0.0, values: 0.0, highest: value, lowest: value });
        panel.sum += value;
        panel.values += 1.0;
        panel.highest = panel.highest.max(value);
        panel.lowest = panel.lowest.min(value);
    }

    /// The worst of what the series have settled on.
    fn settled(&self, fold: Fold, comparison: Comparison) -> Option<Value> {
        let words = self.series.iter().filter_map(|(series, tally)| {
            let last = tally.last?;
            let value = if fold == Fold::Mean { tally.mean() } else { last };
            Some(Value { value, series: series.clone(), at: tally.newest })
        });
        words.reduce(|worst, next| if comparison.is_worse(next.value, worst.value) { next } else { worst })
    }

    /// How much was seen of the series of which the least was.
    ///
    /// A series that appears within the tier is expected from then on; one that vanishes is still expected.
    fn coverage(&self, signal: &Signal, end: Elapsed) -> Coverage<'_> {
        let expected_from = |from: Elapsed| {
            let intervals =
                end.since(from.after(signal.interval)).as_nanos() / signal.interval.as_nanos().max(1);
            u64::try_from(intervals).unwrap_or(u64::MAX)
        };
        let nothing = Coverage { series: None, seen: 0, expected: expected_from(self.from) };
        if signal.fold == Fold::Increase && self.base.is_empty() {
            // Without a value from before the tier, what was counted before the first one is not known.
            return nothing;
        }
        let coverages = self.series.iter().map(|(series, tally)| Coverage {
            series: Some(series),
            seen: tally.seen,
            expected: expected_from(tally.from),
        });
        coverages.min_by(|a, b| a.share().total_cmp(&b.share())).unwrap_or(nothing)
    }

    fn evidence(&self, signal: &Signal, end: Elapsed) -> SignalEvidence {
        let Coverage { seen, expected, .. } = self.coverage(signal, end);
        let values = self.series.values().map(|series| series.values as f64).sum::<f64>();
        let sum = self.series.values().map(|series| series.sum).sum::<f64>();
        SignalEvidence {
            signal: signal.id.clone(),
            highest: self.highest.as_ref().map(Value::extreme),
            lowest: self.lowest.as_ref().map(Value::extreme),
            mean: (values > 0.0).then(|| sum / values),
            panel: self.panel.map(|panel| PanelFigures {
                mean: panel.sum / panel.values,
                highest: panel.highest,
                lowest: panel.lowest,
            }),
            seen,
            expected,
            absences: self.absences,
            absence: self.absence.clone(),
            warnings: self.warnings.clone(),
        }
    }
}

impl Coverage<'_> {
    fn share(&self) -> f64 {
        self.seen as f64 / self.expected.max(1) as f64
    }

    /// Whether enough was seen to rely on it.
    fn suffices(&self, least: Ratio) -> bool {
        self.seen > 0 && self.seen as f64 >= self.expected as f64 * least.get()
    }
}

impl SeriesTally {
    /// A series of which nothing has been seen, expected from `from` on.
    const fn expected(from: Elapsed) -> Self {
        Self { from, newest: from, counted: from, seen: 0, values: 0, sum: 0.0, last: None }
    }

    fn mean(&self) -> f64 {
        self.sum / (self.values as f64).max(1.0)
    }
}

/// So many different warnings of one signal are kept.
const MOST_WARNINGS: usize = 8;
