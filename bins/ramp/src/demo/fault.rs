//! What can go wrong with the simulated replication.

use std::{fmt, time::Duration};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A fault of the replication, which begins in the second tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// It stands still once, for longer than the tier's bound.
    Stall,
    /// One record in a hundred is never written.
    Loss,
    /// One record in a hundred is written twice.
    Duplicate,
    /// Its task fails and is started again, over and over; while it is down its series are gone.
    Flap,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stall => "In the second tier it stands still for a while.",
            Self::Loss => "From the second tier on it loses one record in a hundred.",
            Self::Duplicate => "From the second tier on it writes one record in a hundred twice.",
            Self::Flap => "From the second tier on its task fails over and over.",
        })
    }
}

/// A fault and when it shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultPlan {
    pub(super) fault: Fault,
    /// It begins when so many records have been read.
    pub(super) after: u64,
    /// For how long the replication stands still.
    pub(super) still: Duration,
}

impl FaultPlan {
    /// Whether the mirror moves nothing, `since` the fault began.
    pub(super) fn is_still(&self, since: Duration) -> bool {
        match self.fault {
            Fault::Stall => since < self.still,
            Fault::Flap => (since.as_millis() / self.still.as_millis().max(1)).is_multiple_of(2),
            Fault::Loss | Fault::Duplicate => false,
        }
    }

    /// How often the record read as the `n`th is written.
    pub(super) const fn copies(&self, n: u64) -> usize {
        let is_struck = n.is_multiple_of(ONE_IN);
        match self.fault {
            Fault::Loss if is_struck => 0,
            Fault::Duplicate if is_struck => 2,
            Fault::Stall | Fault::Loss | Fault::Duplicate | Fault::Flap => 1,
        }
    }
}

const ONE_IN: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(fault: Fault) -> FaultPlan {
        FaultPlan { fault, after: 0, still: Duration::from_secs(2) }
    }

    #[test]
    fn a_stall_comes_once_and_a_flapping_task_fails_again_and_again() {
        let still = |fault| [0, 1, 2, 3, 4, 5].map(|s| plan(fault).is_still(Duration::from_secs(s)));
        assert_eq!(still(Fault::Stall), [true, true, false, false, false, false]);
        assert_eq!(still(Fault::Flap), [true, true, false, false, true, true]);
        assert_eq!(still(Fault::Loss), [false; 6]);
    }

    #[test]
    fn one_record_in_a_hundred_is_struck() {
        let written = |fault| (1..=200).map(|n| plan(fault).copies(n)).sum::<usize>();
        let faults = [Fault::Loss, Fault::Duplicate, Fault::Stall, Fault::Flap];
        assert_eq!(faults.map(written), [198, 202, 200, 200]);
    }
}
