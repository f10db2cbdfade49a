//! The lag of one tier: its peak, when it was gone, and whether it grew.

use std::time::Duration;

use crate::{
    criterion::{Criterion, Severity},
    plan::Tier,
    signal::SignalId,
    statistics::{self, Slope},
    units::Elapsed,
};

/// The lag of one tier, told from time to time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lag {
    newest: Option<u64>,
    peak: Option<u64>,
    below_floor_since: Option<Elapsed>,
    gone_since: Option<Elapsed>,
    trend: Trend,
}

/// A lag that grew until the load ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    pub(super) per_second: f64,
    pub(super) lag: u64,
    pub(super) limit: u64,
    pub(super) reached_in: Duration,
}

impl Lag {
    /// The lag of a tier whose load starts at `started`.
    pub(super) fn new(tier: &Tier, started: Elapsed) -> Self {
        // The lag rises from nothing to its level in the first moments, which is no trend.
        let trend = Trend::new(started.after(tier.hold / 10));
        Self { newest: None, peak: None, below_floor_since: None, gone_since: None, trend }
    }

    /// Takes the lag at `at`; `loading` says whether the load still runs.
    pub(super) fn take(&mut self, at: Elapsed, lag: u64, floor: u64, loading: bool) {
        self.newest = Some(lag);
        if loading {
            self.peak = self.peak.max(Some(lag));
            self.trend.take(at, lag);
        }
        let hold_on = |holds: bool, since: Option<Elapsed>| holds.then(|| since.unwrap_or(at));
        self.below_floor_since = hold_on(lag < floor, self.below_floor_since);
        self.gone_since = hold_on(lag == 0, self.gone_since);
    }

    /// The highest lag while the load ran.
    pub(super) const fn peak(&self) -> Option<u64> {
        self.peak
    }

    /// The last lag told.
    pub(super) const fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Since when it has been below the floor.
    pub(super) const fn below_floor_since(&self) -> Option<Elapsed> {
        self.below_floor_since
    }

    /// Since when nothing has been under way.
    pub(super) const fn gone_since(&self) -> Option<Elapsed> {
        self.gone_since
    }

    /// How the lag grew, if it surely did and by so much that the tier could not be held for
    /// [`MOST_HOLDS`] times its hold.
    pub(super) fn growth(&self, tier: &Tier) -> Option<Growth> {
        let limit = limit(tier);
        let lag = self.trend.last()?;
        let Slope { per_second, at_least } = self.trend.slope()?;
        let far = (limit as f64 - lag).max(0.0) / per_second;
        // A single step between two levels has a slope over the whole and none in either half.
        let halves = self.trend.half_slopes().map(|half| half.is_some_and(|slope| slope.at_least > 0.0));
        let steady = at_least > 0.0 && halves == [true, true] && far <= tier.hold.as_secs_f64() * MOST_HOLDS;
        let reached_in = Duration::try_from_secs_f64(far).ok().filter(|_| steady)?;
        // A mean of lags is no more than the highest of them.
        Some(Growth { per_second, lag: lag.round() as u64, limit, reached_in })
    }
}

/// The lag at which a tier is STOP: by its own criterion, or because it takes the bound to work off.
fn limit(tier: &Tier) -> u64 {
    let is_stop = |criterion: &&Criterion| {
        criterion.signal == SignalId::LAG
            && criterion.severity == Severity::Stop
            && criterion.comparison.fails_high()
    };
    let stops = tier.criteria.iter().filter(is_stop).map(|stop| stop.bound.max(0.0) as u64);
    stops.fold(tier.rate.records_in(tier.p99_bound), u64::min)
}

/// Means over equal numbers of values, at most [`MOST_BLOCKS`] of them however long the tier is.
#[derive(Debug, Clone, PartialEq)]
struct Trend {
    /// What lies before is not looked at.
    from: Elapsed,
    blocks: Vec<Block>,
    /// Values in a full block.
    full: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Block {
    seconds: f64,
    lags: f64,
    values: u32,
}

impl Trend {
    fn new(from: Elapsed) -> Self {
        Self { from, blocks: Vec::with_capacity(MOST_BLOCKS), full: 1 }
    }

    fn take(&mut self, at: Elapsed, lag: u64) {
        if at < self.from {
            return;
        }
        let seconds = at.since_start().as_secs_f64();
        // Lags stay far below 2^53, up to which every whole number has its own f64.
        let value = Block { seconds, lags: lag as f64, values: 1 };
        if let Some(last) = self.blocks.last_mut().filter(|last| last.values < self.full) {
            last.add(value);
            return;
        }
        if self.blocks.len() == MOST_BLOCKS {
            self.halve();
        }
        self.blocks.push(value);
    }

    /// Makes each two blocks one.
    fn halve(&mut self) {
        for pair in 0..MOST_BLOCKS / 2 {
            let (Some(&first), Some(&second)) = (self.blocks.get(2 * pair), self.blocks.get(2 * pair + 1))
            else {
                return;
            };
            if let Some(merged) = self.blocks.get_mut(pair) {
                *merged = first;
                merged.add(second);
            }
        }
        self.blocks.truncate(MOST_BLOCKS / 2);
        self.full = self.full.saturating_mul(2);
    }

    /// The mean of the last block.
    fn last(&self) -> Option<f64> {
        self.blocks.last().map(|block| block.point().1)
    }

    fn slope(&self) -> Option<Slope> {
        let points: Vec<_> = self.blocks.iter().map(Block::point).collect();
        statistics::slope(&points)
    }

    /// The slopes of the first and of the second half.
    fn half_slopes(&self) -> [Option<Slope>; 2] {
        let points: Vec<_> = self.blocks.iter().map(Block::point).collect();
        let (first, second) = points.split_at(points.len() / 2);
        [first, second].map(statistics::slope)
    }
}

impl Block {
    fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.lags += other.lags;
        self.values += other.values;
    }

    fn point(&self) -> (f64, f64) {
        let values = f64::from(self.values.max(1));
        (self.seconds / values, self.lags / values)
    }
}

const MOST_BLOCKS: usize = 128;

/// A lag that would need longer than this many holds to reach its limit is not worth a word.
const MOST_HOLDS: f64 = 20.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{criterion::Comparison, units::Rate};

    fn tier(stop: Option<f64>) -> Tier {
        let stop = stop.map(|bound| Criterion {
            signal: SignalId::LAG,
            comparison: Comparison::Above,
            bound,
            severity: Severity::Stop,
            sustained: Duration::ZERO,
        });
        Tier {
            name: "P3".to_owned(),
            rate: Rate::per_second(5_000).unwrap(),
            hold: Duration::from_secs(300),
            p99_bound: Duration::from_secs(3),
            criteria: stop.into_iter().collect(),
        }
    }

    fn at(millis: u64) -> Elapsed {
        Elapsed::new(Duration::from_millis(millis))
    }

    /// The lag of a tier in which it is `level` at each half second.
    fn lag_of(tier: &Tier, level: impl Fn(u64) -> u64) -> Lag {
        let mut lag = Lag::new(tier, Elapsed::START);
        for beat in 0..600 {
            lag.take(at(beat * 500), level(beat), 1_000, true);
        }
        lag
    }

    #[test]
    fn a_lag_that_grows_says_when_it_will_reach_the_bound() {
        let tier = tier(None);
        let lag = lag_of(&tier, |beat| 200 + 5 * beat + beat % 7 * 10);
        let growth = lag.growth(&tier).unwrap();
        assert!((9.8..10.2).contains(&growth.per_second), "{growth:?}");
        assert_eq!(growth.limit, 15_000, "5 000/s for the bound of 3 s");
        let expected = (15_000.0 - 3_200.0) / 10.0;
        assert!((growth.reached_in.as_secs_f64() - expected).abs() < 60.0, "{growth:?}");
        assert!((3_100..3_250).contains(&growth.lag), "{growth:?}");
    }

    #[test]
    fn the_lowest_stop_on_the_lag_is_its_limit() {
        let tier = tier(Some(4_000.0));
        let lag = lag_of(&tier, |beat| 200 + 5 * beat);
        assert_eq!(lag.growth(&tier).map(|growth| growth.limit), Some(4_000));
    }

    #[test]
    fn a_lag_beyond_its_limit_has_reached_it_already() {
        let tier = tier(Some(1_000.0));
        let lag = lag_of(&tier, |beat| 200 + 5 * beat);
        assert_eq!(lag.growth(&tier).map(|growth| growth.reached_in), Some(Duration::ZERO));
    }

    #[test]
    fn a_lag_that_is_level_falls_or_creeps_does_not_grow() {
        let tier = tier(None);
        let noise = |beat: u64| beat.wrapping_mul(2_654_435_761) % 400;
        assert_eq!(lag_of(&tier, |beat| 1_000 + noise(beat)).growth(&tier), None);
        assert_eq!(lag_of(&tier, |beat| 5_000 - 5 * beat).growth(&tier), None);
        assert_eq!(lag_of(&tier, |beat| 100 + beat / 2).growth(&tier), None, "15 000 is 4 hours away");
    }

    #[test]
    fn one_step_between_two_levels_is_no_growth() {
        let tier = tier(Some(1_000.0));
        let noise = |beat: u64| beat.wrapping_mul(2_654_435_761) % 30;
        for at in [300, 320, 380] {
            let lag = lag_of(&tier, |beat| if beat < at { 50 } else { 120 } + noise(beat));
            assert_eq!(lag.growth(&tier), None, "a step at beat {at}");
        }
    }

    #[test]
    fn a_staircase_that_is_level_for_the_most_part_does_not_surely_grow() {
        let tier = tier(None);
        // Of all pairs, 44 % are level: the median slope is above zero, and the interval reaches down to it.
        let stairs = |beat: u64| 1_000 + if beat < 384 { 0 } else { 1_000 * (1 + u64::from(beat >= 492)) };
        assert_eq!(lag_of(&tier, stairs).growth(&tier), None);
        let lag = lag_of(&tier, stairs);
        assert!(lag.trend.slope().is_some_and(|slope| slope.per_second > 0.0 && slope.at_least == 0.0));
    }

    #[test]
    fn blocks_are_full_but_for_the_last_and_hold_means() {
        let mut trend = Trend::new(Elapsed::START);
        let values = |trend: &Trend| trend.blocks.iter().map(|block| block.values).collect::<Vec<_>>();
        for beat in 0..128 {
            trend.take(at(beat * 500), 10 * (beat % 2));
        }
        assert_eq!(values(&trend), [1; 128]);
        for beat in 128..131 {
            trend.take(at(beat * 500), 10 * (beat % 2));
        }
        assert_eq!(values(&trend), [vec![2; 65], vec![1]].concat());
        let points: Vec<_> = trend.blocks.iter().map(Block::point).collect();
        assert_eq!(points[..2], [(0.25, 5.0), (1.25, 5.0)]);
        assert_eq!((points[64], trend.last()), ((64.25, 5.0), Some(0.0)));
    }

    #[test]
    fn the_first_tenth_of_a_tier_is_no_trend() {
        let tier = tier(None);
        let filling = |beat: u64| if beat < 60 { 100 * beat } else { 6_000 };
        assert_eq!(lag_of(&tier, filling).growth(&tier), None);
    }

    #[test]
    fn a_trend_keeps_its_slope_and_its_size_however_long_it_is() {
        let mut trend = Trend::new(Elapsed::START);
        for beat in 0..172_800 {
            trend.take(at(beat * 500), beat / 2 * 3);
        }
        assert!(trend.blocks.len() <= MOST_BLOCKS && trend.blocks.len() > MOST_BLOCKS / 2);
        assert_eq!(trend.blocks.iter().map(|block| block.values).sum::<u32>(), 172_800, "none is left out");
        let slope = trend.slope().unwrap();
        assert!((slope.per_second - 3.0).abs() < 0.01, "{slope:?}");
    }

    #[test]
    fn what_holds_now_holds_since_it_last_began() {
        let tier = tier(None);
        let mut lag = Lag::new(&tier, Elapsed::START);
        for (second, value) in [(1, 5_000), (2, 900), (3, 1_000), (4, 999), (5, 0), (6, 0)] {
            lag.take(at(second * 1_000), value, 1_000, second < 3);
        }
        assert_eq!(lag.peak(), Some(5_000));
        assert_eq!(lag.newest(), Some(0));
        assert_eq!(lag.below_floor_since(), Some(at(4_000)));
        assert_eq!(lag.gone_since(), Some(at(5_000)));
    }
}
