//! The course of one figure over a tier, in few values however long the tier is.

/// The highest values of equal stretches of time.
#[derive(Debug, Default)]
pub(super) struct History {
    values: Vec<Option<u64>>,
    /// How many values of now each stretch holds, and how many the last one has by now.
    stretch: usize,
    filled: usize,
}

impl History {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the value of now; there may be none.
    pub(super) fn take(&mut self, value: Option<u64>) {
        self.stretch = self.stretch.max(1);
        if self.filled == self.stretch || self.values.is_empty() {
            if self.values.len() == MOST {
                self.values = self.values.chunks(2).map(highest).collect();
                self.stretch *= 2;
            }
            self.values.push(value);
            self.filled = 1;
        } else {
            if let Some(last) = self.values.last_mut() {
                *last = (*last).max(value);
            }
            self.filled += 1;
        }
    }

    /// The whole course in at most `columns` values.
    pub(super) fn columns(&self, columns: usize) -> Vec<Option<u64>> {
        let each = self.values.len().div_ceil(columns.max(1)).max(1);
        self.values.chunks(each).map(highest).collect()
    }
}

fn highest(values: &[Option<u64>]) -> Option<u64> {
    values.iter().copied().max().flatten()
}

/// More than a terminal is wide; even, so that pairs are whole.
const MOST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_seen_however_long_the_course_and_however_few_the_columns() {
        let mut history = History::default();
        for beat in 0..100_000_u64 {
            history.take((beat > 10).then_some(if beat == 70_000 { 999 } else { 5 }));
        }
        assert!(history.values.len() <= MOST && history.values.len() > MOST / 4);
        for columns in [1, 7, 80, 511, 10_000] {
            let drawn = history.columns(columns);
            assert!(drawn.len() <= columns && drawn.contains(&Some(999)), "{columns}");
        }
    }

    #[test]
    fn a_short_course_is_drawn_value_by_value_and_what_was_not_known_stays_so() {
        let mut history = History::default();
        assert_eq!(history.columns(80), []);
        for value in [None, Some(3), Some(1)] {
            history.take(value);
        }
        assert_eq!(history.columns(80), [None, Some(3), Some(1)]);
        assert_eq!(history.columns(2), [Some(3), Some(1)]);
        history.clear();
        assert_eq!(history.columns(80), []);
    }
}
