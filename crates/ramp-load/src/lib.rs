//! Loads a Kafka cluster at an exact rate with a full account of every record, and sees each record arrive.
//! Knows no Prometheus and passes no verdict.
//!
//! [`producer::Load`] sends the records of one load by an absolute schedule; [`probe::Probe`] reads them back on the
//! target cluster; both write to one [`account::TierAccount`], from which every figure is taken.

pub mod account;
pub mod client_config;
pub mod client_properties;
pub mod clock;
pub mod cluster;
mod growing;
pub mod interval_log;
pub mod latency;
mod ledger;
mod lock;
pub mod payload;
pub mod probe;
pub mod producer;
pub mod schedule;
pub mod snapshot;
pub mod stamp;
