//! Whether librdkafka will take properties that are in its own terms, as far as that can be known before it connects.

use std::{fs::File, path::PathBuf};

use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

use super::{
    MECHANISMS_BUILT_IN, PropertyError, Role, SASL_MECHANISMS,
    names::{self, Rule},
};
use crate::client_config::{ClusterConfig, is_secret};

/// Checks the properties of `cluster`, which are in librdkafka's terms and for a client of `role`, without connecting.
///
/// # Errors
/// The first of them that librdkafka does not know or take, that is for the other role or has no effect, that names a
/// file which cannot be read, or that is missing.
pub fn check(cluster: &ClusterConfig, role: Role) -> Result<(), PropertyError> {
    cluster.properties.keys().try_for_each(|name| has_effect(name, role))?;
    cluster.client(&[]).create_native_config().map_err(|error| unfit(error, role))?;
    let set = |name: &str| cluster.properties.get(name).map(|value| value.trim());
    if let Some(protocol) = set("security.protocol").filter(|protocol| is_sasl(protocol)) {
        let mechanism = set("sasl.mechanism").or_else(|| set("sasl.mechanisms"));
        let missing = || PropertyError::Missing {
            name: "sasl.mechanism",
            because: format!("security.protocol = {protocol}"),
            want: MECHANISMS_BUILT_IN,
        };
        if !SASL_MECHANISMS.contains(&mechanism.ok_or_else(missing)?) {
            return Err(PropertyError::Value {
                name: "sasl.mechanism".to_owned(),
                want: MECHANISMS_BUILT_IN,
            });
        }
    }
    for name in FILES {
        let path = set(name).filter(|path| *path != ANY_AUTHORITIES);
        if let Some(path) = path.map(PathBuf::from)
            && let Err(source) = File::open(&path)
        {
            return Err(PropertyError::File { name, path, source });
        }
    }
    Ok(())
}

/// Refuses what has no effect on a client of `role`: librdkafka takes it and says so in its log only.
fn has_effect(name: &str, role: Role) -> Result<(), PropertyError> {
    match names::rule(name, role) {
        Some((_, Rule::Moot(why))) => Err(PropertyError::Refused { name: name.to_owned(), why }),
        Some((_, Rule::Same | Rule::As(_) | Rule::Own | Rule::Refused(_))) => Ok(()),
        None if names::rule(name, role.other()).is_some() => {
            Err(PropertyError::OtherRole { name: name.to_owned(), role })
        }
        None => Ok(()),
    }
}

/// Whether a `security.protocol` asks for a login.
fn is_sasl(protocol: &str) -> bool {
    protocol.to_ascii_uppercase().starts_with("SASL")
}

fn unfit(error: KafkaError, role: Role) -> PropertyError {
    match error {
        KafkaError::ClientConfig(UNKNOWN, _, name, _) => unknown(name, role),
        // librdkafka's words have the value in them.
        KafkaError::ClientConfig(_, _, name, _) if is_secret(&name) => {
            PropertyError::Unfit { name, reason: "its value is not taken".to_owned() }
        }
        KafkaError::ClientConfig(_, reason, name, _) => {
            PropertyError::Unfit { name, reason: reason.trim_end_matches('.').to_owned() }
        }
        other => PropertyError::Unfit { name: "(unknown)".to_owned(), reason: other.to_string() },
    }
}

/// What a name that librdkafka does not know may be meant for.
fn unknown(name: String, role: Role) -> PropertyError {
    let known = names::rule(&name, role).or_else(|| names::rule(names::nearest(&name, role)?, role));
    match known {
        Some((_, Rule::As(other))) => PropertyError::Unknown { name, nearest: Some(other) },
        Some((known, Rule::Same | Rule::Own | Rule::Moot(_) | Rule::Refused(_)))
            if is_librdkafka_s(known) =>
        {
            PropertyError::Unknown { name, nearest: Some(known) }
        }
        Some((known, Rule::Same | Rule::Own | Rule::Moot(_) | Rule::Refused(_))) => {
            PropertyError::OnlyJava { name, known }
        }
        None => PropertyError::Unknown { name, nearest: None },
    }
}

fn is_librdkafka_s(name: &str) -> bool {
    // Whether it takes the value says nothing.
    let error = ClientConfig::new().set(name, "?").create_native_config().err();
    !matches!(error, Some(KafkaError::ClientConfig(UNKNOWN, ..)))
}

const UNKNOWN: RDKafkaConfRes = RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;

/// The properties that name a file or a folder.
const FILES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
];

/// What `ssl.ca.location` may be instead of a file: whatever the system trusts.
const ANY_AUTHORITIES: &str = "probe";

#[cfg(test)]
mod tests {
    use super::*;

    fn said(properties: &[(&str, &str)]) -> String {
        said_as(Role::Producer, properties)
    }

    fn said_as(role: Role, properties: &[(&str, &str)]) -> String {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let cluster = ClusterConfig { properties: properties.collect(), ..ClusterConfig::default() };
        check(&cluster, role).map_or_else(|error| error.to_string(), |()| "taken".to_owned())
    }

    #[test]
    fn what_librdkafka_will_not_take_is_said_before_it_is_asked_to_connect() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().to_str().unwrap();
        let sasl = ("security.protocol", "sasl_ssl");
        let said = [
            said(&[("linger.ms", "5"), ("ssl.ca.location", there)]),
            said(&[("ssl.ca.location", "probe")]),
            said(&[sasl, ("sasl.mechanisms", "PLAIN")]),
            said(&[("lingr.ms", "5")]),
            said(&[("sasl.mecanism", "PLAIN")]),
            said(&[("max.request.size", "5")]),
            said(&[("ssl.truststore.location", "t.jks")]),
            said(&[("buffer.memory", "5")]),
            said(&[("zzz", "5")]),
            said(&[("acks", "many")]),
            said(&[("security.protocol", "TLS")]),
            said(&[sasl]),
            said(&[sasl, ("sasl.mechanism", "GSSAPI")]),
            said(&[("ssl.certificate.location", "gone/c.pem")]),
        ];
        let expected = [
            "taken",
            "taken",
            "taken",
            "property lingr.ms is unknown; did you mean linger.ms?",
            "property sasl.mecanism is unknown; did you mean sasl.mechanism?",
            "property max.request.size is unknown; did you mean message.max.bytes?",
            "property ssl.truststore.location cannot be used: Java TrustStores are not supported, use `ssl.ca.location` \
             and a certificate file instead. See https://github.com/confluentinc/librdkafka/wiki/Using-SSL-with-librdkafka \
             for more information; see librdkafka's CONFIGURATION.md",
            "property buffer.memory is unknown: librdkafka has no buffer.memory, which is Java's; see librdkafka's \
             CONFIGURATION.md",
            "property zzz is unknown",
            "property acks cannot be used: Invalid value for configuration property \"request.required.acks\"; see \
             librdkafka's CONFIGURATION.md",
            "property security.protocol cannot be used: Invalid value \"TLS\" for configuration property \
             \"security.protocol\"; see librdkafka's CONFIGURATION.md",
            "property sasl.mechanism is not set, and security.protocol = sasl_ssl needs it; set it to PLAIN, \
             SCRAM-SHA-256 or SCRAM-SHA-512: no other is built in",
            "the value of property sasl.mechanism cannot be used: give PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512: no \
             other is built in",
            "property ssl.certificate.location names the file gone/c.pem, which cannot be read: No such file or \
             directory (os error 2)",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_the_client_would_silently_ignore_is_refused() {
        let said = [
            said_as(Role::Consumer, &[("queued.max.messages.kbytes", "1024"), ("fetch.wait.max.ms", "5")]),
            said_as(Role::Consumer, &[("linger.ms", "5")]),
            said_as(Role::Consumer, &[("buffer.memory", "5")]),
            said_as(Role::Consumer, &[("fetch.max.wait.ms", "5")]),
            said_as(Role::Consumer, &[("enable.auto.commit", "true")]),
            said(&[("queued.max.messages.kbytes", "1024")]),
            said(&[("group.id", "g")]),
        ];
        let expected = [
            "taken",
            "property linger.ms is for producers, and this client is a consumer; leave it out",
            "property buffer.memory is for producers, and this client is a consumer; leave it out",
            "property fetch.max.wait.ms is unknown; did you mean fetch.wait.max.ms?",
            "property enable.auto.commit cannot be honoured: no group is joined and nothing is committed",
            "property queued.max.messages.kbytes is for consumers, and this client is a producer; leave it out",
            "property group.id cannot be honoured: it concerns consumers",
        ];
        assert_eq!(said, expected);
    }
}
