//! The command line of the native dialect, and of what is no load.

pub(crate) mod connection;
pub(crate) mod seen;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ramp_core::units::Rate;
use ramp_load::{
    client_config::ClusterConfig,
    client_properties,
    payload::{Messages, MessagesError, Payload},
    producer::{Keys, LoadSpec, Pacing},
    schedule::{Pace, Until},
};

use self::{
    connection::{ConnectionError, Login},
    seen::{E2e, Probe},
};
use crate::{bomber::Bomber, perf_test};

/// Loads a Kafka cluster at an exact rate and accounts for every record.
#[derive(Debug, Parser)]
#[command(name = "ramp-load", version, after_help = EXIT_STATUSES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send records at a rate.
    Run(Box<Run>),
    /// See the records of loads arrive, or verify what topics hold of them: latency, losses, duplicates, order.
    Probe(Box<Probe>),
    /// Send records at a rate and see each arrive: on the same cluster, or on the one that a replication writes to.
    E2e(Box<E2e>),
    /// Load a topic with the flags of Kafka's kafka-producer-perf-test.sh.
    #[command(disable_help_flag = true)]
    PerfTest {
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Load topics as kafka_producer_bomber.py does.
    Bomber(Box<Bomber>),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

impl Cli {
    /// The whole command with the flags of every dialect: for completions and the manual page.
    pub(crate) fn documented() -> clap::Command {
        use clap::CommandFactory;
        Self::command().mut_subcommand("perf-test", |_| perf_test::command())
    }
}

/// `ramp-load run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Records per second.
    #[arg(long, value_name = "RATE", required_unless_present = "unthrottled")]
    pub(crate) rate: Option<Rate>,
    /// As many records per second as the cluster takes.
    #[arg(long, conflicts_with_all = ["rate", "pacing"])]
    pub(crate) unthrottled: bool,
    /// What is sent.
    #[command(flatten)]
    pub(crate) load: Load,
    /// Send no header with run, number and due time: records carry their payload only.
    #[arg(long)]
    pub(crate) no_stamp: bool,
}

/// What is sent, where to, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Bootstrap servers; goes before any bootstrap.servers.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_SOURCE")]
    pub(crate) bootstrap: Option<String>,
    /// A topic to load; give it several times to load several in turn.
    #[arg(long, value_name = "TOPIC", required = true)]
    pub(crate) topic: Vec<String>,
    /// For how long, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, required_unless_present = "records")]
    pub(crate) duration: Option<Duration>,
    /// How many records, however long they take.
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: Option<u64>,
    /// What each record carries: json; random:N for N bytes that do not compress; letters:N; number; or
    /// random:N,N,… for one of these sizes, drawn for each record.
    #[arg(long, default_value = "json")]
    pub(crate) payload: Payload,
    /// A file of records, one of which is drawn each time.
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    pub(crate) payload_file: Option<PathBuf>,
    /// What stands between the records of that file; \n, \r and \t are understood.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "\n",
        hide_default_value = true,
        requires = "payload_file"
    )]
    pub(crate) payload_delimiter: String,
    /// The records' keys: key_1 to key_1000 in turn, or none.
    #[arg(long, value_enum, default_value_t = KeyChoice::Uniform)]
    pub(crate) keys: KeyChoice,
    /// How finely records are spaced: by the millisecond, or each on its own.
    #[arg(long, value_enum, default_value_t = PacingChoice::Ticks)]
    pub(crate) pacing: PacingChoice,
    /// How to log in.
    #[command(flatten)]
    pub(crate) login: Login,
    /// A record that is not acknowledged for so many seconds has failed; 30 by default. Goes before the property
    /// delivery.timeout.ms.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) delivery_timeout: Option<Duration>,
    /// How the outcome is told.
    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// How an outcome is told.
#[derive(Debug, Args)]
pub(crate) struct Telling {
    /// How many percent of the records may be missing without an exit status of 1.
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "0")]
    pub(crate) tolerance: f64,
    /// Write the latencies of each second to this file, in the log format of HDR histograms.
    #[arg(long, value_name = "FILE")]
    pub(crate) hdr_log: Option<PathBuf>,
    /// The form of the account.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// A form of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// A choice of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyChoice {
    /// key_1 to key_1000 in turn.
    Uniform,
    /// None.
    None,
}

/// A choice of pacing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PacingChoice {
    /// What falls due within a millisecond leaves together.
    Ticks,
    /// Each record leaves when it is due; costs a wake-up per record.
    Precise,
}

/// A load that the command line does not describe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    /// The cluster is not described.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The payload file cannot be used.
    #[error(transparent)]
    Payload(#[from] MessagesError),
}

impl Load {
    /// The cluster that takes the load, how long a record may take there, and what is to be said about its properties.
    ///
    /// # Errors
    /// When a variable that is to hold the login is not set, or a property cannot be used.
    pub(crate) fn cluster(&self) -> Result<(ClusterConfig, Duration, Vec<String>), RunError> {
        let (mut cluster, notes) = self.login.cluster(self.bootstrap.as_ref(), &connection::SOURCE)?;
        let timeout = client_properties::delivery_timeout(&mut cluster).map_err(ConnectionError::from)?;
        let timeout = self.delivery_timeout.or(timeout).unwrap_or(DELIVERY_TIMEOUT);
        Ok((cluster, timeout, notes))
    }

    /// The load.
    ///
    /// # Errors
    /// When the payload file cannot be used.
    pub(crate) fn spec(&self, pace: Pace, delivery_timeout: Duration) -> Result<LoadSpec, RunError> {
        // clap has seen to it that an end is given.
        let until = match (self.records, self.duration) {
            (Some(records), _) => Until::Records(records),
            (None, duration) => Until::After(duration.unwrap_or_default()),
        };
        let payload = match &self.payload_file {
            Some(file) => Payload::Given(Messages::read(file, &unescaped(&self.payload_delimiter))?),
            None => self.payload.clone(),
        };
        Ok(LoadSpec {
            payload,
            keys: match self.keys {
                KeyChoice::Uniform => Keys::Uniform,
                KeyChoice::None => Keys::None,
            },
            pacing: match self.pacing {
                PacingChoice::Ticks => Pacing::Ticks,
                PacingChoice::Precise => Pacing::Precise,
            },
            delivery_timeout,
            ..LoadSpec::new(self.topic.clone(), pace, until)
        })
    }
}

impl Run {
    /// The load.
    ///
    /// # Errors
    /// When the payload file cannot be used.
    pub(crate) fn spec(&self, delivery_timeout: Duration) -> Result<LoadSpec, RunError> {
        // clap has seen to it that a rate is given, or that none is wanted.
        let pace = self.rate.map_or(Pace::Unthrottled, Pace::Rate);
        Ok(LoadSpec { stamped: !self.no_stamp, ..self.load.spec(pace, delivery_timeout)? })
    }
}

/// A delimiter in which `\n`, `\r` and `\t` stand for what they mean.
pub(crate) fn unescaped(delimiter: &str) -> String {
    delimiter.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t")
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let span = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let span = span.filter(|span| !span.is_zero());
    span.ok_or_else(|| "give a number of seconds above 0, such as 30".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "give a number from 0 to 100, such as 0.1".to_owned())
}

const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

const EXIT_STATUSES: &str = "\
Exit status:
  0    every record was offered and acknowledged; with probe and e2e, every record was seen
  1    records failed, were not offered or not seen (--tolerance), or another demand was not met
  2    the command line cannot be used
  3    the cluster cannot be used
  130  interrupted; every record that was offered was acknowledged, and seen

Called as kafka-producer-perf-test.sh or kafka_producer_bomber.py, by a link, it takes that program's arguments.";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::perf_test::PerfTest;

    #[test]
    fn every_command_in_its_document_is_understood() {
        let document = include_str!("../../../docs/ramp-load.md");
        let commands: Vec<_> = document.lines().filter(|line| line.starts_with("ramp-load ")).collect();
        assert!(commands.len() >= 5, "{commands:?}");
        for line in commands {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            let refused = match words.get(1).map(String::as_str) {
                Some("perf-test") => {
                    PerfTest::read(&words[2..], &BTreeMap::new()).err().map(|error| error.text())
                }
                _native => Cli::try_parse_from(words).err().map(|error| error.to_string()),
            };
            assert_eq!(refused, None, "{line}");
        }
    }
}
