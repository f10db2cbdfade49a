//! Judges tiers of load against latency and resource criteria. Performs no I/O and reads no clock.

pub mod observation;
pub mod signal;
pub mod units;
