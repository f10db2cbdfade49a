//! The probe behind a relay that drops, repeats and swaps records: each fault is counted exactly.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ramp_core::units::Rate;
use ramp_load::{
    account::TierAccount,
    client_config::ClusterConfig,
    clock::Clock,
    cluster,
    payload::Payload,
    probe::{
        Begin, Probe, ProbeError,
        canary::{Canaries, CanaryError},
        sample::Sample,
        topics::ReplicationPolicy,
        verification::Verification,
    },
    producer::{Load, LoadSpec},
    schedule::{Pace, Until},
    stamp::{Identity, Kind, RunId, Stamp},
};
use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{Headers, OwnedHeaders, OwnedMessage},
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer},
    topic_partition_list::Offset,
};
use tokio::time::{Instant, sleep};

const SOURCE: &str = "t";
const PARTITIONS: i32 = 3;
const RECORDS: u64 = 3_000;

/// What the relay does to records of the load, by their numbers.
#[derive(Clone, Copy)]
struct Faults {
    drops: fn(u64) -> bool,
    repeats: fn(u64) -> bool,
    /// Such a record changes places with the one that follows it in its partition.
    swaps: fn(u64) -> bool,
    keeps_headers: bool,
    /// Where a record of a partition goes.
    moves: fn(i32) -> i32,
}

const NONE: Faults = Faults {
    drops: |_| false,
    repeats: |_| false,
    swaps: |_| false,
    keeps_headers: true,
    moves: |partition| partition,
};

/// Each now and then.
const EACH: Faults = Faults {
    drops: |number| number % 97 == 5,
    repeats: |number| number % 89 == 3,
    swaps: |number| number % 101 == 50,
    ..NONE
};

/// What the relay has done to the records of the load in each partition.
#[derive(Default)]
struct Done {
    relayed: BTreeMap<i32, u64>,
    dropped: BTreeMap<i32, u64>,
    repeated: BTreeMap<i32, u64>,
    swapped: BTreeMap<i32, u64>,
}

/// The sum of those counts that are of the partitions in question.
fn sum(counts: &BTreeMap<i32, u64>, of: impl Fn(i32) -> bool) -> u64 {
    counts.iter().filter(|(partition, _)| of(**partition)).map(|(_, count)| count).sum()
}

struct World {
    _clusters: [MockCluster<'static, DefaultProducerContext>; 2],
    source: ClusterConfig,
    target: ClusterConfig,
    topic: String,
    relay: Option<JoinHandle<Done>>,
    /// How many records of the load the relay has met.
    met: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

/// A load that was sent through the relay and acknowledged.
struct Sent {
    account: Arc<TierAccount>,
    identity: Identity,
    clock: Clock,
    probe: Probe,
}

impl World {
    /// Two clusters, and between them a relay that names topics by `policy`.
    fn new(policy: &ReplicationPolicy, faults: Faults) -> Self {
        let clusters = [MockCluster::new(1).unwrap(), MockCluster::new(1).unwrap()];
        let topic = policy.target_topic(SOURCE);
        let [source, target] = &clusters;
        source.create_topic(SOURCE, PARTITIONS, 1).unwrap();
        target.create_topic(&topic, PARTITIONS, 1).unwrap();
        let config = |cluster: &MockCluster<'_, _>| ClusterConfig {
            bootstrap: cluster.bootstrap_servers(),
            ..ClusterConfig::default()
        };
        let (source, target) = (config(source), config(target));
        let (stop, met) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let relay = Relay::new(&source, &target, topic.clone(), faults, Arc::clone(&met));
        let stopped = Arc::clone(&stop);
        let relay = thread::spawn(move || relay.run(&stopped));
        Self { _clusters: clusters, source, target, topic, relay: Some(relay), met, stop }
    }

    /// Sends [`RECORDS`] through the relay, and waits until all that are to arrive have arrived.
    async fn run(&self, payload: Payload, arriving: u64) -> (Arc<TierAccount>, Identity, Clock) {
        let Sent { account, identity, clock, probe } = self.send(payload, None).await;
        until("the last arrival", || {
            let seen = account.arrivals();
            seen.arrived + seen.duplicates >= arriving
        })
        .await;
        probe.health().unwrap();
        (account, identity, clock)
    }

    /// A share of the source's partitions.
    fn sample(&self, share: &str) -> Arc<Sample> {
        let views = cluster::describe(&self.source, &[SOURCE.to_owned()]).unwrap().topics;
        Arc::new(Sample::choose(&views, share.parse().unwrap()).unwrap())
    }

    /// Sends [`RECORDS`] through the relay, before a probe that reads all partitions or those of `sample`.
    async fn send(&self, payload: Payload, sample: Option<Arc<Sample>>) -> Sent {
        let (run, clock, topics) = (RunId::random(), Clock::start(), vec![self.topic.clone()]);
        let (probe, canaries) = match &sample {
            Some(sample) => (
                Probe::connect_to_sample(&self.target, clock, run, topics, Arc::clone(sample)),
                Canaries::of_sample(self.source.clone(), run, clock, sample),
            ),
            None => {
                let views = cluster::describe(&self.source, &[SOURCE.to_owned()]).unwrap().topics;
                (
                    Probe::connect(&self.target, clock, run, topics),
                    Canaries::new(self.source.clone(), run, clock, views),
                )
            }
        };
        let probe = probe.unwrap();
        let crossing = canaries.cross(&probe, Duration::from_secs(60)).await.unwrap();
        let identity = crossing.identity(&payload).unwrap();
        let pace = Pace::Rate(Rate::per_second(2_000).unwrap());
        let spec = LoadSpec::new(vec![SOURCE.to_owned()], pace, Until::Records(RECORDS));
        let spec = LoadSpec { run, payload, sample, ..spec };
        let load = Load::start_watched(&self.source, clock, spec, |account| probe.watch(account)).unwrap();
        load.finished().await;
        let account = load.account();
        assert_eq!(account.progress(clock.now()).acknowledged, RECORDS);
        Sent { account, identity, clock, probe }
    }

    /// Ends the relay; returns what it has done.
    fn end(&mut self) -> Done {
        self.stop.store(true, Ordering::Release);
        self.relay.take().unwrap().join().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

struct Relay {
    consumer: BaseConsumer,
    producer: BaseProducer,
    topic: String,
    faults: Faults,
    /// Records that wait for the one behind them, by partition.
    held: BTreeMap<i32, OwnedMessage>,
    done: Done,
    met: Arc<AtomicU64>,
}

impl Relay {
    fn new(
        source: &ClusterConfig,
        target: &ClusterConfig,
        topic: String,
        faults: Faults,
        met: Arc<AtomicU64>,
    ) -> Self {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &source.bootstrap).set("group.id", "relay");
        client.set("fetch.wait.max.ms", "20");
        let consumer: BaseConsumer = client.create().unwrap();
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(SOURCE, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&partitions).unwrap();
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &target.bootstrap).set("linger.ms", "1").set("acks", "all");
        let producer: BaseProducer = client.create().unwrap();
        Self { consumer, producer, topic, faults, held: BTreeMap::new(), done: Done::default(), met }
    }

    fn run(mut self, stop: &AtomicBool) -> Done {
        while !stop.load(Ordering::Acquire) {
            if let Some(record) = self.consumer.poll(Duration::from_millis(20)) {
                let record = record.unwrap().detach();
                self.relay(record);
            }
            self.producer.poll(Duration::ZERO);
        }
        for record in std::mem::take(&mut self.held).into_values() {
            self.send(&record);
        }
        self.producer.flush(Duration::from_secs(10)).unwrap();
        self.done
    }

    fn relay(&mut self, record: OwnedMessage) {
        let headers = record.headers().unwrap();
        let stamp =
            Stamp::decode(headers.iter().find(|one| one.key == Stamp::HEADER).unwrap().value.unwrap());
        let stamp = stamp.unwrap();
        let (of_load, number, partition) = (stamp.kind == Kind::Load, stamp.sequence, record.partition());
        self.met.fetch_add(u64::from(of_load), Ordering::AcqRel);
        *self.done.relayed.entry(partition).or_default() += u64::from(of_load);
        if of_load && (self.faults.drops)(number) {
            *self.done.dropped.entry(partition).or_default() += 1;
            return;
        }
        if of_load && (self.faults.swaps)(number) && !self.held.contains_key(&partition) {
            self.held.insert(partition, record);
            return;
        }
        self.send(&record);
        if of_load && (self.faults.repeats)(number) {
            *self.done.repeated.entry(partition).or_default() += 1;
            self.send(&record);
        }
        if let Some(held) = self.held.remove(&partition) {
            *self.done.swapped.entry(partition).or_default() += 1;
            self.send(&held);
        }
    }

    fn send(&self, record: &OwnedMessage) {
        let mut copy = BaseRecord::to(&self.topic)
            .partition((self.faults.moves)(record.partition()))
            .key(record.key().unwrap())
            .payload(record.payload().unwrap());
        if self.faults.keeps_headers {
            let headers = record.headers().unwrap().iter();
            copy = copy.headers(headers.fold(OwnedHeaders::new(), |all, one| all.insert(one)));
        }
        self.producer.send(copy).unwrap();
    }
}

/// Waits until `reached` is, and fails if that takes longer than any healthy machine needs.
async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never came: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn count(is: impl Fn(u64) -> bool) -> u64 {
    (0..RECORDS).filter(|number| is(*number)).count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_repeated_and_swapped_records_are_each_counted_exactly() {
    let faults = EACH;
    let policy = ReplicationPolicy::Default { alias: "source".to_owned(), separator: "_".to_owned() };
    let mut world = World::new(&policy, faults);
    let dropped = count(faults.drops);
    // What is dropped cannot be repeated, and a record that is held is sent once.
    let repeated = count(|n| (faults.repeats)(n) && !(faults.drops)(n) && !(faults.swaps)(n));
    // A record that is held when the load ends goes out when the relay ends: what follows it then is nothing.
    let arriving = RECORDS - dropped + repeated - u64::try_from(PARTITIONS).unwrap();
    let (account, identity, clock) = world.run(Payload::Json, arriving).await;
    let swapped = sum(&world.end().swapped, |_| true);
    assert_eq!(identity, Identity::Payload);
    until("the stragglers", || account.arrivals().arrived == RECORDS - dropped).await;
    let (seen, latency) = (account.arrivals(), account.latency(clock.now()));
    assert_eq!((latency.outstanding, account.lag()), (dropped, dropped), "lost");
    assert_eq!(seen.duplicates, repeated, "duplicated");
    assert_eq!(seen.reordered, swapped, "reordered");
    assert!(swapped > 20, "{swapped}");
    assert_eq!(seen.reordered_by_key, 0, "no key is seen twice within a swap");
    assert_eq!((seen.by_payload, seen.negative), (seen.arrived, 0), "payloads come first");
    assert_eq!((seen.latency.count(), seen.replication.count()), (seen.arrived, seen.arrived));
    assert!(seen.replication.quantile(0.99) <= seen.latency.quantile(0.99));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_sample_of_partitions_each_fault_is_counted_exactly_and_those_elsewhere_are_not() {
    let faults = EACH;
    let mut world = World::new(&ReplicationPolicy::Identity, faults);
    let sample = world.sample("40%");
    assert_eq!(sample.to_string(), "2 of 3 partitions");
    let read: Vec<_> = sample.places().map(|(_, partition)| partition).collect();
    let Sent { account, clock, probe, .. } = world.send(Payload::Json, Some(sample)).await;
    until("the relay", || world.met.load(Ordering::Acquire) == RECORDS).await;
    let done = world.end();
    let is_read = |partition| read.contains(&partition);
    let [written, dropped, repeated, swapped] =
        [&done.relayed, &done.dropped, &done.repeated, &done.swapped].map(|counts| sum(counts, is_read));
    until("the stragglers", || {
        let seen = account.arrivals();
        seen.arrived + seen.duplicates == written - dropped + repeated
    })
    .await;
    probe.health().unwrap();
    let (seen, latency) = (account.arrivals(), account.latency(clock.now()));
    assert_eq!((latency.offered, latency.arrived), (written, written - dropped));
    assert_eq!((latency.outstanding, account.lag()), (dropped, dropped), "lost");
    assert_eq!((seen.duplicates, seen.reordered), (repeated, swapped), "duplicated and reordered");
    let told = account.sample().unwrap();
    assert_eq!((told.read, told.partitions, told.moved), (2, 3, 0));
    assert_eq!((told.acknowledged, told.unread), (written, RECORDS - written));
    let everywhere = count(faults.drops);
    assert!(dropped > 0 && dropped < everywhere, "{dropped} of {everywhere} are in partitions that are read");
    let (low, high) = told.lost.range.unwrap();
    assert!(low >= dropped && (low..=high).contains(&everywhere), "{told:?} of {everywhere}");
    assert!(told.lost.lost.abs_diff(everywhere) <= everywhere / 4, "{told:?} of {everywhere}");
    assert_eq!(told.unlike, 1, "the one that is not read may be anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replication_that_moves_records_to_other_partitions_admits_no_sample() {
    let faults = Faults { moves: |partition| (partition + 1) % PARTITIONS, ..NONE };
    let world = World::new(&ReplicationPolicy::Identity, faults);
    let (sample, run, clock) = (world.sample("40%"), RunId::random(), Clock::start());
    let topics = vec![world.topic.clone()];
    let probe = Probe::connect_to_sample(&world.target, clock, run, topics, Arc::clone(&sample)).unwrap();
    let canaries = Canaries::of_sample(world.source.clone(), run, clock, &sample);
    match canaries.cross(&probe, Duration::from_secs(60)).await {
        Err(CanaryError::Moved { partition, arrived, .. }) => {
            assert_eq!(arrived, (partition + 1) % PARTITIONS)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_needs_as_many_partitions_on_the_target_as_on_the_source() {
    let world = World::new(&ReplicationPolicy::Identity, NONE);
    let connect = |target: &str, topic: &str| {
        let target = ClusterConfig { bootstrap: target.to_owned(), ..ClusterConfig::default() };
        let (run, clock, topics) = (RunId::random(), Clock::start(), vec![topic.to_owned()]);
        Probe::connect_to_sample(&target, clock, run, topics, world.sample("40%"))
    };
    let other = MockCluster::new(1).unwrap();
    other.create_topic("t", PARTITIONS + 1, 1).unwrap();
    let refused = connect(&other.bootstrap_servers(), "t").unwrap_err().to_string();
    assert!(refused.contains("t has 4 partitions on the target and 3 on the source"), "{refused}");

    let later = connect(&other.bootstrap_servers(), "later").unwrap();
    assert_eq!(later.absent(), ["later"]);
    later.health().unwrap();
    other.create_topic("later", PARTITIONS - 1, 1).unwrap();
    until("the topic", || later.health().is_err()).await;
    assert!(matches!(later.health(), Err(ProbeError::Partitions { on_target: 2, on_source: 3, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_lost_their_headers_are_known_by_their_payload() {
    for payload in [Payload::Json, Payload::Random(Payload::SMALLEST_NAMED)] {
        let faults = Faults { drops: |number| number % 100 == 7, keeps_headers: false, ..NONE };
        let mut world = World::new(&ReplicationPolicy::Pattern("copy-of-{topic}".to_owned()), faults);
        let dropped = count(faults.drops);
        let (account, identity, clock) = world.run(payload, RECORDS - dropped).await;
        world.end();
        assert_eq!(identity, Identity::Payload);
        let (seen, latency) = (account.arrivals(), account.latency(clock.now()));
        assert_eq!((seen.arrived, seen.by_payload), (RECORDS - dropped, RECORDS - dropped));
        assert_eq!((latency.outstanding, seen.duplicates, seen.reordered), (dropped, 0, 0));
        assert!(
            seen.latency.quantile(0.5) >= seen.from_handover.quantile(0.5),
            "from the schedule's due time"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_whose_payload_has_no_room_are_known_by_their_header() {
    let mut world = World::new(&ReplicationPolicy::Identity, NONE);
    let (account, identity, _clock) = world.run(Payload::Letters(100), RECORDS).await;
    world.end();
    let seen = account.arrivals();
    assert_eq!((identity, seen.arrived, seen.by_payload), (Identity::Header, RECORDS, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_topic_holds_is_verified_afterwards_and_has_no_latency() {
    let faults = Faults { drops: |number| number % 50 == 1, repeats: |number| number % 60 == 2, ..NONE };
    let mut world = World::new(&ReplicationPolicy::Identity, faults);
    let (dropped, repeated) = (count(faults.drops), count(|n| (faults.repeats)(n) && !(faults.drops)(n)));
    let (account, ..) = world.run(Payload::Json, RECORDS - dropped + repeated).await;
    world.end();
    let verification = Arc::new(Verification::new(Some(account.run())));
    let topics = vec![world.topic.clone(), "absent".to_owned()];
    let begin = Begin::AtBeginning;
    let probe = Probe::verify(&world.target, Clock::start(), topics, begin, Arc::clone(&verification));
    let probe = probe.unwrap();
    assert_eq!(probe.absent(), ["absent"]);
    until("every record", || {
        let seen = verification.arrivals();
        seen.arrived + seen.duplicates >= RECORDS - dropped + repeated
    })
    .await;
    let loads = verification.loads(Some(RECORDS));
    let [load] = loads.as_slice() else { panic!("{loads:?}") };
    assert_eq!((load.run, load.missing), (account.run(), dropped));
    assert_eq!((load.arrivals.duplicates, load.arrivals.reordered), (repeated, 0));
    assert_eq!((load.arrivals.was_there, load.arrivals.latency.count()), (RECORDS - dropped, 0));
    assert_eq!(probe.foreign(), 0);
}
