//! The names that Java's producer and librdkafka know, and what becomes of each.

/// What becomes of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// librdkafka knows it by this name, with this value.
    Same,
    /// librdkafka knows it by another name.
    As(&'static str),
    /// Its value has another form in librdkafka.
    Own,
    /// It means nothing outside Java, or nothing for a load.
    Moot(&'static str),
    /// It would change what happens, and cannot be honoured.
    Refused(&'static str),
}

/// What becomes of property `name`, and its name for ever; `None` where nobody knows it.
pub(super) fn rule(name: &str) -> Option<(&'static str, Rule)> {
    let java = JAVA.iter().find(|(known, _)| *known == name).copied();
    java.or_else(|| Some((LIBRDKAFKA.iter().find(|known| **known == name)?, Rule::Same)))
}

/// `name` where it is known.
pub(super) fn known(name: &str) -> Option<&'static str> {
    rule(name).map(|(known, _)| known)
}

/// The known name that is nearest to `name`, where one is near.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let all = JAVA.iter().map(|(known, _)| *known).chain(LIBRDKAFKA);
    let scored = all.map(|known| (strsim::jaro_winkler(&lower, known), known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score >= NEAR).map(|(_, known)| known)
}

const NEAR: f64 = 0.8;

/// The properties of Java's producer.
const JAVA: [(&str, Rule); 105] = [
    ("acks", Rule::Same),
    ("auto.include.jmx.reporter", Rule::Moot(JVM)),
    ("batch.size", Rule::Own),
    ("bootstrap.servers", Rule::Same),
    ("buffer.memory", Rule::Own),
    ("client.dns.lookup", Rule::Same),
    ("client.id", Rule::Same),
    ("client.rack", Rule::Same),
    ("compression.gzip.level", Rule::Own),
    ("compression.lz4.level", Rule::Own),
    ("compression.type", Rule::Same),
    ("compression.zstd.level", Rule::Own),
    ("config.providers", Rule::Refused("it loads Java classes; write the values that they would give")),
    ("connections.max.idle.ms", Rule::Same),
    ("delivery.timeout.ms", Rule::As("message.timeout.ms")),
    ("enable.idempotence", Rule::Same),
    ("enable.metrics.push", Rule::Same),
    ("interceptor.classes", Rule::Refused(CLASS)),
    ("key.serializer", Rule::Moot(BYTES)),
    ("linger.ms", Rule::Same),
    ("max.block.ms", Rule::Moot("a full queue never fails a record; the time it blocks is in the account")),
    ("max.in.flight.requests.per.connection", Rule::Same),
    ("max.request.size", Rule::As("message.max.bytes")),
    ("metadata.max.age.ms", Rule::Same),
    ("metadata.max.idle.ms", Rule::Moot("every topic of a load is in use until its end")),
    ("metadata.recovery.rebootstrap.trigger.ms", Rule::Same),
    ("metadata.recovery.strategy", Rule::Same),
    ("metric.reporters", Rule::Moot(JVM)),
    ("metrics.num.samples", Rule::Moot(JVM)),
    ("metrics.recording.level", Rule::Moot(JVM)),
    ("metrics.sample.window.ms", Rule::Moot(JVM)),
    ("partitioner.adaptive.partitioning.enable", Rule::Moot("librdkafka has no adaptive partitioning")),
    ("partitioner.availability.timeout.ms", Rule::Moot("librdkafka has no adaptive partitioning")),
    ("partitioner.class", Rule::Own),
    ("partitioner.ignore.keys", Rule::Refused("librdkafka cannot ignore keys; send none (--keys none)")),
    ("receive.buffer.bytes", Rule::Own),
    ("reconnect.backoff.max.ms", Rule::Same),
    ("reconnect.backoff.ms", Rule::Same),
    ("request.timeout.ms", Rule::Same),
    ("retries", Rule::Same),
    ("retry.backoff.max.ms", Rule::Same),
    ("retry.backoff.ms", Rule::Same),
    ("sasl.client.callback.handler.class", Rule::Refused(CLASS)),
    ("sasl.jaas.config", Rule::Own),
    ("sasl.kerberos.kinit.cmd", Rule::Refused(KERBEROS)),
    ("sasl.kerberos.min.time.before.relogin", Rule::Refused(KERBEROS)),
    ("sasl.kerberos.service.name", Rule::Refused(KERBEROS)),
    ("sasl.kerberos.ticket.renew.jitter", Rule::Refused(KERBEROS)),
    ("sasl.kerberos.ticket.renew.window.factor", Rule::Refused(KERBEROS)),
    ("sasl.login.callback.handler.class", Rule::Refused(CLASS)),
    ("sasl.login.class", Rule::Refused(CLASS)),
    ("sasl.login.connect.timeout.ms", Rule::Refused(OAUTH)),
    ("sasl.login.read.timeout.ms", Rule::Refused(OAUTH)),
    ("sasl.login.refresh.buffer.seconds", Rule::Refused(OAUTH)),
    ("sasl.login.refresh.min.period.seconds", Rule::Refused(OAUTH)),
    ("sasl.login.refresh.window.factor", Rule::Refused(OAUTH)),
    ("sasl.login.refresh.window.jitter", Rule::Refused(OAUTH)),
    ("sasl.login.retry.backoff.max.ms", Rule::Refused(OAUTH)),
    ("sasl.login.retry.backoff.ms", Rule::Refused(OAUTH)),
    ("sasl.mechanism", Rule::Own),
    ("sasl.mechanisms", Rule::Own),
    ("sasl.oauthbearer.client.credentials.client.id", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.client.credentials.client.secret", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.clock.skew.seconds", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.expected.audience", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.expected.issuer", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.header.urlencode", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.jwks.endpoint.url", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.scope", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.scope.claim.name", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.sub.claim.name", Rule::Refused(OAUTH)),
    ("sasl.oauthbearer.token.endpoint.url", Rule::Refused(OAUTH)),
    ("security.protocol", Rule::Same),
    ("security.providers", Rule::Refused(CLASS)),
    ("send.buffer.bytes", Rule::Own),
    ("socket.connection.setup.timeout.max.ms", Rule::Moot("librdkafka has one timeout for each attempt")),
    ("socket.connection.setup.timeout.ms", Rule::Same),
    (
        "ssl.cipher.suites",
        Rule::Refused("Java and OpenSSL name ciphers differently; leave the choice to OpenSSL"),
    ),
    ("ssl.enabled.protocols", Rule::Moot("OpenSSL agrees on TLS 1.2 or 1.3")),
    ("ssl.endpoint.identification.algorithm", Rule::Own),
    ("ssl.engine.factory.class", Rule::Refused(CLASS)),
    ("ssl.key.password", Rule::Same),
    ("ssl.keymanager.algorithm", Rule::Moot(JVM)),
    ("ssl.keystore.certificate.chain", Rule::As("ssl.certificate.pem")),
    ("ssl.keystore.key", Rule::As("ssl.key.pem")),
    ("ssl.keystore.location", Rule::Own),
    ("ssl.keystore.password", Rule::Same),
    ("ssl.keystore.type", Rule::Own),
    ("ssl.protocol", Rule::Moot("OpenSSL agrees on TLS 1.2 or 1.3")),
    ("ssl.provider", Rule::Moot(JVM)),
    ("ssl.secure.random.implementation", Rule::Moot(JVM)),
    ("ssl.trustmanager.algorithm", Rule::Moot(JVM)),
    ("ssl.truststore.certificates", Rule::As("ssl.ca.pem")),
    ("ssl.truststore.location", Rule::Own),
    ("ssl.truststore.password", Rule::Own),
    ("ssl.truststore.type", Rule::Own),
    ("transaction.timeout.ms", Rule::Same),
    ("transaction.two.phase.commit.enable", Rule::Refused("librdkafka commits transactions in one phase")),
    ("transactional.id", Rule::Same),
    ("value.serializer", Rule::Moot(BYTES)),
    // What a file that consumers use as well may have.
    ("auto.offset.reset", Rule::Moot(CONSUMER)),
    ("enable.auto.commit", Rule::Moot(CONSUMER)),
    ("group.id", Rule::Moot(CONSUMER)),
    ("key.deserializer", Rule::Moot(CONSUMER)),
    ("value.deserializer", Rule::Moot(CONSUMER)),
];

const JVM: &str = "it concerns the Java client itself";
const CLASS: &str = "it names a Java class";
const BYTES: &str = "records carry bytes as they are";
const CONSUMER: &str = "it concerns consumers";
const KERBEROS: &str = "Kerberos is not built in; use PLAIN or SCRAM";
const OAUTH: &str = "OAUTHBEARER is not built in; use PLAIN or SCRAM";

/// The properties that librdkafka's producer has besides.
const LIBRDKAFKA: [&str; 60] = [
    "allow.auto.create.topics",
    "api.version.fallback.ms",
    "api.version.request",
    "api.version.request.timeout.ms",
    "batch.num.messages",
    "broker.address.family",
    "broker.address.ttl",
    "broker.version.fallback",
    "compression.codec",
    "compression.level",
    "debug",
    "enable.gapless.guarantee",
    "enable.random.seed",
    "enable.ssl.certificate.verification",
    "log.connection.close",
    "log_level",
    "max.in.flight",
    "message.copy.max.bytes",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partitioner",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "queuing.strategy",
    "receive.message.max.bytes",
    "reconnect.backoff.jitter.ms",
    "request.required.acks",
    "sasl.password",
    "sasl.username",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.engine.id",
    "ssl.engine.location",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.providers",
    "ssl.sigalgs.list",
    "statistics.interval.ms",
    "sticky.partitioning.linger.ms",
    "topic.blacklist",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "ssl.ca.certificate.stores",
];

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

    use super::*;

    #[test]
    fn librdkafka_knows_every_name_that_a_property_is_passed_on_by() {
        let same = JAVA.iter().filter_map(|(name, rule)| match rule {
            Rule::Same => Some(*name),
            Rule::As(other) => Some(*other),
            Rule::Own | Rule::Moot(_) | Rule::Refused(_) => None,
        });
        for name in same.chain(LIBRDKAFKA) {
            // A value that most properties refuse: whether it is refused says nothing, how it is refused does.
            let error = ClientConfig::new().set(name, "?").create_native_config().err();
            let unknown = RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
            let is_unknown = matches!(error, Some(KafkaError::ClientConfig(why, ..)) if why == unknown);
            assert!(!is_unknown, "{name}");
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        let mut all: Vec<_> = JAVA.iter().map(|(name, _)| *name).chain(LIBRDKAFKA).collect();
        let listed = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), listed);
    }

    #[test]
    fn a_misspelt_name_is_given_its_nearest() {
        for (wrong, right) in [
            ("bootstrap.server", "bootstrap.servers"),
            ("security.protocoll", "security.protocol"),
            ("linger", "linger.ms"),
            ("SSL.truststore.locaton", "ssl.truststore.location"),
            ("ssl.ca.locations", "ssl.ca.location"),
        ] {
            assert_eq!(nearest(wrong), Some(right));
        }
        assert_eq!(nearest("zzz"), None);
    }
}
