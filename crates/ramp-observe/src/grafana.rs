//! Grafana's HTTP interface: its dashboards are read, and annotations are written.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use reqwest::{Method, Response, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    client::{Credentials, QueryError, Tls, shown_url},
    dashboard::{Dashboard, Dashboards},
    rest::{Failure, Rest, Section, Unfit},
};

/// Where Grafana is, and how to log in there. Shows no login.
#[derive(Clone, Default)]
pub struct GrafanaConfig {
    /// Its address, with its base path if it has one.
    pub url: String,
    /// How to log in; links to dashboards need none.
    pub credentials: Option<Credentials>,
    /// Certificates.
    pub tls: Tls,
}

impl GrafanaConfig {
    /// The address as it may be shown: without a login that stands in it, and without its query.
    #[must_use]
    pub fn address(&self) -> String {
        shown_url(&self.url)
    }
}

impl fmt::Debug for GrafanaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrafanaConfig").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// A client of Grafana's HTTP interface.
pub struct Grafana(Rest);

impl fmt::Debug for Grafana {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grafana").field("url", &self.0.address()).finish_non_exhaustive()
    }
}

/// A mark on the time axis of the dashboards that ask for one of its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// When, or since when.
    pub time: SystemTime,
    /// What finds it.
    pub tags: Vec<String>,
    /// What it says. Grafana reads HTML here; this is plain text.
    pub text: String,
}

/// An annotation that Grafana has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnotationId(u64);

/// Why Grafana does not do what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrafanaError {
    /// The address cannot be used.
    #[error("{url:?} is no address of Grafana: {reason}; write for example https://grafana.example.org")]
    Address {
        /// The address, without a login.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate or the token cannot be used.
    #[error(transparent)]
    Login(QueryError),
    /// Nothing came back.
    #[error("{address} does not answer: {reason}; check grafana.url")]
    Unanswered {
        /// Its address.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The token is not taken, or there is none.
    #[error(
        "{address} refuses the token (HTTP status 401); name a service account's token with token_env or token_file \
         under [grafana]"
    )]
    Unknown {
        /// Its address.
        address: String,
    },
    /// The token is one of somebody who may not do this.
    #[error(
        "{address} does not let the token's owner do this (HTTP status 403); its service account needs {permission}"
    )]
    Forbidden {
        /// Its address.
        address: String,
        /// The permission that is missing.
        permission: &'static str,
    },
    /// There is no such dashboard.
    #[error(
        "{address} has no dashboard of uid {uid:?}; the uid stands in a dashboard's own address, …/d/UID/…"
    )]
    NoDashboard {
        /// Its address.
        address: String,
        /// The uid.
        uid: String,
    },
    /// There is one, and it shows nothing.
    #[error(
        "{address} has no panels in the dashboard of uid {uid:?}; choose another under [grafana.dashboards]"
    )]
    NoPanels {
        /// Its address.
        address: String,
        /// The uid.
        uid: String,
    },
    /// Another HTTP status that is no success.
    #[error("{address} answers with HTTP status {status}; check grafana.url")]
    Status {
        /// Its address.
        address: String,
        /// The status.
        status: u16,
    },
    /// The answer is of another kind.
    #[error("{address} does not answer as Grafana does: {reason}; check grafana.url")]
    Foreign {
        /// Its address.
        address: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl Grafana {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// When the address, a certificate or the token cannot be used.
    pub fn new(config: &GrafanaConfig) -> Result<Self, GrafanaError> {
        let rest = Rest::new(&config.url, (config.credentials.as_ref(), &config.tls), SECTION);
        rest.map(Self).map_err(|unfit| match unfit {
            Unfit::Address(reason) => GrafanaError::Address { url: config.address(), reason },
            Unfit::Login(error) => GrafanaError::Login(error),
        })
    }

    /// The dashboards whose uids stand in `named`, each called by its name there as a file is by its own.
    ///
    /// # Errors
    /// When one of them cannot be read within `patience`.
    pub async fn dashboards(
        &self,
        named: &BTreeMap<String, String>,
        patience: Duration,
    ) -> Result<Dashboards, GrafanaError> {
        let mut dashboards = Vec::new();
        for (name, uid) in named {
            let url = self.0.path(&["api", "dashboards", "uid", uid]);
            let answer = self.ask(Method::GET, url, None, "dashboards:read", patience).await;
            let answer = answer.map_err(|error| match error {
                GrafanaError::Status { address, status: 404 } => {
                    GrafanaError::NoDashboard { address, uid: uid.clone() }
                }
                error => error,
            });
            let Found { dashboard } = self.json(answer?, patience).await?;
            let none = || GrafanaError::NoPanels { address: self.0.address(), uid: uid.clone() };
            let file = format!("{}.json", name.strip_suffix(".json").unwrap_or(name));
            dashboards.push(Dashboard::read(file, &dashboard).ok_or_else(none)?);
        }
        Ok(Dashboards::of(dashboards))
    }

    /// Writes `annotation`.
    ///
    /// # Errors
    /// When Grafana does not take it within `patience`.
    pub async fn annotate(
        &self,
        annotation: &Annotation,
        patience: Duration,
    ) -> Result<AnnotationId, GrafanaError> {
        let Annotation { time, tags, text } = annotation;
        let body = json!({"time": millis(*time), "tags": tags, "text": escaped(text)});
        let url = self.0.path(&["api", "annotations"]);
        let answer = self.ask(Method::POST, url, Some(&body), "annotations:create", patience).await?;
        let written: Written = self.json(answer, patience).await?;
        Ok(AnnotationId(written.id))
    }

    /// Makes an annotation one of the time until `end`.
    ///
    /// # Errors
    /// When Grafana does not take it within `patience`.
    pub async fn extend_annotation(
        &self,
        AnnotationId(id): AnnotationId,
        end: SystemTime,
        patience: Duration,
    ) -> Result<(), GrafanaError> {
        let url = self.0.path(&["api", "annotations", &id.to_string()]);
        let body = json!({"timeEnd": millis(end)});
        self.ask(Method::PATCH, url, Some(&body), "annotations:write", patience).await.map(drop)
    }

    async fn ask(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        permission: &'static str,
        patience: Duration,
    ) -> Result<Response, GrafanaError> {
        let mut request = self.0.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self.0.send(request, patience).await.map_err(|failure| self.unusable(failure))?;
        let address = self.0.address();
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(GrafanaError::Unknown { address }),
            StatusCode::FORBIDDEN => Err(GrafanaError::Forbidden { address, permission }),
            status => Err(GrafanaError::Status { address, status: status.as_u16() }),
        }
    }

    async fn json<T: DeserializeOwned>(
        &self,
        answer: Response,
        patience: Duration,
    ) -> Result<T, GrafanaError> {
        self.0.json(answer, patience).await.map_err(|failure| self.unusable(failure))
    }

    fn unusable(&self, failure: Failure) -> GrafanaError {
        let address = self.0.address();
        match failure {
            Failure::Unanswered(reason) => GrafanaError::Unanswered { address, reason },
            Failure::Foreign(reason) => GrafanaError::Foreign { address, reason },
        }
    }
}

/// Grafana's answer to who asks for a dashboard.
#[derive(Deserialize)]
struct Found {
    dashboard: Value,
}

/// Grafana's answer to a new annotation.
#[derive(Deserialize)]
struct Written {
    id: u64,
}

/// Milliseconds since the Unix epoch, as Grafana counts time.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Plain text where HTML is read.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What the configuration calls it.
const SECTION: Section = Section { name: "grafana", login: "token_env or token_file" };
