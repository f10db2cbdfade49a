//! The commands of the repository: `cargo xtask test`, `cargo xtask tidy` and `cargo xtask bench`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these commands talk to people")]

mod api;
mod bench;
mod cli;
mod command;
mod deny;
mod setup;
mod test;
mod tidy;

fn main() -> std::process::ExitCode {
    cli::run(std::env::args().skip(1))
}
