//! Exit statuses: published, and mapped in one place.

use std::process::{ExitCode, Termination};

use ramp_core::{campaign::Outcome, event::Ending, units::Rate};

/// How `ramp` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The campaign is complete and a capacity was found (and is as high as was required).
    Capacity,
    /// What was asked for is done; no campaign was run.
    Done,
    /// A report is not what its journal comes to.
    Differs,
    /// A run is worse than the one it is compared with.
    Worse,
    /// The campaign is complete, without a capacity or with one below what was required.
    NoCapacity,
    /// The command line or the configuration cannot be used.
    Usage,
    /// The campaign is inconclusive, or something that it needs failed.
    Inconclusive,
    /// The campaign was interrupted.
    Interrupted,
}

impl Exit {
    /// The exit that `outcome` earns when a capacity of `required` is asked for.
    #[must_use]
    pub fn of(outcome: &Outcome, required: Option<Rate>) -> Self {
        match outcome.ending {
            Ending::Interrupted => Self::Interrupted,
            Ending::Inconclusive => Self::Inconclusive,
            Ending::Stopped | Ending::LastTierPassed => {
                let enough = outcome.capacity.is_some_and(|found| Some(found.validated) >= required);
                if enough { Self::Capacity } else { Self::NoCapacity }
            }
        }
    }

    /// The status as the shell sees it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Capacity | Self::Done => 0,
            Self::NoCapacity | Self::Differs | Self::Worse => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::Interrupted => 130,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ramp_core::capacity::Capacity;

    use super::*;

    fn outcome(ending: Ending, validated: Option<u32>) -> Outcome {
        let validated = validated.and_then(Rate::per_second);
        let capacity = validated.map(|validated| Capacity { validated, exact: true, recommended: None });
        Outcome {
            ending,
            warmup: None,
            tiers: Vec::new(),
            capacity,
            probes: Vec::new(),
            refined: None,
            took: Duration::ZERO,
            overrun: None,
        }
    }

    #[test]
    fn each_ending_has_its_published_status() {
        let of = |ending, found, required: Option<u32>| {
            Exit::of(&outcome(ending, found), required.and_then(Rate::per_second)).code()
        };
        assert_eq!(of(Ending::Stopped, Some(2_500), None), 0);
        assert_eq!(of(Ending::LastTierPassed, Some(10_000), Some(10_000)), 0);
        assert_eq!(of(Ending::Stopped, Some(2_500), Some(5_000)), 1);
        assert_eq!(of(Ending::Stopped, None, None), 1);
        assert_eq!(of(Ending::Inconclusive, Some(2_500), None), 3);
        assert_eq!(of(Ending::Interrupted, Some(2_500), None), 130);
    }
}
