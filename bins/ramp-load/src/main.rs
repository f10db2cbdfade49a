//! The `ramp-load` command. All it does is in the library.

use std::process::ExitCode;

use clap::Parser;
use ramp_load_cli::cli::Cli;

fn main() -> ExitCode {
    ramp_load_cli::start(Cli::parse())
}
