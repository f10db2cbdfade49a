//! The configuration file as the user wrote it.

use std::{collections::BTreeMap, path::PathBuf};

use ramp_core::signal::{Fold, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{schema, span::Span};

/// `ramp.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// The run's name, a part of its folder's name.
    pub name: Option<String>,
    /// The plan: `phase4`, or a file relative to this one.
    pub plan: Option<String>,
    /// Where runs are kept, relative to the working directory.
    pub runs: Option<PathBuf>,
    /// The cluster that takes the load.
    pub source: RawCluster,
    /// The cluster that the replication writes to.
    pub target: RawCluster,
    /// How topics are named on the target, and how it is known that records arrive there.
    pub replication: RawReplication,
    /// The topics that are loaded.
    pub topics: RawTopics,
    /// What each record carries.
    pub load: RawLoad,
    /// Where the dashboards' queries are answered.
    pub prometheus: RawPrometheus,
    /// Where Kafka Connect tells how the replication's tasks stand.
    pub connect: RawConnect,
    /// Where the team's Grafana is.
    pub grafana: RawGrafana,
    /// Which panels show the signals, where the catalogue does not say so.
    pub signals: BTreeMap<String, RawSignal>,
    /// What a stop on a signal of the hosts means.
    pub host: RawHost,
}

/// A Kafka cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawCluster {
    /// Its bootstrap servers, `host:port,host:port`.
    pub bootstrap: Option<String>,
    /// librdkafka properties, passed through. Secrets do not belong here.
    pub properties: BTreeMap<String, String>,
    /// The environment variable that holds the user name.
    pub username_env: Option<String>,
    /// The environment variable that holds the password.
    pub password_env: Option<String>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// A program and its arguments that print the password on the first line of standard output.
    pub password_command: Option<RawCommand>,
}

impl RawCluster {
    /// Whether anything is said of it.
    pub(super) fn is_given(&self) -> bool {
        let Self { bootstrap, properties, username_env, password_env, password_file, password_command } =
            self;
        bootstrap.is_some()
            || !properties.is_empty()
            || username_env.is_some()
            || password_env.is_some()
            || password_file.is_some()
            || password_command.is_some()
    }
}

/// How the replication names topics on the target, and how it is known that records arrive there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawReplication {
    /// `default` (alias, separator, topic), `identity` (the same name), or `pattern`.
    pub policy: RawPolicy,
    /// The source cluster's alias in MirrorMaker 2.
    pub alias: Option<String>,
    /// What stands between alias and topic.
    pub separator: Option<String>,
    /// For `pattern`: the target topic, `{topic}` standing for the source topic.
    pub pattern: Option<String>,
    /// `seen` (a probe reads the target), or `counted` where that is not allowed: then the dashboards' counter of
    /// replicated records tells, and their highest latency is the only bound on the p99.
    pub arrivals: RawArrivals,
}

/// How it is known that records arrive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawArrivals {
    /// A probe sees each of them on the target.
    #[default]
    Seen,
    /// The replication counts them.
    Counted,
}

/// A replication policy by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawPolicy {
    /// MirrorMaker's `DefaultReplicationPolicy`.
    #[default]
    Default,
    /// MirrorMaker's `IdentityReplicationPolicy`.
    Identity,
    /// A policy of one's own.
    Pattern,
}

/// The loaded topics: `{prefix}.generated-data-01.json` and so on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawTopics {
    /// The prefix.
    pub prefix: Option<String>,
    /// How many.
    pub count: Option<u16>,
}

/// What each record carries.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawLoad {
    /// `json`, or `random:N` for N bytes that do not compress.
    pub payload: Option<String>,
    /// A plan whose tiers write more records than this is refused; 50 000 000 unless said otherwise.
    pub max_records: Option<u64>,
}

/// Prometheus and the dashboards.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawPrometheus {
    /// Its address.
    pub url: Option<String>,
    /// How often the signals are read.
    pub sampling: Option<Span>,
    /// A folder or file with the dashboards to judge by; the built-in ones otherwise.
    pub dashboards: Option<PathBuf>,
    /// Values for the dashboards' template variables.
    pub variables: BTreeMap<String, RawVariable>,
    /// The environment variable that holds a bearer token.
    pub token_env: Option<String>,
    /// A file whose first line is a bearer token.
    pub token_file: Option<PathBuf>,
    /// A program and its arguments that print the bearer token on the first line of standard output.
    pub token_command: Option<RawCommand>,
    /// The environment variable that holds the user name for basic authentication.
    pub username_env: Option<String>,
    /// The environment variable that holds the password for basic authentication.
    pub password_env: Option<String>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// A program and its arguments that print the password on the first line of standard output.
    pub password_command: Option<RawCommand>,
    /// A file with the authorities to trust, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// A file with the client's own certificate and its chain.
    pub cert_file: Option<PathBuf>,
    /// A file with the key of that certificate.
    pub key_file: Option<PathBuf>,
    /// Headers to send, such as `X-Scope-OrgID`.
    pub headers: BTreeMap<String, RawHeader>,
}

/// Kafka Connect's REST interface; nobody is asked where it has no address.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawConnect {
    /// Its address.
    pub url: Option<String>,
    /// The environment variable that holds the user name for basic authentication.
    pub username_env: Option<String>,
    /// The environment variable that holds the password for basic authentication.
    pub password_env: Option<String>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// A program and its arguments that print the password on the first line of standard output.
    pub password_command: Option<RawCommand>,
    /// A file with the authorities to trust, in place of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Grafana; reports link to no dashboard where it has no address.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawGrafana {
    /// Its address.
    pub url: Option<String>,
    /// The environment variable that holds a service account's token.
    pub token_env: Option<String>,
    /// A file whose first line is a service account's token.
    pub token_file: Option<PathBuf>,
    /// A program and its arguments that print a service account's token on the first line of standard output.
    pub token_command: Option<RawCommand>,
    /// A file with the authorities to trust, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether a campaign's tiers and verdicts are written there as annotations.
    pub annotations: bool,
    /// The uids of the dashboards to judge by, each under the name that its file would have.
    pub dashboards: BTreeMap<String, String>,
}

/// A program and its arguments. A text is none: no shell takes it apart.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = r#"write a program and its arguments as a list, such as ["pass", "show", "kafka"]"#
)]
pub enum RawCommand {
    /// The program and its arguments.
    Words(Vec<String>),
}

/// A value of a template variable: a text that is put in as it is, or values that are matched literally.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "write a text, or a list of texts")]
pub enum RawVariable {
    /// A text.
    Text(String),
    /// Values.
    Many(Vec<String>),
}

/// A header's value: a text, or where a secret one stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "write a text, { env = \"VARIABLE\" }, { file = \"FILE\" } or { command = [\"PROGRAM\", …] }"
)]
pub enum RawHeader {
    /// A text that is no secret.
    Text(String),
    /// In an environment variable.
    Variable {
        /// The variable.
        env: String,
    },
    /// In the first line of a file.
    File {
        /// The file.
        file: PathBuf,
    },
    /// In the first line that a program prints.
    Program {
        /// The program and its arguments.
        command: RawCommand,
    },
}

/// Which panel shows a signal.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawSignal {
    /// The dashboard: its file, its title or its uid.
    pub dashboard: Option<String>,
    /// The panel: its title or its id.
    pub panel: Option<RawPanel>,
    /// The letter of the panel's query; the first that is shown otherwise.
    pub query: Option<String>,
    /// The unit of the signal's values.
    #[schemars(schema_with = "schema::unit")]
    pub unit: Option<Unit>,
    /// How a tier's readings become one figure.
    #[schemars(schema_with = "schema::fold")]
    pub fold: Option<Fold>,
}

/// A panel by its title or its id.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "write a panel's title or its id")]
pub enum RawPanel {
    /// Its title.
    Title(String),
    /// Its id.
    Id(i64),
}

/// What the hosts' signals may do.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawHost {
    /// `stop` (as the plan has it), or `warning` where other work runs on the same hosts.
    pub criteria: HostCriteria,
}

/// Whether the hosts' signals stop a tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HostCriteria {
    /// As the plan has it.
    #[default]
    Stop,
    /// Every stop on them is a warning.
    Warning,
}
