//! How a cluster is reached, and what it complains of.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    client::Client,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
};

use crate::lock::lock;

/// A text that must not be seen. It shows itself as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A Kafka cluster and how to log in there. Shows the names of its properties, not their values.
#[derive(Clone, Default)]
pub struct ClusterConfig {
    /// Bootstrap servers, `host:port,host:port`.
    pub bootstrap: String,
    /// librdkafka properties, passed through.
    pub properties: BTreeMap<String, String>,
    /// The SASL user.
    pub username: Option<String>,
    /// The SASL password.
    pub password: Option<Secret>,
}

impl ClusterConfig {
    /// The librdkafka configuration for this cluster: `defaults`, then what the user has set.
    pub(crate) fn client(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        for (key, value) in defaults {
            let is_set = |name: &str| self.properties.contains_key(name);
            if !ALIASES.iter().any(|(name, alias)| name == key && is_set(alias)) {
                client.set(*key, *value);
            }
        }
        for (key, value) in &self.properties {
            client.set(key, value);
        }
        client.set("bootstrap.servers", &self.bootstrap);
        if let Some(username) = &self.username {
            client.set("sasl.username", username);
        }
        if let Some(password) = &self.password {
            client.set("sasl.password", password.reveal());
        }
        client
    }
}

impl fmt::Debug for ClusterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterConfig")
            .field("bootstrap", &self.bootstrap)
            .field("properties", &self.properties.keys())
            .finish_non_exhaustive()
    }
}

/// Whether a librdkafka property holds a secret, which belongs into no file or command line.
#[must_use]
pub fn is_secret(property: &str) -> bool {
    ["password", "passphrase", "secret"].iter().any(|word| property.contains(word))
        || property.ends_with("key.pem")
        || ["sasl.username", "sasl.jaas.config", "ssl.keystore.key", "sasl.oauthbearer.config"]
            .contains(&property)
}

/// Properties of librdkafka that have a second name.
const ALIASES: [(&str, &str); 2] =
    [("acks", "request.required.acks"), ("linger.ms", "queue.buffering.max.ms")];

/// Why a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// librdkafka refuses the configuration.
    #[error("property {property}: {reason}; see librdkafka's CONFIGURATION.md")]
    Property {
        /// The property.
        property: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client cannot be made.
    #[error(
        "cannot make a client for {bootstrap}: {reason}; check its properties and the files that they name"
    )]
    Client {
        /// The bootstrap servers.
        bootstrap: String,
        /// Why.
        reason: String,
    },
    /// The cluster refuses user or password.
    #[error("{bootstrap} refuses the login: {reason}; check user, password and sasl.mechanism")]
    Login {
        /// The bootstrap servers.
        bootstrap: String,
        /// What was said.
        reason: String,
    },
    /// TLS cannot be agreed on.
    #[error("no TLS with {bootstrap}: {reason}; check ssl.ca.location and security.protocol")]
    Tls {
        /// The bootstrap servers.
        bootstrap: String,
        /// What was said.
        reason: String,
    },
    /// No broker answers.
    #[error("{bootstrap} does not answer within {} s: {reason}; check the address, security.protocol and that the brokers run", patience.as_secs())]
    Unreachable {
        /// The bootstrap servers.
        bootstrap: String,
        /// The last thing that was said.
        reason: String,
        /// How long was waited.
        patience: Duration,
    },
}

impl ConnectError {
    pub(crate) fn client(bootstrap: &str, error: &KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, reason, property, _value) => {
                Self::Property { property: property.clone(), reason: reason.clone() }
            }
            other => Self::Client { bootstrap: bootstrap.to_owned(), reason: other.to_string() },
        }
    }
}

const HUNG_UP: &str = "it closes every connection, as a listener does that wants TLS or a login";

/// What librdkafka said last of what says most about why it cannot reach a cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Complaints(Arc<Mutex<Option<(RDKafkaErrorCode, String)>>>);

impl Complaints {
    fn take(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        let mut last = lock(&self.0);
        if last.as_ref().is_none_or(|(known, _)| weight(code) >= weight(*known)) {
            *last = Some((code, reason.to_owned()));
        }
    }

    pub(crate) fn last(&self) -> Option<(RDKafkaErrorCode, String)> {
        lock(&self.0).clone()
    }

    /// The cluster's metadata, asked for until it answers; `poll` serves the client's events meanwhile, for as long as
    /// it is told: without a span it takes one event only, which may not be the one that says why.
    pub(crate) fn metadata<C: ClientContext>(
        &self,
        bootstrap: &str,
        client: &Client<C>,
        topic: Option<&str>,
        mut poll: impl FnMut(Duration),
    ) -> Result<Metadata, ConnectError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match client.fetch_metadata(topic, ATTEMPT) {
                Ok(metadata) => {
                    // What was said on the way is no reason for what may come later.
                    *lock(&self.0) = None;
                    return Ok(metadata);
                }
                Err(error) => error,
            };
            poll(EVENTS);
            let bootstrap = bootstrap.to_owned();
            match self.last() {
                Some((
                    RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed,
                    reason,
                )) => {
                    return Err(ConnectError::Login { bootstrap, reason });
                }
                Some((RDKafkaErrorCode::SSL, reason)) => return Err(ConnectError::Tls { bootstrap, reason }),
                // A listener without TLS hangs up, for which librdkafka has no code of its own.
                Some((_, reason)) if reason.contains("SSL handshake failed") => {
                    return Err(ConnectError::Tls { bootstrap, reason });
                }
                last if Instant::now() >= deadline => {
                    let reason = match last {
                        // What is left where a connection is made and closed before a word is said.
                        Some((RDKafkaErrorCode::AllBrokersDown, _)) => HUNG_UP.to_owned(),
                        Some((_, reason)) => reason,
                        None => error.to_string(),
                    };
                    return Err(ConnectError::Unreachable { bootstrap, reason, patience: PATIENCE });
                }
                Some(_) | None => {}
            }
        }
    }
}

/// How much a complaint says: "all brokers down" less than why a connection broke, that less than why it was refused.
/// Each broken connection is complained of several times over, in any of these ways.
const fn weight(code: RDKafkaErrorCode) -> u8 {
    match code {
        RDKafkaErrorCode::AllBrokersDown => 0,
        RDKafkaErrorCode::SSL
        | RDKafkaErrorCode::Authentication
        | RDKafkaErrorCode::SaslAuthenticationFailed => 2,
        _any_other => 1,
    }
}

/// A client that keeps its complaints and logs nothing on its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listener {
    pub(crate) complaints: Complaints,
}

impl ClientContext for Listener {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", "{facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {reason}");
        self.complaints.take(&error, reason);
    }
}

impl ConsumerContext for Listener {}

/// How long a cluster may take to answer for the first time: whoever waits is told within 10 s.
const PATIENCE: Duration = Duration::from_secs(8);
const ATTEMPT: Duration = Duration::from_millis(500);
/// Long enough to take every event that has come.
const EVENTS: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_cluster_refuses_stands_whatever_its_broken_connections_say_after_it() {
        use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, SSL};
        let complaints = Complaints::default();
        let kept = |code, reason| {
            complaints.take(&KafkaError::Global(code), reason);
            complaints.last().map(|(_, reason)| reason)
        };
        assert_eq!(kept(AllBrokersDown, "1/1 down").as_deref(), Some("1/1 down"));
        assert_eq!(kept(BrokerTransportFailure, "verify failed").as_deref(), Some("verify failed"));
        assert_eq!(kept(AllBrokersDown, "1/1 down").as_deref(), Some("verify failed"));
        assert_eq!(kept(SSL, "wrong authority").as_deref(), Some("wrong authority"));
        assert_eq!(kept(BrokerTransportFailure, "verify failed").as_deref(), Some("wrong authority"));
        assert_eq!(kept(SSL, "another authority").as_deref(), Some("another authority"));
    }
}
