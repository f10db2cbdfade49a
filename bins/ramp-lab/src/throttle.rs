//! Limits on the bandwidth of MirrorMaker 2 and of the load, by client quotas.

use std::num::NonZeroU64;

use clap::ValueEnum;

use crate::{
    admin::{self, AdminError, Quota},
    connect,
};

/// A limit on the bandwidth of MirrorMaker 2 or of the load, or the end of one. A limit is metadata of the cluster: it outlives every
/// client and broker of it, not the laboratory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    limit: Option<NonZeroU64>,
    side: Side,
}

impl Throttle {
    /// At most `bytes_per_second` on `side`, in bytes of compressed batches.
    ///
    /// # Errors
    ///
    /// [`ZeroRate`] for 0, which Kafka does not take for a limit.
    pub fn to(bytes_per_second: u64, side: Side) -> Result<Self, ZeroRate> {
        NonZeroU64::new(bytes_per_second).map(|limit| Self { limit: Some(limit), side }).ok_or(ZeroRate)
    }

    /// No limit on `side`.
    #[must_use]
    pub const fn off(side: Side) -> Self {
        Self { limit: None, side }
    }

    /// Bytes per second at most, if there is a limit.
    #[must_use]
    pub const fn limit(self) -> Option<NonZeroU64> {
        self.limit
    }

    /// Which side is meant.
    #[must_use]
    pub const fn side(self) -> Side {
        self.side
    }

    /// Puts the limit in force at the cluster of its side.
    pub(crate) fn apply(self, source: &str, target: &str) -> Result<(), ThrottleError> {
        let (bootstrap, quota) = match self.side {
            Side::Target => (target, Quota { client_id: Some(connect::PRODUCER_CLIENT_ID), key: PRODUCED }),
            Side::Source => {
                (source, Quota { client_id: Some(connect::CONSUMER_CLIENT_ID), key: "consumer_byte_rate" })
            }
            // Whoever loads it has a name of its own.
            Side::Load => (source, Quota { client_id: None, key: PRODUCED }),
        };
        admin::set_quota(bootstrap, quota, self.limit)
            .map_err(|source| ThrottleError { side: self.side, source })
    }
}

/// Which way of records is throttled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// Reading from the source: the lag grows on the source, where the worker's own metrics show nothing.
    Source,
    /// Writing to the target: the worker's buffer fills.
    Target,
    /// Writing the load to the source, for each producer by its client id: MirrorMaker 2 is not concerned.
    Load,
}

impl Side {
    /// The cluster that sets the limit.
    const fn cluster(self) -> &'static str {
        match self {
            Self::Source | Self::Load => "source",
            Self::Target => "target",
        }
    }
}

const PRODUCED: &str = "producer_byte_rate";

/// A limit of 0 bytes per second was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a throttle of 0 bytes per second is none that Kafka knows: give 1 or more, or `off`")]
pub struct ZeroRate;

/// Why a throttle could not be set.
#[derive(Debug, thiserror::Error)]
#[error("set the throttle on the {} cluster (is it running? see `ramp-lab status`)", side.cluster())]
pub struct ThrottleError {
    side: Side,
    source: AdminError,
}
