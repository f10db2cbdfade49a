//! The command line.

use std::{collections::BTreeMap, env, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ramp_core::units::Rate;
use ramp_load::{
    client_config::{ClusterConfig, Secret, is_secret},
    payload::Payload,
};

/// Loads a Kafka cluster at an exact rate and accounts for every record.
#[derive(Debug, Parser)]
#[command(name = "ramp-load", version, about, after_help = EXIT_STATUSES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send records at a rate for a time.
    Run(Run),
}

/// `ramp-load run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Bootstrap servers.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_SOURCE")]
    pub bootstrap: String,
    /// A topic to load; give it several times to load several in turn.
    #[arg(long, value_name = "TOPIC", required = true)]
    pub topic: Vec<String>,
    /// Records per second.
    #[arg(long, value_name = "RATE")]
    pub rate: Rate,
    /// For how long, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Duration,
    /// What each record carries: json, or random:N for N bytes that do not compress.
    #[arg(long, default_value = "json")]
    pub payload: Payload,
    /// A librdkafka property; secrets do not belong here.
    #[arg(long, value_name = "KEY=VALUE")]
    pub property: Vec<String>,
    /// The environment variable that holds the user name.
    #[arg(long, value_name = "VARIABLE")]
    pub username_env: Option<String>,
    /// The environment variable that holds the password.
    #[arg(long, value_name = "VARIABLE")]
    pub password_env: Option<String>,
    /// Records not acknowledged this many seconds (and 10 more) after they were sent have failed.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "20")]
    pub delivery_bound: Duration,
    /// The form of the account.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// A form of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// A cluster that the command line does not describe. The values of properties are never shown: one may be a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A variable that is to hold a part of the login is not set.
    #[error("{flag} names the environment variable {variable}, which is not set; export it")]
    Variable {
        /// The flag.
        flag: &'static str,
        /// The variable.
        variable: String,
    },
    /// A property without a value.
    #[error("--property {key} has no value; write it as key=value")]
    NoValue {
        /// What was written.
        key: String,
    },
    /// A property that is a secret.
    #[error("--property {key} is a secret, which every user of this machine could see; use --password-env")]
    Secret {
        /// The property.
        key: String,
    },
}

impl Run {
    /// The cluster that takes the load.
    ///
    /// # Errors
    /// When a variable that is to hold the login is not set, or a property cannot be used.
    pub fn cluster(&self) -> Result<ClusterConfig, ClusterError> {
        let read = |flag, name: &Option<String>| {
            let Some(variable) = name else { return Ok(None) };
            let missing = |_| ClusterError::Variable { flag, variable: variable.clone() };
            env::var(variable).map(Some).map_err(missing)
        };
        Ok(ClusterConfig {
            bootstrap: self.bootstrap.clone(),
            properties: self
                .property
                .iter()
                .map(|text| property(text))
                .collect::<Result<BTreeMap<_, _>, _>>()?,
            username: read("--username-env", &self.username_env)?,
            password: read("--password-env", &self.password_env)?.map(Secret::new),
        })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let span = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let span = span.filter(|span| !span.is_zero());
    span.ok_or_else(|| "give a number of seconds above 0, such as 30".to_owned())
}

fn property(text: &str) -> Result<(String, String), ClusterError> {
    let (key, value) = text.split_once('=').ok_or_else(|| ClusterError::NoValue { key: text.to_owned() })?;
    if is_secret(key) {
        return Err(ClusterError::Secret { key: key.to_owned() });
    }
    Ok((key.to_owned(), value.to_owned()))
}

const EXIT_STATUSES: &str = "\
Exit status:
  0  every record was offered and acknowledged
  1  records failed or were not offered
  2  the command line cannot be used
  3  the cluster cannot be used";
