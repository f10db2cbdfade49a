//! The tools that take turns, and what each says of its own run.

use std::{path::PathBuf, process::Command};

use serde_json::Value;

use super::{
    broker::{Broker, ramp_load, wrong},
    process::Run,
    rdkafka_performance,
};
use crate::command::Failure;

/// A load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    RampLoad,
    RdkafkaPerformance,
    PerfTest,
}

impl Tool {
    pub(super) const ALL: [Self; 3] = [Self::RampLoad, Self::RdkafkaPerformance, Self::PerfTest];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RampLoad => "ramp-load",
            Self::RdkafkaPerformance => "rdkafka_performance",
            Self::PerfTest => "kafka-producer-perf-test",
        }
    }
}

/// What every tool is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    pub(super) topic: &'a str,
    pub(super) records: u64,
    /// Records per second; `None` for as many as go.
    pub(super) rate: Option<u32>,
    /// Properties by the names that both clients share.
    pub(super) properties: &'a [(&'a str, &'a str)],
    /// How much a client may keep to itself, in bytes; `None` for its default.
    pub(super) queue: Option<u64>,
}

/// Where the tools are.
pub(super) struct Tools {
    ramp_load: PathBuf,
    rdkafka_performance: PathBuf,
}

impl Tools {
    pub(super) fn build() -> Result<Self, Failure> {
        Ok(Self { ramp_load: ramp_load()?, rdkafka_performance: rdkafka_performance::build()? })
    }

    /// The command that sends `load`: records of 1 KiB without keys or headers, in batches of 128 KiB, linger 5 ms.
    pub(super) fn command(&self, tool: Tool, broker: &Broker, load: Load<'_>) -> Command {
        let records = load.records.to_string();
        let rate = load.rate.map(|rate| rate.to_string());
        match tool {
            Tool::RampLoad => {
                let mut command = Command::new(&self.ramp_load);
                command.args(["run", "--bootstrap", &broker.address, "--topic", load.topic]);
                command.args(["--records", &records, "--payload", "letters:1024", "--output", "json"]);
                command.args(["--keys", "none", "--no-stamp"]);
                match &rate {
                    Some(rate) => command.args(["--rate", rate]),
                    None => command.arg("--unthrottled"),
                };
                for (key, value) in BATCHES.iter().chain(load.properties) {
                    command.args(["--property", &format!("{key}={value}")]);
                }
                if let Some(bytes) = load.queue {
                    let records = bytes / RECORD;
                    command.args(["--property", &format!("queue.buffering.max.messages={records}")]);
                }
                command
            }
            Tool::RdkafkaPerformance => {
                let mut command = Command::new(&self.rdkafka_performance);
                command.args([
                    "-P",
                    "-t",
                    load.topic,
                    "-s",
                    "1024",
                    "-c",
                    &records,
                    "-b",
                    &broker.address,
                    "-q",
                ]);
                if let Some(rate) = &rate {
                    command.args(["-r", rate]);
                }
                for (key, value) in BATCHES.iter().chain(load.properties) {
                    // It sets the acknowledgements itself, after every property.
                    match *key {
                        "acks" if *value == "all" => command.args(["-a", "-1"]),
                        "acks" => command.args(["-a", value]),
                        "compression.type" => command.args(["-z", value]),
                        _other => command.args(["-X", &format!("{key}={value}")]),
                    };
                }
                command
            }
            Tool::PerfTest => {
                let mut command = broker.kafka("org.apache.kafka.tools.ProducerPerformance");
                command.args(["--topic", load.topic, "--num-records", &records, "--record-size", "1024"]);
                command.args(["--throughput", rate.as_deref().unwrap_or("-1")]);
                command.args(["--bootstrap-server", &broker.address, "--command-property"]);
                let properties = BATCHES.iter().chain(load.properties);
                command.args(properties.map(|(key, value)| format!("{key}={value}")));
                if let Some(bytes) = load.queue {
                    command.arg(format!("buffer.memory={bytes}"));
                }
                command
            }
        }
    }
}

/// What a tool says of its own run, as far as it says it.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) per_second: Option<f64>,
    /// In milliseconds, as the tool counts them.
    pub(super) p99: Option<f64>,
    pub(super) max: Option<f64>,
    /// p99 of how late the generator was, in milliseconds.
    pub(super) lateness: Option<f64>,
}

/// Reads what `tool` printed.
pub(super) fn told(tool: Tool, run: &Run) -> Result<Told, Failure> {
    let told = match tool {
        Tool::RampLoad => {
            let line = run.printed.lines().find(|line| line.starts_with('{')).unwrap_or("{}");
            let account: Value = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
            let millis =
                |part: &str, figure: &str| account[part][figure].as_f64().map(|seconds| seconds * 1e3);
            Told {
                per_second: account["acknowledged"]
                    .as_f64()
                    .zip(account["seconds"].as_f64())
                    .map(|(records, seconds)| records / seconds),
                p99: millis("total", "p99"),
                max: millis("total", "max"),
                lateness: millis("lateness", "p99"),
            }
        }
        Tool::RdkafkaPerformance => Told { per_second: before(&run.printed, " msgs/s"), ..Told::default() },
        Tool::PerfTest => Told {
            per_second: before(&run.printed, " records/sec"),
            p99: before(&run.printed, " ms 99th"),
            max: before(&run.printed, " ms max latency"),
            lateness: None,
        },
    };
    let nothing = || wrong(&format!("{} says no rate:\n{}", tool.name(), run.printed));
    if told.per_second.is_some() { Ok(told) } else { Err(nothing()) }
}

/// The last number before `unit` in a text.
fn before(text: &str, unit: &str) -> Option<f64> {
    let (ahead, _) = text.rsplit_once(unit)?;
    ahead.rsplit([' ', ',']).next()?.parse().ok()
}

/// The size of a record.
pub(super) const RECORD: u64 = 1_024;

const BATCHES: [(&str, &str); 2] = [("linger.ms", "5"), ("batch.size", "131072")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_s_last_word_counts() {
        let text = "2 records sent, 1.0 records/sec (0.1 MB/sec), 5.0 ms avg latency, 9.0 ms max latency.\n\
            100 records sent, 33.5 records/sec (0.1 MB/sec), 5.00 ms avg latency, 10.00 ms max latency, \
            5 ms 50th, 6 ms 95th, 7 ms 99th, 8 ms 99.9th.";
        assert_eq!(before(text, " records/sec"), Some(33.5));
        assert_eq!(before(text, " ms 99th"), Some(7.0));
        assert_eq!(before(text, " ms max latency"), Some(10.0));
        assert_eq!(before("in 3279ms: 304909 msgs/s and", " msgs/s"), Some(304_909.0));
    }
}
