//! `probe` and `e2e`, against librdkafka's mock cluster.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Output, Stdio},
};

use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
    topic_partition_list::Offset,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::native::{interrupt, mock_of, ramp_load};

/// Runs the program with `--output json`, and reads its account.
fn account(arguments: &[&str]) -> (Output, Value) {
    let output = ramp_load().args(arguments).args(["--output", "json"]).output().unwrap();
    let account = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output, account)
}

fn status(arguments: &[&str]) -> Option<i32> {
    ramp_load().args(arguments).output().unwrap().status.code()
}

/// Reads what `child` tells until it says `words`. What is given back takes what it tells after that.
fn told(child: &mut Child, words: &str) -> BufReader<ChildStderr> {
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains(words) {
        assert!(progress.read_line(&mut told).unwrap() > 0, "it has ended: {told}");
    }
    progress
}

#[test]
fn every_record_is_sent_seen_and_told_where_its_time_went() {
    let mock = mock_of(&["t", "u"]);
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("e2e.hlog");
    let bootstrap = mock.bootstrap_servers();
    let load = ["e2e", "--bootstrap", &bootstrap, "--topic", "t", "--topic", "u", "--rate", "1000"];
    let rest = ["--records", "1500", "--exactly-once", "--p99", "50", "--hdr-log", log.to_str().unwrap()];
    let (output, account) = account(&[&load[..], &rest].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let target = &account["target"];
    let of = |key: &str| target[key].as_u64().unwrap();
    assert_eq!(account["acknowledged"].as_u64(), Some(1_500));
    assert_eq!((of("arrived"), of("lost"), of("duplicates"), of("reordered")), (1_500, 0, 0, 0), "{target}");
    assert_eq!(
        (of("beyond_bound"), of("known_by_payload"), of("seen_before_sent")),
        (0, 1_500, 0),
        "{target}"
    );
    for part in ["seen", "replication"] {
        assert_eq!(target[part]["count"].as_u64(), Some(1_500), "{target}");
    }
    let p99 = target["p99"].as_f64().unwrap();
    assert!(p99 > 0.0 && p99 <= target["max"].as_f64().unwrap(), "{target}");
    assert_eq!(target["p99"], target["seen"]["p99"], "nothing is outstanding");
    let log = std::fs::read_to_string(log).unwrap();
    for tag in ["lateness", "ack", "total", "replication", "seen"] {
        assert!(log.contains(&format!("Tag={tag},")), "{tag}: {log}");
    }
}

#[test]
fn what_is_of_some_partitions_only_says_so_wherever_it_is_shown() {
    let mock = mock_of(&["t", "u"]);
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("e2e.hlog");
    let bootstrap = mock.bootstrap_servers();
    let load = ["e2e", "--bootstrap", &bootstrap, "--topic", "t", "--topic", "u", "--rate", "1000"];
    let load = [&load[..], &["--records", "1500", "--p99", "50", "--probe-sample", "25%"]].concat();
    let (output, account) = account(&[&load[..], &["--hdr-log", log.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(account["acknowledged"].as_u64(), Some(1_500));
    let (target, sample) = (&account["target"], &account["target"]["sample"]);
    let of = |key: &str| sample[key].as_u64().unwrap();
    assert_eq!((of("partitions_read"), of("partitions"), of("moved")), (2, 6, 0), "{sample}");
    for topic in ["t", "u"] {
        assert_eq!(sample["read"][topic].as_array().map(Vec::len), Some(1), "{sample}");
    }
    assert_eq!(of("acknowledged") + of("acknowledged_unread"), 1_500, "{sample}");
    assert!(of("acknowledged") > 0 && of("acknowledged_unread") > of("acknowledged"), "{sample}");
    assert_eq!(target["arrived"].as_u64(), Some(of("acknowledged")), "{target}");
    assert_eq!((target["lost"].as_u64(), of("lost_estimate")), (Some(0), 0), "{target}");
    assert!(sample["lost_low"].is_null() && sample["lost_high"].is_null(), "no loss has no spread: {sample}");
    assert_eq!(of("partitions_maybe_unlike"), 4, "one partition of three says little: {sample}");
    assert!(std::fs::read_to_string(log).unwrap().contains("what is seen is of 2 of 6 partitions"));

    let output = ramp_load().args(&load).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        err.contains("2 of 6 partitions are read") && err.contains("seen of 2 of 6 partitions: p99"),
        "{err}"
    );
    assert!(
        out.contains("\nof 2 of 6 partitions, with ") && out.contains(" records: "),
        "before arrivals: {out}"
    );
    assert!(out.contains(" records of 2 of 6 partitions\n"), "beside p99: {out}");
    assert!(out.contains("\nwhat was seen is of 2 of 6 partitions\n"), "below the table: {out}");
    assert!(out.contains("\ndue to seen of 2 of 6 partitions, records\n"), "above the bars: {out}");
    assert!(out.contains("up to 4 of the 4 partitions that were not read may be unlike"), "{out}");
}

#[test]
fn a_share_of_all_partitions_is_no_sample() {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let load = ["e2e", "--bootstrap", &bootstrap, "--topic", "t", "--rate", "500", "--records", "100"];
    let (output, account) = account(&[&load[..], &["--probe-sample", "99%"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(account["target"]["arrived"].as_u64(), Some(100));
    assert!(account["target"]["sample"].is_null(), "{account}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("every partition is read"), "{output:?}");
}

#[test]
fn a_sample_that_no_record_was_written_to_has_verified_nothing() {
    let topics = ["t", "u", "v", "w"];
    let mock = mock_of(&topics);
    let bootstrap = mock.bootstrap_servers();
    // The key of the only record decides in which partition it is, the topic's name which one is read.
    let ends = topics.map(|topic| {
        let load = ["e2e", "--bootstrap", &bootstrap, "--topic", topic, "--rate", "10", "--records", "1"];
        let (output, account) = account(&[&load[..], &["--probe-sample", "1%"]].concat());
        (account["target"]["sample"]["acknowledged"].as_u64(), output.status.code())
    });
    assert!(ends.iter().all(|end| [(Some(0), Some(1)), (Some(1), Some(0))].contains(end)), "{ends:?}");
    assert!(ends.contains(&(Some(0), Some(1))) && ends.contains(&(Some(1), Some(0))), "{ends:?}");
}

#[test]
fn a_sample_of_topics_with_other_partitions_is_refused_before_anything_is_sent() {
    let (source, target) = (mock_of(&["t"]), mock_of(&[]));
    target.create_topic("source.t", 4, 1).unwrap();
    let (source, target) = (source.bootstrap_servers(), target.bootstrap_servers());
    let clusters = ["e2e", "--bootstrap", &source, "--target", &target, "--topic", "t", "--rate", "10"];
    let output =
        ramp_load().args(clusters).args(["--records", "10", "--probe-sample", "34%"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("source.t has 4 partitions on the target and 3 on the source"), "{told}");
}

#[test]
fn what_a_load_has_left_is_verified_and_what_is_missing_fails() {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let load = ["run", "--bootstrap", &bootstrap, "--topic", "t", "--rate", "1000"];
    let (_, sent) = account(&[&load[..], &["--records", "500"]].concat());
    let (_, silent) = account(&[&load[..], &["--records", "300", "--no-stamp"]].concat());
    let [run, silent] = [&sent, &silent].map(|account| account["run"].as_str().unwrap());
    let probe = ["probe", "--bootstrap", &bootstrap, "--topic", "t", "--from-beginning", "--idle", "2"];

    let (output, found) = account(&[&probe[..], &["--run", run, "--records", "500"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let load = &found["loads"][0];
    assert_eq!((load["missing"].as_u64(), load["there_before"].as_u64()), (Some(0), Some(500)), "{found}");
    assert_eq!((load["seen"]["count"].as_u64(), found["foreign"].as_u64()), (Some(0), Some(300)), "{found}");
    assert!(load["clock_offset_at_most"].is_null(), "nothing is known of when they arrived: {found}");

    let (output, found) = account(&[&probe[..], &["--run", silent, "--records", "310"]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let load = &found["loads"][0];
    assert_eq!((load["missing"].as_u64(), load["known_by_payload"].as_u64()), (Some(10), Some(300)));
    assert_eq!(
        status(&[&probe[..], &["--run", silent, "--records", "310", "--tolerance", "5"]].concat()),
        Some(0)
    );

    let output = ramp_load().args(probe).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(run) && told.contains(silent), "{told}");
    assert!(told.contains("--records tells a missing end") && told.contains("have no latency"), "{told}");
    assert!(!told.contains("due to seen"), "no table of nothing: {told}");
    let demanded = status(&[&probe[..], &["--p99", "10"]].concat());
    assert_eq!(demanded, Some(1), "what has no latency meets no demand on it");
}

#[test]
fn a_probe_that_stands_by_while_a_load_is_sent_says_how_far_its_clock_may_be_ahead() {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let mut probe = ramp_load();
    probe.args(["probe", "--bootstrap", &bootstrap, "--topic", "t", "--topic", "absent", "--records", "300"]);
    probe.args(["--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut probe = probe.spawn().unwrap();
    // It says so once it reads the other topic.
    let _progress = told(&mut probe, "absent is not there yet");
    let load = ["run", "--bootstrap", &bootstrap, "--topic", "t", "--rate", "500", "--records", "300"];
    assert_eq!(status(&load), Some(0));
    let mut account = String::new();
    probe.stdout.take().unwrap().read_to_string(&mut account).unwrap();
    assert_eq!(probe.wait().unwrap().code(), Some(0), "{account}");
    let found: Value = serde_json::from_str(&account).unwrap();
    let load = &found["loads"][0];
    assert_eq!((load["seen"]["count"].as_u64(), load["missing"].as_u64()), (Some(300), Some(0)), "{found}");
    let offset = load["clock_offset_at_most"].as_f64().unwrap();
    let [p50, max] = ["p50", "max"].map(|name| load["handed_over_to_seen"][name].as_f64().unwrap());
    assert!(offset > 0.0 && offset <= p50 && p50 <= max, "the quickest record: {found}");
}

#[test]
fn a_probe_that_saw_nothing_has_verified_nothing() {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let output = ramp_load()
        .args(["probe", "--bootstrap", &bootstrap, "--topic", "t", "--topic", "absent", "--duration", "0.5"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        out.contains("no record of ramp-load was seen") && err.contains("absent is not there"),
        "{out}{err}"
    );
}

#[test]
fn records_that_do_not_cross_stop_a_load_before_it_begins() {
    let (source, target) = (mock_of(&["t"]), mock_of(&["source.t"]));
    let (source, target) = (source.bootstrap_servers(), target.bootstrap_servers());
    let arguments = ["--topic", "t", "--rate", "100", "--duration", "60", "--patience", "0.5"];
    let clusters = ["e2e", "--bootstrap", &source, "--target", &target];
    let output = ramp_load().args(clusters).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("3 of 3 canaries have not crossed"), "{told}");
}

#[test]
fn an_interrupted_probe_tells_what_it_has_seen() {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let load = ["run", "--bootstrap", &bootstrap, "--topic", "t", "--rate", "500", "--records", "100"];
    assert_eq!(status(&load), Some(0));
    let mut probe = ramp_load();
    probe.args(["probe", "--bootstrap", &bootstrap, "--topic", "t", "--from-beginning"]);
    let mut probe = probe.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _progress = told(&mut probe, "100 in all");
    interrupt(probe.id());
    let mut account = String::new();
    probe.stdout.take().unwrap().read_to_string(&mut account).unwrap();
    assert_eq!(probe.wait().unwrap().code(), Some(130), "{account}");
    assert!(
        account.contains("interrupted") && account.contains("100 of 100 arrived, 0 missing"),
        "{account}"
    );
}

#[test]
fn an_interrupt_after_the_load_gives_up_the_records_that_have_not_arrived() {
    let (source, target) = (mock_of(&["t"]), mock_of(&["source.t"]));
    let (source, target) = (source.bootstrap_servers(), target.bootstrap_servers());
    let mut e2e = ramp_load();
    e2e.args(["e2e", "--bootstrap", &source, "--target", &target, "--topic", "t", "--rate", "500"]);
    e2e.args(["--records", "100", "--drain", "600"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut e2e = e2e.spawn().unwrap();
    relay_canaries(&source, &target);
    let _progress = told(&mut e2e, "draining: ");
    interrupt(e2e.id());
    let mut account = String::new();
    e2e.stdout.take().unwrap().read_to_string(&mut account).unwrap();
    assert_eq!(e2e.wait().unwrap().code(), Some(1), "records are lost: {account}");
    assert!(account.contains("interrupted") && account.contains("0 arrived, 100 lost"), "{account}");
}

/// Copies the first record of each partition of `t`, which are the canaries, and nothing of the load behind them.
fn relay_canaries(source: &str, target: &str) {
    let mut reading = ClientConfig::new();
    reading.set("bootstrap.servers", source).set("group.id", "relay").set("enable.auto.commit", "false");
    let reading: BaseConsumer = reading.create().unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..3 {
        partitions.add_partition_offset("t", partition, Offset::Beginning).unwrap();
    }
    reading.assign(&partitions).unwrap();
    let writing: BaseProducer = ClientConfig::new().set("bootstrap.servers", target).create().unwrap();
    for _ in 0..3 {
        let canary = reading.poll(PATIENCE).unwrap().unwrap();
        let copy = BaseRecord::<[u8], [u8]>::to("source.t").partition(canary.partition());
        let copy =
            copy.headers(canary.headers().unwrap().detach()).payload(canary.payload().unwrap_or_default());
        writing.send(copy).unwrap();
    }
    writing.flush(PATIENCE).unwrap();
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

#[test]
fn command_lines_that_make_no_sense_are_refused() {
    let e2e = ["e2e", "--bootstrap", "127.0.0.1:1", "--topic", "t", "--rate", "10", "--duration", "1"];
    let probe = ["probe", "--bootstrap", "127.0.0.1:1", "--topic", "t"];
    for (arguments, told) in [
        ([&probe[..], &["--pattern", "copy"]].concat(), "{topic}"),
        ([&probe[..], &["--alias", "a", "--identity"]].concat(), "cannot be used with"),
        ([&probe[..], &["--run", "12"]].concat(), "16 digits"),
        ([&probe[..], &["--property", "sasl.password=hunter2"]].concat(), "is a secret"),
        ([&e2e[..], &["--target-property", "sasl.password=hunter2"]].concat(), "is a secret"),
        (
            [&e2e[..], &["--target", "b:1", "--target-password-env", "RAMP_UNSET"]].concat(),
            "--target-password-env",
        ),
        ([&e2e[..], &["--no-stamp"]].concat(), "--no-stamp"),
        ([&e2e[..], &["--probe-sample", "25"]].concat(), "such as 25%"),
        ([&probe[..], &["--probe-sample", "25%"]].concat(), "--probe-sample"),
        (vec!["probe", "--topic", "t"], "--bootstrap"),
    ] {
        let output = ramp_load().args(&arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(told) && !error.contains("hunter2"), "{arguments:?}: {error}");
    }
    assert_eq!(status(&probe), Some(3), "no cluster");
    assert_eq!(status(&e2e), Some(3), "no cluster");
}
