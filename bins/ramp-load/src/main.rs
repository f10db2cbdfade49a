//! The `ramp-load` command. All it does is in the library.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    ramp_load_cli::start(env::args_os())
}
