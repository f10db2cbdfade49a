//! Starts a real laboratory on this machine, on loopback and without containers: two Kafka clusters, MirrorMaker 2
//! in a Connect worker, Prometheus and a node exporter. Generates no load and judges nothing.
//!
//! [`Lab`] is the whole interface. A supervisor (the `ramp-lab` executable itself) owns every process of the
//! laboratory: each of them dies with it, and it dies with the [`Lab`] unless that was detached.
//!
//! ```no_run
//! use ramp_lab::{Lab, LabOptions, Side, Throttle};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lab = Lab::start(LabOptions::new("target/debug/ramp-lab", "/var/tmp/lab"))?;
//! println!("produce to {}, ask {}", lab.source(), lab.prometheus_url());
//! lab.throttle(Throttle::to(3 * 1024 * 1024, Side::Target)?)?;
//! # Ok(())
//! # }
//! ```

mod admin;
mod artifacts;
mod broker;
pub mod cli;
mod connect;
mod environment;
mod lab;
mod options;
mod ports;
mod processes;
mod prometheus;
mod start;
mod state;
mod supervisor;
mod template;
mod throttle;
mod tls;
mod tool;

pub use self::{
    connect::{Mirror, MirrorError},
    lab::{Lab, LabError, OpenError, SignalError, StopError},
    options::{LabOptions, QuotaWindows},
    processes::{Identity, Process},
    state::{Endpoints, LabState, ReadStateError, StateFolder},
    throttle::{Side, Throttle, ThrottleError, ZeroRate},
    tls::{Guard, Password},
    tool::{ToolError, kafka_tool},
};
