//! What the program may use: flags over environment over file, every value checked.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use ramp_core::plan::LatencyCeiling;
use ramp_load::{
    client_config::{ClusterConfig, Secret, is_secret},
    client_properties::{self, Role},
    payload::Payload,
    probe::topics::ReplicationPolicy,
};
use ramp_observe::{
    PrometheusConfig,
    catalog::{self, Catalog},
    connect::ConnectConfig,
    grafana::{Grafana, GrafanaConfig, GrafanaError},
};

use super::{
    ConfigError, connect, grafana,
    login::{self, Places},
    plan_text::{ExtendText, PlanText},
    prometheus,
    raw::{HostCriteria, RawArrivals, RawCluster, RawConfig, RawPolicy, RawReplication},
};
use crate::cli::{Choice, Inputs};

/// Everything a campaign needs to know before it meets a cluster.
#[derive(Debug)]
pub struct Settings {
    /// The run's name.
    pub name: String,
    /// The plan as it is written.
    pub plan: PlanText,
    /// Where runs are kept.
    pub runs: PathBuf,
    /// The cluster that takes the load.
    pub source: ClusterConfig,
    /// The cluster that the replication writes to, where it is read.
    pub target: Option<ClusterConfig>,
    /// How topics are named there.
    pub policy: ReplicationPolicy,
    /// The topics that are loaded.
    pub topics: Vec<String>,
    /// What each record carries.
    pub payload: Payload,
    /// Where the signals are read.
    pub prometheus: PrometheusConfig,
    /// Which panels show them.
    pub catalog: Catalog,
    /// The dashboards that say how.
    pub dashboards: DashboardPlace,
    /// How often they are read.
    pub sampling: Duration,
    /// Where the replication's tasks tell how they stand, if anywhere.
    pub connect: Option<ConnectConfig>,
    /// The team's Grafana, if its address is known.
    pub grafana: Option<GrafanaConfig>,
    /// Whether the campaign is annotated there.
    pub annotations: bool,
    /// Whether the hosts' signals stop a tier.
    pub host: HostCriteria,
}

/// Where the dashboards are.
#[derive(Debug)]
pub enum DashboardPlace {
    /// In this program.
    BuiltIn,
    /// In a file or a folder.
    Files(PathBuf),
    /// In a Grafana: their uids by the names that their files would have.
    Grafana(GrafanaConfig, BTreeMap<String, String>),
}

impl Settings {
    /// The settings of a campaign.
    ///
    /// # Errors
    /// The first value that cannot be used, with what to write instead.
    pub fn of(args: &Inputs) -> Result<Self, ConfigError> {
        let raw: RawConfig = super::read(&args.config)?;
        let folder = args.config.parent().unwrap_or_else(|| Path::new("."));
        let plan = match (&args.plan, &raw.plan) {
            (Some(flag), _) => PlanText::load(flag, Path::new(""))?,
            (None, Some(name)) => PlanText::load(name, folder)?,
            (None, None) => PlanText::load(PlanText::BUILT_IN_NAME, folder)?,
        };
        let mut plan = chosen(plan, &args.choice)?;
        let catalog = prometheus::catalog(raw.signals)?;
        plan.name_signals(|name| catalog.find(name).map(|entry| entry.id.clone()))
            .map_err(|(name, error)| value("criteria.signal", &name, &error))?;
        plan.check(&catalog).map_err(|source| ConfigError::Plan { name: plan.name.clone(), source })?;
        if raw.host.criteria == HostCriteria::Warning {
            plan.only_warn_on("host.");
        }
        let payload = raw.load.payload.as_ref().unwrap_or(&plan.load.payload);
        let payload = self::payload(payload)?;
        let prefix = raw.topics.prefix.as_deref().unwrap_or(TOPIC_PREFIX);
        if !prefix.starts_with(TEST) && args.allow_topic.as_deref() != Some(prefix) {
            let reason = format!(
                "topics that are loaded begin with {TEST:?}; give --allow-topic {prefix} if they are for tests"
            );
            return Err(value("topics.prefix", prefix, &reason));
        }
        let topics = topics(prefix, raw.topics.count.unwrap_or(plan.load.topics))?;
        let (records, most) = (plan.records(), raw.load.max_records.unwrap_or(MOST_RECORDS));
        if records > most {
            let reason = format!(
                "the plan's tiers write {records}; raise load.max_records, or choose fewer with --tiers"
            );
            return Err(value("load.max_records", &most.to_string(), &reason));
        }
        let files = raw.prometheus.dashboards.as_ref().map(|path| folder.join(path));
        let (annotations, named) = (raw.grafana.annotations, raw.grafana.dashboards.clone());
        let grafana = grafana::settings(raw.grafana, folder)?;
        let dashboards = grafana::dashboards(files, named, grafana.as_ref())?;
        Ok(Self {
            name: name(raw.name.unwrap_or_else(|| plan.name.clone()))?,
            runs: raw.runs.unwrap_or_else(|| PathBuf::from("runs")),
            source: cluster(Role::Producer, raw.source, args.addresses.source.clone(), folder)?,
            target: match raw.replication.arrivals {
                RawArrivals::Seen => {
                    Some(cluster(Role::Consumer, raw.target, args.addresses.target.clone(), folder)?)
                }
                RawArrivals::Counted if raw.target.is_given() => {
                    let reason = "the target is not read then; leave [target] out, or write \"seen\"";
                    return Err(value("replication.arrivals", "counted", &reason));
                }
                RawArrivals::Counted => None,
            },
            policy: policy(raw.replication)?,
            topics,
            payload,
            sampling: prometheus::sampling(&raw.prometheus)?,
            prometheus: prometheus::settings(raw.prometheus, args.addresses.prometheus.clone(), folder)?,
            connect: connect::settings(raw.connect, args.addresses.connect.clone(), folder)?,
            annotations,
            dashboards,
            grafana,
            host: raw.host.criteria,
            catalog,
            plan,
        })
    }

    /// What bounds the latencies from above where the target is not read.
    #[must_use]
    pub fn ceiling(&self) -> Option<LatencyCeiling> {
        self.target.is_none().then(dashboards_ceiling)
    }

    /// How many bytes of payload the plan's tiers write.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.plan.records() as f64 * self.payload.mean_size()
    }

    /// The Grafana that the campaign is annotated in, if it is.
    ///
    /// # Errors
    /// When its address, a certificate or the token cannot be used.
    pub fn annotated(&self) -> Result<Option<Grafana>, GrafanaError> {
        self.grafana.as_ref().filter(|_| self.annotations).map(Grafana::new).transpose()
    }

    /// The topics that the replication writes to.
    #[must_use]
    pub fn target_topics(&self) -> Vec<String> {
        self.topics.iter().map(|topic| self.policy.target_topic(topic)).collect()
    }
}

/// What the dashboards can prove of latencies that nobody sees.
pub(crate) fn dashboards_ceiling() -> LatencyCeiling {
    LatencyCeiling { highest: catalog::LATENCY_MAX, arrivals: catalog::RECORDS_REPLICATED, gap: LONGEST_GAP }
}

/// What of `plan` is run, its tiers and those beyond them written out.
pub(crate) fn chosen(mut plan: PlanText, choice: &Choice) -> Result<PlanText, ConfigError> {
    if let Some(wanted) = &choice.tiers {
        plan.keep_tiers(wanted).map_err(|error| value("--tiers", wanted, &error))?;
    }
    if choice.refine {
        plan.search();
    }
    if let Some(to) = choice.extend {
        plan.extend = Some(ExtendText { to, ..plan.extend.unwrap_or_else(|| ExtendText::to(to)) });
    }
    plan.write_out().map_err(|error| value("extend", &error.value(), &error))?;
    Ok(plan)
}

/// The payload that `text` names.
pub(crate) fn payload(text: &str) -> Result<Payload, ConfigError> {
    text.parse().map_err(|reason| value("load.payload", text, &reason))
}

/// The name becomes a part of a folder's name.
fn name(name: String) -> Result<String, ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err(value("name", &name, &"use letters, digits, '-', '_' and '.' only"));
    }
    Ok(name)
}

fn topics(prefix: &str, count: u16) -> Result<Vec<String>, ConfigError> {
    if count == 0 {
        return Err(value("topics.count", &count.to_string(), &"load at least one topic"));
    }
    Ok((1..=count).map(|n| format!("{prefix}.generated-data-{n:02}.json")).collect())
}

/// The source, to which records are sent, or the target, where they are seen to arrive.
fn cluster(
    role: Role,
    raw: RawCluster,
    flag: Option<String>,
    folder: &Path,
) -> Result<ClusterConfig, ConfigError> {
    let (section, missing) = match role {
        Role::Producer => (
            "source",
            ConfigError::Missing { key: "source.bootstrap", flag: "--source", variable: "KAFKA_SOURCE" },
        ),
        Role::Consumer => (
            "target",
            ConfigError::Missing { key: "target.bootstrap", flag: "--target", variable: "KAFKA_TARGET" },
        ),
    };
    let bootstrap = flag.or(raw.bootstrap).ok_or(missing)?;
    if bootstrap.contains('@') {
        let key = format!("{section}.bootstrap");
        return Err(value(
            &key,
            "(hidden)",
            &"it holds a login; use username_env, and password_env or password_file",
        ));
    }
    if let Some(secret) = raw.properties.keys().find(|property| is_secret(property)) {
        let key = format!("{section}.properties.{secret}");
        return Err(value(
            &key,
            "(hidden)",
            &"a secret; use username_env, and password_env, password_file or password_command",
        ));
    }
    // A cluster that asks for a login takes the runbook's, where the configuration names no other.
    let protocol = raw.properties.get("security.protocol");
    let asks = protocol.is_some_and(|protocol| protocol.to_ascii_uppercase().starts_with("SASL"));
    let usual = |variable: &str| env::var(variable).ok().filter(|_| asks);
    let username = secret_variable(&format!("{section}.username_env"), raw.username_env.as_deref())?
        .or_else(|| usual(USERNAME));
    let places = Places::new(&raw.password_env, &raw.password_file, &raw.password_command);
    let password = login::secret(section, "password", places, folder)?.or_else(|| usual(PASSWORD));
    let password = password.map(Secret::new);
    let cluster = ClusterConfig { bootstrap, properties: raw.properties, username, password };
    client_properties::check(&cluster, role).map_err(|source| ConfigError::Property { section, source })?;
    if asks && (cluster.username.is_none() || cluster.password.is_none()) {
        let reason = "security.protocol asks for a login; name what holds it with username_env and password_env, or \
                      export KAFKA_USER and KAFKA_PASS";
        return Err(value(section, "(incomplete)", &reason));
    }
    Ok(cluster)
}

pub(super) fn secret_variable(key: &str, name: Option<&str>) -> Result<Option<String>, ConfigError> {
    let Some(name) = name else { return Ok(None) };
    let missing = |_| ConfigError::Variable { key: key.to_owned(), variable: name.to_owned() };
    env::var(name).map(Some).map_err(missing)
}

/// All that a file holds.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

/// What a file with a secret holds, but for the line feed that editors add.
pub(super) fn first_line(path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    Ok(text.lines().next().unwrap_or("").to_owned())
}

fn policy(raw: RawReplication) -> Result<ReplicationPolicy, ConfigError> {
    match raw.policy {
        RawPolicy::Default => Ok(ReplicationPolicy::Default {
            alias: raw.alias.unwrap_or_else(|| "source".to_owned()),
            separator: raw.separator.unwrap_or_else(|| ".".to_owned()),
        }),
        RawPolicy::Identity => Ok(ReplicationPolicy::Identity),
        RawPolicy::Pattern => {
            let pattern = raw.pattern.unwrap_or_default();
            if pattern.contains("{topic}") {
                Ok(ReplicationPolicy::Pattern(pattern))
            } else {
                Err(value("replication.pattern", &pattern, &"write {topic} where the source topic stands"))
            }
        }
    }
}

pub(super) fn value(key: &str, value: &str, reason: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::Value { key: key.to_owned(), value: value.to_owned(), reason: reason.to_string() }
}

/// The users' applications write to topics of this prefix.
const TOPIC_PREFIX: &str = "test-prometheus";

/// Half of the span whose highest latency the gauge shows, so that two readings leave none out.
const LONGEST_GAP: Duration = Duration::from_secs(30);

/// What a topic that nobody works with begins with.
const TEST: &str = "test";

/// More than five times what the form's plan writes.
const MOST_RECORDS: u64 = 50_000_000;

/// What the form's runbook calls the login of both clusters.
const USERNAME: &str = "KAFKA_USER";
const PASSWORD: &str = "KAFKA_PASS";
