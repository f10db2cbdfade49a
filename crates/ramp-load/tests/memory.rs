//! What a watched load costs in memory, from its account to the last arrival, and what its log does.

use std::time::Duration;

use allocation_counter::measure;
use ramp_core::units::Rate;
use ramp_load::{
    account::{Sighting, TierAccount},
    clock::{Clock, Moment},
    interval_log::{self, Entry, IntervalLog},
    schedule::Until,
    stamp::{Identity, Kind, RunId, Stamp},
};

const RATE: u32 = 100_000;
const HOLD: Duration = Duration::from_secs(300);

#[test]
fn five_minutes_at_a_hundred_thousand_records_a_second_stay_below_64_mib() {
    let (rate, run, start) = (Rate::per_second(RATE).unwrap(), RunId::random(), Clock::start().now());
    let records = rate.records_in(HOLD);
    assert_eq!(records, 30_000_000);
    let used = measure(|| {
        let account = TierAccount::new(run, 0, rate, Until::After(HOLD), Duration::from_secs(5));
        let schedule = account.begin(start);
        // Every word of every bitmap is touched by one of its 64 records: more would take no more memory.
        for sequence in (0..records).step_by(64) {
            let due = schedule.due(sequence).unwrap();
            let at = due.after(Duration::from_micros(sequence));
            account.offered(sequence, due);
            account.acknowledged(sequence, 1_000, due, due.after(Duration::from_millis(2)));
            let stamp = Stamp { kind: Kind::Load, run, tier: 0, sequence, due, handed: due };
            let key = Some(sequence / 64 % 1_000);
            let partition = usize::try_from(sequence / 64 % 30).unwrap();
            let identity = Identity::Header;
            account.arrived(&[Sighting { stamp, identity, partition, key, at, was_there: false }]);
        }
        let snapshot = account.latency(start.after(HOLD));
        assert_eq!(snapshot.arrived, records / 64);
    });
    assert!(used.bytes_max < 64 * 1024 * 1024, "{} bytes", used.bytes_max);
    // A load that takes nothing would be no load.
    assert!(used.bytes_max > records * 3 / 8, "{} bytes", used.bytes_max);
}

#[test]
fn a_log_takes_no_more_memory_to_read_the_longer_it_is() {
    let (rate, run, start) = (Rate::per_second(1_000).unwrap(), RunId::random(), Moment::from_nanos(1));
    let second = Duration::from_secs(1);
    let account = TierAccount::new(run, 0, rate, Until::Records(1_000), second);
    account.begin(start);
    for sequence in 0..1_000 {
        let stamp = Stamp { kind: Kind::Load, run, tier: 0, sequence, due: start, handed: start };
        let at = start.after(Duration::from_micros(sequence * 900));
        let identity = Identity::Header;
        account.arrived(&[Sighting { stamp, identity, partition: 0, key: None, at, was_there: false }]);
    }
    let read = |intervals: u32| {
        let mut text = Vec::new();
        let mut log = IntervalLog::begin(&mut text, start, "a test").unwrap();
        for interval in 0..intervals {
            log.write_arrivals(second * interval, second, &account.arrivals()).unwrap();
        }
        let mut records = 0;
        let used = measure(|| {
            interval_log::read(text.as_slice(), |entry| match entry {
                Entry::Load => {}
                Entry::Interval(interval) => {
                    records += interval.seen.iter().map(|(_, count)| count).sum::<u64>()
                }
            })
            .unwrap();
        });
        assert_eq!(records, 1_000 * u64::from(intervals));
        used.bytes_max
    };
    assert_eq!(read(200), read(20));
}
