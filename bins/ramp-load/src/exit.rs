//! Exit statuses: published, and mapped in one place.

use std::process::ExitCode;

/// How `ramp-load` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done: what was asked for was sent, or printed.
    Done,
    /// Records failed or were not offered, more than is tolerated.
    Incomplete,
    /// The command line cannot be used.
    Usage,
    /// The command line cannot be used, in the dialect that says so with a 1.
    PerfTestUsage,
    /// The cluster cannot be used.
    Cluster,
    /// The load was interrupted; every record that was offered was acknowledged.
    Interrupted,
}

impl Exit {
    /// The status as the shell sees it.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Incomplete | Self::PerfTestUsage => 1,
            Self::Usage => 2,
            Self::Cluster => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
