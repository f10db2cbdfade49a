//! What a campaign is about to do, said before it does it.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use ramp_core::plan::Plan;

use crate::{config::resolve::Settings, error::CommandError};

/// What will be written where, and how long that takes.
#[derive(Debug)]
pub(crate) struct Intent {
    warms_up: bool,
    tiers: usize,
    records: u64,
    bytes: f64,
    payload: String,
    topics: Vec<String>,
    source: String,
    least: Duration,
    searches: bool,
}

impl Intent {
    pub(crate) fn of(settings: &Settings, plan: &Plan) -> Self {
        let records = settings.plan.records();
        Self {
            warms_up: plan.warmup().is_some(),
            tiers: plan.tiers().len(),
            records,
            bytes: records as f64 * settings.payload.mean_size(),
            payload: settings.payload.to_string(),
            topics: settings.topics.clone(),
            source: settings.source.bootstrap.clone(),
            least: settings.plan.least_duration(),
            searches: settings.plan.refine.is_some(),
        }
    }

    /// Whether the person at the terminal agrees; where there is none, nobody is asked.
    pub(crate) fn is_agreed_to(&self) -> Result<bool, CommandError> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(true);
        }
        eprint!("ramp: go on? [y/N] ");
        io::stderr().flush().map_err(CommandError::Ask)?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(CommandError::Ask)?;
        Ok(["y", "yes", "o", "oui"].contains(&answer.trim().to_lowercase().as_str()))
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { payload, source, topics, .. } = self;
        let warmup = if self.warms_up { "a warm-up and " } else { "" };
        let tiers = if self.tiers == 1 { "1 tier".to_owned() } else { format!("{} tiers", self.tiers) };
        let topics = match topics.as_slice() {
            [] => "no topic".to_owned(),
            [only] => format!("topic {only}"),
            [first, .., last] => format!("{} topics, {first} to {last}", topics.len()),
        };
        write!(
            f,
            "writes {} records of {payload} (about {} before compression) in {warmup}{tiers} to {topics} on {source}, in {:.0} min or more",
            grouped(self.records),
            size(self.bytes),
            (self.least.as_secs_f64() / 60.0).ceil(),
        )?;
        if self.searches {
            f.write_str("; the search for the limit comes on top")?;
        }
        Ok(())
    }
}

/// Bytes in the unit that suits them.
pub(crate) fn size(bytes: f64) -> String {
    if bytes < 1e8 { format!("{:.1} MB", bytes / 1e6) } else { format!("{:.1} GB", bytes / 1e9) }
}

/// A number as plans write it: `7_800_000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_says_what_is_written_where() {
        let topics = ["a-01", "a-02", "a-03"].map(str::to_owned).to_vec();
        let intent = Intent {
            warms_up: true,
            tiers: 5,
            records: 7_800_000,
            bytes: 3.1e9,
            payload: "json".to_owned(),
            topics,
            source: "kafka-a:9093".to_owned(),
            least: Duration::from_secs(2_100),
            searches: true,
        };
        assert_eq!(
            intent.to_string(),
            "writes 7_800_000 records of json (about 3.1 GB before compression) in a warm-up and 5 tiers to 3 topics, a-01 to \
             a-03 on kafka-a:9093, in 35 min or more; the search for the limit comes on top"
        );
    }
}
