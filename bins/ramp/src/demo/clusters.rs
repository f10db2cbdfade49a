//! The two clusters of the simulation: librdkafka's mock brokers, on loopback, in this process.

use std::{fmt, io};

use ramp_load::client_config::ClusterConfig;
use rdkafka::{error::KafkaError, mocking::MockCluster, producer::DefaultProducerContext};

/// The clusters, for as long as it lives.
pub(super) struct Clusters {
    source: MockCluster<'static, DefaultProducerContext>,
    target: MockCluster<'static, DefaultProducerContext>,
}

/// Why the simulation cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulationError {
    /// A mock cluster cannot be had.
    #[error("cannot simulate a cluster: {0}; it needs a free port on loopback")]
    Cluster(#[source] KafkaError),
    /// The mirror cannot be connected.
    #[error("cannot connect the simulated mirror: {0}")]
    Mirror(#[source] KafkaError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl Clusters {
    pub(super) fn start(topics: &[String], target_topics: &[String]) -> Result<Self, SimulationError> {
        let cluster = |topics: &[String]| {
            let cluster = MockCluster::new(1)?;
            topics.iter().try_for_each(|topic| cluster.create_topic(topic, PARTITIONS, 1))?;
            Ok(cluster)
        };
        let source = cluster(topics).map_err(SimulationError::Cluster)?;
        let target = cluster(target_topics).map_err(SimulationError::Cluster)?;
        Ok(Self { source, target })
    }

    pub(super) fn source(&self) -> ClusterConfig {
        ClusterConfig { bootstrap: self.source.bootstrap_servers(), ..ClusterConfig::default() }
    }

    pub(super) fn target(&self) -> ClusterConfig {
        ClusterConfig { bootstrap: self.target.bootstrap_servers(), ..ClusterConfig::default() }
    }
}

impl fmt::Debug for Clusters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clusters").finish_non_exhaustive()
    }
}

/// Partitions of each topic.
pub(super) const PARTITIONS: i32 = 3;
