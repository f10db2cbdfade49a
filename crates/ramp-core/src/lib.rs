//! Judges tiers of load against latency and resource criteria. Performs no I/O and reads no clock.
//!
//! A [`Plan`](plan::Plan) describes tiers of rising load with their criteria; a [`Campaign`](campaign::Campaign) is
//! fed with what happens outside and says what to do; its [`Outcome`](campaign::Outcome) holds a verdict per tier,
//! the findings behind it, and the capacity. Nothing here knows what is being loaded: a message broker, an HTTP
//! service, a database.

pub mod campaign;
pub mod capacity;
pub mod component;
pub mod criterion;
pub mod event;
pub mod evidence;
pub mod observation;
pub mod plan;
pub mod signal;
pub mod statistics;
pub mod tier_result;
pub mod units;
pub mod verdict;

/// The version of the serialised forms of plans, inputs, events and outcomes. Raised when one changes in a way that an
/// older reader would take wrongly; whatever is written down should carry it.
#[cfg(feature = "serde")]
pub const SCHEMA_VERSION: u32 = 1;

/// The example in the README compiles and holds.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
