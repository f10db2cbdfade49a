//! A Prometheus that has answered.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{ObserveError, patience, unix};
use crate::client::{Prometheus, PrometheusConfig, answer::Data};

/// A Prometheus that has answered.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) prometheus: Prometheus,
    /// By how many seconds its clock is ahead of this machine's.
    pub(super) ahead: f64,
    /// How long a query may take that is asked once, before anything waits for it.
    pub(super) patience: Duration,
    /// How often each of its targets is scraped, by job and instance.
    pub(super) intervals: BTreeMap<(String, String), Duration>,
}

impl Server {
    pub(super) async fn meet(config: &PrometheusConfig, sampling: Duration) -> Result<Self, ObserveError> {
        let unreachable = |source| ObserveError::Unreachable { address: config.address(), source };
        let prometheus = Prometheus::new(config).map_err(ObserveError::Configuration)?;
        let patience = patience(sampling.max(LEAST_FIRST_PERIOD));
        let time = async || prometheus.query("time()", None, Instant::now() + patience).await;
        // The first answer takes as long as connecting does, which says nothing of the clocks.
        time().await.map_err(unreachable)?;
        let asked = SystemTime::now();
        let answer = time().await.map_err(unreachable)?;
        let answered = SystemTime::now();
        let ahead = match answer.data {
            Data::Scalar(time) => {
                let difference = time.value() - f64::midpoint(unix(asked), unix(answered));
                // What the way there and back explains is no difference.
                if difference.abs() < LEAST_DIFFERENCE { 0.0 } else { difference }
            }
            Data::Vector(_) | Data::Matrix(_) | Data::String(_) => 0.0,
        };
        let intervals = prometheus.scrape_intervals(Instant::now() + patience).await;
        Ok(Self { prometheus, ahead, patience, intervals })
    }
}

/// A query that is asked for the first time finds cold caches, and nothing waits for it yet.
const LEAST_FIRST_PERIOD: Duration = Duration::from_secs(5);

/// Clocks that differ by less agree, in seconds.
const LEAST_DIFFERENCE: f64 = 1.0;
