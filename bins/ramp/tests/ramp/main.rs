//! The `ramp` command from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod campaign;
mod check;
mod cli;
mod compare;
mod dashboards;
mod demo;
mod documents;
mod grafana;
mod interrupts;
mod laboratory;
mod live;
mod metrics;
mod newcomer;
mod plan;
mod properties;
mod schemas;
mod secrets;
mod terminal;
