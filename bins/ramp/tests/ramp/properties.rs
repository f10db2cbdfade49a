//! Mistakes in what a client is made with: each is a fault of the configuration, told before anything is connected.

use crate::cli::{CLUSTERS, ramp};

/// The exit status and what is said where `properties` are the source cluster's.
fn says(properties: &str) -> (i32, String) {
    says_of("[source.properties]", "[target]", properties)
}

/// The exit status and what is said where `section` of the configuration, before `next`, has `properties`.
fn says_of(section: &str, next: &str, properties: &str) -> (i32, String) {
    let config = CLUSTERS.replacen(next, &format!("{section}\n{properties}\n{next}"), 1);
    let (_folder, output) = ramp(&config, &["run"]);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_property_that_the_client_will_not_take_is_named_with_what_to_write() {
    for (properties, expected) in [
        (r#""lingr.ms" = "5""#, "property lingr.ms is unknown; did you mean linger.ms?"),
        (
            r#""acks" = "many""#,
            "property acks cannot be used: Invalid value for configuration property \"request.required.acks\"; see \
             librdkafka's CONFIGURATION.md",
        ),
        (
            r#""security.protocol" = "SASL_SSL""#,
            "property sasl.mechanism is not set, and security.protocol = SASL_SSL needs it; set it to PLAIN, \
             SCRAM-SHA-256 or SCRAM-SHA-512: no other is built in",
        ),
        (
            r#""security.protocol" = "SSL"
               "ssl.ca.location" = "gone/ca.pem""#,
            "property ssl.ca.location names the file gone/ca.pem, which cannot be read: No such file or directory (os \
             error 2)",
        ),
    ] {
        assert_eq!(says(properties), (2, format!("ramp: source.properties: {expected}\n")), "{properties}");
    }
}

#[test]
fn a_property_that_is_for_the_other_cluster_s_client_is_refused_with_what_its_own_is() {
    let source = says(r#""queued.max.messages.kbytes" = "1024""#);
    let target = says_of("[target.properties]", "[prometheus]", r#""linger.ms" = "5""#);
    assert_eq!(
        [source, target],
        [
            "source.properties: property queued.max.messages.kbytes is for consumers, and this client is a producer; \
             leave it out",
            "target.properties: property linger.ms is for producers, and this client is a consumer; leave it out",
        ]
        .map(|said| (2, format!("ramp: {said}\n")))
    );
}

#[test]
fn a_cluster_that_asks_for_a_login_and_has_none_says_how_to_give_it() {
    let (status, said) = says("\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"PLAIN\"");
    let expected = "ramp: source = \"(incomplete)\": security.protocol asks for a login; name what holds it with \
                    username_env and password_env, or export KAFKA_USER and KAFKA_PASS\n";
    assert_eq!((status, said.as_str()), (2, expected));
}

#[test]
fn an_address_of_prometheus_that_cannot_be_asked_is_shown_once_and_without_its_login() {
    for (url, expected) in [
        (
            "http://reader:hunter2@127.0.0.1:1/base",
            "\"http://127.0.0.1:1/base\" is no address of a Prometheus: it holds a login; use username_env and \
             password_env; write for example http://127.0.0.1:9090",
        ),
        (
            "127.0.0.1:9090",
            "\"(no address)\" is no address of a Prometheus: it begins with neither http:// nor https://; write for \
             example http://127.0.0.1:9090",
        ),
    ] {
        let config = CLUSTERS.replace("http://127.0.0.1:1", url);
        let (_folder, output) = ramp(&config, &["run"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said), (Some(2), format!("ramp: prometheus: {expected}\n")));
    }
}
