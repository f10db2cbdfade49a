//! What a laboratory is started with.

use std::{ffi::OsString, num::NonZeroU16, path::PathBuf, time::Duration};

use clap::ValueEnum;

/// What [`Lab::start`](crate::Lab::start) starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabOptions {
    /// The `ramp-lab` executable, which becomes the supervisor. A test of this package knows it as
    /// `CARGO_BIN_EXE_ramp-lab`; for one of another package it lies in `target/<profile>/`, once it is built.
    pub executable: PathBuf,
    /// The state folder: created where missing; otherwise one that a laboratory has used before, or empty.
    pub dir: PathBuf,
    /// What the names of the source topics begin with, before `.generated-data-NN.json`.
    pub topic_prefix: String,
    /// How many topics the source has.
    pub topics: NonZeroU16,
    /// Partitions of each topic.
    pub partitions: NonZeroU16,
    /// Over which time the brokers average a client quota.
    pub quota_windows: QuotaWindows,
    /// Gives the source a `SASL_SSL` listener besides the plain one.
    pub tls: bool,
    /// Keeps what an earlier laboratory in this folder has stored: records, offsets, throttles.
    pub keep: bool,
    /// How long starting may take, the download of the jars not included.
    pub timeout: Duration,
}

impl LabOptions {
    /// Ten topics `test-prometheus.generated-data-NN.json` of three partitions, no TLS, fresh data, two minutes to start.
    pub fn new(executable: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Self {
        Self {
            executable: executable.into(),
            dir: dir.into(),
            topic_prefix: Self::TOPIC_PREFIX.to_owned(),
            topics: Self::TOPICS,
            partitions: Self::PARTITIONS,
            quota_windows: QuotaWindows::Short,
            tls: false,
            keep: false,
            timeout: Self::TIMEOUT,
        }
    }

    pub(crate) const TOPIC_PREFIX: &str = "test-prometheus";
    pub(crate) const TOPICS: NonZeroU16 = NonZeroU16::new(10).expect("ten is not zero");
    pub(crate) const PARTITIONS: NonZeroU16 = NonZeroU16::new(3).expect("three is not zero");
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

    /// The names of the source's topics.
    #[must_use]
    pub fn topic_names(&self) -> Vec<String> {
        (1..=self.topics.get()).map(|n| format!("{}.generated-data-{n:02}.json", self.topic_prefix)).collect()
    }

    /// The command line that gives the supervisor these options.
    pub(crate) fn to_arguments(&self) -> Vec<OsString> {
        let windows = match self.quota_windows {
            QuotaWindows::Short => "short",
            QuotaWindows::Kafka => "kafka",
        };
        let mut arguments: Vec<OsString> = vec!["supervise".into(), "--dir".into(), self.dir.clone().into()];
        for (flag, value) in [
            ("--topic-prefix", self.topic_prefix.clone()),
            ("--topics", self.topics.to_string()),
            ("--partitions", self.partitions.to_string()),
            ("--quota-windows", windows.to_owned()),
            ("--timeout", self.timeout.as_secs().to_string()),
        ] {
            arguments.extend([flag.into(), value.into()]);
        }
        for (flag, set) in [("--tls", self.tls), ("--keep", self.keep)] {
            arguments.extend(set.then(|| OsString::from(flag)));
        }
        arguments
    }
}

/// Over which time the brokers average a client quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QuotaWindows {
    /// Three windows of a second: a throttle bites within seconds and holds steady.
    Short,
    /// Kafka's default of eleven: the limit bites later and swings, as it does on users' clusters.
    Kafka,
}
