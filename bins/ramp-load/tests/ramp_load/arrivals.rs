//! The probe's figures beside those of a plain consumer that keeps every arrival.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
    thread,
    time::Duration,
};

use ramp_lab::{Lab, Process};
use rdkafka::topic_partition_list::Offset;
use serde_json::Value;

use crate::native::ramp_load;

#[path = "../../../../crates/ramp-load/examples/arrivals.rs"]
#[expect(dead_code, reason = "the example is a program too")]
mod plain;

use plain::{Arrivals, consumer};

/// A load across MirrorMaker 2 whose worker stands still for five seconds: the quantile, the highest latency and the
/// most that was outstanding are those of every arrival, to 2 %.
pub(crate) fn the_probe_sees_what_a_plain_consumer_sees(lab: &Lab, topic: &str) {
    // Afterwards the target has the topic.
    assert!(e2e(lab, topic, 1).output().unwrap().status.success());
    let consumer = consumer(lab.target(), &format!("source.{topic}"), Offset::End).unwrap();
    let reader = thread::spawn(move || Arrivals::read(&consumer, RECORDS).map_err(|error| error.to_string()));
    let mut child = e2e(lab, topic, SECONDS).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = lines.map(Result::unwrap).filter(|line| line.contains(" s left"));
    assert!(told.nth(2).is_some(), "the load is under way");
    lab.freeze(Process::Connect).unwrap();
    thread::sleep(Duration::from_secs(5));
    lab.thaw(Process::Connect).unwrap();
    told.for_each(drop);
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(child.wait().unwrap().success(), "{printed}");
    let arrivals = reader.join().unwrap().unwrap();

    let account: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(arrivals.0.len() as u64, RECORDS);
    let probe = |figure: &str| account["target"][figure].as_f64().unwrap();
    let compared = [
        ("p99", probe("p99"), arrivals.quantile(0.99).as_secs_f64()),
        ("max", probe("max"), arrivals.quantile(1.0).as_secs_f64()),
        ("most outstanding", probe("highest_lag"), arrivals.most_outstanding() as f64),
    ];
    assert!(compared[0].2 > 3.0, "the standstill is seen: {compared:?}");
    for (figure, probe, plain) in compared {
        assert!(
            (probe - plain).abs() <= plain * 0.02,
            "{figure}: {probe} by the probe, {plain} by the consumer"
        );
    }
}

fn e2e(lab: &Lab, topic: &str, seconds: u64) -> std::process::Command {
    let mut command = ramp_load();
    command.args(["e2e", "--bootstrap", lab.source(), "--target", lab.target(), "--alias", "source"]);
    command.args(["--topic", topic, "--rate", &RATE.to_string(), "--duration", &seconds.to_string()]);
    command.args(["--output", "json"]);
    command
}

const RATE: u64 = 1_000;
const SECONDS: u64 = 15;
const RECORDS: u64 = RATE * SECONDS;
