//! The dialect of the users' Python load script: its flags, its variables, its producer settings. Sends nothing.

use std::{
    num::{NonZeroU16, NonZeroU32},
    str::FromStr,
    time::Duration,
};

use clap::Args;
use ramp_core::units::Rate;
use ramp_load::client_config::{ClusterConfig, Secret};

use crate::{
    cli::Output,
    environment::{Environment, EnvironmentError},
};

/// Loads topics with the flags, the variables and the messages of kafka_producer_bomber.py.
///
/// What no flag says is taken from the environment, then from a .env file in this folder or above it.
#[derive(Debug, Args)]
#[command(infer_long_args = true, after_help = VARIABLES)]
pub(crate) struct Bomber {
    /// Where the cluster is, host:port,host:port.
    #[arg(long, value_name = "SERVERS")]
    pub(crate) bootstrap_servers: Option<String>,
    /// The SASL user.
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// The SASL password; safer in KAFKA_PASSWORD or in a .env file.
    #[arg(long, value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Secret::new(text.to_owned())))]
    pub(crate) password: Option<Secret>,
    /// SASL_SSL, SASL_PLAINTEXT, SSL or PLAINTEXT.
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) security_protocol: Option<String>,
    /// PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    #[arg(long, value_name = "MECHANISM")]
    pub(crate) sasl_mechanism: Option<String>,
    /// What the names of the topics begin with, before .generated-data-NN.json.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) topic_prefix: Option<String>,
    /// How many topics to load.
    #[arg(long, value_name = "N")]
    pub(crate) num_topics: Option<NonZeroU16>,
    /// Records per second, of all topics together.
    #[arg(long, value_name = "RATE")]
    pub(crate) messages_per_second: Option<Rate>,
    /// Taken and not needed: one sender holds the rate.
    #[arg(long, value_name = "N")]
    pub(crate) num_threads: Option<NonZeroU32>,
    /// For how long, in minutes.
    #[arg(long, value_name = "MINUTES")]
    pub(crate) duration_minutes: Option<NonZeroU32>,
    /// Progress every second instead of every ten.
    #[arg(long)]
    pub(crate) verbose: bool,
    /// The certificates that TLS trusts, a PEM file; the system's by default. (Not in the original.)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<String>,
    /// The form of the account. (Not in the original.)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Read the secrets from standard input, a JSON object such as {"--password": "…"}. (Not in the original.)
    #[arg(long)]
    pub(crate) secrets_stdin: bool,
}

/// What the bomber's dialect asks for.
#[derive(Debug)]
pub(crate) struct Bombing {
    pub(crate) cluster: ClusterConfig,
    pub(crate) topics: Vec<String>,
    pub(crate) rate: Rate,
    pub(crate) hold: Duration,
    pub(crate) every: Duration,
    pub(crate) output: Output,
}

/// Why flags and variables do not describe a load.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BomberError {
    /// The `.env` file.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Nothing says it.
    #[error("{flag} is missing; give it, or set {} in the environment or in .env", variables.join(" or "))]
    Missing {
        /// The flag.
        flag: &'static str,
        /// The variables that are asked for.
        variables: &'static [&'static str],
    },
    /// A variable's value cannot be used.
    #[error("{variable}={value}: {reason}")]
    Value {
        /// The variable.
        variable: &'static str,
        /// Its value, which is no secret.
        value: String,
        /// Why not.
        reason: String,
    },
}

impl Bomber {
    /// What flags, variables and defaults say together. `password` goes before all of them.
    pub(crate) fn resolve(self, password: Option<String>) -> Result<Bombing, BomberError> {
        let environment = Environment::load()?;
        let text = |given: Option<String>, variables: &'static [&'static str]| {
            given
                .filter(|given| !given.is_empty())
                .or_else(|| variables.iter().find_map(|name| environment.get(name)))
        };
        let missing = |flag, variables| BomberError::Missing { flag, variables };
        let protocol = text(self.security_protocol, PROTOCOL).unwrap_or_else(|| "SASL_SSL".to_owned());
        let mechanism = text(self.sasl_mechanism, MECHANISM).unwrap_or_else(|| "PLAIN".to_owned());
        let bootstrap = text(self.bootstrap_servers, BOOTSTRAP);
        let bootstrap = bootstrap.ok_or_else(|| missing("--bootstrap-servers", BOOTSTRAP))?;
        let mut cluster = ClusterConfig { bootstrap, ..ClusterConfig::default() };
        if protocol.to_uppercase().starts_with("SASL") {
            let username = text(self.username, USERNAME).ok_or_else(|| missing("--username", USERNAME))?;
            let password = password.map(Secret::new).or(self.password);
            let password = password.or_else(|| text(None, PASSWORD).map(Secret::new));
            cluster.username = Some(username);
            cluster.password = Some(password.ok_or_else(|| missing("--password", PASSWORD))?);
            cluster.properties.insert("sasl.mechanism".to_owned(), mechanism);
        }
        cluster.properties.insert("security.protocol".to_owned(), protocol);
        if let Some(file) = text(self.ca_file, CA_FILE) {
            cluster.properties.insert("ssl.ca.location".to_owned(), file);
        }
        let settings = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        cluster.properties.extend(settings);

        let prefix = text(self.topic_prefix, PREFIX).unwrap_or_else(|| "test-prometheus".to_owned());
        let topics = number(self.num_topics, &environment, "KAFKA_NUM_TOPICS")?.map_or(10, NonZeroU16::get);
        let rate = number(self.messages_per_second, &environment, "KAFKA_MESSAGES_PER_SECOND")?;
        let minutes = number(self.duration_minutes, &environment, "KAFKA_DURATION_MINUTES")?;
        let minutes = minutes.map_or(60, NonZeroU32::get);
        number(self.num_threads, &environment, "KAFKA_NUM_THREADS")?;
        let verbose = self.verbose
            || environment.get("KAFKA_VERBOSE").is_some_and(|verbose| verbose.eq_ignore_ascii_case("true"));
        Ok(Bombing {
            cluster,
            topics: (1..=topics).map(|n| format!("{prefix}.generated-data-{n:02}.json")).collect(),
            rate: rate.unwrap_or(RATE),
            hold: Duration::from_secs(u64::from(minutes) * 60),
            every: Duration::from_secs(if verbose { 1 } else { 10 }),
            output: self.output,
        })
    }
}

/// A number that a flag gives, or else a variable.
fn number<T: FromStr<Err: ToString>>(
    given: Option<T>,
    environment: &Environment,
    variable: &'static str,
) -> Result<Option<T>, BomberError> {
    if given.is_some() {
        return Ok(given);
    }
    let Some(value) = environment.get(variable) else { return Ok(None) };
    match value.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(error) => Err(BomberError::Value { variable, reason: ToString::to_string(&error), value }),
    }
}

/// The settings of the script's producer.
const SETTINGS: [(&str, &str); 9] = [
    ("acks", "all"),
    ("batch.size", "16384"),
    ("compression.type", "gzip"),
    ("linger.ms", "10"),
    ("message.max.bytes", "1048576"),
    ("queue.buffering.max.kbytes", "32768"),
    ("request.timeout.ms", "30000"),
    ("retries", "3"),
    ("retry.backoff.ms", "100"),
];

const RATE: Rate = Rate::per_second(1_000).expect("a thousand is not zero");

// The script's own name first, then the runbook's.
const BOOTSTRAP: &[&str] = &["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SOURCE"];
const USERNAME: &[&str] = &["KAFKA_USERNAME", "KAFKA_USER"];
const PASSWORD: &[&str] = &["KAFKA_PASSWORD", "KAFKA_PASS"];
const PROTOCOL: &[&str] = &["KAFKA_SECURITY_PROTOCOL"];
const MECHANISM: &[&str] = &["KAFKA_SASL_MECHANISM"];
const PREFIX: &[&str] = &["KAFKA_TOPIC_PREFIX"];
const CA_FILE: &[&str] = &["KAFKA_CA"];

const VARIABLES: &str = "\
Variables:
  KAFKA_BOOTSTRAP_SERVERS or KAFKA_SOURCE, KAFKA_USERNAME or KAFKA_USER, KAFKA_PASSWORD or KAFKA_PASS,
  KAFKA_SECURITY_PROTOCOL (SASL_SSL), KAFKA_SASL_MECHANISM (PLAIN), KAFKA_TOPIC_PREFIX (test-prometheus),
  KAFKA_NUM_TOPICS (10), KAFKA_MESSAGES_PER_SECOND (1000), KAFKA_NUM_THREADS, KAFKA_DURATION_MINUTES (60),
  KAFKA_VERBOSE (false), KAFKA_CA";
