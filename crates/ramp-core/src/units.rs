//! Quantities as types, so that a rate cannot be taken for a ratio nor a point in time for a duration.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

/// A load in records (or requests, rows, messages) per second; at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Rate(NonZeroU32);

impl Rate {
    /// A rate of `n` records per second, or `None` for 0: no load proves nothing.
    #[must_use]
    pub const fn per_second(n: u32) -> Option<Self> {
        match NonZeroU32::new(n) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// Records per second, 1 to `u32::MAX`.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Records per second where zero is excluded by the type.
    #[must_use]
    pub const fn non_zero(self) -> NonZeroU32 {
        self.0
    }

    /// How many records are due within `span`, rounded down; saturates at `u64::MAX`.
    #[must_use]
    pub fn records_in(self, span: Duration) -> u64 {
        let records = u128::from(self.get()) * span.as_nanos() / 1_000_000_000;
        u64::try_from(records).unwrap_or(u64::MAX)
    }

    /// `share` of this rate, rounded down; `None` where less than one record per second is left.
    #[must_use]
    pub fn share(self, share: Ratio) -> Option<Self> {
        // A ratio is at most 1 and the product below 2^32, so the cast neither wraps nor loses a whole record.
        // The tiny term undoes that 0.7 is stored just below 0.7 (70 % of 10 is 7, not 6).
        Self::per_second((f64::from(self.get()) * share.get() + 1e-6) as u32)
    }

    /// Rates above this one, each above the one before by the share `by` (at least by 1), up to `most` and ending with
    /// it; none where `most` is not above this rate. With them a ramp goes on beyond its last tier.
    pub fn rising_to(self, most: Self, by: Ratio) -> impl Iterator<Item = Self> {
        let next = move |rate: &Self| {
            let step = rate.share(by).map_or(1, Self::get);
            let next = Self::per_second(rate.get().saturating_add(step))?;
            (*rate < most).then_some(next.min(most))
        };
        std::iter::successors(Some(self), next).skip(1)
    }
}

impl FromStr for Rate {
    type Err = NotARate;

    /// Reads a whole number of records per second, as in `2500`, `2_500` or `2_500/s`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix("/s").unwrap_or(text).trim();
        let rate = number.replace('_', "").parse().ok().and_then(Self::per_second);
        rate.ok_or_else(|| NotARate(text.to_owned()))
    }
}

/// A text that was to be a [`Rate`] and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s")]
pub struct NotARate(String);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A share between 0 and 1, both included.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "f64", into = "f64")
)]
pub struct Ratio(f64);

impl Ratio {
    /// A ratio of `value`, or `None` where it is not a number from 0 to 1.
    #[must_use]
    pub const fn new(value: f64) -> Option<Self> {
        if value >= 0.0 && value <= 1.0 { Some(Self(value)) } else { None }
    }

    /// The share, 0 to 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 * 1000.0).round() / 10.0)
    }
}

impl TryFrom<f64> for Ratio {
    type Error = NotARatio;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value).ok_or(NotARatio(value))
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

/// A number that was to be a [`Ratio`] and is not from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a ratio: give a number from 0 to 1 (70 % is 0.7)")]
pub struct NotARatio(f64);

/// A point in time as the time since the campaign's start. The caller owns the clock; this crate reads none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Elapsed(Duration);

impl Elapsed {
    /// The campaign's start.
    pub const START: Self = Self(Duration::ZERO);

    /// The point `since_start` after the campaign's start.
    #[must_use]
    pub const fn new(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// Time since the campaign's start.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to `self`; zero where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The point `span` later, at most the end of representable time.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(n: u32) -> Rate {
        Rate::per_second(n).unwrap()
    }

    #[test]
    fn seventy_percent_is_exact_for_every_rate_of_the_form() {
        let share = Ratio::new(0.7).unwrap();
        let shares: Vec<_> =
            [10, 1_000, 2_500, 5_000, 7_500, 10_000].map(|n| rate(n).share(share).unwrap().get()).into();
        assert_eq!(shares, [7, 700, 1_750, 3_500, 5_250, 7_000]);
    }

    #[test]
    fn rates_rise_to_a_limit_and_end_with_it() {
        let rising = |from, most, by| {
            let rates = rate(from).rising_to(rate(most), Ratio::new(by).unwrap());
            rates.map(Rate::get).take(6).collect::<Vec<_>>()
        };
        assert_eq!(rising(10_000, 30_000, 0.5), [15_000, 22_500, 30_000]);
        assert_eq!(rising(10_000, 15_000, 0.5), [15_000]);
        assert_eq!(rising(10_000, 10_000, 0.5), [0_u32; 0]);
        assert_eq!(rising(1, 4, 0.0), [2, 3, 4]);
        assert_eq!(rising(u32::MAX - 1, u32::MAX, 1.0), [u32::MAX]);
    }

    #[test]
    fn a_share_below_one_record_per_second_is_no_rate() {
        assert_eq!(rate(1).share(Ratio::new(0.7).unwrap()), None);
    }

    #[test]
    fn a_ratio_outside_zero_to_one_is_refused() {
        for value in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Ratio::new(value), None, "{value}");
        }
    }

    #[test]
    fn a_rate_reads_as_people_write_it() {
        for text in ["2500", "2_500", "2_500/s", "2500 /s"] {
            assert_eq!(text.parse(), Ok(rate(2_500)));
        }
        assert_eq!(rate(2_500).to_string().parse(), Ok(rate(2_500)), "what is shown is read back");
        for text in ["", "0", "/s", "0/s", "-1", "2.5", "2k/s", "2/s/s", "2/min", "fast", "5000000000"] {
            assert_eq!(text.parse::<Rate>(), Err(NotARate(text.to_owned())));
        }
    }

    #[test]
    fn units_are_written_with_their_signs() {
        assert_eq!(rate(2_500).to_string(), "2500/s");
        let shares = [0.7, 0.125, 0.9995].map(|share| Ratio::new(share).unwrap().to_string());
        assert_eq!(shares, ["70 %", "12.5 %", "100 %"]);
        assert_eq!(
            "fast".parse::<Rate>().unwrap_err().to_string(),
            r#""fast" is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s"#
        );
    }

    #[test]
    fn time_never_runs_below_zero_or_beyond_its_end() {
        let at = |seconds| Elapsed::new(Duration::from_secs(seconds));
        assert_eq!(at(5).since(at(3)), Duration::from_secs(2));
        assert_eq!(at(3).since(at(5)), Duration::ZERO);
        assert_eq!(at(3).after(Duration::from_secs(2)), at(5));
        assert_eq!(at(3).after(Duration::MAX), Elapsed::new(Duration::MAX));
    }

    #[test]
    fn a_tier_of_five_minutes_at_a_thousand_is_300_000_records() {
        assert_eq!(rate(1_000).records_in(Duration::from_secs(300)), 300_000);
    }
}
