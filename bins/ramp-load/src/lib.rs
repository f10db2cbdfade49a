//! The `ramp-load` command as a library: it reads three dialects, runs a load, and prints the account. It generates
//! nothing itself.
mod bomber;
mod cli;
mod console;
mod drive;
mod e2e;
mod environment;
mod exit;
mod hiding;
mod latency_log;
mod perf_test;
mod probe;
mod progress;
mod sampled;
mod seen;
mod summary;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Display,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use clap::{
    Args, FromArgMatches, Parser,
    error::{ContextKind, ErrorKind},
};
use ramp_load::{
    client_config::ClusterConfig,
    producer::{Keys, LoadSpec},
    schedule::{Pace, Until},
};

use crate::{
    bomber::Bomber,
    cli::{Cli, Command, Output, Run},
    console::{plain, say, tell},
    drive::{DriveError, drive},
    exit::Exit,
    hiding::Hidden,
    perf_test::{Lines, PerfTest, PerfTestError, corrected, metrics},
    progress::Progress,
};

/// Carries out a command line whose first part is the program's name; the exit status says how it ended, and every
/// error has been printed by then.
#[must_use]
pub fn start(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let name =
        arguments.first().map(|name| Path::new(name).file_name().unwrap_or_default().to_string_lossy());
    let dialect = name.and_then(|name| DIALECTS.iter().find(|(known, _)| name.starts_with(known)));
    if let Some((_, dialect)) = dialect {
        arguments.insert(1, (*dialect).into());
    }
    let text = |arguments: &[OsString]| -> Vec<String> {
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
    };
    let rest = arguments.get(2..).unwrap_or_default();
    let exit = match arguments.get(1).and_then(|dialect| dialect.to_str()) {
        Some("perf-test") => perf_test(&text(rest)),
        Some("bomber") => bomber(&text(rest)),
        _native => native(&arguments),
    };
    exit.into()
}

fn native(arguments: &[OsString]) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    match cli.command {
        Command::Run(run) => self::run(&run),
        Command::Probe(flags) => probe::run(&flags),
        Command::E2e(flags) => e2e::run(&flags),
        Command::PerfTest { arguments } => perf_test(&arguments),
        Command::Bomber(flags) => bomb(*flags, None),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::documented(), "ramp-load", &mut io::stdout());
            Exit::Done
        }
        Command::Man => printed(manual()),
    }
}

fn run(run: &Run) -> Exit {
    let described =
        run.load.cluster().and_then(|(cluster, timeout, notes)| Ok((cluster, notes, run.spec(timeout)?)));
    let (cluster, notes, spec) = match described {
        Ok(described) => described,
        Err(error) => return usage(&error),
    };
    for note in notes {
        tell(note);
    }
    let telling = &run.load.telling;
    let load = Account { output: telling.output, tolerance: telling.tolerance };
    load.take(&cluster, spec, Duration::from_secs(1), telling.hdr_log.as_deref())
}

/// How a load is told.
struct Account {
    output: Output,
    tolerance: f64,
}

impl Account {
    fn take(&self, cluster: &ClusterConfig, spec: LoadSpec, every: Duration, log: Option<&Path>) -> Exit {
        let progress = Progress::new(match spec.until {
            Until::After(hold) => Some(hold),
            Until::Records(_) => None,
        });
        let every = progress.every(every);
        let ended = drive(cluster, spec, every, log, |stretch| progress.show(&stretch));
        progress.end();
        match ended {
            Ok(ended) => {
                match self.output {
                    Output::Text => say(ended.text().trim_end()),
                    Output::Json => say(ended.json()),
                }
                ended.exit(self.tolerance)
            }
            Err(error) => not_run(&error),
        }
    }
}

fn bomber(arguments: &[String]) -> Exit {
    let hidden = Hidden::of(arguments, &["--password"]);
    if !hidden.secrets.is_empty() {
        tell(
            "warning: --password on a command line can be read by every user of this machine; set \
             KAFKA_PASSWORD, or write it to a .env file",
        );
        let error = hidden.start_anew("bomber");
        tell(format_args!("warning: the password stays in the process list: {error}"));
    }
    let command = Bomber::augment_args(clap::Command::new("ramp-load bomber"));
    let matches = command.no_binary_name(true).try_get_matches_from(arguments);
    let flags = matches.and_then(|matches| Bomber::from_arg_matches(&matches));
    match flags {
        Ok(flags) => {
            let secrets = if flags.secrets_stdin { hiding::read() } else { Ok(BTreeMap::new()) };
            match secrets {
                Ok(mut secrets) => bomb(flags, secrets.remove("--password")),
                Err(error) => usage(&format!("cannot read the secrets from standard input: {error}")),
            }
        }
        Err(error) => refused(&error),
    }
}

fn bomb(flags: Bomber, password: Option<String>) -> Exit {
    let bombing = match flags.resolve(password) {
        Ok(bombing) => bombing,
        Err(error) => return usage(&error),
    };
    let spec = LoadSpec::new(bombing.topics, Pace::Rate(bombing.rate), Until::After(bombing.hold));
    let load = Account { output: bombing.output, tolerance: 0.0 };
    load.take(&bombing.cluster, spec, bombing.every, None)
}

fn perf_test(arguments: &[String]) -> Exit {
    let told = arguments.first().is_some_and(|first| first == hiding::FLAG);
    let arguments = if told { arguments.get(1..).unwrap_or_default() } else { arguments };
    let secrets = if told { hiding::read() } else { Ok(BTreeMap::new()) };
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(error) => {
            tell(format_args!("cannot read the secrets from standard input: {error}"));
            return Exit::PerfTestUsage;
        }
    };
    let hidden = Hidden::of(arguments, &[]);
    if !hidden.secrets.is_empty() {
        tell(
            "warning: secrets on a command line can be read by every user of this machine; write them to \
             the file of --command-config",
        );
        let error = hidden.start_anew("perf-test");
        tell(format_args!("warning: the secrets stay in the process list: {error}"));
    }
    match PerfTest::read(arguments, &secrets) {
        Ok(test) => test_performance(test),
        Err(PerfTestError::Help { asked: true }) => {
            say(PerfTestError::Help { asked: true }.text().trim_end());
            Exit::Done
        }
        Err(error) => {
            plain(error.text().trim_end());
            Exit::PerfTestUsage
        }
    }
}

fn test_performance(test: PerfTest) -> Exit {
    for note in &test.notes {
        say(note);
    }
    let (every, warmup) = (test.every, test.warmup);
    if warmup > 0 {
        say(format_args!(
            "Warmup first {warmup} records. Steady state results will print after the complete test summary."
        ));
    }
    let spec = LoadSpec {
        payload: test.payload,
        keys: Keys::None,
        delivery_timeout: test.delivery_timeout,
        stamped: false,
        warmup,
        transaction: test.transaction,
        ..LoadSpec::new(vec![test.topic], test.pace, Until::Records(test.records))
    };
    let mut is_warm = warmup == 0;
    let ended = drive(&test.cluster, spec, every, None, |stretch| {
        if !is_warm && stretch.whole.acknowledged > warmup {
            is_warm = true;
            say("In steady state.");
        }
        // The original has no line for the rest of a window.
        if !stretch.is_rest {
            say(Lines::of(stretch.itself).window());
        }
    });
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => return not_run(&error),
    };
    say(Lines::of(&ended.whole).total(""));
    say(corrected(&ended.whole.total));
    if let Some(steady) = &ended.steady {
        say(Lines::of_steady(steady).total(" steady state"));
        say(corrected(&steady.total));
    }
    if test.print_metrics {
        let client = test.cluster.properties.get("client.id");
        say(metrics(&ended.whole, client.map_or("", String::as_str)).trim_end());
    }
    let exit = ended.exit(0.0);
    if exit != Exit::Done {
        tell(ended.ledger());
        for fault in ended.faults() {
            tell(fault);
        }
    }
    exit
}

/// A load that did not begin: its ledger is short.
fn not_run(error: &DriveError) -> Exit {
    tell(error);
    tell("0 due, 0 offered, 0 acknowledged, 0 failed, 0 in flight");
    match error {
        DriveError::Start(_) | DriveError::Runtime(_) => Exit::Cluster,
        DriveError::Log(_) => Exit::Usage,
    }
}

fn usage(error: &impl Display) -> Exit {
    tell(error);
    Exit::Usage
}

/// What clap has to say: help, or an error.
fn refused(error: &clap::Error) -> Exit {
    let unknown = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    // A word that no flag stands before may be a part of a password.
    if error.kind() == ErrorKind::UnknownArgument && !unknown.starts_with('-') {
        return usage(
            &"a word stands on its own, and no flag before it takes it; put quotes around values with blanks",
        );
    }
    // Nobody can be told that standard output or standard error is closed.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

fn manual() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::documented()).render(&mut page)?;
    for dialect in Cli::documented().get_subcommands() {
        clap_mangen::Man::new(dialect.clone()).render_options_section(&mut page)?;
    }
    Ok(page)
}

fn printed(text: io::Result<Vec<u8>>) -> Exit {
    match text.and_then(|text| io::stdout().write_all(&text)) {
        Ok(()) => Exit::Done,
        Err(error) => usage(&error),
    }
}

/// Names that the program may be called by, up to their endings, and their dialects.
const DIALECTS: [(&str, &str); 2] =
    [("kafka-producer-perf-test", "perf-test"), ("kafka_producer_bomber", "bomber")];
