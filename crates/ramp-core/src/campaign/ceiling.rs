//! What is known of a tier's latencies where nobody sees its records arrive: the [`LatencyCeiling`]'s account.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{
    evidence::{Counters, Extreme},
    observation::Point,
    plan::LatencyCeiling,
    units::Elapsed,
    verdict::CeilingGap,
};

/// The readings of one tier's latency ceiling.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CeilingRun {
    started: Elapsed,
    gap: Duration,
    series: BTreeMap<String, Read>,
    highest: Option<Extreme>,
    /// The first value below zero, which no latency has.
    negative: Option<Extreme>,
    /// What was counted as arrived before the tier; `None` where nothing was counted.
    before: Option<Counters>,
    /// Series of the counter that have counted since then.
    loaded: usize,
    /// Records counted as arrived since then.
    arrived: Option<u64>,
    /// Acknowledged records by the time they were told, since a count of arrivals is older than its reading.
    acknowledged: VecDeque<(Elapsed, u64)>,
    /// When the arrivals were first counted to be all of the closed ledger's.
    drained: Option<Elapsed>,
}

/// How a series of the gauge was read.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Read {
    newest: Elapsed,
    longest: Duration,
}

impl CeilingRun {
    /// The account of a tier that starts at `started`; `arrivals` holds what was counted before.
    pub(super) fn new(ceiling: &LatencyCeiling, started: Elapsed, arrivals: Option<&Counters>) -> Self {
        Self {
            started,
            gap: ceiling.gap,
            series: BTreeMap::new(),
            highest: None,
            negative: None,
            before: arrivals.filter(|counters| !counters.is_empty()).cloned(),
            loaded: 0,
            arrived: None,
            acknowledged: VecDeque::new(),
            drained: None,
        }
    }

    /// Takes a reading of the gauge.
    pub(super) fn latencies(&mut self, points: &[Point]) {
        let drained = self.drained;
        for point in points.iter().filter(|point| point.value.is_finite() && point.scraped > self.started) {
            let read = match self.series.get_mut(&point.series) {
                Some(read) => read,
                None => self
                    .series
                    .entry(point.series.clone())
                    .or_insert(Read { newest: self.started, longest: Duration::ZERO }),
            };
            let is_over = drained.is_some_and(|drained| read.newest > drained);
            if is_over || point.scraped <= read.newest {
                continue;
            }
            if point.value < 0.0 {
                let Point { series, value, scraped } = point.clone();
                self.negative.get_or_insert(Extreme { value, series, at: scraped });
            }
            read.longest = read.longest.max(point.scraped.since(read.newest));
            read.newest = point.scraped;
            if self.highest.as_ref().is_none_or(|highest| point.value > highest.value) {
                let Point { series, value, scraped } = point.clone();
                self.highest = Some(Extreme { value, series, at: scraped });
            }
        }
    }

    /// Notes how many records had been acknowledged at `now`.
    pub(super) fn acknowledged(&mut self, now: Elapsed, records: u64) {
        self.acknowledged.push_back((now, records));
        while self.acknowledged.len() > 1
            && self.acknowledged.front().is_some_and(|(at, _)| now.since(*at) > OLDEST_COUNT)
        {
            self.acknowledged.pop_front();
        }
    }

    /// Takes a count of arrivals, of which `points` have just been read; `closed` is the closed ledger's number of
    /// acknowledged records. Returns the lag then, which is rather too low than too high: arrivals are held against what
    /// had surely been acknowledged, and while a series is missing that counts, nobody knows it.
    pub(super) fn arrivals(
        &mut self,
        arrivals: &Counters,
        points: &[Point],
        closed: Option<u64>,
    ) -> Option<u64> {
        let scraped = points.iter().map(|point| point.scraped).max()?;
        let before = self.before.as_ref()?;
        // A count of records is a whole number, and never below what it was.
        let arrived = (arrivals.sum() - before.sum()).round().max(0.0) as u64;
        self.loaded = arrivals.grown_since(before).count();
        self.arrived = Some(arrived);
        if closed.is_some_and(|acknowledged| arrived >= acknowledged) {
            self.drained.get_or_insert(scraped);
        }
        let is_read = |series: &str| points.iter().any(|point| point.series == series);
        if !arrivals.grown_since(before).all(is_read) {
            return None;
        }
        let then = self.acknowledged.iter().rev().find(|(at, _)| *at <= scraped);
        let acknowledged = then.or_else(|| self.acknowledged.front()).map(|(_, records)| *records)?;
        Some(acknowledged.saturating_sub(arrived))
    }

    /// Whether all of the closed ledger's records were counted as arrived.
    pub(super) const fn is_drained(&self) -> bool {
        self.drained.is_some()
    }

    /// The highest latency, if it is shown that the objective was met; otherwise why not. The gauge counts from the
    /// hand-over, to which all but one in a hundred records were late by `lateness` at most. The ledger closed with
    /// `acknowledged` records; `now` is the end of the recovery.
    pub(super) fn judge(
        &self,
        (bound, lateness): (Duration, Duration),
        acknowledged: u64,
        now: Elapsed,
    ) -> Result<Extreme, CeilingGap> {
        let arrived = self.arrived.ok_or(CeilingGap::NotCounted)?;
        if arrived > acknowledged {
            return Err(CeilingGap::Excess { records: arrived - acknowledged });
        }
        let Some(drained) = self.drained else {
            return Err(CeilingGap::NotDrained { outstanding: acknowledged - arrived });
        };
        let highest = self.highest.clone().ok_or(CeilingGap::NoValue)?;
        if let Some(ahead) = &self.negative {
            return Err(CeilingGap::ClockBehind { lowest: ahead.clone() });
        }
        let millis = |span: Duration| span.as_secs_f64() * 1e3;
        if highest.value >= millis(bound) {
            return Err(CeilingGap::Reached { highest, bound });
        }
        if highest.value + millis(lateness) >= millis(bound) {
            return Err(CeilingGap::Late { highest, lateness, bound });
        }
        if self.series.len() < self.loaded {
            return Err(CeilingGap::Uncovered { read: self.series.len(), loaded: self.loaded });
        }
        for (series, read) in &self.series {
            // Latencies of the last records show only in a value taken after they were counted.
            let unread = if read.newest <= drained { now.since(read.newest) } else { Duration::ZERO };
            let longest = read.longest.max(unread);
            if longest > self.gap || !unread.is_zero() {
                return Err(CeilingGap::Unread { series: series.clone(), longest, allowed: self.gap });
            }
        }
        Ok(highest)
    }
}

/// A count of arrivals that is older than this when it is read is held against the oldest count of acknowledgements.
const OLDEST_COUNT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SignalId;

    fn at(second: u64) -> Elapsed {
        Elapsed::new(Duration::from_secs(second))
    }

    fn point(value: f64, second: u64) -> Point {
        Point { series: "p".to_owned(), value, scraped: at(second) }
    }

    fn run(arrivals: &Counters) -> CeilingRun {
        let (highest, arrived) = (SignalId::literal("highest"), SignalId::literal("arrived"));
        let ceiling = LatencyCeiling { highest, arrivals: arrived, gap: Duration::from_secs(30) };
        CeilingRun::new(&ceiling, at(100), Some(arrivals))
    }

    #[test]
    fn arrivals_of_tiers_before_are_not_counted() {
        let mut counters = Counters::default();
        counters.take(&[point(1_000.0, 0)]);
        counters.take(&[point(1_700.0, 90)]);
        let mut run = run(&counters);
        run.acknowledged(at(104), 50);
        run.acknowledged(at(106), 80);
        counters.take(&[point(1_730.0, 105)]);
        assert_eq!(
            run.arrivals(&counters, &[point(1_730.0, 105)], None),
            Some(20),
            "30 of the 50 acknowledged by then"
        );
        assert!(!run.is_drained());
        counters.take(&[point(1_780.0, 110)]);
        assert_eq!(run.arrivals(&counters, &[point(1_780.0, 110)], Some(80)), Some(0));
        assert!(run.is_drained());
        assert_eq!(
            run.judge((Duration::from_secs(1), Duration::ZERO), 70, at(200)),
            Err(CeilingGap::Excess { records: 10 })
        );
    }

    #[test]
    fn no_lag_is_told_while_a_series_is_missing_that_has_counted() {
        let mut counters = Counters::default();
        let of = |series: &str, value, second| Point { series: series.to_owned(), ..point(value, second) };
        counters.take(&[of("w1", 0.0, 90), of("w2", 0.0, 90), of("idle", 7.0, 90)]);
        let mut run = run(&counters);
        run.acknowledged(at(104), 80);
        let both = [of("w1", 30.0, 105), of("w2", 40.0, 105)];
        counters.take(&both);
        assert_eq!(run.arrivals(&counters, &both, None), Some(10));
        let one = [of("w1", 35.0, 110)];
        counters.take(&one);
        assert_eq!(run.arrivals(&counters, &one, None), None, "w2 may have counted anything since");
    }

    #[test]
    fn a_minute_of_acknowledgements_is_kept() {
        let mut counters = Counters::default();
        counters.take(&[point(0.0, 0)]);
        let mut run = run(&counters);
        for second in 100..1_000 {
            run.acknowledged(at(second), second);
        }
        assert_eq!(run.acknowledged.len(), 61);
        assert_eq!(run.arrivals(&counters, &[point(0.0, 950)], None), Some(950));
        assert_eq!(run.arrivals(&counters, &[point(0.0, 500)], None), Some(939), "the oldest that is kept");
        run.acknowledged(at(5_000), 5_000);
        assert_eq!(run.acknowledged.len(), 1);
    }

    #[test]
    fn a_value_older_than_the_newest_changes_nothing() {
        let mut run = run(&Counters::default());
        run.latencies(&[point(200.0, 110), point(200.0, 120), point(9_000.0, 115), point(200.0, 125)]);
        assert_eq!(run.highest, Some(Extreme { value: 200.0, series: "p".to_owned(), at: at(110) }));
        let read = Read { newest: at(125), longest: Duration::from_secs(10) };
        assert_eq!(run.series.get("p"), Some(&read));
    }
}
