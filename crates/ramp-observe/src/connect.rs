//! Kafka Connect's REST interface: which connectors replicate, and how they and their tasks stand.

use std::{collections::BTreeMap, fmt, time::Duration};

use regex::Regex;
use reqwest::{Method, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    client::{Credentials, QueryError, Tls, shown_url},
    rest::{Failure, Rest, Section, Unfit},
};

/// Where Kafka Connect's REST interface is, and how to log in there. Shows no login.
#[derive(Clone, Default)]
pub struct ConnectConfig {
    /// Its address, with its base path if it has one.
    pub url: String,
    /// How to log in.
    pub credentials: Option<Credentials>,
    /// Certificates.
    pub tls: Tls,
}

impl fmt::Debug for ConnectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectConfig").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl ConnectConfig {
    /// The address as it may be shown: without a login that stands in it, and without its query.
    #[must_use]
    pub fn address(&self) -> String {
        shown_url(&self.url)
    }
}

/// A client of Kafka Connect's REST interface.
pub struct Connect(Rest);

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("url", &self.0.address()).finish_non_exhaustive()
    }
}

/// A connector, as Connect tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Its name.
    pub name: String,
    /// Its class, the package included.
    pub class: String,
    /// How the connector itself stands, apart from its tasks; nothing where Connect does not know yet.
    pub status: Option<Status>,
    /// Its tasks, by their number.
    pub tasks: Vec<Task>,
    /// The topics that it copies: names and Java's regular expressions, with commas between; all where nothing is said.
    pub topics: Option<String>,
    /// And those among them that it does not.
    pub excluded: Option<String>,
}

/// A task of a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its number within the connector.
    pub id: u32,
    /// How it stands.
    pub status: Status,
}

/// How a connector or a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// The worker that has it.
    pub worker: String,
    /// Why it failed: the first line of its trace, and the last cause beneath.
    pub cause: Option<String>,
}

/// A state, as Connect calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It works.
    Running,
    /// It was told to wait.
    Paused,
    /// It was told to end; a connector that is stopped has no tasks.
    Stopped,
    /// No worker has it.
    Unassigned,
    /// It is being restarted.
    Restarting,
    /// It broke off, and does not begin again by itself.
    Failed,
    /// A state of another version of Connect.
    Other(String),
}

/// Why Connect does not tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be used.
    #[error("{url:?} is no address of Kafka Connect: {reason}; write for example http://127.0.0.1:8083")]
    Address {
        /// The address, without a login.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate or the login cannot be used.
    #[error(transparent)]
    Login(QueryError),
    /// Nothing came back.
    #[error(
        "{address} does not answer: {reason}; check connect.url and that Connect's REST interface listens there"
    )]
    Unanswered {
        /// Its address.
        address: String,
        /// What happened.
        reason: String,
    },
    /// An HTTP status that is no success.
    #[error("{address} answers with HTTP status {status}; check connect.url and the login under [connect]")]
    Status {
        /// Its address.
        address: String,
        /// The status.
        status: u16,
    },
    /// The answer is of another kind.
    #[error("{address} does not answer as Kafka Connect does: {reason}; check connect.url")]
    Foreign {
        /// Its address.
        address: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl Connect {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// When the address, a certificate or the login cannot be used.
    pub fn new(config: &ConnectConfig) -> Result<Self, ConnectError> {
        let rest = Rest::new(&config.url, (config.credentials.as_ref(), &config.tls), SECTION);
        rest.map(Self).map_err(|unfit| match unfit {
            Unfit::Address(reason) => ConnectError::Address { url: shown_url(&config.url), reason },
            Unfit::Login(error) => ConnectError::Login(error),
        })
    }

    /// Every connector with its tasks, by name.
    ///
    /// # Errors
    /// When Connect does not answer within `patience`, or not as Connect does.
    pub async fn connectors(&self, patience: Duration) -> Result<Vec<Connector>, ConnectError> {
        let mut url = self.0.path(&["connectors"]);
        url.set_query(Some("expand=status&expand=info"));
        let all: Option<BTreeMap<String, RawConnector>> = self.get(url, patience).await?;
        let all = all.ok_or_else(|| self.failed(StatusCode::NOT_FOUND))?;
        Ok(all.into_iter().map(|(name, raw)| self.connector(name, raw)).collect())
    }

    /// How the connector of that name stands, and its tasks; nothing where Connect does not know it.
    ///
    /// # Errors
    /// As [`connectors`](Self::connectors).
    pub async fn status(
        &self,
        name: &str,
        patience: Duration,
    ) -> Result<Option<(Status, Vec<Task>)>, ConnectError> {
        let status: Option<RawState> =
            self.get(self.0.path(&["connectors", name, "status"]), patience).await?;
        Ok(status.map(|status| self.standing(status)))
    }

    /// What stands at `url`; nothing where nothing does.
    async fn get<T: DeserializeOwned>(
        &self,
        url: Url,
        patience: Duration,
    ) -> Result<Option<T>, ConnectError> {
        let answer = self.0.send(self.0.request(Method::GET, url), patience).await;
        let answer = answer.map_err(|failure| self.unusable(failure))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(self.failed(status)),
        }
        self.0.json(answer, patience).await.map(Some).map_err(|failure| self.unusable(failure))
    }

    fn unusable(&self, failure: Failure) -> ConnectError {
        let address = self.0.address();
        match failure {
            Failure::Unanswered(reason) => ConnectError::Unanswered { address, reason },
            Failure::Foreign(reason) => ConnectError::Foreign { address, reason },
        }
    }

    fn failed(&self, status: StatusCode) -> ConnectError {
        ConnectError::Status { address: self.0.address(), status: status.as_u16() }
    }

    fn connector(&self, name: String, RawConnector { status, info }: RawConnector) -> Connector {
        let RawConfig { class, topics, excluded } = info.config;
        let (status, tasks) = match status.map(|status| self.standing(status)) {
            Some((own, tasks)) => (Some(own), tasks),
            None => (None, Vec::new()),
        };
        Connector { name: self.0.shown(&name), class, status, tasks, topics, excluded }
    }

    fn standing(&self, RawState { connector, tasks }: RawState) -> (Status, Vec<Task>) {
        let task = |task: RawTask| Task { id: task.id, status: self.one(task.status) };
        let mut tasks: Vec<_> = tasks.into_iter().map(task).collect();
        tasks.sort_by_key(|task| task.id);
        (self.one(connector), tasks)
    }

    fn one(&self, RawStatus { state, worker_id, trace }: RawStatus) -> Status {
        let cause = trace.as_deref().and_then(cause);
        Status {
            state: State::of(&self.0.shown(&state)),
            worker: self.0.shown(&worker_id),
            cause: cause.map(|cause| self.0.shown(&cause)),
        }
    }
}

impl Connector {
    /// Whether it is MirrorMaker's, of the kind that copies records.
    #[must_use]
    pub fn is_mirror_source(&self) -> bool {
        self.class.rsplit('.').next() == Some("MirrorSourceConnector")
    }

    /// Whether it copies one of `topics` of the source.
    #[must_use]
    pub fn mirrors(&self, topics: &[String]) -> bool {
        self.is_mirror_source() && topics.iter().any(|topic| self.copies(topic))
    }

    /// Whether its configuration lets it copy `topic` of the source. What cannot be told is taken to be so.
    #[must_use]
    pub fn copies(&self, topic: &str) -> bool {
        match_or(self.topics.as_deref(), topic, true) && !match_or(self.excluded.as_deref(), topic, false)
    }
}

impl State {
    fn of(word: &str) -> Self {
        match word {
            "RUNNING" => Self::Running,
            "PAUSED" => Self::Paused,
            "STOPPED" => Self::Stopped,
            "UNASSIGNED" => Self::Unassigned,
            "RESTARTING" => Self::Restarting,
            "FAILED" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
            Self::Unassigned => "UNASSIGNED",
            Self::Restarting => "RESTARTING",
            Self::Failed => "FAILED",
            Self::Other(word) => word,
        })
    }
}

impl fmt::Display for Status {
    /// `RUNNING on w1:8083`, and behind it why it failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, worker, cause } = self;
        write!(f, "{state}")?;
        if !worker.is_empty() {
            write!(f, " on {worker}")?;
        }
        cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

/// What a person reads of a Java exception's trace.
fn cause(trace: &str) -> Option<String> {
    let first = trace.lines().next()?;
    let last = trace.lines().rev().find_map(|line| line.strip_prefix("Caused by: "));
    Some(last.map_or_else(|| first.to_owned(), |last| format!("{first}, caused by {last}")))
}

/// Whether one of a list of patterns is `topic` as a whole; `unknown` where there is none, or one is beyond this program.
fn match_or(patterns: Option<&str>, topic: &str, unknown: bool) -> bool {
    let Some(patterns) = patterns else { return unknown };
    let mut patterns = patterns.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
    patterns.any(|pattern| {
        Regex::new(&format!("^(?:{pattern})$")).map_or(unknown, |pattern| pattern.is_match(topic))
    })
}

#[derive(Deserialize)]
struct RawConnector {
    status: Option<RawState>,
    info: RawInfo,
}

#[derive(Deserialize)]
struct RawState {
    connector: RawStatus,
    #[serde(default)]
    tasks: Vec<RawTask>,
}

#[derive(Deserialize)]
struct RawStatus {
    state: String,
    #[serde(default)]
    worker_id: String,
    trace: Option<String>,
}

#[derive(Deserialize)]
struct RawTask {
    id: u32,
    #[serde(flatten)]
    status: RawStatus,
}

#[derive(Deserialize)]
struct RawInfo {
    config: RawConfig,
}

/// What is looked at of a configuration, which may hold secrets beside it.
#[derive(Deserialize)]
struct RawConfig {
    #[serde(rename = "connector.class", default)]
    class: String,
    topics: Option<String>,
    #[serde(rename = "topics.exclude")]
    excluded: Option<String>,
}

/// What the configuration calls it.
const SECTION: Section = Section { name: "connect", login: "username_env and password_env" };

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(configuration: &str) -> Connector {
        let raw = format!(r#"{{"status": null, "info": {{"config": {configuration}}}}}"#);
        let connect =
            Connect::new(&ConnectConfig { url: "http://c:1".to_owned(), ..ConnectConfig::default() });
        connect.unwrap().connector("mm2".to_owned(), serde_json::from_str(&raw).unwrap())
    }

    #[test]
    fn the_connector_that_copies_records_is_told_from_the_others_of_mirrormaker() {
        let of = |class: &str| connector(&format!(r#"{{"connector.class": "{class}"}}"#)).is_mirror_source();
        assert!(of("org.apache.kafka.connect.mirror.MirrorSourceConnector") && of("MirrorSourceConnector"));
        assert!(!of("org.apache.kafka.connect.mirror.MirrorHeartbeatConnector"));
        assert!(!of("com.example.NotAMirrorSourceConnector"));
    }

    #[test]
    fn a_connector_copies_what_its_patterns_match_as_a_whole_and_what_cannot_be_told() {
        for (configuration, copies) in [
            (r"{}", true),
            (r#"{"topics": "test\\..*"}"#, true),
            (r#"{"topics": "other, test\\.a"}"#, true),
            (r#"{"topics": "test"}"#, false),
            (r#"{"topics": ".*", "topics.exclude": "test\\.a"}"#, false),
            (r#"{"topics": ".*", "topics.exclude": ".*[\\-\\.]internal, __.*"}"#, true),
            (r#"{"topics": "test\\.(?<=x)++"}"#, true),
            (r#"{"topics": ".*", "topics.exclude": "test\\.(?<=x)++"}"#, true),
        ] {
            assert_eq!(connector(configuration).copies("test.a"), copies, "{configuration}");
        }
    }

    #[test]
    fn each_state_is_shown_as_connect_calls_it() {
        for word in ["RUNNING", "PAUSED", "STOPPED", "UNASSIGNED", "RESTARTING", "FAILED", "DESTROYED"] {
            assert_eq!(State::of(word).to_string(), word);
        }
        assert_eq!(State::of("DESTROYED"), State::Other("DESTROYED".to_owned()));
    }
}
