//! The names that Java's clients and librdkafka know, and what becomes of each.

use super::Role;

/// What becomes of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// librdkafka knows it by this name, with this value.
    Same,
    /// librdkafka knows it by another name.
    As(&'static str),
    /// Its value has another form in librdkafka.
    Own,
    /// It means nothing outside Java, or nothing for what this client does.
    Moot(&'static str),
    /// It would change what happens, and cannot be honoured.
    Refused(&'static str),
}

/// What becomes of property `name` where a client of `role` has it, and its name for ever; `None` where no such client
/// knows it.
pub(super) fn rule(name: &str, role: Role) -> Option<(&'static str, Rule)> {
    of(role).find(|(known, _)| *known == name)
}

/// `name` where a client of either role knows it.
pub(super) fn known(name: &str) -> Option<&'static str> {
    let rule = rule(name, Role::Producer).or_else(|| rule(name, Role::Consumer));
    rule.map(|(known, _)| known)
}

/// The name that is nearest to `name` of those that a client of `role` knows, where one is near.
pub(super) fn nearest(name: &str, role: Role) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let scored = of(role).map(|(known, _)| (strsim::jaro_winkler(&lower, known), known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score >= NEAR).map(|(_, known)| known)
}

/// All that a client of `role` knows.
fn of(role: Role) -> impl Iterator<Item = (&'static str, Rule)> {
    let own = match role {
        Role::Producer => PRODUCERS,
        Role::Consumer => CONSUMERS,
    };
    own.iter().chain(EVERY).copied()
}

const NEAR: f64 = 0.8;

const JVM: &str = "it concerns the Java client itself";
const CLASS: &str = "it names a Java class";
const BYTES: &str = "records carry bytes as they are";
const CONSUMER: &str = "it concerns consumers";
const PRODUCER: &str = "it concerns producers";
const GROUP: &str = "no group is joined and nothing is committed";
const KERBEROS: &str = "Kerberos is not built in; use PLAIN or SCRAM";
const OAUTH: &str = "OAUTHBEARER is not built in; use PLAIN or SCRAM";

/// What clients of both roles know.
const EVERY: &[(&str, Rule)] = &[
    ("allow.auto.create.topics", Rule::Same),
    ("api.version.fallback.ms", Rule::Same),
    ("api.version.request", Rule::Same),
    ("api.version.request.timeout.ms", Rule::Same),
    ("auto.include.jmx.reporter", Rule::Moot(JVM)),
    ("bootstrap.servers", Rule::Same),
    ("broker.address.family", Rule::Same),
    ("broker.address.ttl", Rule::Same),
    ("broker.version.fallback", Rule::Same),
    ("client.dns.lookup", Rule::Same),
    ("client.id", Rule::Same),
    ("client.rack", Rule::Same),
    ("config.providers", Rule::Refused("it loads Java classes; write the values that they would give")),
    ("connections.max.idle.ms", Rule::Same),
    ("debug", Rule::Same),
    ("enable.metrics.push", Rule::Same),
    ("enable.random.seed", Rule::Same),
    ("enable.sasl.oauthbearer.unsecure.jwt", Rule::Same),
    ("enable.ssl.certificate.verification", Rule::Same),
    ("interceptor.classes", Rule::Refused(CLASS)),
    ("log.connection.close", Rule::Same),
    ("log_level", Rule::Same),
    ("max.in.flight", Rule::Same),
    ("max.in.flight.requests.per.connection", Rule::Same),
    ("message.copy.max.bytes", Rule::Same),
    ("message.max.bytes", Rule::Same),
    ("metadata.broker.list", Rule::Same),
    ("metadata.max.age.ms", Rule::Same),
    ("metadata.recovery.rebootstrap.trigger.ms", Rule::Same),
    ("metadata.recovery.strategy", Rule::Same),
    ("metric.reporters", Rule::Moot(JVM)),
    ("metrics.num.samples", Rule::Moot(JVM)),
    ("metrics.recording.level", Rule::Moot(JVM)),
    ("metrics.sample.window.ms", Rule::Moot(JVM)),
    ("receive.buffer.bytes", Rule::Own),
    ("receive.message.max.bytes", Rule::Same),
    ("reconnect.backoff.jitter.ms", Rule::Same),
    ("reconnect.backoff.max.ms", Rule::Same),
    ("reconnect.backoff.ms", Rule::Same),
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
    ("sasl.password", Rule::Same),
    ("sasl.username", Rule::Same),
    ("security.protocol", Rule::Same),
    ("security.providers", Rule::Refused(CLASS)),
    ("send.buffer.bytes", Rule::Own),
    ("socket.connection.setup.timeout.max.ms", Rule::Moot("librdkafka has one timeout for each attempt")),
    ("socket.connection.setup.timeout.ms", Rule::Same),
    ("socket.keepalive.enable", Rule::Same),
    ("socket.max.fails", Rule::Same),
    ("socket.nagle.disable", Rule::Same),
    ("socket.receive.buffer.bytes", Rule::Same),
    ("socket.send.buffer.bytes", Rule::Same),
    ("socket.timeout.ms", Rule::Same),
    ("ssl.ca.certificate.stores", Rule::Same),
    ("ssl.ca.location", Rule::Same),
    ("ssl.ca.pem", Rule::Same),
    ("ssl.certificate.location", Rule::Same),
    ("ssl.certificate.pem", Rule::Same),
    (
        "ssl.cipher.suites",
        Rule::Refused("Java and OpenSSL name ciphers differently; leave the choice to OpenSSL"),
    ),
    ("ssl.crl.location", Rule::Same),
    ("ssl.curves.list", Rule::Same),
    ("ssl.enabled.protocols", Rule::Moot("OpenSSL agrees on TLS 1.2 or 1.3")),
    ("ssl.endpoint.identification.algorithm", Rule::Own),
    ("ssl.engine.factory.class", Rule::Refused(CLASS)),
    ("ssl.engine.id", Rule::Same),
    ("ssl.engine.location", Rule::Same),
    ("ssl.key.location", Rule::Same),
    ("ssl.key.password", Rule::Same),
    ("ssl.key.pem", Rule::Same),
    ("ssl.keymanager.algorithm", Rule::Moot(JVM)),
    ("ssl.keystore.certificate.chain", Rule::As("ssl.certificate.pem")),
    ("ssl.keystore.key", Rule::As("ssl.key.pem")),
    ("ssl.keystore.location", Rule::Own),
    ("ssl.keystore.password", Rule::Same),
    ("ssl.keystore.type", Rule::Own),
    ("ssl.protocol", Rule::Moot("OpenSSL agrees on TLS 1.2 or 1.3")),
    ("ssl.provider", Rule::Moot(JVM)),
    ("ssl.providers", Rule::Same),
    ("ssl.secure.random.implementation", Rule::Moot(JVM)),
    ("ssl.sigalgs.list", Rule::Same),
    ("ssl.trustmanager.algorithm", Rule::Moot(JVM)),
    ("ssl.truststore.certificates", Rule::As("ssl.ca.pem")),
    ("ssl.truststore.location", Rule::Own),
    ("ssl.truststore.password", Rule::Own),
    ("ssl.truststore.type", Rule::Own),
    ("statistics.interval.ms", Rule::Same),
    ("topic.blacklist", Rule::Same),
    ("topic.metadata.propagation.max.ms", Rule::Same),
    ("topic.metadata.refresh.fast.interval.ms", Rule::Same),
    ("topic.metadata.refresh.interval.ms", Rule::Same),
    ("topic.metadata.refresh.sparse", Rule::Same),
];

/// What producers know besides, and what a file that consumers use as well may have.
const PRODUCERS: &[(&str, Rule)] = &[
    ("acks", Rule::Same),
    ("auto.offset.reset", Rule::Moot(CONSUMER)),
    ("batch.num.messages", Rule::Same),
    ("batch.size", Rule::Own),
    ("buffer.memory", Rule::Own),
    ("compression.codec", Rule::Same),
    ("compression.gzip.level", Rule::Own),
    ("compression.level", Rule::Same),
    ("compression.lz4.level", Rule::Own),
    ("compression.type", Rule::Same),
    ("compression.zstd.level", Rule::Own),
    ("delivery.timeout.ms", Rule::As("message.timeout.ms")),
    ("enable.auto.commit", Rule::Moot(CONSUMER)),
    ("enable.gapless.guarantee", Rule::Same),
    ("enable.idempotence", Rule::Same),
    ("group.id", Rule::Moot(CONSUMER)),
    ("key.deserializer", Rule::Moot(CONSUMER)),
    ("key.serializer", Rule::Moot(BYTES)),
    ("linger.ms", Rule::Same),
    ("max.block.ms", Rule::Moot("a full queue never fails a record; the time it blocks is in the account")),
    ("max.request.size", Rule::As("message.max.bytes")),
    ("message.send.max.retries", Rule::Same),
    ("message.timeout.ms", Rule::Same),
    ("metadata.max.idle.ms", Rule::Moot("every topic of a load is in use until its end")),
    ("partitioner", Rule::Same),
    ("partitioner.adaptive.partitioning.enable", Rule::Moot("librdkafka has no adaptive partitioning")),
    ("partitioner.availability.timeout.ms", Rule::Moot("librdkafka has no adaptive partitioning")),
    ("partitioner.class", Rule::Own),
    ("partitioner.ignore.keys", Rule::Refused("librdkafka cannot ignore keys; send none (--keys none)")),
    ("queue.buffering.backpressure.threshold", Rule::Same),
    ("queue.buffering.max.kbytes", Rule::Same),
    ("queue.buffering.max.messages", Rule::Same),
    ("queue.buffering.max.ms", Rule::Same),
    ("queuing.strategy", Rule::Same),
    ("request.required.acks", Rule::Same),
    ("request.timeout.ms", Rule::Same),
    ("retries", Rule::Same),
    ("sticky.partitioning.linger.ms", Rule::Same),
    ("transaction.timeout.ms", Rule::Same),
    ("transaction.two.phase.commit.enable", Rule::Refused("librdkafka commits transactions in one phase")),
    ("transactional.id", Rule::Same),
    ("value.deserializer", Rule::Moot(CONSUMER)),
    ("value.serializer", Rule::Moot(BYTES)),
];

/// What consumers know besides, and what a file that producers use as well may have.
const CONSUMERS: &[(&str, Rule)] = &[
    ("auto.commit.enable", Rule::Moot(GROUP)),
    ("auto.commit.interval.ms", Rule::Moot(GROUP)),
    ("auto.offset.reset", Rule::Moot("where reading begins is told apart from it")),
    ("check.crcs", Rule::Same),
    ("coordinator.query.interval.ms", Rule::Moot(GROUP)),
    ("default.api.timeout.ms", Rule::Moot(JVM)),
    ("enable.auto.commit", Rule::Moot(GROUP)),
    ("enable.auto.offset.store", Rule::Moot(GROUP)),
    ("enable.partition.eof", Rule::Moot("at a partition's end more is waited for")),
    ("exclude.internal.topics", Rule::Moot("topics are read by their names")),
    ("fetch.error.backoff.ms", Rule::Same),
    ("fetch.max.bytes", Rule::Same),
    ("fetch.max.wait.ms", Rule::As("fetch.wait.max.ms")),
    ("fetch.message.max.bytes", Rule::Same),
    ("fetch.min.bytes", Rule::Same),
    ("fetch.queue.backoff.ms", Rule::Same),
    ("fetch.wait.max.ms", Rule::Same),
    ("group.id", Rule::Moot(GROUP)),
    ("group.instance.id", Rule::Moot(GROUP)),
    ("group.protocol", Rule::Moot(GROUP)),
    ("group.protocol.type", Rule::Moot(GROUP)),
    ("group.remote.assignor", Rule::Moot(GROUP)),
    ("heartbeat.interval.ms", Rule::Moot(GROUP)),
    ("isolation.level", Rule::Same),
    ("key.deserializer", Rule::Moot(BYTES)),
    ("key.serializer", Rule::Moot(PRODUCER)),
    ("max.partition.fetch.bytes", Rule::Same),
    ("max.poll.interval.ms", Rule::Moot(GROUP)),
    ("max.poll.records", Rule::Moot(JVM)),
    ("offset.store.method", Rule::Moot(GROUP)),
    ("partition.assignment.strategy", Rule::Moot(GROUP)),
    ("queued.max.messages.kbytes", Rule::Same),
    ("queued.min.messages", Rule::Same),
    ("request.timeout.ms", Rule::Moot("a consumer of librdkafka has socket.timeout.ms in its place")),
    ("session.timeout.ms", Rule::Moot(GROUP)),
    ("value.deserializer", Rule::Moot(BYTES)),
    ("value.serializer", Rule::Moot(PRODUCER)),
];

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use rdkafka::{
        ClientConfig, ClientContext,
        config::RDKafkaLogLevel,
        consumer::{BaseConsumer, ConsumerContext},
        error::KafkaError,
        message::DeliveryResult,
        producer::{BaseProducer, ProducerContext},
        types::RDKafkaConfRes,
    };

    use super::*;

    /// The names by which `list` is passed on to librdkafka.
    fn passed(list: &[(&'static str, Rule)]) -> BTreeSet<&'static str> {
        let passed = list.iter().filter_map(|(name, rule)| match rule {
            Rule::Same => Some(*name),
            Rule::As(other) => Some(*other),
            Rule::Own | Rule::Moot(_) | Rule::Refused(_) => None,
        });
        passed.collect()
    }

    #[test]
    fn librdkafka_knows_every_name_that_a_property_is_passed_on_by() {
        for name in [EVERY, PRODUCERS, CONSUMERS].into_iter().flat_map(passed) {
            // A value that most properties refuse: whether it is refused says nothing, how it is refused does.
            let error = ClientConfig::new().set(name, "?").create_native_config().err();
            let unknown = RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
            let is_unknown = matches!(error, Some(KafkaError::ClientConfig(why, ..)) if why == unknown);
            assert!(!is_unknown, "{name}");
        }
    }

    /// What librdkafka says when it is made.
    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<String>>>);

    impl ClientContext for Said {
        fn log(&self, _level: RDKafkaLogLevel, _facility: &str, message: &str) {
            self.0.lock().unwrap().push(message.to_owned());
        }
    }

    impl ConsumerContext for Said {}

    impl ProducerContext for Said {
        type DeliveryOpaque = ();

        fn delivery(&self, _result: &DeliveryResult<'_>, _opaque: ()) {}
    }

    /// Whether a client of `role` ignores `name`, by what librdkafka says of it.
    fn is_ignored(name: &str, role: Role) -> bool {
        let with = |value: &str| {
            let mut config = ClientConfig::new();
            config.set(name, value);
            config
        };
        let usual = ClientConfig::new().create_native_config().unwrap().get(name).unwrap_or_default();
        let values = [usual.as_str(), "-1", "30000", "none", "fifo", "random"];
        let mut configs = values.into_iter().filter(|value| !value.is_empty()).map(with);
        let config = configs.find(|config| config.create_native_config().is_ok()).unwrap();
        let said = Said::default();
        // All that it says at its making waits in the client's queue, from which each poll takes one.
        match role {
            Role::Producer => {
                let client: BaseProducer<Said> = config.create_with_context(said.clone()).unwrap();
                (0..100).for_each(|_| client.poll(Duration::ZERO));
            }
            Role::Consumer => {
                let client: BaseConsumer<Said> = config.create_with_context(said.clone()).unwrap();
                (0..100).for_each(|_| drop(client.poll(Duration::ZERO)));
            }
        }
        let said = said.0.lock().unwrap();
        said.iter().any(|said| said.contains("will be ignored"))
    }

    #[test]
    fn librdkafka_ignores_what_is_for_the_other_role_and_nothing_else() {
        let same = |list: &'static [(&str, Rule)]| list.iter().filter(|(_, rule)| *rule == Rule::Same);
        for (list, role) in [(PRODUCERS, Role::Producer), (CONSUMERS, Role::Consumer)] {
            for (name, _) in same(list) {
                let ignored = [is_ignored(name, role), is_ignored(name, role.other())];
                assert_eq!(ignored, [false, true], "{name}");
            }
        }
    }

    #[test]
    fn no_client_knows_a_name_twice() {
        for role in [Role::Producer, Role::Consumer] {
            let mut all: Vec<_> = of(role).map(|(name, _)| name).collect();
            let listed = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), listed);
        }
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
            assert_eq!(nearest(wrong, Role::Producer), Some(right));
        }
        assert_eq!(nearest("zzz", Role::Consumer), None);
        assert_eq!(nearest("fetch.min.byte", Role::Consumer), Some("fetch.min.bytes"));
    }
}
