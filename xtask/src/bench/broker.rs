//! The laboratory's source broker alone: what shares the machine with it is put down first.

use std::{fs, path::PathBuf, process::Command};

use super::process;
use crate::command::{Failure, cargo, execute, target};

/// A broker that is there for the benchmark. It ends with this value.
pub(super) struct Broker {
    lab: PathBuf,
    dir: PathBuf,
    /// Where it listens, `host:port`.
    pub(super) address: String,
    pid: u32,
    java: String,
    class_path: String,
}

impl Broker {
    pub(super) fn start() -> Result<Self, Failure> {
        cargo(&["build", "--package", "ramp-lab"])?;
        let lab = target().join("debug/ramp-lab");
        let dir = folder("lab");
        // The broker outlives the command that starts it, and must not hold its streams.
        let log = folder("lab.env");
        if let Some(above) = log.parent() {
            fs::create_dir_all(above)
                .map_err(|error| wrong(&format!("make {}: {error}", above.display())))?;
        }
        let output =
            fs::File::create(&log).map_err(|error| wrong(&format!("write {}: {error}", log.display())))?;
        let mut up = Command::new(&lab);
        up.args(["up", "--topics", "1", "--dir"]).arg(&dir).stdout(output);
        execute(&mut up, "ramp-lab up")?;
        let exports = fs::read_to_string(&log).map_err(|error| wrong(&error.to_string()))?;
        let address = exports.split('\'').nth(1).ok_or_else(|| wrong("ramp-lab up names no source"))?;
        let mut broker = Self {
            lab,
            dir,
            address: address.to_owned(),
            pid: 0,
            java: String::new(),
            class_path: String::new(),
        };
        for process in ["connect", "target", "prometheus", "node-exporter"] {
            let mut kill = Command::new(&broker.lab);
            execute(kill.args(["kill", process, "--dir"]).arg(&broker.dir), "ramp-lab kill")?;
        }
        broker.find_process()?;
        Ok(broker)
    }

    /// Finds the broker's process, and in its arguments where Java and Kafka's jars are.
    fn find_process(&mut self) -> Result<(), Failure> {
        let mut status = Command::new(&self.lab);
        // Others have been killed, which makes the status a failure.
        let status = process::Running::start(status.args(["status", "--dir"]).arg(&self.dir))?.finish()?;
        let line = status.printed.lines().find(|line| line.starts_with("source"));
        let pid = line.and_then(|line| line.split_whitespace().nth(2)?.parse().ok());
        self.pid = pid.ok_or_else(|| wrong("ramp-lab status names no source"))?;
        let arguments = fs::read_to_string(format!("/proc/{}/cmdline", self.pid));
        let arguments = arguments.map_err(|error| wrong(&error.to_string()))?;
        let arguments: Vec<_> = arguments.split('\0').collect();
        let class_path = arguments.iter().position(|word| ["-cp", "-classpath"].contains(word));
        let class_path = class_path.and_then(|at| arguments.get(at + 1));
        self.class_path =
            class_path.copied().ok_or_else(|| wrong("the broker has no class path"))?.to_owned();
        self.java = arguments.first().copied().unwrap_or("java").to_owned();
        Ok(())
    }

    /// One of Kafka's own programs, by its class.
    pub(super) fn kafka(&self, class: &str) -> Command {
        let mut command = Command::new(&self.java);
        // What Kafka's own scripts give to a client.
        command.args(["-Xmx512M", "-server", "-XX:+UseG1GC", "-cp", &self.class_path, class]);
        command
    }

    /// Makes a topic of three partitions; `retained` keeps every record until the topic goes.
    pub(super) fn create(&self, topic: &str, retained: bool) -> Result<(), Failure> {
        let mut create = self.kafka("org.apache.kafka.tools.TopicCommand");
        create.args(["--bootstrap-server", &self.address, "--create", "--topic", topic, "--partitions", "3"]);
        if retained {
            create.args(["--config", "retention.bytes=-1"]);
        }
        process::run(&mut create).map(drop)
    }

    pub(super) fn delete(&self, topic: &str) -> Result<(), Failure> {
        let mut delete = self.kafka("org.apache.kafka.tools.TopicCommand");
        delete.args(["--bootstrap-server", &self.address, "--delete", "--topic", topic]);
        process::run(&mut delete).map(drop)
    }

    /// The timestamps of the first `records` records of a topic, in milliseconds and in order: when each was handed to
    /// its client.
    pub(super) fn timestamps(&self, topic: &str, records: u64) -> Result<Vec<u64>, Failure> {
        let mut read = self.kafka("org.apache.kafka.tools.consumer.ConsoleConsumer");
        read.args(["--bootstrap-server", &self.address, "--topic", topic, "--from-beginning"]);
        read.args(["--max-messages", &records.to_string(), "--timeout-ms", "20000"]);
        read.args(["--formatter-property", "print.timestamp=true"]);
        read.args(["--formatter-property", "print.value=false"]);
        let read = process::run(&mut read)?;
        let lines = read.printed.lines().filter_map(|line| line.strip_prefix("CreateTime:"));
        let mut stamps: Vec<u64> = lines.filter_map(|stamp| stamp.trim().parse().ok()).collect();
        stamps.sort_unstable();
        Ok(stamps)
    }

    /// Stops the broker from running, its connections staying open.
    pub(super) fn freeze(&self) -> Result<(), Failure> {
        self.signal("-STOP")
    }

    /// Lets it run on.
    pub(super) fn thaw(&self) -> Result<(), Failure> {
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> Result<(), Failure> {
        execute(Command::new("kill").args([signal, &self.pid.to_string()]), "kill the broker")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let mut down = Command::new(&self.lab);
        if let Err(failure) = execute(down.args(["down", "--dir"]).arg(&self.dir), "ramp-lab down") {
            eprintln!("xtask: {failure}");
        }
    }
}

/// Builds the command as its users have it.
pub(super) fn ramp_load() -> Result<PathBuf, Failure> {
    cargo(&["build", "--release", "--package", "ramp-load-cli"])?;
    Ok(target().join("release/ramp-load"))
}

pub(super) fn wrong(what: &str) -> Failure {
    Failure::Wrong(format!("the benchmark cannot run: {what}"))
}

/// Where a benchmark keeps what it builds.
pub(super) fn folder(name: &str) -> PathBuf {
    target().join("bench").join(name)
}
