//! Where a campaign's signals are read.

use std::fmt;

use futures_util::stream::{BoxStream, StreamExt};
use ramp_core::units::Elapsed;
use ramp_observe::{Observed, Observer};

/// What reads the signals of a campaign: a Prometheus, or the demo's own replication.
pub trait Signals: fmt::Debug + Send + Sync {
    /// Reads every signal as it stands at `now` of the campaign: each reading as soon as it is had, all of them within
    /// a sampling period.
    fn sample(&self, now: Elapsed) -> BoxStream<'_, Observed>;
}

impl Signals for Observer {
    fn sample(&self, now: Elapsed) -> BoxStream<'_, Observed> {
        Self::sample(self, now).boxed()
    }
}
