//! The `ramp` command as a library: configuration, driver, journal, preflight and report files.
//! What an embedder would want lives in `ramp-core`, `ramp-load`, `ramp-observe` and `ramp-report`.
#![expect(clippy::print_stderr, reason = "this is a command: it says what it does")]

pub mod annotations;
pub mod audience;
mod check;
pub mod claim;
pub mod cli;
mod compare;
pub mod components;
pub mod config;
mod console;
pub mod demo;
pub mod driver;
mod error;
pub mod exit;
mod init;
mod intent;
pub mod journal;
pub mod lang;
pub mod metrics;
mod plan;
pub mod preflight;
pub mod progress;
pub mod recorded;
mod report;
mod resume;
mod run;
mod runs;
mod verify;

use std::error::Error;

use clap::CommandFactory;

use crate::{
    cli::{Cli, Command, Described},
    config::schema,
    error::CommandError,
    exit::Exit,
};

/// Carries out `cli` and says how it ended; every error has been printed by then.
#[must_use]
pub fn start(cli: Cli) -> Exit {
    let done = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => init::init(&args),
        Command::Check(args) => check::check(&args),
        Command::Run(args) => run::run(&args),
        Command::Resume(args) => resume::resume(&args),
        Command::Plan(args) => plan::print(&args),
        Command::Report(args) => report::print(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Runs(args) => runs::list(&args),
        Command::Schema { of } => {
            let schema = match of {
                Described::Config => schema::config(),
                Described::Plan => schema::plan(),
            };
            console::say(&format!("{:#}\n", schema.as_value())).map(|()| Exit::Done)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ramp", &mut script);
            console::say(&String::from_utf8_lossy(&script)).map(|()| Exit::Done)
        }
        Command::Man => print_manual(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("ramp: {}", chain(&error));
        error.exit()
    })
}

/// The manual page of the command, and after it one for each subcommand.
fn print_manual() -> Result<Exit, CommandError> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    let mut written = clap_mangen::Man::new(command.clone()).render(&mut page);
    for part in command.get_subcommands() {
        written = written.and_then(|()| clap_mangen::Man::new(part.clone()).render(&mut page));
    }
    written.map_err(CommandError::Output)?;
    console::say(&String::from_utf8_lossy(&page)).map(|()| Exit::Done)
}

/// An error with everything that caused it and that its own text does not say already.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
