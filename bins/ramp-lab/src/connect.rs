//! The Connect worker, and MirrorMaker 2's three connectors on it.

use std::{ffi::OsString, path::Path, time::Duration};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{artifacts::Artifacts, broker, template::fill};

/// The worker's group, which is the dashboards' `kafka_connect_cluster`.
pub(crate) const CLUSTER: &str = "mm2-lab";

/// How MirrorMaker 2's producer introduces itself to the target: Connect makes it of connector and task.
pub(crate) const PRODUCER_CLIENT_ID: &str = "connector-producer-mm2-0";

/// How MirrorMaker 2's consumer introduces itself to the source.
pub(crate) const CONSUMER_CLIENT_ID: &str = "source->target|mm2-0|replication-consumer";

/// Rules that give MBeans the names that the dashboards ask for.
pub(crate) const JMX_RULES: &str = include_str!("../../../fixtures/lab/jmx-connect.yml");

/// The content of the worker's configuration file.
pub(crate) fn properties(target: &str, port: u16) -> String {
    let template = include_str!("../../../fixtures/lab/connect.properties");
    fill(template, &[("target", target), ("cluster", CLUSTER), ("port", &port.to_string())])
}

/// Java's arguments that run the worker, its metrics shown on `metrics_port`.
pub(crate) fn run_arguments(
    artifacts: &Artifacts,
    properties: &Path,
    log4j: &Path,
    jmx_rules: &Path,
    metrics_port: u16,
) -> Vec<OsString> {
    let agent = artifacts.jmx_agent();
    let agent = format!("-javaagent:{}=127.0.0.1:{metrics_port}:{}", agent.display(), jmx_rules.display());
    let mut arguments = broker::java_arguments(artifacts, log4j, "-Xmx640m");
    let main = "org.apache.kafka.connect.cli.ConnectDistributed";
    arguments.extend([agent.into(), main.into(), properties.into()]);
    arguments
}

/// MirrorMaker 2's connectors by name, with their configurations in JSON.
pub(crate) fn connectors(source: &str, target: &str, topic_prefix: &str) -> [(&'static str, String); 3] {
    // The names are a list of regular expressions within JSON: a dot is escaped for both.
    let topics = format!("{}\\\\..*", topic_prefix.replace('.', "\\\\."));
    let values = [("source", source), ("target", target), ("topics", topics.as_str())];
    [
        (MIRROR, fill(include_str!("../../../fixtures/lab/mirror-source.json"), &values)),
        ("mm2-checkpoint", fill(include_str!("../../../fixtures/lab/mirror-checkpoint.json"), &values)),
        ("mm2-heartbeat", fill(include_str!("../../../fixtures/lab/mirror-heartbeat.json"), &values)),
    ]
}

/// Creates a connector or changes its configuration. Connect refuses while it balances its work: ask again.
pub(crate) fn configure(url: &str, name: &str, configuration: &str) -> Result<(), ConnectError> {
    let configuration: Value = serde_json::from_str(configuration).map_err(ConnectError::Answer)?;
    http().put(format!("{url}/connectors/{name}/config")).send_json(configuration)?;
    Ok(())
}

/// Checks that a connector and its tasks are running; MirrorMaker 2 gives its checkpoint connector no task as long
/// as no consumer group is there.
pub(crate) fn check_running(url: &str, name: &str) -> Result<(), ConnectError> {
    let text = http().get(format!("{url}/connectors/{name}/status")).call()?.body_mut().read_to_string()?;
    let status: Status = serde_json::from_str(&text).map_err(ConnectError::Answer)?;
    let needs_task = name != "mm2-checkpoint";
    status
        .not_running(needs_task)
        .map_or(Ok(()), |what| Err(ConnectError::NotRunning(format!("{name}: {what}"))))
}

/// What can be done to the connector that copies records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mirror {
    /// Have it wait: it copies nothing, and nothing is broken.
    Pause,
    /// Have it go on after that.
    Resume,
    /// Have its task fail at the next record, by a configuration that lets no record through.
    Break,
    /// Restart the task with the configuration that it had.
    Mend,
}

/// Why the connector does not take it.
#[derive(Debug, thiserror::Error)]
#[error("{} the connector {MIRROR}", what.to_possible_value().map_or_else(String::new, |what| what.get_name().to_owned()))]
pub struct MirrorError {
    what: Mirror,
    source: ConnectError,
}

impl Mirror {
    /// Does it. That Connect has accepted it does not mean that it has come about.
    pub(crate) fn apply(self, url: &str) -> Result<(), MirrorError> {
        let done = match self {
            Self::Pause => put(&format!("{url}/connectors/{MIRROR}/pause")),
            Self::Resume => put(&format!("{url}/connectors/{MIRROR}/resume")),
            Self::Break => reconfigure(url, |configuration| {
                configuration.insert(LARGEST.to_owned(), "1".into());
            }),
            Self::Mend => reconfigure(url, |configuration| drop(configuration.remove(LARGEST))),
        };
        done.map_err(|source| MirrorError { what: self, source })
    }
}

fn put(url: &str) -> Result<(), ConnectError> {
    http().put(url).send_empty()?;
    Ok(())
}

fn reconfigure(url: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Result<(), ConnectError> {
    let text = http().get(format!("{url}/connectors/{MIRROR}/config")).call()?.body_mut().read_to_string()?;
    let mut configuration: Map<String, Value> = serde_json::from_str(&text).map_err(ConnectError::Answer)?;
    change(&mut configuration);
    http().put(format!("{url}/connectors/{MIRROR}/config")).send_json(configuration)?;
    Ok(())
}

/// The connector that copies records.
const MIRROR: &str = "mm2";

/// No record is as small as what this is set to.
const LARGEST: &str = "producer.override.max.request.size";

/// Why Connect is not as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConnectError {
    /// No usable answer from its REST interface.
    #[error("ask Connect: {0}")]
    Http(#[from] ureq::Error),
    /// Its answer is not in the known form.
    #[error("understand Connect's answer: {0}")]
    Answer(#[source] serde_json::Error),
    /// A connector or a task does not run.
    #[error("have it running: {0}")]
    NotRunning(String),
}

#[derive(Debug, Deserialize)]
struct Status {
    connector: Part,
    tasks: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    state: String,
    trace: Option<String>,
}

impl Status {
    fn not_running(&self, needs_task: bool) -> Option<String> {
        let stopped = [&self.connector].into_iter().chain(&self.tasks).find(|part| part.state != "RUNNING");
        match stopped {
            Some(part) => {
                let trace = part.trace.as_deref().and_then(|trace| trace.lines().next());
                Some(trace.map_or_else(|| part.state.clone(), |cause| format!("{}: {cause}", part.state)))
            }
            None => (needs_task && self.tasks.is_empty()).then(|| "it has no task yet".to_owned()),
        }
    }
}

/// A client for loopback: no proxy, and no patience for a silent peer.
pub(crate) fn http() -> ureq::Agent {
    let config = ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(10)));
    config.build().new_agent()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::tests::blanks;

    #[test]
    fn the_worker_and_every_connector_have_no_blank_left() {
        assert_eq!(blanks(&properties("127.0.0.1:1", 2)), [""; 0]);
        for (name, configuration) in connectors("127.0.0.1:1", "127.0.0.1:2", "a.b") {
            assert_eq!(blanks(&configuration), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_dot_in_the_prefix_matches_a_dot_only() {
        for (name, configuration) in connectors("s", "t", "a.b") {
            let configuration: Value = serde_json::from_str(&configuration).unwrap();
            if name != "mm2-heartbeat" {
                assert_eq!(configuration["topics"], r"a\.b\..*");
            }
        }
    }

    #[test]
    fn a_failed_task_is_told_with_its_cause() {
        let status = |tasks| -> Status {
            serde_json::from_str(&format!(r#"{{"connector": {{"state": "RUNNING"}}, "tasks": {tasks}}}"#))
                .unwrap()
        };
        let failed = status(r#"[{"state": "FAILED", "trace": "boom\nat x"}]"#);
        assert_eq!(failed.not_running(true), Some("FAILED: boom".to_owned()));
        assert_eq!(status(r#"[{"state": "RUNNING"}]"#).not_running(true), None);
        assert_eq!(status("[]").not_running(true), Some("it has no task yet".to_owned()));
        assert_eq!(status("[]").not_running(false), None);
    }
}
