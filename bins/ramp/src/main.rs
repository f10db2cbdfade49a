//! The `ramp` command. All it does is in the library.

use clap::Parser;
use ramp::{cli::Cli, exit::Exit};

fn main() -> Exit {
    ramp::start(Cli::parse())
}
