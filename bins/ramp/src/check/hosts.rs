//! The hosts' free disk and their clocks, where a node exporter tells. Which of them are brokers is not known.

use ramp_observe::{HostValue, Observer, QueryError};

use super::found::Finding;

type Told = Result<Option<HostValue>, QueryError>;

/// Free disk, against the `bytes` that the plan writes, and clocks; each with whether anybody tells of it.
pub(crate) async fn findings(observer: &Observer, bytes: f64) -> [(bool, Finding); 2] {
    let (free, clock) = tokio::join!(observer.least_free_disk(), observer.farthest_clock());
    let is_known = |told: &Told| matches!(told, Ok(Some(_)));
    [(is_known(&free), disk(&free, bytes)), (is_known(&clock), clocks(&clock))]
}

/// The least free space, against the `bytes` that the plan writes.
fn disk(told: &Told, bytes: f64) -> Finding {
    let gigabytes = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
    match told {
        Ok(Some(HostValue { host, value })) => {
            let text = format!(
                "{} free on {host}, the least of all hosts; the plan writes {}",
                gigabytes(*value),
                gigabytes(bytes)
            );
            if *value < bytes {
                Finding::doubtful("disk", format!("{text}: free space, or set a retention by size"))
            } else {
                Finding::good("disk", text)
            }
        }
        Ok(None) => unknown("disk", "no node exporter tells of free space (node_filesystem_avail_bytes)"),
        Err(error) => unknown("disk", &error.to_string()),
    }
}

/// The clock that is farthest from Prometheus's.
fn clocks(told: &Told) -> Finding {
    match told {
        Ok(Some(HostValue { host, value })) => {
            let text = format!("{host} is {value:+.2} s from Prometheus, the farthest of all hosts");
            if value.abs() > FAR {
                let meaning = "the panels' latencies may be wrong by that; synchronise its clock";
                Finding::doubtful("clocks", format!("{text}: {meaning}"))
            } else {
                Finding::good("clocks", text)
            }
        }
        Ok(None) => unknown("clocks", "no node exporter tells of the hosts' clocks (node_time_seconds)"),
        Err(error) => unknown("clocks", &error.to_string()),
    }
}

fn unknown(part: &'static str, why: &str) -> Finding {
    Finding::doubtful(part, format!("not known: {why}"))
}

/// Seconds by which clocks differ that are not synchronised.
const FAR: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: f64) -> Told {
        Ok(Some(HostValue { host: "w1:9100 /data".to_owned(), value }))
    }

    #[test]
    fn what_is_free_is_held_against_what_the_plan_writes() {
        assert_eq!(
            disk(&told(20e9), 8e9).to_string(),
            "✓ disk        20.0 GB free on w1:9100 /data, the least of all hosts; the plan writes 8.0 GB"
        );
        assert!(disk(&told(2e9), 8e9).to_string().starts_with("! disk        2.0 GB free"));
    }

    #[test]
    fn a_clock_that_is_far_off_either_way_is_doubtful() {
        for (ahead, mark) in [(0.2, '✓'), (-0.2, '✓'), (1.5, '!'), (-1.5, '!')] {
            assert!(clocks(&told(ahead)).to_string().starts_with(mark), "{ahead}");
        }
    }

    #[test]
    fn what_nobody_tells_is_said_to_be_unknown() {
        for finding in [disk(&Ok(None), 8e9), clocks(&Ok(None))] {
            assert!(
                finding.to_string().starts_with('!')
                    && finding.text.starts_with("not known: no node exporter")
            );
        }
    }
}
