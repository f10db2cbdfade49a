//! The dialect of kafka_producer_bomber.py, against librdkafka's mock cluster.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::native::{interrupt, mock_of, ramp_load};

fn bomber(folder: &Path) -> Command {
    let mut command = ramp_load();
    command.arg("bomber").current_dir(folder);
    command
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn flags_go_before_variables_and_these_before_the_env_file() {
    let topics = ["load.generated-data-01.json", "load.generated-data-02.json"];
    let mock = mock_of(&topics);
    let folder = TempDir::new().unwrap();
    let file = format!(
        "# as the script has it\nexport KAFKA_BOOTSTRAP_SERVERS={}\nKAFKA_SECURITY_PROTOCOL = 'PLAINTEXT'\n\
         KAFKA_TOPIC_PREFIX=other\nKAFKA_NUM_TOPICS=7\nKAFKA_MESSAGES_PER_SECOND=1\nKAFKA_VERBOSE=true\n",
        mock.bootstrap_servers()
    );
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let mut command = bomber(&below);
    command
        .env("KAFKA_TOPIC_PREFIX", "load")
        .env("KAFKA_NUM_TOPICS", "3")
        .env("KAFKA_MESSAGES_PER_SECOND", "200");
    command.args(["--num-topics", "2", "--num-thr", "20", "--output", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains(" of 200/s, "), "{line}");
    messages_are_the_script_s(&mock.bootstrap_servers(), &topics);
    interrupt(child.id());
    let mut account = String::new();
    child.stdout.take().unwrap().read_to_string(&mut account).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{account}");
    let account: Value = serde_json::from_str(&account).unwrap();
    assert_eq!(
        (account["rate"].as_u64(), account["interrupted"].as_bool()),
        (Some(200), Some(true)),
        "{account}"
    );
    assert_eq!(account["offered"], account["acknowledged"], "{account}");
}

fn messages_are_the_script_s(bootstrap: &str, topics: &[&str]) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "g")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(topics).unwrap();
    let (mut seen, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let deadline = Instant::now() + Duration::from_secs(30);
    while seen.len() < topics.len() || numbers.len() < 50 {
        assert!(Instant::now() < deadline, "{seen:?}, {} messages", numbers.len());
        let Some(record) = consumer.poll(Duration::from_millis(100)) else { continue };
        let record = record.unwrap();
        let key = str::from_utf8(record.key().unwrap()).unwrap();
        let number: u32 = key.strip_prefix("key_").unwrap().parse().unwrap();
        assert!((1..=1_000).contains(&number), "{key}");
        let message: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        let id = message["_metadata"]["message_id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("msg_") && numbers.insert(id.clone()), "{id} came twice");
        seen.insert(record.topic().to_owned());
    }
}

#[test]
fn what_is_missing_is_named_with_its_variables() {
    let folder = TempDir::new().unwrap();
    for (given, missing) in [
        (&[][..], "--bootstrap-servers is missing; give it, or set KAFKA_BOOTSTRAP_SERVERS or KAFKA_SOURCE"),
        (&["KAFKA_SOURCE"], "--username is missing; give it, or set KAFKA_USERNAME or KAFKA_USER"),
        (
            &["KAFKA_SOURCE", "KAFKA_USER"],
            "--password is missing; give it, or set KAFKA_PASSWORD or KAFKA_PASS",
        ),
    ] {
        let output = bomber(folder.path()).envs(given.iter().map(|name| (*name, "a:1"))).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(told(&output).contains(missing), "{output:?}");
    }
}

#[test]
fn a_variable_that_is_no_number_is_told() {
    let folder = TempDir::new().unwrap();
    for name in
        ["KAFKA_NUM_TOPICS", "KAFKA_MESSAGES_PER_SECOND", "KAFKA_NUM_THREADS", "KAFKA_DURATION_MINUTES"]
    {
        let mut command = bomber(folder.path());
        let plain = [("KAFKA_SOURCE", "a:1"), ("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")];
        let output = command.envs(plain).env(name, "many").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(told(&output).contains(&format!("{name}=many: ")), "{output:?}");
    }
}

#[test]
fn no_error_shows_a_password() {
    let folder = TempDir::new().unwrap();
    for arguments in [
        &["--passwrd", "hunter2"][..],
        &["--passwrd=hunter2"],
        &["--username", "u", "--password", "a", "hunter2"],
        &["--password=hunter2", "--num-topics", "none"],
        &["--password", "hunter2", "--num-topics", "0"],
    ] {
        let output = bomber(folder.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = told(&output);
        assert!(!told.contains("hunter2") && !told.contains("stays in the process list"), "{told}");
    }
    std::fs::write(folder.path().join(".env"), "KAFKA_PASSWORD='hunter2\n").unwrap();
    let output = bomber(folder.path()).output().unwrap();
    let told = told(&output);
    assert!(output.status.code() == Some(2) && told.contains(".env, line 1"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
