//! The command line.

use std::process::ExitCode;

use crate::{api, bench, command::Failure, test, tidy};

/// Carries out what the command line asks for.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let (command, subject, only) = (arguments.next(), arguments.next(), arguments.next());
    let done = match (command.as_deref(), subject, arguments.next()) {
        (Some("test"), None, None) => test::run(),
        (Some("tidy"), None, None) => tidy::run(),
        (Some("api"), None, None) => api::write(),
        (Some("bench"), Some(subject), None) => bench::run(&subject, only.as_deref().unwrap_or("")),
        (_, _, _) => Err(Failure::Usage),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage) => {
            eprintln!(
                "usage: cargo xtask test   set up what is missing and run every check
       cargo xtask tidy   the cheap checks of the tree alone
       cargo xtask api    write down anew what the library crates show to others
       cargo xtask bench SUBJECT [CASE]   measure SUBJECT, one of {}, on an idle machine",
                bench::SUBJECTS
            );
            ExitCode::from(2)
        }
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
