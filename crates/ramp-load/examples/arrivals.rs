//! Measures the arrival of a load's records by other means than the probe: a plain consumer that decodes the header
//! itself, stores every arrival, and takes exact quantiles. With `--bare` it only reads, which is what reading costs; with
//! `--touch` it also looks at each byte of key and payload, which is what any consumer does that uses them.
//!
//! `cargo run --example arrivals -- BOOTSTRAP TOPIC RECORDS [--bare | --touch]`

#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use std::{
    env,
    error::Error,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
    topic_partition_list::Offset,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [bootstrap, topic, records, flags @ ..] = arguments.as_slice() else {
        return Err("give BOOTSTRAP TOPIC RECORDS [--bare | --touch]".into());
    };
    let records = records.parse()?;
    let is = |name: &str| flags.iter().any(|flag| flag == name);
    if is("--bare") || is("--touch") {
        let (count, sum) = count(bootstrap, topic, records, is("--touch"))?;
        println!("{count} records, of which {sum} is the sum of what was looked at");
        return Ok(());
    }
    let arrivals = Arrivals::read(&consumer(bootstrap, topic, Offset::End)?, records)?;
    println!(
        "{} records, p99 {:.3} ms, max {:.3} ms, outstanding at most {}",
        arrivals.0.len(),
        arrivals.quantile(0.99).as_secs_f64() * 1e3,
        arrivals.quantile(1.0).as_secs_f64() * 1e3,
        arrivals.most_outstanding()
    );
    Ok(())
}

/// When each record was due and when it arrived, in nanoseconds of Unix time.
pub(crate) struct Arrivals(pub(crate) Vec<(u64, u64)>);

impl Arrivals {
    /// Reads until so many records of a load have come, or none has for 30 s.
    pub(crate) fn read(consumer: &BaseConsumer, records: u64) -> Result<Self, Box<dyn Error>> {
        let mut arrivals = Vec::new();
        let mut last = Instant::now();
        while (arrivals.len() as u64) < records && last.elapsed() < PATIENCE {
            let Some(record) = consumer.poll(Duration::from_millis(100)) else { continue };
            let record = record?;
            let at = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
            if let Some(due) = record.headers().and_then(due) {
                arrivals.push((due, at));
                last = Instant::now();
            }
        }
        Ok(Self(arrivals))
    }

    /// The latency at the rank of a quantile: no bucket, no interpolation.
    pub(crate) fn quantile(&self, quantile: f64) -> Duration {
        let mut latencies: Vec<_> = self.0.iter().map(|(due, at)| at.saturating_sub(*due)).collect();
        latencies.sort_unstable();
        let rank = (latencies.len() as f64 * quantile).ceil() as usize;
        let at_rank = rank.checked_sub(1).and_then(|at| latencies.get(at));
        Duration::from_nanos(at_rank.copied().unwrap_or_default())
    }

    /// The most records that were due and had not arrived at any moment.
    pub(crate) fn most_outstanding(&self) -> u64 {
        let dues = self.0.iter().map(|(due, _)| (*due, 1_i64));
        let arrivals = self.0.iter().map(|(_, at)| (*at, -1));
        let mut steps: Vec<_> = dues.chain(arrivals).collect();
        steps.sort_unstable();
        let mut outstanding = 0;
        let heights = steps.into_iter().map(|(_, step)| {
            outstanding += step;
            outstanding
        });
        u64::try_from(heights.max().unwrap_or_default()).unwrap_or_default()
    }
}

/// A consumer of every partition of `topic`, which has begun to read.
pub(crate) fn consumer(bootstrap: &str, topic: &str, from: Offset) -> Result<BaseConsumer, Box<dyn Error>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "arrivals")
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        let from = if from == Offset::End { high } else { low };
        partitions.add_partition_offset(topic, partition.id(), Offset::Offset(from))?;
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

/// Reads `records` records, and looks at their bytes where these are to be touched; how many there were, and the sum of
/// these bytes.
fn count(bootstrap: &str, topic: &str, records: u64, touch: bool) -> Result<(u64, u64), Box<dyn Error>> {
    let consumer = consumer(bootstrap, topic, Offset::Beginning)?;
    let (mut count, mut sum) = (0, 0);
    while count < records {
        let Some(record) = consumer.poll(PATIENCE) else { break };
        let record = record?;
        count += u64::from(record.payload_len() > 0);
        if touch {
            let bytes = record.key().into_iter().chain(record.payload()).flatten();
            sum += bytes.map(|byte| u64::from(*byte)).sum::<u64>();
        }
    }
    Ok((count, sum))
}

/// The due time in the header: byte 0 tells a load, bytes 19 to 26 hold it. Connect may have made Base64 of them.
fn due<H: Headers>(headers: &H) -> Option<u64> {
    let value = headers.iter().find(|header| header.key == "ramp")?.value?;
    let decoded = STANDARD.decode(value);
    let bytes = if value.len() == 35 { value } else { decoded.as_ref().ok()? };
    let is_load = *bytes.first()? == 0x10;
    is_load.then(|| bytes.get(19..27)?.try_into().ok().map(u64::from_be_bytes))?
}

const PATIENCE: Duration = Duration::from_secs(30);
