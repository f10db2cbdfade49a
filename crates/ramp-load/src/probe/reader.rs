//! The thread that reads the target.

use std::{
    hash::BuildHasher,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use foldhash::fast::FixedState;
use rdkafka::{
    Message,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers},
};

use super::{
    ProbeError, Shared,
    assignment::{Partitions, Taken},
    canary::Sighted,
};
use crate::{
    account::Sighting,
    lock::lock,
    stamp::{Identity, Kind, Latest, Stamp},
};

pub(super) struct Reader {
    shared: Arc<Shared>,
    partitions: Partitions,
    latest: Latest,
    hasher: FixedState,
    /// Records that have been read and not been noted.
    batch: Vec<Sighting>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, taken: Taken) -> Self {
        Self {
            shared,
            partitions: Partitions::new(taken),
            latest: Latest::default(),
            hasher: FixedState::default(),
            batch: Vec::with_capacity(BATCH),
        }
    }

    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut foreign = 0;
        while !shared.stop.load(Ordering::Acquire) {
            // What lies ready is taken together.
            let mut patience = POLL;
            while self.batch.len() < BATCH && foreign < BATCH {
                match shared.consumer.poll(patience) {
                    Some(Ok(message)) => {
                        let known = self.sight(&message);
                        foreign += usize::from(known.is_none());
                        self.batch.extend(known);
                    }
                    Some(Err(error)) => {
                        if let Some(error) = fatal(&error) {
                            lock(&shared.broken).get_or_insert(error);
                            return;
                        }
                    }
                    None => break,
                }
                patience = Duration::ZERO;
            }
            self.note(foreign);
            foreign = 0;
        }
    }

    /// Notes what was read together. The clock is read after the last of it, so that no latency is too low.
    fn note(&mut self, unknown: usize) {
        let at = self.shared.clock.now();
        self.batch.iter_mut().for_each(|sighting| sighting.at = at);
        let noted = self.shared.register.note(&self.batch);
        let foreign = self.batch.len().saturating_sub(noted) + unknown;
        self.shared.foreign.fetch_add(foreign as u64, Ordering::Relaxed);
        self.batch.clear();
    }

    /// The record as it was sent, where it is one of a load; its time is that of its batch.
    fn sight(&mut self, message: &BorrowedMessage<'_>) -> Option<Sighting> {
        let (stamp, identity) = identify(message, &mut self.latest)?;
        match stamp.kind {
            Kind::Load => {}
            Kind::Canary => {
                let (partition, at) = (message.partition(), self.shared.clock.now());
                self.shared.register.crossed(&stamp, Sighted { identity, partition, at });
            }
        }
        let place = self.partitions.find(message.topic(), message.partition());
        let key = message.key().map(|key| self.hasher.hash_one((place.topic, key)));
        let was_there = message.offset() < place.end;
        Some(Sighting { stamp, identity, partition: place.partition, key, at: stamp.handed, was_there })
    }
}

/// Looks into the payload first: the client makes a list of the headers when it is asked for them, which costs more than
/// everything else that is done with a record. What a payload says comes through replications that drop headers.
fn identify(message: &BorrowedMessage<'_>, latest: &mut Latest) -> Option<(Stamp, Identity)> {
    let in_payload = message.payload().and_then(|payload| Stamp::in_payload(payload, latest));
    if let Some(stamp) = in_payload {
        return Some((stamp, Identity::Payload));
    }
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let mut stamps = headers.filter(|header| header.key == Stamp::HEADER);
    let in_header = stamps.find_map(|header| Stamp::decode(header.value?));
    let in_header = in_header.map(|stamp| (stamp, Identity::Header));
    in_header.or_else(|| Some((Stamp::in_rewritten(message.payload()?)?, Identity::Payload)))
}

/// Broken connections mend themselves, and topics that are not there yet appear; what would lose records does neither.
fn fatal(error: &KafkaError) -> Option<ProbeError> {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition,
        ) => None,
        Some(_) | None => Some(ProbeError::Read { reason: error.to_string() }),
    }
}

const POLL: Duration = Duration::from_millis(100);

/// Records that share a reading of the clock: each is read within a microsecond.
const BATCH: usize = 32;
