//! What is seen while a campaign runs: a block that is kept up to date on a terminal, plain lines elsewhere, or events
//! as JSON for another program.

mod block;
mod text;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use ramp_core::{campaign::Campaign, event::Event, units::Elapsed};
use serde::Serialize;

use self::block::Block;
use crate::cli::Output;

/// Shows a campaign that runs. Whatever was drawn is taken off the terminal when it is dropped.
#[derive(Debug)]
pub struct Progress(Kind);

#[derive(Debug)]
enum Kind {
    /// A block on a terminal, the lines above it.
    Block(Block),
    /// Lines on standard error; when the last one about the load was written.
    Lines(Option<Elapsed>),
    /// Events on standard output; when the last one about the load was written.
    Events(Option<Elapsed>),
}

/// How the load stands, as an event beside the campaign's own.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "progress")]
struct Standing<'a> {
    tier: usize,
    name: &'a str,
    phase: &'static str,
    at: Elapsed,
    rate: u32,
    due: u64,
    offered: u64,
    acknowledged: u64,
    arrived: Option<u64>,
    outstanding: Option<u64>,
    p99_ms: Option<f64>,
    p99_bound_ms: f64,
}

impl Progress {
    /// Progress of the kind that `output` asks for and standard error can show.
    #[must_use]
    pub fn new(output: Output) -> Self {
        Self(match output {
            Output::Json => Kind::Events(None),
            Output::Text if io::stderr().is_terminal() => Kind::Block(Block::new()),
            Output::Text => Kind::Lines(None),
        })
    }

    /// Shows an event.
    pub fn event(&mut self, campaign: &Campaign, event: &Event) {
        match &mut self.0 {
            Kind::Block(block) => {
                if let Some(line) = text::event(campaign, event) {
                    block.line(&line);
                }
            }
            Kind::Lines(shown) => {
                *shown = None;
                if let Some(line) = text::event(campaign, event) {
                    write_line(io::stderr().lock(), &line);
                }
            }
            Kind::Events(_) => write_event(event),
        }
    }

    /// Shows how the campaign stands: at once on a terminal, now and then elsewhere.
    pub fn beat(&mut self, campaign: &Campaign, now: Elapsed) {
        let is_due = |shown: &Option<Elapsed>| shown.is_none_or(|shown| now.since(shown) >= BETWEEN_LINES);
        match &mut self.0 {
            Kind::Block(block) => block.show(campaign, now),
            Kind::Lines(shown) => {
                if is_due(shown)
                    && let Some(line) = text::standing(campaign, now)
                {
                    write_line(io::stderr().lock(), &line);
                    *shown = Some(now);
                }
            }
            Kind::Events(shown) => {
                if is_due(shown)
                    && let Some(standing) = Standing::of(campaign, now)
                {
                    write_event(&standing);
                    *shown = Some(now);
                }
            }
        }
    }
}

impl<'a> Standing<'a> {
    fn of(campaign: &'a Campaign, at: Elapsed) -> Option<Self> {
        let (load, latency) = campaign.current()?;
        let (index, phase, _) = text::phase(campaign)?;
        let tier = campaign.tier(index)?;
        let millis = |span: Duration| span.as_secs_f64() * 1e3;
        Some(Self {
            tier: index,
            name: &tier.name,
            phase,
            at,
            rate: tier.rate.get(),
            due: load.due,
            offered: load.offered,
            acknowledged: load.acknowledged,
            arrived: latency.map(|latency| latency.arrived),
            outstanding: latency.map(|latency| latency.outstanding),
            p99_ms: latency.and_then(|latency| latency.p99).map(millis),
            p99_bound_ms: millis(tier.p99_bound),
        })
    }
}

/// A closed standard error must not end a campaign.
fn write_line(mut out: impl Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

/// A reader that has gone must not end a campaign either.
fn write_event(event: &impl Serialize) {
    if let Ok(line) = serde_json::to_string(event) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

const BETWEEN_LINES: Duration = Duration::from_secs(5);
