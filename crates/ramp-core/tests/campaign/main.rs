//! Campaigns in virtual time: a scripted world plays driver, load and clusters.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod properties;
mod scenarios;
mod world;
