//! How it is told that only some partitions were read, for people and for programs.

use std::{collections::BTreeMap, fmt::Write};

use ramp_load::{
    probe::sample::{LossEstimate, Sample},
    snapshot::SampleSnapshot,
};
use serde_json::{Value, json};

/// What the figures behind it are of: what they begin with.
pub(crate) fn of(sample: &SampleSnapshot) -> String {
    let SampleSnapshot { read, partitions, acknowledged, unread, .. } = sample;
    let all = acknowledged + unread;
    format!("of {read} of {partitions} partitions, with {acknowledged} of {all} acknowledged records: ")
}

/// What the partitions that were read tell of all records, and what they do not; a line each.
pub(crate) fn text(sample: &SampleSnapshot) -> String {
    let SampleSnapshot { read, partitions, acknowledged, lost, unlike, moved, .. } = sample;
    let mut text = String::new();
    if *acknowledged == 0 {
        text.push_str(
            "no record was written to a partition that was read: nothing is known of the replication\n",
        );
    }
    if *moved > 0 {
        let _ = writeln!(
            text,
            "{moved} records arrived in another partition than they were written to: the replication does not keep \
             partitions, and these figures cannot be relied on; read all of them"
        );
    }
    let LossEstimate { lost, range } = lost;
    let _ = match range {
        Some((low, high)) => writeln!(
            text,
            "lost in all partitions: about {lost} (95 % interval {low} to {high}), estimated from these"
        ),
        None if *lost == 0 => {
            writeln!(
                text,
                "lost in all partitions: none by estimate, without an interval, as none was lost in these"
            )
        }
        None => writeln!(
            text,
            "lost in all partitions: about {lost}, estimated from one, which tells no interval"
        ),
    };
    let _ = writeln!(
        text,
        "up to {unlike} of the {} partitions that were not read may be unlike these, slow or losing records, and nothing \
         here would show it (95 % confidence)",
        partitions - read
    );
    text
}

/// The same for programs.
pub(crate) fn json(sample: &Sample, told: &SampleSnapshot) -> Value {
    let mut read: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in sample.places() {
        read.entry(topic).or_default().push(partition);
    }
    json!({
        "partitions_read": told.read,
        "partitions": told.partitions,
        "read": read,
        "acknowledged": told.acknowledged,
        "acknowledged_unread": told.unread,
        "lost_estimate": told.lost.lost,
        "lost_low": told.lost.range.map(|(low, _)| low),
        "lost_high": told.lost.range.map(|(_, high)| high),
        "partitions_maybe_unlike": told.unlike,
        "moved": told.moved,
    })
}
