//! What a tier's readings add up to, and which criteria they cross.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    criterion::{Criterion, Severity},
    observation::{Absence, Point},
    plan::{EvidenceRules, Plan, Tier},
    signal::{Fold, Signal, SignalId},
    units::Elapsed,
    verdict::Finding,
};

/// What one tier's readings of one signal add up to.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SignalEvidence {
    /// The signal.
    pub signal: SignalId,
    /// The highest value of any series.
    pub highest: Option<Extreme>,
    /// The lowest value of any series.
    pub lowest: Option<Extreme>,
    /// The mean over every value of every series.
    pub mean: Option<f64>,
    /// The same figures of the dashboard's own aggregate, where it differs from the series.
    pub panel: Option<PanelFigures>,
    /// Distinct values seen of the series that had the fewest.
    pub seen: u64,
    /// Values expected of that series between the tier's settling and its end.
    pub expected: u64,
    /// Readings that were absences.
    pub absences: u64,
    /// The reason of the last of them.
    pub absence: Option<Absence>,
}

/// A value that was the highest or the lowest of a tier.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Extreme {
    /// The value.
    pub value: f64,
    /// The series that had it.
    pub series: String,
    /// When.
    pub at: Elapsed,
}

/// What the dashboard's own aggregate showed during a tier.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PanelFigures {
    /// The mean of what it showed.
    pub mean: f64,
    /// The highest.
    pub highest: f64,
    /// The lowest.
    pub lowest: f64,
}

/// A signal's level during a tier: the gravest severity among its criteria that are crossed now.
pub type Level = Option<Severity>;

/// The running increase of every counter since the campaign's start, across resets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(BTreeMap<String, Counter>);

#[derive(Debug, Clone, Copy)]
struct Counter {
    newest: Elapsed,
    last: f64,
    total: f64,
}

impl Counters {
    /// Takes the values of one reading.
    ///
    /// A counter that falls was reset: its value is what it has counted since. A series that appears in a later
    /// reading than the first was born: it counts from zero.
    pub(crate) fn take(&mut self, points: &[Point]) {
        let is_first = self.0.is_empty();
        for Point { series, value, scraped } in points.iter().filter(|point| point.value.is_finite()) {
            let Some(counter) = self.0.get_mut(series) else {
                let total = if is_first { 0.0 } else { *value };
                self.0.insert(series.clone(), Counter { newest: *scraped, last: *value, total });
                continue;
            };
            if *scraped > counter.newest {
                counter.total += if *value < counter.last { *value } else { *value - counter.last };
                counter.newest = *scraped;
                counter.last = *value;
            }
        }
    }

    /// The increase of a series since the campaign's start; nothing where it was never seen.
    fn total(&self, series: &str) -> f64 {
        self.0.get(series).map_or(0.0, |counter| counter.total)
    }
}

/// One tier's readings as they come in.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    signals: Vec<SignalTally>,
    criteria: Vec<CriterionTally>,
}

#[derive(Debug, Clone)]
struct SignalTally {
    /// Values scraped at or before this speak of the time before the tier.
    from: Elapsed,
    series: BTreeMap<String, SeriesTally>,
    /// Totals of the counters at the tier's start.
    base: Counters,
    highest: Option<Extreme>,
    lowest: Option<Extreme>,
    sum: f64,
    values: f64,
    panel: Option<PanelSum>,
    absences: u64,
    absence: Option<Absence>,
    level: Level,
}

#[derive(Debug, Clone, Copy)]
struct SeriesTally {
    /// From when on its values are expected.
    from: Elapsed,
    newest: Elapsed,
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
struct PanelSum {
    sum: f64,
    values: f64,
    highest: f64,
    lowest: f64,
}

#[derive(Debug, Clone, Default)]
struct CriterionTally {
    /// When the present crossing began, while it lasts.
    since: Option<Elapsed>,
    longest: Duration,
    worst: Option<Extreme>,
    panel: Option<f64>,
    first: Option<Elapsed>,
    /// Whether a crossing has lasted as long as the criterion asks.
    met: bool,
    /// Whether that holds now.
    now: bool,
}

/// A level that changed with a reading.
pub(crate) struct LevelChange {
    pub(crate) from: Level,
    pub(crate) to: Level,
    pub(crate) series: String,
    pub(crate) value: f64,
}

impl Tally {
    /// A tally for a tier whose load started at `started`; records of an earlier tier were last under way at `drained`.
    pub(crate) fn new(
        plan: &Plan,
        tier: &Tier,
        started: Elapsed,
        drained: Option<Elapsed>,
        counters: &[Counters],
    ) -> Self {
        let signals = plan.signals().iter().zip(counters).map(|(signal, base)| {
            let own = started.after(signal.window);
            let from = drained.map_or(own, |drained| own.max(drained.after(signal.memory)));
            SignalTally::new(from, base.clone())
        });
        Self {
            signals: signals.collect(),
            criteria: tier.criteria.iter().map(|_| CriterionTally::default()).collect(),
        }
    }

    /// Notes that a signal could not be read.
    pub(crate) fn absent(&mut self, signal: usize, why: Absence) {
        if let Some(tally) = self.signals.get_mut(signal) {
            tally.absences += 1;
            tally.absence = Some(why);
        }
    }

    /// Takes a reading of the signal at `place` in the plan. Values scraped after `end` are not the tier's.
    pub(crate) fn take(
        &mut self,
        (place, signal): (usize, &Signal),
        tier: &Tier,
        (points, panel): (&[Point], Option<f64>),
        counters: &mut Counters,
        end: Option<Elapsed>,
    ) -> Option<LevelChange> {
        if signal.fold == Fold::Increase {
            counters.take(points);
        }
        if points.iter().all(|point| !point.value.is_finite()) {
            self.absent(place, Absence::NotANumber);
            return None;
        }
        let tally = self.signals.get_mut(place)?;
        let is_first = tally.series.is_empty();
        let mut fresh = Vec::new();
        for point in points.iter().filter(|point| point.value.is_finite()) {
            let value = match signal.fold {
                Fold::Worst => point.value,
                Fold::Increase => counters.total(&point.series) - tally.base.total(&point.series),
            };
            let within = point.scraped > tally.from && end.is_none_or(|end| point.scraped <= end);
            if within && tally.take(point, value, is_first) {
                fresh.push((point, value));
            }
        }
        if fresh.is_empty() {
            return None;
        }
        if let Some(panel) = panel.filter(|panel| panel.is_finite() && signal.fold == Fold::Worst) {
            tally.take_panel(panel);
        }
        self.judge(place, signal, tier, &fresh, panel)
    }

    /// Whether a `stop` criterion has been crossed for as long as it asks.
    pub(crate) fn has_stopped(&self, tier: &Tier) -> bool {
        self.met(tier).any(|(criterion, _)| criterion.severity == Severity::Stop)
    }

    /// The present level of every signal, in the plan's order.
    pub(crate) fn levels(&self) -> impl Iterator<Item = Level> {
        self.signals.iter().map(|tally| tally.level)
    }

    /// What was found about the criteria, the tier having ended at `end`.
    pub(crate) fn findings(&self, plan: &Plan, tier: &Tier, end: Elapsed) -> Vec<Finding> {
        let mut findings: Vec<_> = self.met(tier).filter_map(|(c, tally)| tally.finding(plan, c)).collect();
        let EvidenceRules { coverage: least, .. } = plan.evidence();
        for (signal, tally) in plan.signals().iter().zip(&self.signals) {
            let stops = tier.criteria.iter().any(|c| c.signal == signal.id && c.severity == Severity::Stop);
            let (seen, expected) = tally.coverage(signal, end);
            let covered = seen > 0 && seen as f64 >= expected as f64 * least.get();
            if stops && !signal.optional && !covered {
                findings.push(Finding::Coverage {
                    signal: signal.id.clone(),
                    source: signal.source.clone(),
                    seen,
                    expected,
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

    fn met<'a>(&'a self, tier: &'a Tier) -> impl Iterator<Item = (&'a Criterion, &'a CriterionTally)> {
        tier.criteria.iter().zip(&self.criteria).filter(|(_, tally)| tally.met)
    }

    fn judge(
        &mut self,
        place: usize,
        signal: &Signal,
        tier: &Tier,
        fresh: &[(&Point, f64)],
        panel: Option<f64>,
    ) -> Option<LevelChange> {
        let mut level = None;
        let mut culprit = fresh.first().copied()?;
        for (criterion, tally) in tier.criteria.iter().zip(&mut self.criteria) {
            if criterion.signal != signal.id {
                continue;
            }
            let worst = fresh.iter().copied().reduce(|worst, next| {
                if criterion.comparison.is_worse(next.1, worst.1) { next } else { worst }
            })?;
            tally.take(criterion, worst, panel);
            if tally.now && Some(criterion.severity) >= level {
                level = Some(criterion.severity);
                culprit = worst;
            }
        }
        let from = std::mem::replace(&mut self.signals.get_mut(place)?.level, level);
        (from != level).then(|| LevelChange {
            from,
            to: level,
            series: culprit.0.series.clone(),
            value: culprit.1,
        })
    }
}

impl SignalTally {
    const fn new(from: Elapsed, base: Counters) -> Self {
        Self {
            from,
            series: BTreeMap::new(),
            base,
            highest: None,
            lowest: None,
            sum: 0.0,
            values: 0.0,
            panel: None,
            absences: 0,
            absence: None,
            level: None,
        }
    }

    /// Takes a value of the tier; false where this scrape of the series has been taken already.
    fn take(&mut self, point: &Point, value: f64, is_first: bool) -> bool {
        if let Some(series) = self.series.get_mut(&point.series) {
            if point.scraped <= series.newest {
                return false;
            }
            series.newest = point.scraped;
            series.seen += 1;
        } else {
            // The first reading of all answers for the silence before it; a series beside it appears when it does.
            let from = if is_first { self.from } else { point.scraped };
            self.series.insert(point.series.clone(), SeriesTally { from, newest: point.scraped, seen: 1 });
        }
        let extreme = || Extreme { value, series: point.series.clone(), at: point.scraped };
        if self.highest.as_ref().is_none_or(|highest| value > highest.value) {
            self.highest = Some(extreme());
        }
        if self.lowest.as_ref().is_none_or(|lowest| value < lowest.value) {
            self.lowest = Some(extreme());
        }
        self.sum += value;
        self.values += 1.0;
        true
    }

    fn take_panel(&mut self, value: f64) {
        let panel =
            self.panel.get_or_insert(PanelSum { sum: 0.0, values: 0.0, highest: value, lowest: value });
        panel.sum += value;
        panel.values += 1.0;
        panel.highest = panel.highest.max(value);
        panel.lowest = panel.lowest.min(value);
    }

    /// Values seen and expected of the series that has the worst share of them.
    ///
    /// A series that appears within the tier is expected from then on; one that vanishes is still expected.
    fn coverage(&self, signal: &Signal, end: Elapsed) -> (u64, u64) {
        let expected_from = |from: Elapsed| {
            let intervals =
                end.since(from.after(signal.interval)).as_nanos() / signal.interval.as_nanos().max(1);
            u64::try_from(intervals).unwrap_or(u64::MAX)
        };
        if signal.fold == Fold::Increase && self.base.0.is_empty() {
            // Without a value from before the tier, what was counted before the first one is not known.
            return (0, expected_from(self.from));
        }
        let share = |&(seen, expected): &(u64, u64)| seen as f64 / expected.max(1) as f64;
        self.series
            .values()
            .map(|series| (series.seen, expected_from(series.from)))
            .min_by(|a, b| share(a).total_cmp(&share(b)))
            .unwrap_or_else(|| (0, expected_from(self.from)))
    }

    fn evidence(&self, signal: &Signal, end: Elapsed) -> SignalEvidence {
        let (seen, expected) = self.coverage(signal, end);
        SignalEvidence {
            signal: signal.id.clone(),
            highest: self.highest.clone(),
            lowest: self.lowest.clone(),
            mean: (self.values > 0.0).then(|| self.sum / self.values),
            panel: self.panel.map(|panel| PanelFigures {
                mean: panel.sum / panel.values,
                highest: panel.highest,
                lowest: panel.lowest,
            }),
            seen,
            expected,
            absences: self.absences,
            absence: self.absence.clone(),
        }
    }
}

impl CriterionTally {
    fn take(&mut self, criterion: &Criterion, (point, value): (&Point, f64), panel: Option<f64>) {
        if !criterion.comparison.crosses(value, criterion.bound) {
            self.since = None;
            self.now = false;
            return;
        }
        let since = *self.since.get_or_insert(point.scraped);
        let lasted = point.scraped.since(since);
        self.first.get_or_insert(point.scraped);
        self.longest = self.longest.max(lasted);
        self.now = lasted >= criterion.sustained;
        self.met |= self.now;
        if self.worst.as_ref().is_none_or(|worst| criterion.comparison.is_worse(value, worst.value)) {
            self.worst = Some(Extreme { value, series: point.series.clone(), at: point.scraped });
            self.panel = panel;
        }
    }

    fn finding(&self, plan: &Plan, criterion: &Criterion) -> Option<Finding> {
        let signal = plan.signal(&criterion.signal)?;
        let worst = self.worst.as_ref()?;
        Some(Finding::Crossed {
            criterion: criterion.clone(),
            unit: signal.unit,
            source: signal.source.clone(),
            series: worst.series.clone(),
            value: worst.value,
            panel: self.panel,
            first: self.first?,
            lasted: self.longest,
        })
    }
}
