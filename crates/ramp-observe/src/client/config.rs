//! Where Prometheus is, and how to log in there.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use reqwest::{
    Certificate, ClientBuilder, Identity, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};

use super::{
    Prometheus,
    error::{QueryError, chain},
};
use crate::variable::VariableValue;

/// Where Prometheus is, and how to log in there. Shows neither a login nor the values of headers.
#[derive(Clone, Default)]
pub struct PrometheusConfig {
    /// Its address, with its base path if it has one.
    pub url: String,
    /// How to log in.
    pub credentials: Option<Credentials>,
    /// Headers to send, such as `X-Scope-OrgID`.
    pub headers: BTreeMap<String, String>,
    /// Certificates.
    pub tls: Tls,
    /// Values for the dashboards' template variables, instead of what they would resolve to.
    pub variables: BTreeMap<String, VariableValue>,
}

/// Certificates, as PEM. Shows none of them.
#[derive(Clone, Default)]
pub struct Tls {
    /// The authorities to trust, in place of the system's.
    pub authorities: Option<Vec<u8>>,
    /// The client's own certificate with its chain, and its key.
    pub identity: Option<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Gives `builder` the certificates, whose files are named in that section of the configuration.
    pub(crate) fn apply(
        &self,
        mut builder: ClientBuilder,
        section: &str,
        is_encrypted: bool,
    ) -> Result<ClientBuilder, QueryError> {
        if let Some(pem) = &self.authorities {
            let unusable = |reason| QueryError::Tls { what: format!("{section}.ca_file"), reason };
            let authorities = Certificate::from_pem_bundle(pem);
            let authorities =
                authorities.map_err(|error| unusable(format!("{}; it must be PEM", chain(&error))))?;
            if authorities.is_empty() {
                return Err(unusable("it has no certificate; it must be PEM".to_owned()));
            }
            builder = builder.tls_certs_only(authorities);
        } else if !is_encrypted {
            // A machine without any certificates, as small containers are, needs none for this.
            builder = builder.tls_certs_only([]);
        }
        if let Some(pem) = &self.identity {
            // The library's reason may quote the key.
            let unusable = |_| QueryError::Tls {
                what: format!("{section}.cert_file with {section}.key_file"),
                reason:
                    "no certificate and key that belong together; both must be PEM, and the key not encrypted"
                        .to_owned(),
            };
            builder = builder.identity(Identity::from_pem(pem).map_err(unusable)?);
        }
        Ok(builder)
    }
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
    /// The address as it may be shown: without a login that stands in it, and without its query.
    #[must_use]
    pub fn address(&self) -> String {
        shown_url(&self.url)
    }

    /// Makes a client of it and lets that go, without connecting.
    ///
    /// # Errors
    /// What of it no client can be made with: the address, a header, a certificate.
    pub fn check(&self) -> Result<(), QueryError> {
        Prometheus::new(self).map(drop)
    }

    pub(super) fn header_map(&self) -> Result<HeaderMap, QueryError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            let (Ok(key), Ok(mut value)) = parsed else {
                return Err(QueryError::Header { name: name.clone() });
            };
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        if let Some(credentials) = &self.credentials {
            let value = credentials.header();
            let value = value.ok_or_else(|| QueryError::Header { name: AUTHORIZATION.to_string() })?;
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    pub(super) fn secrets(&self) -> Secrets {
        let login = self.credentials.iter().flat_map(Credentials::secrets);
        Secrets::new(login.chain(self.headers.values().cloned()))
    }
}

/// An address as it may be shown: without a login that stands in it, and without its query.
#[must_use]
pub fn shown_url(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "(no address)".to_owned() };
    // Only addresses without a host refuse, and those have no login.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// An address that holds neither login nor query, or why it cannot be used; a login belongs into the key `login`.
pub(crate) fn plain_url(url: &str, login: &str) -> Result<Url, String> {
    const NO_SCHEME: &str = "it begins with neither http:// nor https://";
    if !url.contains("://") {
        return Err(NO_SCHEME.to_owned());
    }
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(NO_SCHEME.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("it holds a login; use {login}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it holds a query; leave out what begins with ? or #".to_owned());
    }
    Ok(url)
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

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let text = match &self.0 {
            Login::Bearer(token) => format!("Bearer {token}"),
            Login::Basic { username, password } => format!("Basic {}", encoded(username, password)),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    pub(crate) fn secrets(&self) -> Vec<String> {
        match &self.0 {
            Login::Bearer(token) => vec![token.clone()],
            Login::Basic { username, password } => vec![encoded(username, password), password.clone()],
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn encoded(username: &str, password: &str) -> String {
    BASE64.encode(format!("{username}:{password}").as_bytes())
}

/// What no message may show, even where a server echoes it.
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        // A single digit, as tenants have, would be hidden in every number.
        let mut secrets: Vec<_> =
            secrets.into_iter().filter(|secret| secret.len() >= SHORTEST_SECRET).collect();
        // One that stands within another would leave the rest of that to be read.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// What a server said, as it may be shown: without secrets, on one line, and no longer than a person reads.
    pub(crate) fn shown(&self, text: &str) -> String {
        let hidden = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"));
        let mut letters = hidden.chars();
        let shown = letters.by_ref().take(LONGEST_TEXT).map(|c| if c.is_control() { ' ' } else { c });
        let mut shown: String = shown.collect();
        if letters.next().is_some() {
            shown.push('…');
        }
        shown
    }
}

/// A longer text is cut.
const LONGEST_TEXT: usize = 300;

const SHORTEST_SECRET: usize = 4;
