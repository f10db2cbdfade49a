//! What a cluster says of its topics.

mod survey;

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

pub use self::survey::{Survey, Timestamps, TopicSettings, TopicSurvey, survey};
use crate::client_config::{ClusterConfig, ConnectError, Listener};

/// A topic as its cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: usize,
}

/// Why topics cannot be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The cluster cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A topic is not there.
    #[error("{bootstrap} has no topic {topic}; create it, or change topics.prefix and topics.count")]
    NoTopic {
        /// The bootstrap servers.
        bootstrap: String,
        /// The topic.
        topic: String,
    },
}

/// What a cluster is, and what it says of some topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView {
    /// The identity by which its brokers know it; the bootstrap servers where they do not tell.
    pub id: String,
    /// The topics, in the order in which they were asked for.
    pub topics: Vec<TopicView>,
}

/// Describes a cluster and `topics`.
///
/// # Errors
/// When the cluster does not answer within 10 s or has not every topic.
pub fn describe(config: &ClusterConfig, topics: &[String]) -> Result<ClusterView, ClusterError> {
    let listener = Listener::default();
    let complaints = listener.complaints.clone();
    let client = config.client(&[]);
    let client: BaseConsumer<Listener> = client
        .create_with_context(listener)
        .map_err(|error| ConnectError::client(&config.bootstrap, &error))?;
    let poll = |span| while client.poll(span).is_some() {};
    let metadata = complaints.metadata(&config.bootstrap, client.client(), None, poll)?;
    let view = |topic: &String| {
        let known = metadata.topics().iter().find(|known| known.name() == topic);
        let known = known.filter(|known| survey::is_there(known));
        let missing = || ClusterError::NoTopic { bootstrap: config.bootstrap.clone(), topic: topic.clone() };
        let known = known.ok_or_else(missing)?;
        Ok(TopicView { name: topic.clone(), partitions: known.partitions().len() })
    };
    let topics = topics.iter().map(view).collect::<Result<_, ClusterError>>()?;
    let id = client.client().fetch_cluster_id(PATIENCE);
    Ok(ClusterView { id: id.unwrap_or_else(|| config.bootstrap.clone()), topics })
}

/// For a question that follows one that was answered.
const PATIENCE: Duration = Duration::from_secs(2);
