//! JSON over HTTP, as Kafka Connect and Grafana speak it: bounded in time and length, silent about secrets, and never
//! led to another host.

use std::time::Duration;

use reqwest::{
    Client, Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, HeaderMap},
    redirect::Policy,
};
use serde::de::DeserializeOwned;

use crate::client::{Credentials, QueryError, Secrets, Tls, chain, plain_url};

/// A client of one server.
pub(crate) struct Rest {
    client: Client,
    url: Url,
    secrets: Secrets,
}

/// What the configuration calls a server, and where its login belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) login: &'static str,
}

/// Why there can be no client.
pub(crate) enum Unfit {
    /// What is wrong with the address.
    Address(String),
    Login(QueryError),
}

/// Why there is no usable answer.
pub(crate) enum Failure {
    /// Nothing came back; what happened.
    Unanswered(String),
    /// Something of another kind did; what is wrong with it.
    Foreign(String),
}

impl Rest {
    /// A client; nothing is asked yet.
    pub(crate) fn new(
        url: &str,
        (credentials, tls): (Option<&Credentials>, &Tls),
        section: Section,
    ) -> Result<Self, Unfit> {
        let url = plain_url(url, section.login).map_err(Unfit::Address)?;
        let mut headers = HeaderMap::new();
        if let Some(credentials) = credentials {
            let header = credentials.header();
            let unfit = || Unfit::Login(QueryError::Header { name: AUTHORIZATION.to_string() });
            headers.insert(AUTHORIZATION, header.ok_or_else(unfit)?);
        }
        // A login goes to the host that it is for, and to no other.
        let client = Client::builder().default_headers(headers).redirect(Policy::none());
        let client = tls.apply(client, section.name, url.scheme() == "https");
        let client = client.map_err(Unfit::Login)?.build().map_err(|error| {
            let reason = format!("{}; name the authorities with {}.ca_file", chain(&error), section.name);
            Unfit::Login(QueryError::Tls { what: "the system's certificates".to_owned(), reason })
        })?;
        Ok(Self {
            client,
            url,
            secrets: Secrets::new(credentials.into_iter().flat_map(Credentials::secrets)),
        })
    }

    /// The server's address.
    pub(crate) fn address(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// The address of what stands at `parts` below the server's own.
    pub(crate) fn path(&self, parts: &[&str]) -> Url {
        let mut url = self.url.clone();
        // Only addresses without a host refuse, and those were refused before.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// A request with the login.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// The answer to `request`, whose body must be there within `patience` as well.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        patience: Duration,
    ) -> Result<Response, Failure> {
        request.timeout(patience).send().await.map_err(|error| self.unanswered(error, patience))
    }

    /// The JSON of an answer that was asked for with `patience`.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        mut answer: Response,
        patience: Duration,
    ) -> Result<T, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unanswered(error, patience))? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_BODY {
                return Err(Failure::Foreign(format!("the answer is longer than {LONGEST_BODY} bytes")));
            }
        }
        // What serde quotes may be a secret: the place alone is told.
        serde_json::from_slice(&body).map_err(|error| {
            Failure::Foreign(format!("its answer is of another form at column {}", error.column()))
        })
    }

    /// What a server said, as it may be shown.
    pub(crate) fn shown(&self, text: &str) -> String {
        self.secrets.shown(text)
    }

    fn unanswered(&self, error: reqwest::Error, patience: Duration) -> Failure {
        Failure::Unanswered(if error.is_timeout() {
            format!("no answer within {:.1} s", patience.as_secs_f64())
        } else {
            self.shown(&chain(&error.without_url()))
        })
    }
}

/// Far more than thousands of connectors take, or the largest dashboard.
const LONGEST_BODY: usize = 32 * 1024 * 1024;
