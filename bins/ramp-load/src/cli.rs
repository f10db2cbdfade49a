//! The command line of the native dialect, and of what is no load.

use std::{collections::BTreeMap, env, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ramp_core::units::Rate;
use ramp_load::{
    client_config::{ClusterConfig, Secret, is_secret},
    client_properties::{self, PropertyError},
    payload::{Messages, MessagesError, Payload},
    producer::{Keys, LoadSpec, Pacing},
    schedule::{Pace, Until},
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
    /// Bootstrap servers; goes before any bootstrap.servers.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_SOURCE")]
    pub(crate) bootstrap: Option<String>,
    /// A topic to load; give it several times to load several in turn.
    #[arg(long, value_name = "TOPIC", required = true)]
    pub(crate) topic: Vec<String>,
    /// Records per second.
    #[arg(long, value_name = "RATE", required_unless_present = "unthrottled")]
    pub(crate) rate: Option<Rate>,
    /// As many records per second as the cluster takes.
    #[arg(long, conflicts_with_all = ["rate", "pacing"])]
    pub(crate) unthrottled: bool,
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
    /// Send no header with run, number and due time: records carry their payload only.
    #[arg(long)]
    pub(crate) no_stamp: bool,
    /// A Java properties file of client properties, by Java's names or librdkafka's.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A client property; goes before the file's. Secrets do not belong here.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) property: Vec<String>,
    /// The environment variable that holds the user name.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) username_env: Option<String>,
    /// The environment variable that holds the password.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) password_env: Option<String>,
    /// A record that is not acknowledged for so many seconds has failed; 30 by default. Goes before the property
    /// delivery.timeout.ms.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) delivery_timeout: Option<Duration>,
    /// How many percent of the records may have failed or not been offered without an exit status of 1.
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

/// A load that the command line does not describe. The values of properties are never shown: one may be a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    /// A variable that is to hold a part of the login is not set.
    #[error("{flag} names the environment variable {variable}, which is not set; export it")]
    Variable {
        /// The flag.
        flag: &'static str,
        /// The variable.
        variable: String,
    },
    /// A property that is a secret.
    #[error(
        "--property {key} is a secret, which every user of this machine could see; use --password-env or --config"
    )]
    Secret {
        /// The property.
        key: String,
    },
    /// A property cannot be used.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// The payload file cannot be used.
    #[error(transparent)]
    Payload(#[from] MessagesError),
    /// No address.
    #[error("there are no bootstrap servers; give --bootstrap or set KAFKA_SOURCE")]
    NoBootstrap,
}

impl Run {
    /// The cluster that takes the load, how long a record may take there, and what is to be said about its properties.
    ///
    /// # Errors
    /// When a variable that is to hold the login is not set, or a property cannot be used.
    pub(crate) fn cluster(&self) -> Result<(ClusterConfig, Duration, Vec<String>), RunError> {
        let mut properties = match &self.config {
            Some(file) => client_properties::read(file)?,
            None => BTreeMap::new(),
        };
        for text in &self.property {
            let (key, value) = client_properties::split(text)?;
            if is_secret(&key) {
                return Err(RunError::Secret { key });
            }
            properties.insert(key, value);
        }
        if let Some(bootstrap) = &self.bootstrap {
            properties.remove("metadata.broker.list");
            properties.insert("bootstrap.servers".to_owned(), bootstrap.clone());
        }
        let translated = client_properties::translate(&properties)?;
        let mut cluster = translated.cluster;
        let read = |flag, name: &Option<String>| {
            let Some(variable) = name else { return Ok(None) };
            let missing = |_| RunError::Variable { flag, variable: variable.clone() };
            env::var(variable).map(Some).map_err(missing)
        };
        if let Some(username) = read("--username-env", &self.username_env)? {
            cluster.username = Some(username);
        }
        if let Some(password) = read("--password-env", &self.password_env)? {
            cluster.password = Some(Secret::new(password));
        }
        if cluster.bootstrap.is_empty() {
            return Err(RunError::NoBootstrap);
        }
        let timeout = client_properties::delivery_timeout(&mut cluster)?;
        let timeout = self.delivery_timeout.or(timeout).unwrap_or(DELIVERY_TIMEOUT);
        Ok((cluster, timeout, translated.notes))
    }

    /// The load.
    ///
    /// # Errors
    /// When the payload file cannot be used.
    pub(crate) fn spec(&self, delivery_timeout: Duration) -> Result<LoadSpec, RunError> {
        // clap has seen to it that a rate and an end are given.
        let pace = self.rate.map_or(Pace::Unthrottled, Pace::Rate);
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
            stamped: !self.no_stamp,
            ..LoadSpec::new(self.topic.clone(), pace, until)
        })
    }
}

/// A delimiter in which `\n`, `\r` and `\t` stand for what they mean.
pub(crate) fn unescaped(delimiter: &str) -> String {
    delimiter.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t")
}

fn seconds(text: &str) -> Result<Duration, String> {
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
  0    every record was offered and acknowledged
  1    records failed or were not offered (--tolerance)
  2    the command line cannot be used
  3    the cluster cannot be used
  130  interrupted; every record that was offered was acknowledged

Called as kafka-producer-perf-test.sh or kafka_producer_bomber.py, by a link, it takes that program's arguments.";
