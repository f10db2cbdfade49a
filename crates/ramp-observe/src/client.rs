//! The Prometheus client: bounded in time, silent about secrets.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use prometheus_http_query::{Client, TargetState, response::Data};
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
    redirect::{Attempt, Policy},
};

/// Where Prometheus is, and how to log in there. Shows neither a login nor the values of headers.
#[derive(Clone, Default)]
pub struct PrometheusConfig {
    /// Its address, with its base path if it has one.
    pub url: String,
    /// How to log in.
    pub credentials: Option<Credentials>,
    /// Headers to send, such as `X-Scope-OrgID`.
    pub headers: BTreeMap<String, String>,
    /// Values for the dashboards' template variables, instead of what they would resolve to.
    pub variables: BTreeMap<String, String>,
}

impl fmt::Debug for PrometheusConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusConfig")
            .field("address", &self.address())
            .field("headers", &self.headers.keys())
            .field("variables", &self.variables)
            .finish_non_exhaustive()
    }
}

impl PrometheusConfig {
    /// The address as it may be shown: without a login that stands in it.
    #[must_use]
    pub fn address(&self) -> String {
        let Ok(mut url) = Url::parse(&self.url) else { return "(no address)".to_owned() };
        // Only addresses without a host refuse, and those have no login.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.to_string()
    }
}

/// A login, which shows itself as `***`.
#[derive(Clone)]
pub struct Credentials(Login);

#[derive(Clone)]
enum Login {
    Bearer(String),
    Basic { username: String, password: String },
}

impl Credentials {
    /// A bearer token.
    #[must_use]
    pub const fn bearer(token: String) -> Self {
        Self(Login::Bearer(token))
    }

    /// A user and a password.
    #[must_use]
    pub const fn basic(username: String, password: String) -> Self {
        Self(Login::Basic { username, password })
    }

    fn header(&self) -> Option<HeaderValue> {
        let text = match &self.0 {
            Login::Bearer(token) => format!("Bearer {token}"),
            Login::Basic { username, password } => {
                format!("Basic {}", BASE64.encode(format!("{username}:{password}").as_bytes()))
            }
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why Prometheus gave no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The address cannot be used.
    #[error("{url:?} is no address of a Prometheus: {reason}; write for example http://127.0.0.1:9090")]
    Address {
        /// The address, without a login.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header cannot be sent.
    #[error("header {name:?} cannot be sent: name or value has a character that is not allowed")]
    Header {
        /// The header's name.
        name: String,
    },
    /// Nothing usable came back.
    #[error("{reason}")]
    Answer {
        /// What was said.
        reason: String,
    },
    /// Nothing came back in time.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
}

/// A series' labels and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

#[derive(Clone)]
pub(crate) struct Prometheus {
    client: Client,
    timeout: Duration,
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Prometheus {
    pub(crate) fn new(config: &PrometheusConfig, timeout: Duration) -> Result<Self, QueryError> {
        let address = |reason: &dyn fmt::Display| QueryError::Address {
            url: config.address(),
            reason: reason.to_string(),
        };
        let url = Url::parse(&config.url).map_err(|error| address(&error))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(address(&"it holds a login; use username_env and password_env"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            let (Ok(key), Ok(value)) = parsed else { return Err(QueryError::Header { name: name.clone() }) };
            headers.insert(key, value);
        }
        if let Some(credentials) = &config.credentials {
            let value = credentials.header();
            let value = value.ok_or_else(|| QueryError::Header { name: AUTHORIZATION.to_string() })?;
            headers.insert(AUTHORIZATION, value);
        }
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .default_headers(headers)
            .redirect(Policy::custom(same_host))
            .build()
            .map_err(|error| address(&error))?;
        let client = Client::from(client, &config.url).map_err(|error| address(&error))?;
        Ok(Self { client, timeout })
    }

    /// The answer to `expression` at `time`, in seconds since the Unix epoch.
    pub(crate) async fn query(&self, expression: &str, time: f64) -> Result<Vec<Series>, QueryError> {
        let asked = self.client.query(expression).query("time", format!("{time:.3}")).post();
        let answer = tokio::time::timeout(self.timeout, asked).await;
        let answer =
            answer.map_err(|_| QueryError::Timeout(self.timeout))?.map_err(|error| answer_error(&error))?;
        match answer.into_inner().0 {
            Data::Vector(vector) => Ok(vector
                .into_iter()
                .map(|series| {
                    let (labels, sample) = series.into_inner();
                    Series { labels: labels.into_iter().collect(), value: sample.value() }
                })
                .collect()),
            Data::Scalar(sample) => Ok(vec![Series { labels: BTreeMap::new(), value: sample.value() }]),
            Data::Matrix(_) => {
                Err(QueryError::Answer { reason: "a range where values were expected".to_owned() })
            }
        }
    }

    /// Every value of `label`.
    pub(crate) async fn label_values(&self, label: &str) -> Result<BTreeSet<String>, QueryError> {
        let values = self.client.label_values(label).get().await;
        Ok(values.map_err(|error| answer_error(&error))?.into_iter().collect())
    }

    /// The scrape interval of each target, by its job and instance; empty where the server has no targets of its own.
    pub(crate) async fn scrape_intervals(&self) -> BTreeMap<(String, String), Duration> {
        let Ok(targets) = self.client.targets(Some(TargetState::Active)).await else {
            return BTreeMap::new();
        };
        let label = |labels: &std::collections::HashMap<String, String>, name| {
            labels.get(name).cloned().unwrap_or_else(String::new)
        };
        let interval = |target: &prometheus_http_query::response::ActiveTarget| {
            let interval = target.scrape_interval().unsigned_abs();
            ((label(target.labels(), "job"), label(target.labels(), "instance")), interval)
        };
        targets.active().iter().map(interval).collect()
    }
}

/// A login goes to the host that it is for, and to no other.
fn same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let origin = attempt.previous().first().map(Url::origin);
    if attempt.previous().len() > 3 || origin != Some(attempt.url().origin()) {
        attempt.stop()
    } else {
        attempt.follow()
    }
}

/// An error with its causes: the first says only "error sending request".
fn answer_error(error: &dyn Error) -> QueryError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = inner.source();
    }
    QueryError::Answer { reason }
}
