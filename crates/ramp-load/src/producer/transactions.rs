//! Records in transactions, each committed after a while.

use std::time::{Duration, Instant};

use rdkafka::{error::KafkaError, producer::Producer};

use super::sender::{GLANCE, Producing};
use crate::clock::Moment;

/// The transactions of one sender, one after the other.
#[derive(Debug)]
pub(super) struct Transactions {
    length: Duration,
    /// How long a commit may take.
    patience: Duration,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    since: Moment,
    records: u64,
}

/// A transaction that did not come about: its records are written and no reader of committed records sees them.
#[derive(Debug)]
pub(super) struct Uncommitted {
    pub(super) records: u64,
    pub(super) error: KafkaError,
}

impl Transactions {
    pub(super) const fn new(length: Duration, patience: Duration) -> Self {
        Self { length, patience, open: None }
    }

    /// Opens a transaction for a record, unless one is open.
    pub(super) fn open(&mut self, producer: &Producing, now: Moment) -> Result<(), Uncommitted> {
        let open = match self.open {
            Some(Open { since, records }) => Open { since, records: records + 1 },
            None => {
                producer.begin_transaction().map_err(|error| Uncommitted { records: 0, error })?;
                Open { since: now, records: 1 }
            }
        };
        self.open = Some(open);
        Ok(())
    }

    /// Commits the open transaction once it is old enough; waits for its records.
    pub(super) fn commit_if_due(&mut self, producer: &Producing, now: Moment) -> Result<(), Uncommitted> {
        if self.open.is_some_and(|open| now.since(open.since) >= self.length) {
            return self.commit(producer);
        }
        Ok(())
    }

    /// Commits the open transaction, where there is one.
    pub(super) fn commit(&mut self, producer: &Producing) -> Result<(), Uncommitted> {
        let Some(Open { records, .. }) = self.open.take() else { return Ok(()) };
        // A commit waits for the records' deliveries and takes none itself. The glances are short because whoever else
        // takes deliveries leaves a flush to wait for its whole time.
        producer.context().unshare_clock();
        let begun = Instant::now();
        while producer.flush(GLANCE).is_err() && begun.elapsed() < self.patience {}
        producer.commit_transaction(self.patience).map_err(|error| {
            // Whether it is aborted or times out, nobody sees its records.
            let _ = producer.abort_transaction(self.patience);
            Uncommitted { records, error }
        })
    }
}
