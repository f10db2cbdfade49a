//! What it costs to read the signals.

use crate::command::{Failure, cargo, step};

/// Twenty queries every five seconds, for a minute, against a real Prometheus.
pub(crate) fn run() -> Result<(), Failure> {
    step("reading the signals", || cargo(&["bench", "--package", "ramp-observe", "--bench", "observe"]))
}
