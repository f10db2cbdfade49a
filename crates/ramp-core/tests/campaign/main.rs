//! Campaigns in virtual time: a scripted world plays driver, load and clusters.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attempts;
mod ceiling;
#[path = "../../benches/virtual_cluster/cluster.rs"]
mod cluster;
mod plans;
mod properties;
mod readings;
mod resume;
mod scenarios;
mod search;
mod skip;
mod views;
mod warmup;
mod world;
