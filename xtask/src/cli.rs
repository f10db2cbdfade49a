//! The command line.

use std::process::ExitCode;

use crate::{command::Failure, test, tidy};

/// Carries out what the command line asks for.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let done = match (arguments.next().as_deref(), arguments.next()) {
        (Some("test"), None) => test::run(),
        (Some("tidy"), None) => tidy::run(),
        (_, _) => Err(Failure::Usage),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage) => {
            eprintln!(
                "usage: cargo xtask test   set up what is missing and run every check\n       cargo xtask tidy   the cheap checks of the tree alone"
            );
            ExitCode::from(2)
        }
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
