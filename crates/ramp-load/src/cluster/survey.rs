//! How a cluster keeps some topics: replicas and the settings that bear on what is measured.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier},
    metadata::MetadataTopic,
};

use super::ClusterError;
use crate::client_config::{ClusterConfig, ConnectError, Listener};

/// What a cluster says of some topics and their settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The topics that are there, in the order in which they were asked for.
    pub topics: Vec<TopicSurvey>,
    /// Why the settings of some are not known, where they are not.
    pub unread: Option<String>,
}

/// How a topic is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSurvey {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many replicas the partition with the fewest has.
    pub replicas: usize,
    /// How many partitions have a replica that is not in sync.
    pub out_of_sync: usize,
    /// Its settings, where the cluster tells them.
    pub settings: Option<TopicSettings>,
}

/// Settings of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicSettings {
    /// `min.insync.replicas`: with fewer of them `acks=all` is refused.
    pub min_insync_replicas: usize,
    /// `message.timestamp.type`.
    pub timestamps: Timestamps,
}

/// Whose clock stamps a topic's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamps {
    /// The producer's: `CreateTime`.
    Created,
    /// The broker's: `LogAppendTime`.
    Appended,
}

impl Timestamps {
    /// Kafka's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CreateTime",
            Self::Appended => "LogAppendTime",
        }
    }
}

/// Surveys `topics`. Those that are not there are left out.
///
/// # Errors
/// When the cluster does not answer within 10 s. Settings that it does not tell are no error.
pub async fn survey(config: &ClusterConfig, topics: &[String]) -> Result<Survey, ClusterError> {
    let listener = Listener::default();
    let complaints = listener.complaints.clone();
    let client: AdminClient<Listener> = config
        .client(&[])
        .create_with_context(listener)
        .map_err(|error| ConnectError::client(&config.bootstrap, &error))?;
    let metadata = complaints.metadata(&config.bootstrap, client.inner(), None, |_its_own_thread_does| {})?;
    let known =
        |name: &String| metadata.topics().iter().find(|known| known.name() == name && is_there(known));
    let known: Vec<_> = topics.iter().filter_map(known).collect();
    let (settings, unread) = settings(&client, &known).await;
    let topics = known.into_iter().map(|topic| kept(topic, settings.get(topic.name()).copied()));
    Ok(Survey { topics: topics.collect(), unread })
}

pub(super) fn is_there(topic: &MetadataTopic) -> bool {
    topic.error().is_none() && !topic.partitions().is_empty()
}

fn kept(topic: &MetadataTopic, settings: Option<TopicSettings>) -> TopicSurvey {
    let partitions = topic.partitions();
    let replicas = partitions.iter().map(|partition| partition.replicas().len()).min();
    let out_of_sync =
        partitions.iter().filter(|partition| partition.isr().len() < partition.replicas().len());
    TopicSurvey {
        name: topic.name().to_owned(),
        partitions: partitions.len(),
        replicas: replicas.unwrap_or_default(),
        out_of_sync: out_of_sync.count(),
        settings,
    }
}

/// The settings by topic, and why some are missing.
async fn settings(
    client: &AdminClient<Listener>,
    topics: &[&MetadataTopic],
) -> (BTreeMap<String, TopicSettings>, Option<String>) {
    if topics.is_empty() {
        return (BTreeMap::new(), None);
    }
    let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic.name())).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let answered = match client.describe_configs(&asked, &options).await {
        Ok(answered) => answered,
        Err(error) => return (BTreeMap::new(), Some(error.to_string())),
    };
    let (mut settings, mut unread) = (BTreeMap::new(), None);
    for answer in answered {
        match answer.map_err(|code| code.to_string()).and_then(|resource| parsed(&resource)) {
            Ok((topic, found)) => drop(settings.insert(topic, found)),
            Err(reason) => unread = Some(reason),
        }
    }
    (settings, unread)
}

fn parsed(resource: &ConfigResource) -> Result<(String, TopicSettings), String> {
    let OwnedResourceSpecifier::Topic(topic) = &resource.specifier else {
        return Err("the answer is not about a topic".to_owned());
    };
    let value = |name: &str| {
        let value = resource.get(name).and_then(|entry| entry.value.as_deref());
        value.ok_or_else(|| format!("{topic} has no {name}"))
    };
    let strange = |name: &str, value: &str| format!("{topic} has {name} = {value:?}");
    let least = value(LEAST)?;
    let timestamps = match value(TIMESTAMPS)? {
        "CreateTime" => Timestamps::Created,
        "LogAppendTime" => Timestamps::Appended,
        other => return Err(strange(TIMESTAMPS, other)),
    };
    let min_insync_replicas = least.parse().map_err(|_| strange(LEAST, least))?;
    Ok((topic.clone(), TopicSettings { min_insync_replicas, timestamps }))
}

const LEAST: &str = "min.insync.replicas";
const TIMESTAMPS: &str = "message.timestamp.type";

/// For a question that follows one that was answered.
const PATIENCE: Duration = Duration::from_secs(5);
