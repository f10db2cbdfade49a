//! How latencies were spread over time, in bounded memory: counts of records in columns of one width, which doubles when
//! a campaign outgrows them.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use ramp_core::units::Elapsed;

use crate::timeline::millis;

/// How many records took how long, over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heat {
    column_seconds: u32,
    columns: BTreeMap<u32, Column>,
    /// When what was noted last had begun and had ended, and what was seen in it.
    last: Option<(Elapsed, Elapsed, Column)>,
}

/// The records of one column by the band of their latency. All bands are empty where nothing was seen.
pub(crate) type Column = [u64; BANDS];

impl Default for Heat {
    fn default() -> Self {
        Self { column_seconds: 1, columns: BTreeMap::new(), last: None }
    }
}

impl Heat {
    /// Takes what was seen for `span` from `at` on, each latency with how many records took so long; nothing of it where
    /// the load was watched and nothing was seen.
    pub fn note(&mut self, at: Elapsed, span: Duration, seen: &[(Duration, u64)]) {
        let second = u32::try_from(at.since_start().as_secs()).unwrap_or(u32::MAX);
        while second / self.column_seconds >= MOST_COLUMNS {
            self.widen();
        }
        let mut noted = [0_u64; BANDS];
        for (latency, count) in seen {
            if let Some(band) = noted.get_mut(band(*latency)) {
                *band = band.saturating_add(*count);
            }
        }
        self.cover(second);
        let column = self.columns.entry(self.start_of(second)).or_insert([0; BANDS]);
        add(column, &noted);
        match &mut self.last {
            Some((from, _, last)) if *from == at => add(last, &noted),
            last => *last = Some((at, at.after(span), noted)),
        }
    }

    /// An interval that is a little longer than a column, as they are where the machine is busy, may cover one in which
    /// none begins: its records have arrived there too.
    fn cover(&mut self, second: u32) {
        let Some((from, end, noted)) = &self.last else { return };
        let first = u32::try_from(from.since_start().as_secs()).unwrap_or(u32::MAX);
        let between = self.start_of(first).saturating_add(self.column_seconds);
        for start in (between..self.start_of(second)).step_by(self.column_seconds as usize) {
            if Duration::from_secs(start.into()) < end.since_start() {
                self.columns.entry(start).or_insert(*noted);
            }
        }
    }

    const fn start_of(&self, second: u32) -> u32 {
        second - second % self.column_seconds
    }

    /// The width of a column, in seconds.
    pub(crate) const fn column_seconds(&self) -> u32 {
        self.column_seconds
    }

    /// The columns that were watched, in order, by their start in seconds since the campaign's.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (u32, &Column)> {
        self.columns.iter().map(|(start, column)| (*start, column))
    }

    fn widen(&mut self) {
        self.column_seconds = self.column_seconds.saturating_mul(2);
        for (start, narrow) in std::mem::take(&mut self.columns) {
            let wide = self.columns.entry(start - start % self.column_seconds).or_insert([0; BANDS]);
            add(wide, &narrow);
        }
    }
}

fn add(to: &mut Column, more: &Column) {
    for (band, more) in to.iter_mut().zip(more) {
        *band = band.saturating_add(*more);
    }
}

/// The band of a latency: four to each power of ten from 1 ms on; the first takes what is less.
fn band(latency: Duration) -> usize {
    let millis = millis(latency);
    LATER_STARTS.partition_point(|start| *start <= millis)
}

/// Where the bands after the first begin, in milliseconds. A logarithm of each latency would be a fifth of what the log
/// of a day takes.
static LATER_STARTS: LazyLock<[f64; BANDS - 1]> =
    LazyLock::new(|| std::array::from_fn(|before| band_start(before + 1)));

/// Where a band begins, in milliseconds.
pub(crate) fn band_start(band: usize) -> f64 {
    10_f64.powf(band as f64 / 4.0)
}

/// As far as an hour, the longest that a log tells apart.
pub(crate) const BANDS: usize = 27;

/// More columns are no easier to read on any screen.
const MOST_COLUMNS: u32 = 240;

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Elapsed {
        Elapsed::new(Duration::from_secs(seconds))
    }

    #[test]
    fn a_day_stays_within_its_columns_and_loses_no_record() {
        let mut heat = Heat::default();
        let day = 24 * 3_600;
        for second in 0..day {
            heat.note(at(second), SECOND, &[(20 * MILLI, 3), (Duration::from_secs(second), 1)]);
        }
        assert!(heat.columns.len() <= MOST_COLUMNS as usize, "{}", heat.columns.len());
        assert_eq!(heat.columns().flat_map(|(_, column)| column).sum::<u64>(), 4 * day);
    }

    #[test]
    fn intervals_of_more_than_a_second_leave_no_second_out_that_they_cover() {
        let mut heat = Heat::default();
        let span = Duration::from_millis(1_100);
        for interval in 0..30 {
            heat.note(Elapsed::START.after(span * interval), span, &[(MILLI, 11)]);
        }
        let watched: Vec<_> = heat.columns().map(|(start, column)| (start, column[0])).collect();
        assert_eq!(watched, (0..=31).map(|second| (second, 11)).collect::<Vec<_>>());
    }

    #[test]
    fn a_latency_lies_in_the_band_that_begins_below_it() {
        for (latency, expected) in
            [(MILLI / 2, 0), (MILLI, 0), (2 * MILLI, 1), (11 * MILLI, 4), (1_001 * MILLI, 12)]
        {
            assert_eq!(band(latency), expected, "{latency:?}");
        }
        assert_eq!(band(Duration::MAX), BANDS - 1);
        assert!(band_start(BANDS) > millis(Duration::from_secs(3_600)), "the last band holds an hour");
    }

    #[test]
    fn a_watched_second_without_an_arrival_is_a_column_and_an_unwatched_one_is_none() {
        let mut heat = Heat::default();
        heat.note(at(3), SECOND, &[]);
        heat.note(at(5), SECOND, &[(MILLI, 2)]);
        let watched: Vec<_> =
            heat.columns().map(|(start, column)| (start, column.iter().sum::<u64>())).collect();
        assert_eq!(watched, [(3, 0), (5, 2)]);
    }
}
