//! The dialect of Kafka's own `kafka-producer-perf-test.sh`: the same flags, defaults, lines and parse errors. It departs
//! from the original only where that deceives (docs/ramp-load.md). Sends nothing.

mod flags;
mod grammar;
mod lines;

use std::{collections::BTreeMap, path::Path, time::Duration};

use clap::Command;
use ramp_core::units::Rate;
use ramp_load::{
    client_config::ClusterConfig,
    client_properties::{self, PropertyError, Role},
    payload::{Messages, MessagesError, Payload},
    schedule::Pace,
    stamp::RunId,
};

use self::grammar::{Given, ParseError, Stop};
pub(crate) use self::lines::{Lines, corrected, metrics};
use crate::cli::unescaped;

/// What the dialect asks for.
#[derive(Debug)]
pub(crate) struct PerfTest {
    pub(crate) cluster: ClusterConfig,
    pub(crate) topic: String,
    pub(crate) records: u64,
    /// Records at the start that the second closing line leaves out.
    pub(crate) warmup: u64,
    pub(crate) payload: Payload,
    pub(crate) pace: Pace,
    /// Commits after so long, where records go in transactions.
    pub(crate) transaction: Option<Duration>,
    pub(crate) every: Duration,
    pub(crate) delivery_timeout: Duration,
    pub(crate) print_metrics: bool,
    /// What the user is told before the load.
    pub(crate) notes: Vec<String>,
}

/// Why there is no load.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PerfTestError {
    /// Help is asked for, by a flag or, without success, by saying nothing.
    #[error("no arguments")]
    Help {
        /// Whether it was asked for.
        asked: bool,
    },
    /// The arguments are not a load.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The properties cannot be used.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// The payload file cannot be used.
    #[error(transparent)]
    Payload(#[from] MessagesError),
    /// No address.
    #[error("there are no bootstrap servers; give --bootstrap-server")]
    NoBootstrap,
}

impl PerfTestError {
    /// What is printed of it: as the original prints it, the usage before an error of the arguments.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Help { .. } => flags::help(),
            Self::Parse(error) => {
                let mut text = format!("{}{}: error: {error}\n", flags::usage(), flags::PROGRAM);
                if !error.candidates.is_empty() {
                    text.push_str(&format!("\nDid you mean:\n\t{}\n", error.candidates.join("\n\t")));
                }
                text
            }
            Self::Property(_) | Self::Payload(_) | Self::NoBootstrap => {
                format!("{}: error: {self}\n", flags::PROGRAM)
            }
        }
    }
}

/// The dialect for the manual page and for completions.
pub(crate) fn command() -> Command {
    flags::command()
}

impl PerfTest {
    /// What `arguments` ask for. `secrets` stand for the properties that were hidden from the process list.
    pub(crate) fn read(
        arguments: &[String],
        secrets: &BTreeMap<String, String>,
    ) -> Result<Self, PerfTestError> {
        if arguments.is_empty() {
            return Err(PerfTestError::Help { asked: false });
        }
        let given = grammar::parse(arguments).map_err(|stop| match stop {
            Stop::Help => PerfTestError::Help { asked: true },
            Stop::Error(error) => error.into(),
        })?;
        let given = Values(given);
        let records = given.checked_records()?;
        let mut notes = Vec::new();
        let payload = given.payload(&mut notes)?;
        let (cluster, delivery_timeout) = given.cluster(secrets, &mut notes)?;
        let duration = given.number("--transaction-duration-ms").map_or(TRANSACTION, Duration::from_millis);
        let transaction = cluster.properties.contains_key(TRANSACTIONAL_ID).then_some(duration);
        Ok(Self {
            cluster,
            topic: given.text("--topic").unwrap_or_default().to_owned(),
            records,
            warmup: given.number("--warmup-records").unwrap_or(0),
            payload,
            pace: given.pace()?,
            transaction,
            every: given.number("--reporting-interval").map_or(INTERVAL, Duration::from_millis),
            delivery_timeout,
            print_metrics: given.has("--print-metrics"),
            notes,
        })
    }
}

/// What was given, all of it well-formed.
struct Values(Given);

impl Values {
    fn has(&self, flag: &str) -> bool {
        self.0.contains_key(flag)
    }

    fn texts(&self, flag: &str) -> Option<&[String]> {
        self.0.get(flag).map(Vec::as_slice)
    }

    fn text(&self, flag: &str) -> Option<&str> {
        self.texts(flag)?.first().map(String::as_str)
    }

    fn signed(&self, flag: &str) -> Option<i64> {
        self.text(flag)?.parse().ok()
    }

    /// A number that was checked to be no less than 0.
    fn number(&self, flag: &str) -> Option<u64> {
        u64::try_from(self.signed(flag)?).ok()
    }

    /// The original's checks, in its order and its words, and behind them those that it lacks.
    fn checked_records(&self) -> Result<u64, ParseError> {
        let records = self.signed("--num-records").unwrap_or_default();
        let warmup = self.signed("--warmup-records").unwrap_or_default();
        let below_one = |flag| self.signed(flag).is_some_and(|number| number <= 0);
        let any = |flags: &[&str]| flags.iter().any(|flag| self.has(flag));
        let wrong = |message: &str| Err(ParseError::new(message));
        if records <= 0 {
            return wrong("--num-records should be greater than zero.");
        }
        if warmup >= records {
            return wrong(
                "The value for --warmup-records must be strictly fewer than the number of records in the test, \
                 --num-records.",
            );
        }
        if below_one("--record-size") {
            return wrong("--record-size should be greater than zero.");
        }
        if !any(&["--bootstrap-server", PROPERTY, OLD_PROPERTY, CONFIG, OLD_CONFIG]) {
            return wrong(
                "At least one of --bootstrap-server, --command-property, --producer-props, --producer.config or \
                 --command-config must be specified.",
            );
        }
        if self.has(PROPERTY) && self.has(OLD_PROPERTY) {
            return wrong("--command-property and --producer-props cannot be specified together.");
        }
        if self.has(CONFIG) && self.has(OLD_CONFIG) {
            return wrong("--command-config and --producer.config cannot be specified together.");
        }
        if below_one("--transaction-duration-ms") {
            return wrong("--transaction-duration-ms should be greater than zero.");
        }
        if below_one("--reporting-interval") {
            return wrong("--reporting-interval should be greater than zero.");
        }
        if warmup < 0 {
            return wrong("--warmup-records should not be less than zero.");
        }
        if self.number("--record-size").is_some_and(|size| size > Payload::LARGEST as u64) {
            return Err(ParseError::new(format!("--record-size should be at most {}.", Payload::LARGEST)));
        }
        self.pace()?;
        Ok(records.unsigned_abs())
    }

    fn pace(&self) -> Result<Pace, ParseError> {
        let throughput = self.text("--throughput").and_then(grammar::double).unwrap_or(f64::NAN);
        if throughput == -1.0 {
            return Ok(Pace::Unthrottled);
        }
        let is_whole = throughput.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&throughput);
        // A whole number of this range is a u32.
        let rate = is_whole.then_some(throughput as u32).and_then(Rate::per_second);
        rate.map(Pace::Rate).ok_or_else(|| {
            ParseError::new(
                "--throughput should be -1, or a whole number of records per second greater than zero.",
            )
        })
    }

    fn payload(&self, notes: &mut Vec<String>) -> Result<Payload, MessagesError> {
        if let Some(file) = self.text("--payload-file") {
            let delimiter = unescaped(self.text("--payload-delimiter").unwrap_or("\n"));
            let messages = Messages::read(Path::new(file), &delimiter)?;
            notes.push(format!("Reading payloads from: {}", absolute(file)));
            notes.push(format!("Number of records read: {}", messages.count()));
            return Ok(Payload::Given(messages));
        }
        let size = self.number("--record-size").and_then(|size| usize::try_from(size).ok());
        Ok(size.map_or(Payload::Number, Payload::Letters))
    }

    /// The cluster, and how long a record may take.
    fn cluster(
        &self,
        secrets: &BTreeMap<String, String>,
        notes: &mut Vec<String>,
    ) -> Result<(ClusterConfig, Duration), PerfTestError> {
        let deprecated = [(OLD_PROPERTY, PROPERTY), (OLD_CONFIG, CONFIG)];
        for (old, new) in deprecated.into_iter().filter(|(old, _)| self.has(old)) {
            notes.push(format!(
                "Option {old} has been deprecated and will be removed in a future version. Use {new} instead."
            ));
        }
        let mut properties = BTreeMap::new();
        if let Some(file) = self.text(CONFIG).or_else(|| self.text(OLD_CONFIG)) {
            properties = client_properties::read(Path::new(file))?;
        }
        for text in self.texts(PROPERTY).or_else(|| self.texts(OLD_PROPERTY)).unwrap_or_default() {
            let (name, value) = client_properties::split(text)?;
            properties.insert(name, value);
        }
        properties.extend(secrets.clone());
        if let Some(bootstrap) = self.text("--bootstrap-server") {
            properties.remove("metadata.broker.list");
            properties.insert("bootstrap.servers".to_owned(), bootstrap.to_owned());
        }
        properties.entry("client.id".to_owned()).or_insert_with(|| "perf-producer-client".to_owned());
        let id = self.text("--transactional-id").map(str::to_owned);
        let none_given =
            || self.has("--transaction-duration-ms") && !properties.contains_key(TRANSACTIONAL_ID);
        let id = id.or_else(|| none_given().then(|| format!("performance-producer-{}", RunId::random())));
        properties.extend(id.map(|id| (TRANSACTIONAL_ID.to_owned(), id)));
        let translated = client_properties::translate(&properties, Role::Producer)?;
        notes.extend(translated.notes);
        let mut cluster = translated.cluster;
        if cluster.bootstrap.is_empty() {
            return Err(PerfTestError::NoBootstrap);
        }
        let mut timeout = client_properties::delivery_timeout(&mut cluster)?.unwrap_or(TIMEOUT);
        if cluster.properties.contains_key(TRANSACTIONAL_ID) {
            // librdkafka insists that no record outlives its transaction.
            let longest = cluster.properties.get("transaction.timeout.ms");
            let longest = longest.and_then(|millis| millis.trim().parse().ok()).map(Duration::from_millis);
            timeout = timeout.min(longest.unwrap_or(LONGEST_TRANSACTION));
        }
        defaults(&mut cluster.properties);
        Ok((cluster, timeout))
    }
}

/// What Java's producer does where nothing is said.
fn defaults(properties: &mut BTreeMap<String, String>) {
    let is =
        |name: &str, values: &[&str]| properties.get(name).is_none_or(|value| values.contains(&value.trim()));
    let in_flight = properties.get("max.in.flight.requests.per.connection");
    let few = in_flight.is_none_or(|most| most.trim().parse::<u32>().is_ok_and(|most| most <= 5));
    let retries = properties.get("retries").is_none_or(|retries| retries.trim() != "0");
    let idempotence =
        is("acks", &["all", "-1"]) && is("request.required.acks", &["all", "-1"]) && few && retries;
    let mut set = |name: &str, other: &str, value: &str| {
        if !properties.contains_key(other) {
            properties.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    };
    set("batch.size", "", "16384");
    set("linger.ms", "queue.buffering.max.ms", "5");
    set("queue.buffering.max.kbytes", "", "32768");
    set("message.max.bytes", "", "1048576");
    set("max.in.flight.requests.per.connection", "max.in.flight", "5");
    set("enable.idempotence", "", if idempotence { "true" } else { "false" });
}

fn absolute(file: &str) -> String {
    std::path::absolute(file).map_or_else(|_| file.to_owned(), |path| path.display().to_string())
}

const TRANSACTIONAL_ID: &str = "transactional.id";
const PROPERTY: &str = "--command-property";
const OLD_PROPERTY: &str = "--producer-props";
const CONFIG: &str = "--command-config";
const OLD_CONFIG: &str = "--producer.config";
const TRANSACTION: Duration = Duration::from_secs(3);
const INTERVAL: Duration = Duration::from_secs(5);
/// Java's `transaction.timeout.ms`.
const LONGEST_TRANSACTION: Duration = Duration::from_secs(60);
/// Java's `delivery.timeout.ms`.
const TIMEOUT: Duration = Duration::from_secs(120);
