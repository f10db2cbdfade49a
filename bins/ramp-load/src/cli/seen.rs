//! The command lines that see records arrive: `probe` and `e2e`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use ramp_core::units::Rate;
use ramp_load::{
    client_config::ClusterConfig,
    probe::{Begin, sample::Share, topics::ReplicationPolicy},
    producer::LoadSpec,
    schedule::Pace,
    stamp::RunId,
};

use super::{
    Load, RunError, Telling,
    connection::{ConnectionError, Login, READ, TARGET},
    seconds,
};

/// `ramp-load probe`.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// Bootstrap servers of the cluster that is read; goes before any bootstrap.servers.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_TARGET")]
    pub(crate) bootstrap: Option<String>,
    /// A topic to read, by its name on this cluster, or by its name on the source where --alias or --pattern is given.
    /// Give every topic of the load: what went to others counts as missing.
    #[arg(long, value_name = "TOPIC", required = true)]
    pub(crate) topic: Vec<String>,
    /// How a replication names topics.
    #[command(flatten)]
    naming: Naming,
    /// How to log in.
    #[command(flatten)]
    login: Login,
    /// Only the records of this run; every load's otherwise, each with an account of its own.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<RunId>,
    /// How many records the load has: what is missing at its end can be told only by that.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: Option<u64>,
    /// Begin with the first record of each topic instead of its end. What lies there already has no latency.
    #[arg(long)]
    from_beginning: bool,
    /// End after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// End when no record has come for so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    pub(crate) idle: Duration,
    /// What else is demanded.
    #[command(flatten)]
    pub(crate) demands: Demands,
    /// How the outcome is told.
    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// `ramp-load e2e`.
#[derive(Debug, Args)]
pub(crate) struct E2e {
    /// Records per second.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Rate,
    /// What is sent.
    #[command(flatten)]
    pub(crate) load: Load,
    /// Bootstrap servers of the cluster that a replication writes to; without, records are read where they were sent.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_TARGET")]
    target: Option<String>,
    /// As --config, for the target.
    #[arg(long, value_name = "FILE")]
    target_config: Option<PathBuf>,
    /// As --property, for the target.
    #[arg(long, value_name = "KEY=VALUE")]
    target_property: Vec<String>,
    /// As --username-env, for the target.
    #[arg(long, value_name = "VARIABLE")]
    target_username_env: Option<String>,
    /// As --password-env, for the target.
    #[arg(long, value_name = "VARIABLE")]
    target_password_env: Option<String>,
    /// How a replication names topics.
    #[command(flatten)]
    naming: Naming,
    /// Read only this share of each topic's partitions, such as 25%, at least one: where reading all is too dear. What is
    /// told is of these, losses also as an estimate of all. Topics need as many partitions as on the source.
    #[arg(long, value_name = "SHARE")]
    pub(crate) probe_sample: Option<Share>,
    /// How long, in seconds, one record for each partition may take to cross before the load begins.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub(crate) patience: Duration,
    /// How long, in seconds, records may still arrive after the load; what has not by then is lost.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub(crate) drain: Duration,
    /// What else is demanded.
    #[command(flatten)]
    pub(crate) demands: Demands,
}

/// How a replication names topics.
#[derive(Debug, Args)]
struct Naming {
    /// The source cluster's alias in MirrorMaker 2; topics are called ALIAS.TOPIC.
    #[arg(long)]
    alias: Option<String>,
    /// What stands between alias and topic; a dot by default.
    #[arg(long, value_name = "TEXT")]
    separator: Option<String>,
    /// Topics have the same name on both clusters.
    #[arg(long, conflicts_with_all = ["alias", "separator", "pattern"])]
    identity: bool,
    /// A name of one's own, {topic} standing for the topic's name on the source.
    #[arg(long, value_name = "TEXT", value_parser = pattern, conflicts_with_all = ["alias", "separator"])]
    pattern: Option<String>,
}

/// What is demanded beside that every record arrives.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Demands {
    /// End with 1 unless the p99 of the latency from the due time is below so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) p99: Option<Duration>,
    /// End with 1 if a record was duplicated or reordered, too.
    #[arg(long)]
    pub(crate) exactly_once: bool,
}

impl Probe {
    /// The cluster that is read, and what is to be said about its properties.
    ///
    /// # Errors
    /// When it is not described.
    pub(crate) fn cluster(&self) -> Result<(ClusterConfig, Vec<String>), ConnectionError> {
        self.login.cluster(self.bootstrap.as_ref(), &READ)
    }

    /// The topics to read.
    pub(crate) fn topics(&self) -> Vec<String> {
        let policy = self.naming.policy().unwrap_or(ReplicationPolicy::Identity);
        self.topic.iter().map(|topic| policy.target_topic(topic)).collect()
    }

    pub(crate) const fn begin(&self) -> Begin {
        if self.from_beginning { Begin::AtBeginning } else { Begin::AtEnd }
    }
}

impl E2e {
    /// The load.
    ///
    /// # Errors
    /// When the payload file cannot be used.
    pub(crate) fn spec(&self, delivery_timeout: Duration) -> Result<LoadSpec, RunError> {
        let spec = self.load.spec(Pace::Rate(self.rate), delivery_timeout)?;
        Ok(LoadSpec { bound: self.demands.p99.unwrap_or(spec.bound), ..spec })
    }

    /// The cluster on which records arrive, where it is another one; and what is to be said about its properties.
    ///
    /// # Errors
    /// When it is not described.
    pub(crate) fn target(&self) -> Result<Option<(ClusterConfig, Vec<String>)>, ConnectionError> {
        let is_named = self.target.is_some()
            || self.target_config.is_some()
            || !self.target_property.is_empty()
            || self.target_username_env.is_some()
            || self.target_password_env.is_some();
        if !is_named {
            return Ok(None);
        }
        let login = Login {
            config: self.target_config.clone(),
            property: self.target_property.clone(),
            username_env: self.target_username_env.clone(),
            password_env: self.target_password_env.clone(),
        };
        login.cluster(self.target.as_ref(), &TARGET).map(Some)
    }

    /// What the topics are called where they are read: `has_target` says that this is another cluster.
    pub(crate) fn target_topics(&self, has_target: bool) -> Vec<String> {
        let policy = self.naming.policy().unwrap_or_else(|| {
            if has_target {
                ReplicationPolicy::Default { alias: ALIAS.to_owned(), separator: SEPARATOR.to_owned() }
            } else {
                ReplicationPolicy::Identity
            }
        });
        self.load.topic.iter().map(|topic| policy.target_topic(topic)).collect()
    }
}

impl Naming {
    /// The policy, where a flag names one.
    fn policy(&self) -> Option<ReplicationPolicy> {
        if self.identity {
            return Some(ReplicationPolicy::Identity);
        }
        if let Some(pattern) = &self.pattern {
            return Some(ReplicationPolicy::Pattern(pattern.clone()));
        }
        let named = self.alias.is_some() || self.separator.is_some();
        named.then(|| ReplicationPolicy::Default {
            alias: self.alias.clone().unwrap_or_else(|| ALIAS.to_owned()),
            separator: self.separator.clone().unwrap_or_else(|| SEPARATOR.to_owned()),
        })
    }
}

fn pattern(text: &str) -> Result<String, String> {
    let text = text.contains("{topic}").then(|| text.to_owned());
    text.ok_or_else(|| "write {topic} where the topic's name on the source stands".to_owned())
}

/// As `ramp.toml` has it where it does not say otherwise.
const ALIAS: &str = "source";
const SEPARATOR: &str = ".";
