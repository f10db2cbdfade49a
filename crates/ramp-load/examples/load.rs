//! Loads a topic: 500 records/s, then 1 000, then stop. Run it with a bootstrap server and a topic.
#![expect(clippy::print_stdout, reason = "it is a command")]
use std::{env, error::Error, time::Duration};

use ramp_core::units::Rate;
use ramp_load::{
    client_config::ClusterConfig,
    clock::Clock,
    producer::{Load, LoadSpec},
    schedule::{Pace, Until},
    snapshot::LoadSnapshot,
};

pub(crate) async fn run(bootstrap: String, topic: String) -> Result<LoadSnapshot, Box<dyn Error>> {
    let config = ClusterConfig { bootstrap, ..ClusterConfig::default() };
    let rate = |rate| Rate::per_second(rate).ok_or("a rate is at least 1");
    let spec = LoadSpec::new(vec![topic], Pace::Rate(rate(500)?), Until::After(Duration::from_secs(60)));
    let load = Load::start(&config, Clock::start(), spec)?;
    let mut intervals = load.snapshots(Duration::from_millis(500));
    while let Some(interval) = intervals.next().await {
        println!("{} acknowledged, p99 {:?}", interval.acknowledged, interval.total.quantile(0.99));
        match interval.from.as_millis() {
            1_000.. => load.stop(),
            500.. => load.set_rate(rate(1_000)?)?,
            _first => {}
        }
    }
    Ok(load.snapshot())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let (bootstrap, topic) = words.next().zip(words.next()).ok_or("name a bootstrap server and a topic")?;
    let whole = run(bootstrap, topic).await?;
    println!("{} offered, {} acknowledged, {} failed", whole.offered, whole.acknowledged, whole.failed);
    Ok(())
}
