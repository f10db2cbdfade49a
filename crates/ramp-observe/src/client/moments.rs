//! Moments at equal distances, which a query is answered for at once.

/// The last of some moments, and how many lie before it at which distance; in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moments {
    last: i64,
    step: i64,
    before: u16,
}

impl Moments {
    /// The moments up to `last` that are `step` apart, back to `from` and no more than `most` of them; all in seconds.
    pub(crate) fn between(from: f64, last: f64, step: f64, most: u16) -> Self {
        let step = milliseconds(step).max(1);
        let before = ((last - from).max(0.0) * 1_000.0 / step as f64).ceil() as u64;
        let before = u16::try_from(before).unwrap_or(u16::MAX).min(most.saturating_sub(1));
        Self { last: milliseconds(last), step, before }
    }

    /// The moment `at` alone, in seconds.
    pub(crate) fn only(at: f64) -> Self {
        Self { last: milliseconds(at), step: 1_000, before: 0 }
    }

    /// Every moment, in seconds, oldest first.
    pub(crate) fn times(self) -> impl ExactSizeIterator<Item = f64> {
        let first = self.last - self.step * i64::from(self.before);
        (0..=self.before).map(move |place| seconds(first + self.step * i64::from(place)))
    }

    pub(crate) fn count(self) -> usize {
        usize::from(self.before) + 1
    }

    /// Which of the moments `time` is: a server may move them by less than half a step onto a raster of its own.
    pub(crate) fn place(self, time: f64) -> Option<usize> {
        let before = (self.last - milliseconds(time) + self.step / 2).div_euclid(self.step);
        usize::from(self.before).checked_sub(usize::try_from(before).ok()?)
    }

    pub(super) fn first(self) -> String {
        written(self.last - self.step * i64::from(self.before))
    }

    pub(super) fn last(self) -> String {
        written(self.last)
    }

    pub(super) fn step(self) -> String {
        written(self.step)
    }
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

fn written(milliseconds: i64) -> String {
    format!("{:.3}", seconds(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_end_with_the_last_and_reach_back_as_far_as_is_asked_or_allowed() {
        let times = |from, most| Moments::between(from, 100.0, 2.5, most).times().collect::<Vec<_>>();
        assert_eq!(times(93.0, 9), [92.5, 95.0, 97.5, 100.0]);
        assert_eq!(times(0.0, 3), [95.0, 97.5, 100.0]);
        assert_eq!(times(101.0, 9), [100.0]);
        assert_eq!(Moments::only(100.0).times().collect::<Vec<_>>(), [100.0]);
    }

    #[test]
    fn a_time_is_the_moment_that_it_is_nearest_to_and_none_beyond_them() {
        let moments = Moments::between(93.0, 100.0, 2.5, 9);
        let places = [90.0, 92.5, 96.0, 96.4, 100.0, 99.0, 105.0].map(|time| moments.place(time));
        assert_eq!(places, [None, Some(0), Some(1), Some(2), Some(3), Some(3), None]);
    }
}
