//! The `ramp-lab` command; see the library for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    ramp_lab::cli::run()
}
