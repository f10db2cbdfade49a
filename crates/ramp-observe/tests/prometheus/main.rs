//! Readings from a real Prometheus over blocks that are made from samples.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod campaign;
mod checks;
mod process;
mod readings;
mod server;
mod variables;
