//! The thread that reads the target.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rdkafka::{
    Message,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers},
};

use super::{
    ProbeError, Shared,
    assignment::{Ends, Partitions},
};
use crate::{
    account::Sighting,
    clock::Moment,
    lock::lock,
    stamp::{Identity, Stamp},
};

pub(super) struct Reader {
    shared: Arc<Shared>,
    partitions: Partitions,
}

impl Reader {
    pub(super) const fn new(shared: Arc<Shared>, ends: Ends) -> Self {
        Self { shared, partitions: Partitions::new(ends) }
    }

    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while !shared.stop.load(Ordering::Acquire) {
            let polled = shared.consumer.poll(POLL);
            let at = shared.clock.now();
            match polled {
                Some(Ok(message)) => self.arrived(&message, at),
                Some(Err(error)) => {
                    if let Some(error) = fatal(&error) {
                        lock(&shared.broken).get_or_insert(error);
                        return;
                    }
                }
                None => {}
            }
        }
    }

    fn arrived(&mut self, message: &BorrowedMessage<'_>, at: Moment) {
        if !self.is_ours(message, at) {
            self.shared.foreign.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_ours(&mut self, message: &BorrowedMessage<'_>, at: Moment) -> bool {
        let Some((stamp, identity)) = identify(message) else { return false };
        let place = self.partitions.find(message.topic(), message.partition());
        let key = message.key().map(|key| {
            let mut hasher = DefaultHasher::new();
            (place.topic, key).hash(&mut hasher);
            hasher.finish()
        });
        let was_there = message.offset() < place.end;
        let partition = place.partition;
        self.shared.register.note(&Sighting { stamp, identity, partition, key, at, was_there })
    }
}

fn identify(message: &BorrowedMessage<'_>) -> Option<(Stamp, Identity)> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let mut stamps = headers.filter(|header| header.key == Stamp::HEADER);
    let in_header = stamps.find_map(|header| Stamp::decode(header.value?));
    let in_header = in_header.map(|stamp| (stamp, Identity::Header));
    in_header.or_else(|| Some((Stamp::in_payload(message.payload()?)?, Identity::Payload)))
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
