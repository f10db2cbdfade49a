//! What the client reports of each record, taken into the account.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use ramp_core::observation::LoadPart;
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::ProducerContext,
};

use super::statistics::throttle;
use crate::{
    account::TierAccount,
    client_config::{Complaints, Listener},
    clock::{Clock, Moment},
};

/// Takes the delivery of each record into the account.
#[derive(Debug)]
pub(super) struct Deliveries {
    account: Arc<TierAccount>,
    clock: Clock,
    listener: Listener,
    shared: Shared,
}

/// A reading of the clock that deliveries of one event share: they come within a microsecond of each other, and a
/// reading costs a tenth of what is spent on a record.
#[derive(Debug, Default)]
struct Shared {
    nanos: AtomicU64,
    /// How many more deliveries may take it.
    left: AtomicU32,
    /// How many may take a fresh one.
    most: AtomicU32,
}

impl Deliveries {
    pub(super) fn new(account: Arc<TierAccount>, clock: Clock) -> Self {
        Self { account, clock, listener: Listener::default(), shared: Shared::default() }
    }

    pub(super) fn complaints(&self) -> Complaints {
        self.listener.complaints.clone()
    }

    /// The deliveries of the next event may share readings of the clock. Only for a caller who takes events one by one:
    /// between two events any time may pass.
    pub(super) fn share_clock(&self) {
        self.shared.left.store(0, Ordering::Relaxed);
        self.shared.most.store(SHARING, Ordering::Relaxed);
    }

    /// Each delivery reads the clock.
    pub(super) fn unshare_clock(&self) {
        self.shared.left.store(0, Ordering::Relaxed);
        self.shared.most.store(0, Ordering::Relaxed);
    }

    fn now(&self) -> Moment {
        // With one thread that takes events, as there is where readings are shared, none of this is contended.
        let left = self.shared.left.load(Ordering::Relaxed);
        if left > 0 {
            self.shared.left.store(left - 1, Ordering::Relaxed);
            return Moment::from_nanos(self.shared.nanos.load(Ordering::Relaxed));
        }
        let now = self.clock.now();
        let most = self.shared.most.load(Ordering::Relaxed);
        if most > 0 {
            self.shared.nanos.store(now.as_nanos(), Ordering::Relaxed);
            self.shared.left.store(most, Ordering::Relaxed);
        }
        now
    }
}

const SHARING: u32 = 15;

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        match throttle(statistics) {
            Ok(throttle) => self.account.throttled(&throttle),
            Err(error) => tracing::debug!(%error, "statistics cannot be read"),
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let ticket = Ticket(ticket);
        let now = self.now();
        let sequence = ticket.sequence(self.account.handed());
        match result {
            Ok(message) => {
                self.account.placed(sequence, message.partition());
                self.account.acknowledged(sequence, message.payload_len(), ticket.handed(now), now);
            }
            Err((error, message)) => {
                let topic = message.topic();
                let reason = self.listener.complaints.last();
                let reason = reason.map_or_else(String::new, |(_, reason)| format!("; {reason}"));
                tracing::debug!(sequence, topic, %error, "record failed{reason}");
                failed(&self.account, sequence, error);
            }
        }
    }
}

/// Takes a final failure into the account.
pub(super) fn failed(account: &TierAccount, sequence: u64, error: &KafkaError) {
    let code = error.rdkafka_error_code();
    let text = || code.map_or_else(|| error.to_string(), |code| code.to_string());
    account.failed(sequence, part_to_answer(code), code, text);
}

/// What a record carries through the client in a pointer's place: the low halves of its number and of the microsecond
/// in which it was handed over. The high halves follow from the present, since no record is in flight for long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(pub(super) usize);

impl Ticket {
    pub(super) const fn new(sequence: u64, handed: Moment) -> Self {
        Self(((sequence as u32 as usize) << 32) | (micros(handed) as u32 as usize))
    }

    /// The record's number, where about `near` have been handed over.
    const fn sequence(self, near: u64) -> u64 {
        let ahead = ((self.0 >> 32) as u32).wrapping_sub(near as u32).cast_signed();
        near.saturating_add_signed(ahead as i64)
    }

    /// When the record was handed over, to the microsecond; exact for a flight of less than 71 minutes.
    const fn handed(self, now: Moment) -> Moment {
        let age = (micros(now) as u32).wrapping_sub(self.0 as u32);
        Moment::from_nanos(now.as_nanos().saturating_sub(age as u64 * 1_000))
    }
}

const fn micros(moment: Moment) -> u64 {
    moment.as_nanos() / 1_000
}

const _: () = assert!(usize::BITS >= 64, "a ticket needs the pointers of a 64-bit machine");

/// Which part is to answer for a record that failed with `code`.
const fn part_to_answer(code: Option<RDKafkaErrorCode>) -> LoadPart {
    match code {
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::NetworkException,
        ) => LoadPart::Network,
        Some(
            RDKafkaErrorCode::PurgeQueue
            | RDKafkaErrorCode::PurgeInflight
            | RDKafkaErrorCode::MessageSizeTooLarge,
        ) => LoadPart::Client,
        Some(_) | None => LoadPart::Source,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_ticket_brings_back_the_record_s_number_and_hand_over(
            sequence in 0_u64..1 << 40, behind in 0_u64..1 << 30,
            handed in 1_u64 << 50..1 << 62, flight in 0_u64..4_000_000_000_000,
        ) {
            let handed = Moment::from_nanos(handed);
            let ticket = Ticket::new(sequence, handed);
            // The sender notes a record just after the client took it.
            prop_assert_eq!(ticket.sequence(sequence + behind), sequence);
            prop_assert_eq!(ticket.sequence(sequence.saturating_sub(1)), sequence);
            let brought = ticket.handed(handed.after(Duration::from_nanos(flight)));
            let off = brought.since(handed).max(handed.since(brought));
            prop_assert!(off <= Duration::from_micros(1), "{off:?} off");
        }
    }
}
