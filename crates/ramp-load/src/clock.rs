//! One clock for producer and probe, so that a latency needs no agreement between machines.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that never jumps, anchored once to Unix time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    anchor: Instant,
    unix: Moment,
}

impl Clock {
    /// A clock that shows Unix time now and runs on without jumps, whatever the calendar does.
    #[must_use]
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: Instant::now(), unix: Moment(0).after(unix) }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.unix.after(self.anchor.elapsed())
    }
}

/// A point in time: nanoseconds since the Unix epoch, up to the year 2554.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The moment that many nanoseconds after the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down: the unit of Kafka's record timestamps.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The moment `span` later; saturates.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// The moment `span` earlier; saturates.
    #[must_use]
    pub const fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }

    /// Time from `earlier` to `self`; zero where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

const fn nanos(span: Duration) -> u64 {
    let nanos = span.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}
