//! The `ramp` command as a library: configuration, driver, journal, preflight and report files.
//! What an embedder would want lives in `ramp-core`, `ramp-load`, `ramp-observe` and `ramp-report`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command: it prints its results")]

pub mod cli;
pub mod config;
pub mod demo;
pub mod driver;
mod error;
pub mod exit;
pub mod journal;
pub mod lang;
pub mod preflight;
pub mod progress;
pub mod recorded;
mod report;
mod resume;
mod run;

use std::{error::Error, path::Path};

use crate::{
    cli::{Cli, Command},
    config::plan_text::PlanText,
    exit::Exit,
};

/// Carries out `cli` and says how it ended; every error has been printed by then.
#[must_use]
pub fn start(cli: Cli) -> Exit {
    let done = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Resume(args) => resume::resume(&args),
        Command::Plan(args) => print_plan(&args.plan).map_err(error::CommandError::from),
        Command::Report(args) => report::print(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("ramp: {}", chain(&error));
        error.exit()
    })
}

fn print_plan(name: &str) -> Result<Exit, config::ConfigError> {
    let plan = PlanText::load(name, Path::new("."))?;
    if name == PlanText::BUILT_IN_NAME {
        print!("{}", PlanText::BUILT_IN);
    } else {
        print!("{}", config::write(&plan)?);
    }
    Ok(Exit::Capacity)
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
