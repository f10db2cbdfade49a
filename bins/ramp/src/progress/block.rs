//! The block on a terminal: which tier, how long still, what is offered, and how far the figures are from their bounds.

use std::{io, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ramp_core::{
    campaign::{Campaign, Stage},
    plan::Tier,
    units::Elapsed,
};

use super::{
    text::{clock, level, p99_bound, seconds},
    write_line,
};

/// A block of a few lines at the end of the terminal.
#[derive(Debug)]
pub(super) struct Block(ProgressBar);

/// What the block shows at one moment.
#[derive(Debug)]
pub(super) struct Frame {
    prefix: String,
    /// Seconds of the phase that have passed, of so many.
    seconds: u64,
    of: u64,
    message: String,
}

impl Block {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // The template is a constant; where it could not be read, the bar alone is shown.
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("━╸─"));
        Self(bar)
    }

    /// Writes a line above the block.
    pub(super) fn line(&self, line: &str) {
        self.0.suspend(|| write_line(io::stderr().lock(), line));
    }

    /// Brings the block up to date.
    pub(super) fn show(&self, Frame { prefix, seconds, of, message }: Frame) {
        self.0.set_length(of);
        self.0.set_position(seconds);
        self.0.set_prefix(prefix);
        self.0.set_message(message);
    }
}

impl Frame {
    /// How `campaign` stands at `now`; `None` when it is over.
    pub(super) fn of(campaign: &Campaign, now: Elapsed) -> Option<Self> {
        let (index, phase, since, lasts) = match campaign.stage() {
            Stage::Proving { tier, since } => (tier, "path", since, campaign.plan().recovery().give_up),
            Stage::Starting { tier, since } => (tier, "start", since, Duration::ZERO),
            Stage::Loading { tier, since } => {
                (tier, "load", since, campaign.tier(tier).map_or(Duration::ZERO, |tier| tier.hold))
            }
            Stage::Recovering { tier, since } => {
                (tier, "recovery", since, campaign.plan().recovery().minimum)
            }
            Stage::Done { .. } => return None,
        };
        let tier = campaign.tier(index)?;
        let spent = now.since(since);
        let left = lasts.saturating_sub(spent);
        let left =
            if left.is_zero() { format!("{} so far", clock(spent)) } else { format!("{} left", clock(left)) };
        Some(Self {
            prefix: format!("{} {phase}", tier.name),
            seconds: spent.min(lasts).as_secs(),
            of: lasts.as_secs(),
            message: format!("{left}{}", lines(campaign, (index, tier), spent)),
        })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The lines below the bar.
fn lines(campaign: &Campaign, (index, tier): (usize, &Tier), spent: Duration) -> String {
    let mut text = String::new();
    let Some((load, latency)) = campaign.current() else { return text };
    let achieved = 100.0 * load.offered as f64 / load.due.max(1) as f64;
    let rate = match campaign.stage() {
        Stage::Loading { .. } => format!("{:.0}/s, ", load.offered as f64 / spent.as_secs_f64().max(1.0)),
        Stage::Proving { .. } | Stage::Starting { .. } | Stage::Recovering { .. } | Stage::Done { .. } => {
            String::new()
        }
    };
    text.push_str(&format!("\n  offered   {rate}{achieved:.1} % of {}", tier.rate));
    if let Some(lag) = campaign.lag() {
        let p99 = latency.and_then(|latency| latency.p99).map_or_else(|| "—".to_owned(), seconds);
        let bound = p99_bound((index, tier));
        let bound =
            bound.map_or_else(|| ", not judged".to_owned(), |bound| format!(" of {}", seconds(bound)));
        text.push_str(&format!("\n  p99       {p99}{bound}"));
        text.push_str(&format!("\n  true lag  {lag}"));
    }
    let levels = campaign.plan().signals().iter().zip(campaign.levels());
    let raised = levels.filter(|(_, level)| level.is_some());
    let raised: Vec<_> = raised.map(|(signal, now)| format!("{} {}", signal.id, level(now))).collect();
    if !raised.is_empty() {
        text.push_str(&format!("\n  crossed   {}", raised.join(", ")));
    }
    text
}

const TEMPLATE: &str = "{prefix}  {bar:24}  {msg}";
