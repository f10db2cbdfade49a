//! Why Prometheus gave no usable answer.

use std::{error::Error, time::Duration};

use super::config::Secrets;

/// Why Prometheus gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// A certificate or key cannot be used.
    #[error("{what} cannot be used: {reason}")]
    Tls {
        /// The certificate or key.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection failed or broke.
    #[error("{reason}")]
    Connection {
        /// What happened.
        reason: String,
    },
    /// Nothing came back in time.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// An HTTP status that is no success.
    #[error("HTTP status {status}{}{}", said(reason.as_ref()), asked(*after))]
    Status {
        /// The status.
        status: u16,
        /// What Prometheus said about it.
        reason: Option<String>,
        /// How long the server asks to be left alone.
        after: Option<Duration>,
    },
    /// Prometheus refuses the query.
    #[error("{reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The answer sends elsewhere: to another host, which gets no login, or round in circles.
    #[error(
        "redirected to {to}, which is not followed; set prometheus.url to where Prometheus itself answers"
    )]
    Redirected {
        /// Where to.
        to: String,
    },
    /// The answer is of another kind, such as a login page.
    #[error(
        "answered with {kind} and not with JSON; check that prometheus.url is Prometheus itself and no login page"
    )]
    NotJson {
        /// The answer's content type.
        kind: String,
    },
    /// The answer is JSON, but not whole or of another form.
    #[error("the answer cannot be read: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
    },
    /// The answer is longer than any that could be judged.
    #[error("the answer is longer than {limit} bytes; make the query select less")]
    TooLong {
        /// The most bytes that are read.
        limit: usize,
    },
}

impl QueryError {
    /// How long to wait before asking again; nothing where that would change nothing.
    pub(super) fn worth_waiting(&self, pause: Duration) -> Option<Duration> {
        match self {
            Self::Connection { .. } | Self::Unreadable { .. } => Some(pause),
            Self::Status { status: 429 | 500 | 502 | 503 | 504, after, .. } => {
                Some(after.map_or(pause, |after| after.max(pause)))
            }
            Self::Status { .. }
            | Self::Address { .. }
            | Self::Header { .. }
            | Self::Tls { .. }
            | Self::Timeout(_)
            | Self::Refused { .. }
            | Self::Redirected { .. }
            | Self::NotJson { .. }
            | Self::TooLong { .. } => None,
        }
    }

    /// The error without what a server may have echoed.
    pub(super) fn without(mut self, secrets: &Secrets) -> Self {
        match &mut self {
            Self::Connection { reason }
            | Self::Refused { reason }
            | Self::Unreadable { reason }
            | Self::Status { reason: Some(reason), .. }
            | Self::Redirected { to: reason }
            | Self::NotJson { kind: reason } => *reason = secrets.shown(reason),
            Self::Status { reason: None, .. }
            | Self::Address { .. }
            | Self::Header { .. }
            | Self::Tls { .. }
            | Self::Timeout(_)
            | Self::TooLong { .. } => {}
        }
        self
    }
}

/// An error with its causes: the first says only "error sending request".
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // The address is known, and the query in it too long to be read.
        let text = inner.to_string();
        let text = text.split(" for url (").next().unwrap_or("");
        if !reason.contains(text) {
            reason = format!("{reason}: {text}");
        }
        cause = inner.source();
    }
    reason
}

fn said(reason: Option<&String>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

fn asked(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| format!("; it asks to be left alone for {} s", after.as_secs()))
}
