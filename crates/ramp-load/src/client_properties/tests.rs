use std::{path::PathBuf, process::Command};

use rdkafka::ClientConfig;
use tempfile::TempDir;

use super::*;

fn properties(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn translated(given: &[(&str, &str)]) -> ClientProperties {
    translate(&properties(given), Role::Producer).unwrap()
}

fn refused(given: &[(&str, &str)]) -> String {
    translate(&properties(given), Role::Producer).unwrap_err().to_string()
}

/// What librdkafka is configured with; the password only shows up here.
fn client(properties: &ClientProperties) -> ClientConfig {
    properties.cluster.client(&[])
}

fn file(folder: &TempDir, name: &str, text: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_client_properties_file_of_a_java_client_is_understood_whole() {
    let folder = TempDir::new().unwrap();
    let text = br#"
        # the production cluster
        ! another comment
        bootstrap.servers = a:9093,\
                            b:9093
        security.protocol: SASL_SSL
        sasl.mechanism SCRAM-SHA-512
        sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
            username="load" \
            password="p=a;s \\"w\\" \u00e9";
        buffer.memory=33554432
        max.request.size=2097152
        delivery.timeout.ms=60000
        ssl.endpoint.identification.algorithm=
        key.serializer=org.apache.kafka.common.serialization.ByteArraySerializer
    "#;
    let read = read(&file(&folder, "client.properties", text)).unwrap();
    let properties = translate(&read, Role::Producer).unwrap();
    let client = client(&properties);
    for (name, value) in [
        ("bootstrap.servers", "a:9093,b:9093"),
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "load"),
        ("sasl.password", "p=a;s \"w\" é"),
        ("queue.buffering.max.kbytes", "32768"),
        ("message.max.bytes", "2097152"),
        ("message.timeout.ms", "60000"),
        ("ssl.endpoint.identification.algorithm", "none"),
    ] {
        assert_eq!(client.get(name), Some(value), "{name}");
    }
    assert_eq!(properties.notes, ["key.serializer has no effect here: records carry bytes as they are"]);
    assert!(!format!("{properties:?}").contains("p=a;s"), "{properties:?}");
}

#[test]
fn librdkafka_s_own_names_pass_through() {
    let properties = translated(&[("queue.buffering.max.messages", "7"), ("ssl.ca.location", "/ca.pem")]);
    assert_eq!(client(&properties).get("queue.buffering.max.messages"), Some("7"));
    assert_eq!(client(&properties).get("ssl.ca.location"), Some("/ca.pem"));
}

#[test]
fn each_client_takes_what_is_its_own_and_refuses_the_other_s() {
    let consumer = |given: &[(&str, &str)]| translate(&properties(given), Role::Consumer);
    let taken = consumer(&[("queued.max.messages.kbytes", "1024"), ("fetch.max.wait.ms", "5")]).unwrap();
    assert_eq!(client(&taken).get("queued.max.messages.kbytes"), Some("1024"));
    assert_eq!(client(&taken).get("fetch.wait.max.ms"), Some("5"));
    let shared = consumer(&[("group.id", "g"), ("key.serializer", "S")]).unwrap();
    assert_eq!(client(&shared).get("group.id"), None);
    assert_eq!(
        shared.notes,
        [
            "group.id has no effect here: no group is joined and nothing is committed",
            "key.serializer has no effect here: it concerns producers"
        ]
    );
    assert_eq!(
        [
            consumer(&[("acks", "all")]).unwrap_err().to_string(),
            refused(&[("fetch.min.bytes", "1")]),
            consumer(&[("fetch.min.byte", "1")]).unwrap_err().to_string(),
        ],
        [
            "property acks is for producers, and this client is a consumer; leave it out",
            "property fetch.min.bytes is for consumers, and this client is a producer; leave it out",
            "property fetch.min.byte is unknown; did you mean fetch.min.bytes?"
        ]
    );
}

#[test]
fn an_unknown_property_is_refused_with_the_nearest_name_and_without_its_value() {
    let error = refused(&[("sasl.jaas.confg", "hunter2")]);
    assert_eq!(error, "property sasl.jaas.confg is unknown; did you mean sasl.jaas.config?");
}

#[test]
fn what_cannot_be_honoured_is_refused_and_never_shows_a_value() {
    for (given, why) in [
        (&[("sasl.mechanism", "GSSAPI")][..], "PLAIN, SCRAM-SHA-256"),
        (&[("interceptor.classes", "hunter2")], "Java class"),
        (&[("sasl.kerberos.service.name", "hunter2")], "Kerberos"),
        (&[("buffer.memory", "hunter2")], "whole number"),
        (&[("buffer.memory", "-1")], "number of bytes"),
        (&[("partitioner.class", "org.example.hunter2")], "partitioner=…"),
        (
            &[("sasl.jaas.config", "m required username=\"u\" password=\"hunter2\";")],
            "does not have the form",
        ),
        (
            &[("sasl.jaas.config", "com.sun.Krb5LoginModule required password=\"hunter2\";")],
            "Krb5LoginModule",
        ),
        (&[("sasl.jaas.config", "a.PlainLoginModule required username=\"hunter2\";")], "option password"),
        (&[("sasl.jaas.config", "a.PlainLoginModule required username=\"u\" password=\"hunter2\"")], "form"),
        (&[("sasl.jaas.config", "PlainLoginModule required username=u password=hunter2;")], "GSSAPI"),
        (
            &[("linger.ms", "1"), ("ssl.ca.pem", "hunter2"), ("ssl.truststore.certificates", "hunter2")],
            "one and the same",
        ),
        (&[("ssl.truststore.location", "/none/such")], "cannot be read"),
    ] {
        let error = refused(given);
        assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_delivery_timeout_is_a_time_or_an_error() {
    let timeout = |given: &[(&str, &str)]| delivery_timeout(&mut translated(given).cluster);
    assert_eq!(timeout(&[]).unwrap(), None);
    assert_eq!(timeout(&[("delivery.timeout.ms", "500")]).unwrap(), Some(Duration::from_millis(500)));
    for wrong in ["0", "soon", "-1"] {
        assert!(timeout(&[("message.timeout.ms", wrong)]).is_err());
    }
}

#[test]
fn a_property_without_a_value_is_told_by_its_name_only() {
    assert_eq!(split("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
    assert_eq!(split("acks=").unwrap_err().to_string(), "acks is no property: write it as name=value");
    assert_eq!(split("acks").unwrap_err().to_string(), "acks is no property: write it as name=value");
    assert_eq!(split("hunter2").unwrap_err().to_string(), "*** is no property: write it as name=value");
}

#[test]
fn a_file_that_is_no_properties_file_is_told_by_its_line() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "broken.properties", b"acks=all\nclient.id=\\uhunter2\n");
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("broken.properties, line 2,") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_pem_trust_store_is_passed_on_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "ca.pem", CERTIFICATE.as_bytes());
    let path = path.to_str().unwrap();
    let properties = translated(&[("ssl.truststore.location", path), ("ssl.truststore.type", "PEM")]);
    assert_eq!(client(&properties).get("ssl.ca.location"), Some(path));
}

#[test]
fn a_pkcs12_trust_store_of_java_s_keytool_gives_its_certificates() {
    let folder = TempDir::new().unwrap();
    for legacy in ["false", "true"] {
        let store = keytool(&folder, "PKCS12", legacy);
        let store = store.to_str().unwrap();
        let right = [("ssl.truststore.location", store), ("ssl.truststore.password", "changeit")];
        let pem = client(&translated(&right)).get("ssl.ca.pem").map(str::to_owned).unwrap();
        assert_eq!(pem, CERTIFICATE, "legacy {legacy}");
        let error = refused(&[("ssl.truststore.location", store), ("ssl.truststore.password", "hunter2")]);
        assert!(error.contains("check ssl.truststore.password") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_jks_is_refused_with_the_keytool_line_that_converts_it() {
    let folder = TempDir::new().unwrap();
    let store = keytool(&folder, "JKS", "false");
    let location = store.to_str().unwrap();
    for property in ["ssl.truststore.location", "ssl.keystore.location"] {
        let error = refused(&[(property, location)]);
        assert!(error.contains(&format!("keytool -importkeystore -srckeystore {location}")), "{error}");
    }
    // The line does what it says.
    let error = refused(&[("ssl.truststore.location", location)]);
    let line = error.split('`').nth(1).unwrap();
    let passwords = " -noprompt -srcstorepass changeit -deststorepass changeit";
    let done = Command::new("sh").args(["-c", &format!("{line}{passwords}")]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let converted = store.with_extension("p12");
    let right =
        [("ssl.truststore.location", converted.to_str().unwrap()), ("ssl.truststore.password", "changeit")];
    assert_eq!(client(&translated(&right)).get("ssl.ca.pem"), Some(CERTIFICATE));
}

/// A trust store that Java has made.
fn keytool(folder: &TempDir, form: &str, legacy: &str) -> PathBuf {
    let certificate = file(folder, "ca.crt", CERTIFICATE.as_bytes());
    let store = folder.path().join(format!("{legacy}.{}", form.to_lowercase()));
    let output = Command::new("keytool")
        .arg(format!("-J-Dkeystore.pkcs12.legacy={legacy}"))
        .args([
            "-importcert",
            "-noprompt",
            "-alias",
            "ca",
            "-storepass",
            "changeit",
            "-storetype",
            form,
            "-file",
        ])
        .arg(certificate)
        .arg("-keystore")
        .arg(&store)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    store
}

/// An authority that nobody trusts.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBkjCCATegAwIBAgIUfa4eXeU13BBdAZTREY13IBCwHj8wCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSbm9ib2R5IHRydXN0cyB0aGlzMCAXDTI2MTEyNTAxMTIxNloY
DzIxMjYxMTAxMDExMjE2WjAdMRswGQYDVQQDDBJub2JvZHkgdHJ1c3RzIHRoaXMw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATBKoslFapsQ5+sEle1mIQhnSH41Zyw
LAbxhjm28kxG67SS2nHLBCL7AZ74Z+MeFThNo9kQ6ab+9oTPWCuWXffYo1MwUTAd
BgNVHQ4EFgQUgeYe4DHT9HJtvgXbJhvawMSOcq0wHwYDVR0jBBgwFoAUgeYe4DHT
9HJtvgXbJhvawMSOcq0wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBG
AiEAltpBeDtlb0T9Fn5wKb5IH6ymCjGS017kAnXOgDOkDXICIQDaBnJdZKdz2cH3
TN2gfxTA0/bfmRsi1wKOr5wsJQf/VQ==
-----END CERTIFICATE-----
";
