//! A campaign's own metrics, for a Prometheus to read while it runs. They are served by a task of their own from what the
//! driver left there last: it waits for nobody who reads them.

mod address;
mod server;
mod standing;
mod text;

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ramp_core::{
    campaign::{Campaign, Stage},
    event::Event,
    observation::{Reading, Sample},
    signal::SignalId,
};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet, time::timeout};

pub use self::address::{MetricsAddress, NotAnAddress};
use self::standing::Standing;

/// Serves a campaign's metrics until it is dropped.
#[derive(Debug)]
pub struct Metrics {
    address: SocketAddr,
    /// The run's name.
    name: String,
    /// The signals whose latest reading in this tier has a value.
    read: BTreeSet<SignalId>,
    shared: Arc<Shared>,
    /// Dropped, and so ended, with the metrics.
    _server: JoinSet<()>,
}

/// What the driver leaves and the server reads.
#[derive(Debug, Default)]
struct Shared {
    /// How the campaign stood last; nothing before it begins.
    standing: Mutex<Option<Arc<Standing>>>,
    scrapes: Mutex<Scrapes>,
    /// Told when whoever has read how the campaign ended has all of it.
    ended: Notify,
}

/// When the metrics were read.
#[derive(Debug, Default)]
struct Scrapes {
    last: Option<Instant>,
    /// The time between the last two.
    interval: Option<Duration>,
    /// Whether how the campaign ended was read.
    end_was_read: bool,
}

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve metrics on {address}: {source}; choose another address with --metrics, or leave it out"
)]
pub struct MetricsError {
    /// Where they were to be.
    address: MetricsAddress,
    /// Why not.
    source: io::Error,
}

impl Metrics {
    /// Serves metrics on `address`, from now on.
    ///
    /// # Errors
    /// When nothing can listen there.
    pub async fn serve(address: MetricsAddress) -> Result<Self, MetricsError> {
        let failed = |source| MetricsError { address, source };
        let listener = TcpListener::bind(address.get()).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let mut server = JoinSet::new();
        server.spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self { address, name: String::new(), read: BTreeSet::new(), shared, _server: server })
    }

    /// Where they are.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, server::PATH)
    }

    /// The metrics of the run called `name`.
    #[must_use]
    pub fn of(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Takes in what a signal was read as.
    pub fn reading(&mut self, reading: &Reading) {
        match &reading.sample {
            Sample::Present { points, .. } if points.iter().any(|point| point.value.is_finite()) => {
                self.read.insert(reading.signal.clone());
            }
            Sample::Present { .. } | Sample::Absent(_) => {
                self.read.remove(&reading.signal);
            }
        }
    }

    /// Takes in what happened, and leaves how `campaign` stands since.
    pub fn event(&mut self, campaign: &Campaign, event: &Event) {
        if matches!(event, Event::TierStarted { .. } | Event::WarmingUp { .. }) {
            self.read.clear();
        }
        self.beat(campaign);
    }

    /// Leaves how `campaign` stands.
    pub fn beat(&mut self, campaign: &Campaign) {
        let standing = Arc::new(Standing::of(&self.name, campaign, &self.read));
        *self.shared.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    /// How long it is worth waiting until whoever reads the metrics regularly has read how the campaign ended; nothing
    /// where nobody does, or somebody has.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        let scrapes = self.shared.scrapes.lock().unwrap_or_else(PoisonError::into_inner);
        scrapes.patience(Instant::now())
    }

    /// Ends when somebody has read how the campaign ended, at the latest after `patience`.
    pub async fn end_is_read(&self, patience: Duration) {
        // Whoever does not come in time has the reports.
        let _ = timeout(patience, self.shared.ended.notified()).await;
    }
}

impl Shared {
    /// The metrics as text; nothing where they have no text form.
    fn page(&self) -> Option<String> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_end = standing.as_ref().is_some_and(|standing| matches!(standing.stage, Stage::Done { .. }));
        let page = text::page(standing).ok();
        self.scrapes.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now(), is_end);
        page
    }

    /// Takes note that whoever was answered has the whole answer, or has gone.
    fn answered(&self) {
        if self.scrapes.lock().unwrap_or_else(PoisonError::into_inner).end_was_read {
            self.ended.notify_one();
        }
    }
}

impl Scrapes {
    fn count(&mut self, now: Instant, is_end: bool) {
        self.end_was_read |= is_end;
        self.interval = self.last.map(|last| now.duration_since(last));
        self.last = Some(now);
    }

    fn patience(&self, now: Instant) -> Option<Duration> {
        let (last, interval) = (self.last?, self.interval?);
        let next = interval.mul_f64(LATE_BY);
        let left = next.checked_sub(now.duration_since(last))?;
        (interval <= LONGEST_INTERVAL && !self.end_was_read).then_some(left)
    }
}

/// A scrape may come so much later than the interval says.
const LATE_BY: f64 = 1.5;

/// Whoever reads less often is not waited for.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const THE_END: u64 = 30;

    #[test]
    fn only_who_reads_regularly_and_is_due_is_waited_for() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let patience = |read: &[u64], now| {
            let mut scrapes = Scrapes::default();
            read.iter().for_each(|second| scrapes.count(at(*second), *second == THE_END));
            scrapes.patience(at(now)).map(|left| left.as_secs())
        };
        assert_eq!(patience(&[], 100), None);
        assert_eq!(patience(&[10], 11), None, "one look by hand is no interval");
        assert_eq!(patience(&[0, 10, 20], 21), Some(14));
        assert_eq!(patience(&[0, 10, 20], 36), None, "it has stopped to read");
        assert_eq!(patience(&[10, 20, THE_END], 31), None, "it has read the end");
        assert_eq!(patience(&[0, 100], 101), None, "it reads too seldom");
    }
}
