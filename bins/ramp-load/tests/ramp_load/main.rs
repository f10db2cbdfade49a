//! The `ramp-load` command from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arrivals;
mod bomber;
mod laboratory;
mod native;
mod perf_test;
mod probe;
