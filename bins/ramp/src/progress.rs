//! What is seen while a campaign runs: a live display or a plain block on a terminal, lines elsewhere, or events as JSON
//! for another program.
//!
//! Whoever shows it has a thread of its own: a terminal that takes nothing more, because it was paused or nobody reads
//! it, must not keep the driver from stopping the load. What it does not take in time is left out.

mod block;
mod live;
mod text;

use std::{
    io::{self, IsTerminal, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use ramp_core::{campaign::Campaign, component::ComponentState, event::Event, units::Elapsed};
use serde::Serialize;
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, unbounded_channel},
        oneshot,
    },
    task::spawn_blocking,
};

use self::{
    block::{Block, Frame},
    live::{Feed, Screen, View},
};
use crate::cli::Output;

/// Shows a campaign that runs. Whatever was drawn is taken off the terminal when it is dropped.
#[derive(Debug)]
pub struct Progress {
    kind: Kind,
    /// When the last line about the load was shown.
    shown: Option<Elapsed>,
    display: Option<SyncSender<Show>>,
    /// Where a live display takes its views from: one waits at most, so that none is in an event's way.
    views: SyncSender<View>,
    /// Both end when the display has: one for whoever waits a little, one for whoever waits as long as it takes.
    ended: Receiver<()>,
    said: oneshot::Receiver<()>,
    wishes: UnboundedReceiver<Wish>,
    /// The terminal that a live display has.
    screen: Option<Arc<Screen>>,
}

/// What a person at the terminal wants of the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That it ends, as if it had been interrupted once.
    Stop,
    /// What a signal says: that it ends, or the second time that it does so at once.
    Interrupt,
    /// No more of a recovery's wait than the evidence needs.
    SkipRecovery {
        /// Index of the tier that recovers.
        tier: usize,
    },
}

/// Something to be said after a campaign, when nothing is drawn any more.
#[derive(Debug)]
pub enum Word {
    /// A result, as it is, on standard output.
    Result(String),
    /// A line on standard error.
    Line(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The whole terminal.
    Live,
    /// A block on a terminal, the lines above it.
    Block,
    /// Lines on standard error.
    Lines,
    /// Events on standard output.
    Events,
}

/// What the display is to show.
#[derive(Debug)]
enum Show {
    Line(String),
    Frame(Frame),
    Event(String),
    Last(Vec<Word>),
}

/// How a component of the replication stands now, as an event beside the campaign's own.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "component")]
struct Told<'a> {
    #[serde(flatten)]
    state: &'a ComponentState,
    at: Elapsed,
}

/// What a person should know that is no event of the campaign.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "warning")]
struct Warning<'a> {
    text: &'a str,
    at: Elapsed,
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
    /// Progress of the kind that `output` asks for and the terminal can show; nothing but lines and a block where it is
    /// to be `plain`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(output: Output, plain: bool) -> io::Result<Self> {
        let screen = if plain || output == Output::Json { None } else { Screen::of_process().map(Arc::new) };
        let kind = match output {
            Output::Json => Kind::Events,
            Output::Text if screen.is_some() => Kind::Live,
            Output::Text if io::stderr().is_terminal() => Kind::Block,
            Output::Text => Kind::Lines,
        };
        let (display, shown) = sync_channel(MOST_WAITING);
        let ((end, ended), (say, said)) = (channel(), oneshot::channel());
        let ((wish, wishes), (views, viewed)) = (unbounded_channel(), sync_channel(1));
        let taken = screen.clone();
        let show = move || {
            match taken {
                Some(screen) => {
                    let feed = Feed { shown, viewed, wish };
                    // A picture that breaks off takes no report with it.
                    let _ = catch_unwind(AssertUnwindSafe(|| live::display(&screen, &feed)));
                    display_lines(&feed.shown);
                }
                None if kind == Kind::Block => display_block(&shown),
                None => display_lines(&shown),
            }
            drop((end, say));
        };
        thread::Builder::new().name("ramp-display".to_owned()).spawn(show)?;
        Ok(Self { kind, shown: None, display: Some(display), views, ended, said, wishes, screen })
    }

    /// What the person at the terminal wants next; `None` when nobody can want anything any more.
    pub async fn wish(&mut self) -> Option<Wish> {
        self.wishes.recv().await
    }

    /// Says `words` once everything has been shown and nothing is drawn any more. Waits for it, so that a terminal that
    /// is paused gets them when it goes on.
    pub async fn end(&mut self, words: Vec<Word>) {
        if let Some(display) = self.display.take() {
            // Where the display has ended already, so has whoever could have read it.
            spawn_blocking(move || display.send(Show::Last(words)));
        }
        let _ = (&mut self.said).await;
    }

    /// Shows an event.
    pub fn event(&mut self, campaign: &Campaign, event: &Event) {
        match self.kind {
            Kind::Live | Kind::Block => self.show(text::event(campaign, event).map(Show::Line)),
            Kind::Lines => {
                self.shown = None;
                self.show(text::event(campaign, event).map(Show::Line));
            }
            Kind::Events => self.show(serde_json::to_string(event).ok().map(Show::Event)),
        }
    }

    /// Shows that a component of the replication stands otherwise than before.
    pub fn component(&mut self, state: &ComponentState, at: Elapsed) {
        let show = match self.kind {
            Kind::Live | Kind::Block | Kind::Lines => Some(Show::Line(text::component(state, at))),
            Kind::Events => serde_json::to_string(&Told { state, at }).ok().map(Show::Event),
        };
        self.show(show);
    }

    /// Shows what went wrong beside the campaign, which goes on.
    pub fn warn(&mut self, text: &str, at: Elapsed) {
        let show = match self.kind {
            Kind::Live | Kind::Block | Kind::Lines => Some(Show::Line(text::warning(text, at))),
            Kind::Events => serde_json::to_string(&Warning { text, at }).ok().map(Show::Event),
        };
        self.show(show);
    }

    /// Shows how the campaign stands: at once on a terminal, now and then elsewhere.
    pub fn beat(&mut self, campaign: &Campaign, now: Elapsed) {
        let standing = match self.kind {
            Kind::Live => {
                // Where one waits already, the display is behind, and its next beat will do.
                let _ = self.views.try_send(View::of(campaign, now));
                return;
            }
            Kind::Block => return self.show(Frame::of(campaign, now).map(Show::Frame)),
            Kind::Lines | Kind::Events
                if self.shown.is_some_and(|shown| now.since(shown) < BETWEEN_LINES) =>
            {
                return;
            }
            Kind::Lines => text::standing(campaign, now).map(Show::Line),
            Kind::Events => {
                let standing = Standing::of(campaign, now);
                standing.and_then(|standing| serde_json::to_string(&standing).ok()).map(Show::Event)
            }
        };
        if standing.is_some() {
            self.shown = Some(now);
        }
        self.show(standing);
    }

    fn show(&mut self, show: Option<Show>) {
        if let (Some(show), Some(display)) = (show, &self.display) {
            match display.try_send(show) {
                // The journal has everything; a display that is behind shows what comes next.
                Ok(()) | Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => self.display = None,
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.display = None;
        // An error means that the display has ended, or is stuck.
        let _ = self.ended.recv_timeout(LAST_WORDS);
        if let Some(screen) = self.screen.take().filter(|screen| screen.is_on()) {
            screen.wrest();
            let _ = self.ended.recv_timeout(LAST_WORDS);
        }
    }
}

/// Shows whatever comes in a block with lines above it, until nothing more can.
fn display_block(shown: &Receiver<Show>) {
    let block = Block::new();
    let mut last = Vec::new();
    while let Ok(show) = shown.recv() {
        match show {
            Show::Line(line) => block.line(&line),
            Show::Frame(frame) => block.show(frame),
            Show::Last(words) => last = words,
            Show::Event(_) => {}
        }
    }
    drop(block);
    last.into_iter().for_each(Word::say);
}

/// Writes the lines that come, until nothing more does.
fn display_lines(shown: &Receiver<Show>) {
    while let Ok(show) = shown.recv() {
        match show {
            Show::Line(line) => write_line(io::stderr().lock(), &line),
            Show::Event(line) => write_line(io::stdout().lock(), &line),
            Show::Last(words) => words.into_iter().for_each(Word::say),
            Show::Frame(_) => {}
        }
    }
}

impl Word {
    fn say(self) {
        match self {
            Self::Result(text) => {
                let mut out = io::stdout().lock();
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }
            Self::Line(line) => write_line(io::stderr().lock(), &line),
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
            outstanding: campaign.lag(),
            p99_ms: latency.and_then(|latency| latency.p99).map(millis),
            p99_bound_ms: millis(tier.p99_bound),
        })
    }
}

/// A reader that has gone must not end a campaign.
fn write_line(mut out: impl Write, line: &str) {
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// So much waits for a display that is behind.
const MOST_WAITING: usize = 256;

/// How long the display is given at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use ramp_core::{
        event::Ending,
        plan::{Plan, PlanDraft, Tier},
        units::Rate,
    };

    use super::*;

    /// A display that takes nothing, and what waits for it: events and views.
    fn stuck(kind: Kind) -> (Progress, Receiver<Show>, Receiver<View>) {
        let ((display, shown), (views, viewed)) = (sync_channel(MOST_WAITING), sync_channel(1));
        let ((end, ended), (_, said), (_, wishes)) = (channel(), oneshot::channel(), unbounded_channel());
        // Its end never comes.
        std::mem::forget(end);
        let display = Some(display);
        let progress = Progress { kind, shown: None, display, views, ended, said, wishes, screen: None };
        (progress, shown, viewed)
    }

    fn campaign() -> Campaign {
        let second = Duration::from_secs(1);
        let tier = Tier::new("P1", Rate::per_second(1).unwrap(), second, second);
        Campaign::new(Plan::new(PlanDraft::new("one tier", vec![tier])).unwrap())
    }

    const EVENT: Event = Event::Ended { ending: Ending::Stopped, at: Elapsed::START };

    #[test]
    fn a_display_that_takes_nothing_holds_up_nobody_and_is_not_waited_for_for_ever() {
        for kind in [Kind::Live, Kind::Block, Kind::Lines, Kind::Events] {
            let (mut progress, shown, _viewed) = stuck(kind);
            for _ in 0..2 * MOST_WAITING {
                progress.beat(&campaign(), Elapsed::START);
                progress.event(&campaign(), &EVENT);
            }
            drop(progress);
            assert_eq!(shown.iter().count(), MOST_WAITING, "what it does not take in time is left out");
        }
    }

    #[test]
    fn a_live_display_that_was_paused_for_long_has_missed_views_and_no_event() {
        let (mut progress, shown, viewed) = stuck(Kind::Live);
        for beat in 0..10 * MOST_WAITING {
            progress.beat(&campaign(), Elapsed::START);
            if beat.is_multiple_of(10) {
                progress.event(&campaign(), &EVENT);
            }
        }
        drop(progress);
        assert_eq!((shown.iter().count(), viewed.iter().count()), (MOST_WAITING, 1));
    }
}
