//! The dialect of kafka-producer-perf-test.sh, beside Kafka's own tool.

use std::{
    process::{Command, Output},
    sync::Mutex,
    thread,
};

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use regex::Regex;

use crate::native::{mock_of, ramp_load};

/// What a tool makes of its arguments.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// They are refused with this line, of which blanks do not count: the original breaks it where it likes.
    Refused(i32, String),
    /// They are understood, and the payload file that is not there is asked for.
    Understood,
    /// Help is printed.
    Help,
}

/// A list that both refuse in the same words, or both understand.
const ARGUMENTS: [&str; 62] = [
    // What is missing.
    "--topic t",
    "--topic t --num-records 5",
    "--topic t --num-records 5 --throughput 1",
    "--topic t --throughput 1 --record-size 1",
    "--num-records 5 --throughput 1 --record-size 1",
    "--num-records 5 --record-size 1 --bootstrap-server a:1",
    "--topic t --num-records 5 --throughput 1 --record-size 1",
    "--record-size 1",
    "--throughput",
    "--topic t --num-records 5 --throughput 1 --command-property",
    "--topic t --num-records 5 --throughput 1 --producer-props --record-size 1",
    "--topic --num-records 5",
    "--topic --",
    "--bootstrap-server",
    // What is not the right kind.
    "--num-records abc",
    "--num-records 1.5",
    "--num-records 99999999999999999999",
    "--num-records=",
    "--record-size 3000000000",
    "--record-size x --throughput y",
    "--throughput fast",
    "--throughput=",
    "--throughput 1,000",
    "--warmup-records many",
    "--reporting-interval 5s",
    "--transaction-duration-ms 1e3",
    "--print-metrics=yes",
    "--payload-monotonic=true",
    // What excludes each other.
    "--record-size 1 --payload-file f",
    "--payload-file f --record-size 1",
    "--payload-monotonic --record-size 1",
    "--record-size 1 --payload-monotonic --payload-file f",
    "T --command-property acks=1 --producer-props acks=1",
    "T --command-config f --producer.config f",
    // What is out of range.
    "--topic t --num-records 0 --throughput 1 --record-size 1 --bootstrap-server a:1",
    "--topic t --num-records -5 --throughput 1 --record-size 1 --bootstrap-server a:1",
    "--topic t --num-records 5 --throughput 1 --record-size 0 --bootstrap-server a:1",
    "--topic t --num-records 5 --throughput 1 --record-size -1 --bootstrap-server a:1",
    "T --bootstrap-server a:1 --warmup-records 100",
    "T --bootstrap-server a:1 --warmup-records 200",
    "T --bootstrap-server a:1 --transaction-duration-ms 0",
    "T --bootstrap-server a:1 --reporting-interval 0",
    "T --bootstrap-server a:1 --reporting-interval -1",
    // What nobody knows.
    "--topik t",
    "--topic t --bogus",
    "--topic t --bogus 5",
    "-t t",
    "-",
    "t",
    "--topic t u v",
    "--topic t -- --num-records 5",
    "--p 1",
    "--producer f",
    "--pay f",
    "--transaction 1",
    // What is understood.
    "T --bootstrap-server a:1",
    "T --bootstrap a:1 --print --warm 5 --rep 1000",
    "--topic=t --num-records=100 --throughput=-1 --payload-file=F --producer-props acks=1 linger.ms=5",
    "--topic t --num-records +100 --throughput 1000d --payload-file F --command-property acks=1 --payload-delimiter ;",
    "--topic t --topic u --num-records 100 --throughput 1e3 --payload-file F --command-config f --transactional-id x",
    "--payload-file F --throughput -1 --num-records 100 --producer.config f --topic t --transaction-duration-ms 50",
    "T -- ",
];

#[test]
fn arguments_are_read_and_refused_in_the_words_of_kafka_s_own_tool() {
    let remaining = Mutex::new(ARGUMENTS.iter());
    let differences = Mutex::new(Vec::new());
    // A Java machine takes half a second to start: as many at once as there are cores.
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(line) = remaining.lock().unwrap().next() else { break };
                    let arguments = arguments(line);
                    let (theirs, ours) = (outcome(&kafka(&arguments)), outcome(&ours(&arguments)));
                    if theirs != ours {
                        differences.lock().unwrap().push(format!("{line}\n  {theirs:?}\n  {ours:?}"));
                    }
                }
            });
        }
    });
    let differences = differences.into_inner().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_usage_is_kafka_s_own_to_the_letter() {
    let arguments = arguments("--topic t");
    let (theirs, ours) = (kafka(&arguments), ours(&arguments));
    assert_eq!(String::from_utf8_lossy(&ours.stderr), String::from_utf8_lossy(&theirs.stderr));
}

/// What the original takes without a word, and this dialect refuses; with what it says.
const DECEPTIONS: [(&str, &str); 8] = [
    (
        "--topic t --num-records 5 --payload-file F --bootstrap-server a:1 --throughput 0",
        "--throughput should be -1",
    ),
    (
        "--topic t --num-records 5 --payload-file F --bootstrap-server a:1 --throughput -7",
        "--throughput should be -1",
    ),
    (
        "--topic t --num-records 5 --payload-file F --bootstrap-server a:1 --throughput NaN",
        "--throughput should be -1",
    ),
    (
        "--topic t --num-records 5 --payload-file F --bootstrap-server a:1 --throughput 0.5",
        "a whole number of records",
    ),
    (
        "--topic t --num-records 5 --payload-file F --bootstrap-server a:1 --throughput 1e18",
        "--throughput should be -1",
    ),
    ("T --bootstrap-server a:1 --warmup-records -5", "--warmup-records should not be less than zero."),
    (
        "T --command-property bootstrap.servers=a:1 lingr.ms=5",
        "property lingr.ms is unknown; did you mean linger.ms?",
    ),
    (
        "T --bootstrap-server a:1 --command-property interceptor.classes=a.B",
        "interceptor.classes cannot be honoured",
    ),
];

#[test]
fn what_the_original_takes_without_a_word_and_cannot_mean_is_refused() {
    // These are about the properties, which are looked at once the payloads are there.
    let payloads = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&payloads, "one").unwrap();
    for (line, refusal) in DECEPTIONS {
        let arguments = arguments(line);
        assert_eq!(outcome(&kafka(&arguments)), Outcome::Understood, "{line}");
        let present = payloads.path().to_str().unwrap();
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.replace(ABSENT, present)).collect();
        let output = ours(&arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(refusal), "{line}: {told}");
    }
}

#[test]
fn no_error_shows_a_secret() {
    for line in [
        "T --bootstrap-server a:1 sasl.password=hunter2",
        "T --bogus=hunter2",
        "T --command-property sasl.jaas.config=m required username=u password=hunter2",
        "T --command-property sasl.mechanism=hunter2",
        "T --command-property sasl.password",
    ] {
        let output = ours(&arguments(line));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && !told.contains("hunter2"), "{line}: {told}");
    }
}

#[test]
fn a_secret_property_is_out_of_the_process_list_and_its_value_may_have_equals_signs() {
    // What cannot be opened is told after the program has started itself anew with the secrets on its standard input.
    let line = "T --bootstrap-server a:1 --command-property ssl.key.password=a=hunter2==";
    let output = ours(&arguments(line));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("warning: secrets on a command line") && told.contains(ABSENT), "{told}");
    assert!(!told.contains("hunter2") && !told.contains("stay in the process list"), "{told}");
}

#[test]
fn the_closing_line_is_read_by_what_reads_the_original_s() {
    // As people's scripts have it.
    let closing = Regex::new(
        r"(?m)^(\d+) records sent, (\d+\.\d+) records/sec \((\d+\.\d+) MB/sec\), (\d+\.\d+) ms avg latency, (\d+\.\d+) ms max latency, (\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th, (\d+) ms 99\.9th\.$",
    )
    .unwrap();
    let window = Regex::new(
        r"(?m)^\d+ records sent, \d+\.\d records/sec \(\d+\.\d\d MB/sec\), (\d+\.\d|NaN) ms avg latency, \d+\.\d ms max latency\.$",
    )
    .unwrap();
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let load = "--topic t --num-records 1200 --record-size 1024 --throughput 500 --reporting-interval 500 \
                --warmup-records 600 --print-metrics --producer-props acks=1 --bootstrap-server";
    let output = ours(&arguments(&format!("{load} {bootstrap}")));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let found: Vec<_> = closing.captures_iter(&told).collect();
    let [line] = found.as_slice() else { panic!("{told}") };
    assert_eq!(&line[1], "1200");
    let megabytes: f64 = line[3].parse().unwrap();
    let rate: f64 = line[2].parse().unwrap();
    assert!((megabytes - rate / 1024.0).abs() < 0.01, "{told}");
    assert!(window.find_iter(&told).count() >= 3, "{told}");
    for line in [
        "Option --producer-props has been deprecated and will be removed in a future version. Use --command-property \
         instead.",
        "Warmup first 600 records. Steady state results will print after the complete test summary.",
        "In steady state.",
        "\nCorrected, from when each record was due: ",
        "\n600 steady state records sent, ",
        "producer-metrics:record-send-total:{client-id=perf-producer-client}",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn a_load_that_delivers_nothing_is_a_failure_and_shows_its_ledger() {
    let mock = mock_of(&["t"]);
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 10_000];
    mock.request_errors(RDKafkaApiKey::Produce, &errors);
    let bootstrap = mock.bootstrap_servers();
    let load = "--topic t --num-records 1000000 --record-size 10 --throughput 100 --reporting-interval 500 \
                --bootstrap-server";
    let output = ours(&arguments(&format!("{load} {bootstrap}")));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(" 0 acknowledged") && told.contains("ended early"), "{told}");
    assert!(told.contains("records failed: TopicAuthorizationFailed"), "{told}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("0 records sent, 0.000000 records/sec (0.00 MB/sec), NaN ms avg latency"),
        "{told}"
    );
    let silent = "0 records sent, 0.0 records/sec (0.00 MB/sec), NaN ms avg latency, 0.0 ms max latency.";
    assert!(told.starts_with(silent), "a window in which nothing arrives is not left out: {told}");
}

#[test]
fn a_delimiter_is_text_and_its_escapes_are_understood() {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let payloads = tempfile::NamedTempFile::new().unwrap();
    let file = payloads.path().to_str().unwrap();
    let load = "--topic t --num-records 10 --throughput -1 --bootstrap-server";
    for (content, delimiter, records) in
        [("a|b|c", "|", 3), ("a\n\nb\n\nc|", "\\n\\n", 3), ("a\tb", "\\t", 2), ("a.b", ".", 2)]
    {
        std::fs::write(&payloads, content).unwrap();
        let line = format!("{load} {bootstrap} --payload-file {file} --payload-delimiter {delimiter}");
        let output = ours(&arguments(&line));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains(&format!("Number of records read: {records}\n")), "{told}");
    }
}

#[test]
fn a_record_larger_than_any_cluster_takes_is_refused() {
    let load = "--topic t --num-records 5 --throughput 1 --bootstrap-server a:1 --record-size 20000000";
    let output = ours(&arguments(load));
    let told = String::from_utf8_lossy(&output.stderr);
    let refusal = "--record-size should be at most 10485760.";
    assert!(output.status.code() == Some(1) && told.contains(refusal), "{told}");
}

#[test]
fn the_program_s_name_chooses_its_dialect() {
    let folder = tempfile::tempdir().unwrap();
    for (name, told) in [
        ("kafka-producer-perf-test.sh", "argument --throughput is required"),
        ("kafka-producer-perf-test", "argument --throughput is required"),
        ("kafka_producer_bomber.py", "unexpected argument '--record-size'"),
        ("another", "unrecognized subcommand"),
    ] {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ramp-load"), &link).unwrap();
        let argument = if name == "another" { "bogus" } else { "--record-size=1" };
        let output = Command::new(link).arg(argument).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).contains(told), "{name}: {output:?}");
    }
}

#[test]
fn help_is_a_success_and_nothing_at_all_is_not() {
    for flag in ["--help", "-h", "--he"] {
        let output = ours(&[flag.to_owned()]);
        assert_eq!((output.status.code(), outcome(&output)), (Some(0), Outcome::Help), "{flag}");
    }
    let output = ours(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && output.stderr.starts_with(b"usage: "), "{output:?}");
}

/// `T` stands for a whole command but for the cluster, `F` for a file that is not there.
fn arguments(line: &str) -> Vec<String> {
    let whole = format!("--topic t --num-records 100 --throughput 10 --payload-file {ABSENT}");
    let words = line.split(' ').map(|word| match word {
        "T" => whole.clone(),
        "F" => ABSENT.to_owned(),
        other => other.replace("=F", &format!("={ABSENT}")),
    });
    let words: Vec<_> = words.collect();
    words.join(" ").split_whitespace().map(str::to_owned).collect()
}

fn ours(arguments: &[String]) -> Output {
    ramp_load().arg("perf-test").args(arguments).output().unwrap()
}

fn kafka(arguments: &[String]) -> Output {
    let mut tool = ramp_lab::kafka_tool("org.apache.kafka.tools.ProducerPerformance").unwrap();
    tool.args(arguments).output().unwrap()
}

fn outcome(output: &Output) -> Outcome {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if out.starts_with("usage: ") {
        return Outcome::Help;
    }
    let error = Regex::new(r"^usage: (?s:.*)\nkafka-producer-perf-test:\s+error:\s+((?s:.*))").unwrap();
    if let Some(found) = error.captures(&err) {
        let line = found[1].split("\n\n").next().unwrap();
        return Outcome::Refused(output.status.code().unwrap(), line.split_whitespace().collect());
    }
    assert!(out.contains(ABSENT) || err.contains(ABSENT), "{out}{err}");
    Outcome::Understood
}

const ABSENT: &str = "/no/such/payloads";
