//! The flags of Kafka's tool, in its order, and what is printed of them.

use clap::{Arg, ArgAction, Command};

/// A flag.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) short: Option<&'static str>,
    /// What its value is called.
    pub(super) value: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
    /// Whether it is one of those of which exactly one is given.
    pub(super) is_payload: bool,
    pub(super) help: &'static str,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Help,
    Switch,
    Text,
    Int,
    Long,
    Double,
    /// One text or more.
    Several,
}

impl Flag {
    const fn new(name: &'static str, value: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, short: None, value, kind, is_required: false, is_payload: false, help }
    }

    const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    const fn payload(self) -> Self {
        Self { is_payload: true, ..self }
    }

    fn syntax(&self) -> String {
        match self.kind {
            Kind::Help => "-h".to_owned(),
            Kind::Switch => self.name.to_owned(),
            Kind::Several => format!("{} {value} [{value} ...]", self.name, value = self.value),
            Kind::Text | Kind::Int | Kind::Long | Kind::Double => format!("{} {}", self.name, self.value),
        }
    }
}

/// The usage, as the original prints it where it knows of no terminal.
pub(super) fn usage() -> String {
    let plain = FLAGS.iter().filter(|flag| !flag.is_payload);
    let mut parts: Vec<_> = plain
        .map(|flag| if flag.is_required { flag.syntax() } else { format!("[{}]", flag.syntax()) })
        .collect();
    let payloads: Vec<_> = FLAGS.iter().filter(|flag| flag.is_payload).map(Flag::syntax).collect();
    if let [first, middle @ .., last] = payloads.as_slice() {
        parts.push(format!("({first}"));
        parts.extend(middle.iter().flat_map(|flag| ["|".to_owned(), flag.clone()]));
        parts.extend(["|".to_owned(), format!("{last})")]);
    }
    let mut text = format!("usage: {PROGRAM}\n");
    let mut width = 0;
    for (n, part) in parts.iter().enumerate() {
        if n == 0 {
            text.push_str(INDENT);
            width = INDENT.len();
        } else if width + 1 + part.len() > WIDTH {
            text.push('\n');
            text.push_str(INDENT);
            width = INDENT.len();
        }
        text.push(' ');
        text.push_str(part);
        width += 1 + part.len();
    }
    text.push('\n');
    text
}

/// The usage, and what each flag is for.
pub(super) fn help() -> String {
    let mut text = usage();
    text.push('\n');
    text.push_str(ABOUT);
    text.push_str("\n\n");
    for flag in &FLAGS {
        text.push_str(&format!("  {}\n        {}\n", flag.syntax(), flag.help));
    }
    text
}

/// The dialect for the manual page and for completions; arguments are read by [`super::grammar`].
pub(super) fn command() -> Command {
    let argument = |flag: &'static Flag| {
        let long = flag.name.trim_start_matches('-');
        let argument = Arg::new(long).long(long).help(flag.help);
        match flag.kind {
            Kind::Help | Kind::Switch => argument.action(ArgAction::SetTrue),
            Kind::Several => argument.num_args(1..).value_name(flag.value),
            Kind::Text | Kind::Int | Kind::Long | Kind::Double => argument.value_name(flag.value),
        }
    };
    let flags = FLAGS.iter().filter(|flag| flag.kind != Kind::Help).map(argument);
    Command::new("perf-test").about(ABOUT).args(flags)
}

pub(super) const PROGRAM: &str = "kafka-producer-perf-test";
const ABOUT: &str = "Loads a topic with the flags of Kafka's kafka-producer-perf-test.sh";
const INDENT: &str = "      ";
const WIDTH: usize = 75;

pub(super) const FLAGS: [Flag; 18] = [
    Flag { short: Some("-h"), ..Flag::new("--help", "", Kind::Help, "Print this and end.") },
    Flag::new(
        "--bootstrap-server",
        "BOOTSTRAP-SERVER",
        Kind::Text,
        "Where the cluster is, host:port,host:port; goes before any bootstrap.servers.",
    ),
    Flag::new("--topic", "TOPIC", Kind::Text, "The topic to load.").required(),
    Flag::new("--num-records", "NUM-RECORDS", Kind::Long, "How many records to send.").required(),
    Flag::new("--record-size", "RECORD-SIZE", Kind::Int, "Bytes of each record, random letters.").payload(),
    Flag::new("--payload-file", "PAYLOAD-FILE", Kind::Text, "A UTF-8 file of records, sent at random.")
        .payload(),
    Flag::new("--payload-monotonic", "", Kind::Switch, "Each record carries its number.").payload(),
    Flag::new(
        "--payload-delimiter",
        "PAYLOAD-DELIMITER",
        Kind::Text,
        "What stands between the records of the file; the end of a line by default.",
    ),
    Flag::new(
        "--throughput",
        "THROUGHPUT",
        Kind::Double,
        "Records per second, a whole number; -1 for as many as the cluster takes.",
    )
    .required(),
    Flag::new(
        "--producer-props",
        "PROP-NAME=PROP-VALUE",
        Kind::Several,
        "The old name of --command-property.",
    ),
    Flag::new(
        "--command-property",
        "PROP-NAME=PROP-VALUE",
        Kind::Several,
        "Client properties, by Java's names or librdkafka's; they go before those of the file.",
    ),
    Flag::new("--producer.config", "CONFIG-FILE", Kind::Text, "The old name of --command-config."),
    Flag::new("--command-config", "CONFIG-FILE", Kind::Text, "A Java properties file of client properties."),
    Flag::new("--print-metrics", "", Kind::Switch, "Print the producer's metrics at the end."),
    Flag::new("--transactional-id", "TRANSACTIONAL-ID", Kind::Text, "Send in transactions under this id."),
    Flag::new(
        "--transaction-duration-ms",
        "TRANSACTION-DURATION",
        Kind::Long,
        "Commit after so many milliseconds, 3000 by default; sends in transactions.",
    ),
    Flag::new(
        "--warmup-records",
        "WARMUP-RECORDS",
        Kind::Long,
        "Leave so many records at the start out of a second closing line.",
    ),
    Flag::new(
        "--reporting-interval",
        "INTERVAL-MS",
        Kind::Long,
        "Milliseconds between two lines of progress, 5000 by default.",
    ),
];
