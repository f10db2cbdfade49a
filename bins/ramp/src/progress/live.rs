//! The live display: the whole terminal, kept up to date, and the keys that a person presses there.
//!
//! Its thread reads keys by the system's own calls: crossterm's reader never returns from a terminal that has hung up,
//! and its question for the terminal's size may start another program.

mod draw;
mod history;
mod keys;
mod screen;
mod view;

use std::{
    io::{self, BufWriter},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use ratatui::{
    Terminal, TerminalOptions, Viewport,
    backend::{Backend, CrosstermBackend},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read},
};
use tokio::sync::mpsc::UnboundedSender;

use self::draw::Picture;
pub(super) use self::{screen::Screen, view::View};
use super::{Show, Wish, Word, write_line};

/// What goes between a display and whoever drives the campaign.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) shown: Receiver<Show>,
    pub(super) viewed: Receiver<View>,
    pub(super) wish: UnboundedSender<Wish>,
}

/// Shows whatever comes on `screen` until its last words or until it cannot be drawn on any more, and gives the terminal
/// back with all events on it.
pub(super) fn display(screen: &Arc<Screen>, feed: &Feed) {
    if screen.enter().is_ok() {
        let mut display =
            Display { screen, picture: Picture::default(), is_new: true, is_torn: false, hears: true };
        let words = display.run(feed);
        screen.leave();
        for line in &display.picture.log {
            write_line(io::stderr().lock(), line);
        }
        words.into_iter().for_each(Word::say);
    }
}

/// The display while it has the terminal.
struct Display<'a> {
    screen: &'a Screen,
    picture: Picture,
    /// Whether the picture is another than the one on the screen.
    is_new: bool,
    /// Whether something else may have written over it.
    is_torn: bool,
    /// Whether keys can be read.
    hears: bool,
}

impl Display<'_> {
    /// Draws until the last words, or until the terminal is gone or taken away by a panic.
    fn run(&mut self, feed: &Feed) -> Vec<Word> {
        while self.screen.is_on() {
            match self.run_at_one_size(feed) {
                Ok(None) => {}
                Ok(Some(words)) => return words,
                Err(_gone) => break,
            }
        }
        Vec::new()
    }

    fn run_at_one_size(&mut self, feed: &Feed) -> io::Result<Option<Vec<Word>>> {
        let area = self.screen.area();
        let mut backend = CrosstermBackend::new(BufWriter::with_capacity(ONE_PICTURE, self.screen.output()));
        backend.clear()?;
        // Of a fixed size, so that nobody but this program asks for it.
        let options = TerminalOptions { viewport: Viewport::Fixed(area) };
        let mut terminal = Terminal::with_options(backend, options)?;
        self.is_new = true;
        while self.screen.is_on() && self.screen.area() == area && !std::mem::take(&mut self.is_torn) {
            if std::mem::take(&mut self.is_new) {
                terminal.draw(|frame| self.picture.draw(frame))?;
            }
            if let Some(words) = self.hear(feed) {
                return Ok(Some(words));
            }
        }
        Ok(None)
    }

    /// Takes in what has come, having waited for it a little; gives the last words when they have come.
    fn hear(&mut self, feed: &Feed) -> Option<Vec<Word>> {
        let mut patience = TICK;
        if self.hears {
            self.hear_keys(&feed.wish);
            patience = Duration::ZERO;
        }
        loop {
            match feed.shown.recv_timeout(patience) {
                Ok(Show::Last(words)) => return Some(words),
                Ok(Show::Line(line)) => {
                    self.picture.log(line);
                    self.is_new = true;
                }
                Ok(Show::Frame(_) | Show::Event(_)) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Some(Vec::new()),
            }
            patience = Duration::ZERO;
        }
        for view in feed.viewed.try_iter() {
            self.picture.look(view);
            self.is_new = true;
        }
        None
    }

    /// Waits a little for keys.
    fn hear_keys(&mut self, wish: &UnboundedSender<Wish>) {
        const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: TICK.as_nanos() as _ };
        let mut keys = [0; 64];
        let input = self.screen.input();
        match poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&PATIENCE)) {
            Ok(0) | Err(Errno::INTR) => return,
            Ok(_) => {}
            Err(_) => self.hears = false,
        }
        match read(input, &mut keys) {
            Ok(count @ 1..) => {
                self.is_new = true;
                let (keys, recovering) = (&keys[..count], self.picture.recovering());
                self.is_torn |= keys == [DRAW_ANEW];
                for wanted in self.picture.keys.take(keys, recovering) {
                    // A driver that has ended wants nothing any more.
                    let _ = wish.send(wanted);
                }
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(_) | Err(_) => self.hears = false,
        }
    }
}

/// Ctrl-L.
const DRAW_ANEW: u8 = 0x0c;

/// How long a change, a key or another size may wait.
const TICK: Duration = Duration::from_millis(100);

/// Bytes that a picture takes at most, as a rule: it goes out at once.
const ONE_PICTURE: usize = 1 << 16;
