//! What a check found: findings for people, and the figures behind them for programs.

use std::fmt;

use ramp_load::{cluster::TopicSurvey, probe::canary::Crossed};
use ramp_observe::connect::{Connector, Status};
use serde::Serialize;

use super::topics::Side;

/// Everything that a check found. As JSON it is what `ramp check --output json` writes.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// Raised when a field changes in a way that older readers would take wrongly.
    schema_version: u32,
    /// Whether a campaign can begin.
    ready: bool,
    /// One for each part, in the order in which they were found.
    findings: Vec<Finding>,
    /// The connectors that copy the loaded topics; nothing where Connect was not asked or did not answer.
    pub(super) connectors: Option<Vec<ConnectorFound>>,
    /// How the topics are kept that are there, on both sides; nothing of a side that did not answer.
    pub(super) topics: Vec<TopicFound>,
    /// The way of each canary; nothing where none was sent, or one did not cross.
    pub(super) canaries: Option<Vec<CanaryFound>>,
}

/// How one part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    /// A campaign can rely on it.
    Good,
    /// A campaign can begin; what is told may make it worth less.
    Doubtful,
    /// No campaign can begin.
    Missing,
}

/// What was found of one part, and what to do where it is not good.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(super) mark: Mark,
    pub(super) part: &'static str,
    pub(super) text: String,
}

/// A topic on one side.
#[derive(Debug, Serialize)]
pub(super) struct TopicFound {
    side: Side,
    topic: String,
    partitions: usize,
    replication_factor: usize,
    /// How many partitions have a replica that is not in sync.
    out_of_sync: usize,
    /// Nothing where the cluster does not tell.
    min_insync_replicas: Option<usize>,
    /// `CreateTime` or `LogAppendTime`; nothing where the cluster does not tell.
    timestamp_type: Option<&'static str>,
}

/// A connector and its tasks.
#[derive(Debug, Serialize)]
pub(super) struct ConnectorFound {
    name: String,
    /// Nothing where Connect does not know it yet.
    #[serde(flatten)]
    status: Option<StatusFound>,
    tasks: Vec<TaskFound>,
}

#[derive(Debug, Serialize)]
struct TaskFound {
    id: u32,
    #[serde(flatten)]
    status: StatusFound,
}

#[derive(Debug, Serialize)]
struct StatusFound {
    state: String,
    worker: String,
    cause: Option<String>,
}

impl Found {
    pub(super) const fn nothing() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            ready: true,
            findings: Vec::new(),
            connectors: None,
            topics: Vec::new(),
            canaries: None,
        }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.ready &= finding.mark < Mark::Missing;
        self.findings.push(finding);
    }

    /// All of it as one object.
    pub(super) fn json(&self) -> String {
        // It has only string keys and finite numbers, so it has a JSON form.
        serde_json::to_string_pretty(self)
            .unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()))
    }

    /// Whether a campaign can begin.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }
}

impl Finding {
    pub(super) const fn good(part: &'static str, text: String) -> Self {
        Self { mark: Mark::Good, part, text }
    }

    /// Whether a campaign that begins all the same may be worth less.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.mark == Mark::Doubtful
    }

    /// On one line, for whoever is about to run.
    pub(crate) fn note(&self) -> String {
        format!("{}: {}", self.part, self.text)
    }

    pub(super) const fn doubtful(part: &'static str, text: String) -> Self {
        Self { mark: Mark::Doubtful, part, text }
    }

    pub(super) fn missing(part: &'static str, why: &impl fmt::Display) -> Self {
        Self { mark: Mark::Missing, part, text: why.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Good => '✓',
            Mark::Doubtful => '!',
            Mark::Missing => '✗',
        };
        let mut lines = self.text.lines();
        write!(f, "{mark} {:11} {}", self.part, lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(f, "\n{:14}{line}", ""))
    }
}

/// A canary that has crossed.
#[derive(Debug, Serialize)]
pub(super) struct CanaryFound {
    topic: String,
    partition: i32,
    millis: f64,
}

impl TopicFound {
    pub(super) fn of(side: Side, survey: TopicSurvey) -> Self {
        let TopicSurvey { name, partitions, replicas, out_of_sync, settings } = survey;
        Self {
            side,
            topic: name,
            partitions,
            replication_factor: replicas,
            out_of_sync,
            min_insync_replicas: settings.map(|settings| settings.min_insync_replicas),
            timestamp_type: settings.map(|settings| settings.timestamps.as_str()),
        }
    }
}

impl From<&Crossed> for CanaryFound {
    fn from(Crossed { topic, partition, took }: &Crossed) -> Self {
        Self { topic: topic.clone(), partition: *partition, millis: took.as_secs_f64() * 1e3 }
    }
}

impl From<&Connector> for ConnectorFound {
    fn from(connector: &Connector) -> Self {
        let tasks = connector.tasks.iter();
        let tasks = tasks.map(|task| TaskFound { id: task.id, status: (&task.status).into() });
        let status = connector.status.as_ref().map(Into::into);
        Self { name: connector.name.clone(), status, tasks: tasks.collect() }
    }
}

impl From<&Status> for StatusFound {
    fn from(Status { state, worker, cause }: &Status) -> Self {
        Self { state: state.to_string(), worker: worker.clone(), cause: cause.clone() }
    }
}

const SCHEMA_VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ramp_load::cluster::{Timestamps, TopicSettings};
    use ramp_observe::connect::{State, Task};

    use super::*;

    #[test]
    fn a_finding_is_a_mark_a_part_and_its_text_below_each_other() {
        let query = Finding::doubtful("query", "mm2.latency_avg\n  panel: x".to_owned());
        assert_eq!(query.to_string(), "! query       mm2.latency_avg\n                panel: x");
        assert_eq!(Finding::missing("source", &"gone").to_string(), "✗ source      gone");
    }

    #[test]
    fn as_json_it_is_what_the_documentation_says() {
        let nothing = r#"{
  "schema_version": 1,
  "ready": true,
  "findings": [],
  "connectors": null,
  "topics": [],
  "canaries": null
}"#;
        assert_eq!(Found::nothing().json(), nothing);

        let status = |state, cause: Option<&str>| Status {
            state,
            worker: "w1:8083".to_owned(),
            cause: cause.map(str::to_owned),
        };
        let connector = Connector {
            name: "mm2".to_owned(),
            class: "MirrorSourceConnector".to_owned(),
            status: Some(status(State::Running, None)),
            tasks: vec![Task { id: 0, status: status(State::Failed, Some("ConnectException: it broke")) }],
            topics: None,
            excluded: None,
        };
        let young =
            Connector { name: "young".to_owned(), status: None, tasks: Vec::new(), ..connector.clone() };
        let settings = TopicSettings { min_insync_replicas: 2, timestamps: Timestamps::Appended };
        let topic = |settings| TopicSurvey {
            name: "test.generated-data-01.json".to_owned(),
            partitions: 3,
            replicas: 2,
            out_of_sync: 1,
            settings,
        };
        let canary = Crossed {
            topic: "test.generated-data-01.json".to_owned(),
            partition: 2,
            took: Duration::from_micros(12_500),
        };
        let mut found = Found {
            connectors: Some(vec![(&connector).into(), (&young).into()]),
            topics: vec![
                TopicFound::of(Side::Source, topic(Some(settings))),
                TopicFound::of(Side::Target, topic(None)),
            ],
            canaries: Some(vec![(&canary).into()]),
            ..Found::nothing()
        };
        found.add(Finding::good("source", "kafka-a:9093 answers; 1 topics with 3 partitions".to_owned()));
        found.add(Finding::doubtful("backlog", "one line\n  and what belongs to it".to_owned()));
        found.add(Finding::missing("connect", &"connector mm2 RUNNING, 0 of 1 tasks RUNNING"));
        // The page that explains it shows the same.
        let documented = include_str!("../../../../docs/check.md");
        let documented = documented.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next());
        assert_eq!(Some(found.json().as_str()), documented);
    }

    #[test]
    fn nothing_that_is_missing_is_made_good_by_what_comes_after_it() {
        let mut found = Found::nothing();
        found.add(Finding::doubtful("query", String::new()));
        assert!(found.is_ready());
        found.add(Finding::missing("source", &"gone"));
        found.add(Finding::good("target", String::new()));
        assert!(!found.is_ready());
    }
}
