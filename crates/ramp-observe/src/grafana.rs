//! Grafana's HTTP interface.

use std::fmt;

use crate::client::{Credentials, Tls, shown_url};

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
