//! What the client's statistics say of quotas.

use std::{collections::HashMap, time::Duration};

use ramp_core::observation::Throttle;
use serde::Deserialize;

/// By how much the brokers held back the client's requests within the interval of `statistics`, which are librdkafka's.
/// Of each broker they have how many of its answers named a time, the sum of these times and the longest.
pub(super) fn throttle(statistics: &[u8]) -> serde_json::Result<Throttle> {
    let Statistics { brokers } = serde_json::from_slice(statistics)?;
    let mut throttle = Throttle::default();
    for Broker { throttle: Window { cnt, sum, max } } in brokers.values() {
        throttle.merge(&Throttle {
            answers: *cnt,
            total: Duration::from_millis(*sum),
            longest: Duration::from_millis(*max),
        });
    }
    Ok(throttle)
}

/// The part of librdkafka's statistics that is read (its STATISTICS.md has all of them).
#[derive(Deserialize)]
struct Statistics {
    brokers: HashMap<String, Broker>,
}

#[derive(Deserialize)]
struct Broker {
    throttle: Window,
}

/// Milliseconds.
#[derive(Deserialize)]
struct Window {
    cnt: u64,
    sum: u64,
    max: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttled_answers_of_all_brokers_are_added_up() {
        let throttle = throttle(
            br#"{ "name": "rdkafka#producer-1", "age": 2000, "brokers": {
            "127.0.0.1:9092/bootstrap": { "nodeid": -1, "throttle": {
                "min":0, "max":0, "avg":0, "sum":0, "stddev": 0, "p50": 0, "hdrsize": 17520, "cnt":0 } },
            "127.0.0.1:9092/1": { "nodeid": 1, "rtt": { "cnt": 40, "sum": 9 }, "throttle": {
                "min":12, "max":600, "avg":204, "sum":612, "stddev": 0, "p50": 12, "hdrsize": 17520, "cnt":3 } },
            "127.0.0.1:9093/2": { "nodeid": 2, "throttle": {
                "min":88, "max":88, "avg":88, "sum":88, "stddev": 0, "p50": 88, "hdrsize": 17520, "cnt":1 } }
            }, "topics": { "t": { "partitions": { "0": { "msgq_cnt": 0 } } } }, "tx": 2 }"#,
        );
        let (total, longest) = (Duration::from_millis(700), Duration::from_millis(600));
        assert_eq!(throttle.unwrap(), Throttle { answers: 4, total, longest });
    }

    #[test]
    fn statistics_without_a_window_of_throttle_times_are_no_zero() {
        for text in ["", "{}", r#"{"brokers":{"a:1/1":{}}}"#, r#"{"brokers":{"a:1/1":{"throttle":{}}}}"#] {
            assert!(throttle(text.as_bytes()).is_err(), "{text}");
        }
    }
}
