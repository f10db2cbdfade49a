//! The terminal while the live display has it: a screen of its own, and keys that come one by one and are not echoed.

use std::{
    env,
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::{AsFd, OwnedFd},
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::{
    crossterm::{
        cursor::{Hide, Show},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen},
    },
    layout::{Rect, Size},
};
use rustix::{
    process::getpgrp,
    termios::{
        InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush,
        tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
    },
};

/// A terminal, as it was found.
#[derive(Debug)]
pub(in crate::progress) struct Screen {
    input: OwnedFd,
    output: File,
    modes: Termios,
    /// Whether the display has it.
    on: AtomicBool,
}

impl Screen {
    /// The terminal of this process, where it has one that can be drawn on and read from.
    pub(in crate::progress) fn of_process() -> Option<Self> {
        let (input, output) = (io::stdin(), io::stderr());
        let is_terminal = input.is_terminal() && io::stdout().is_terminal() && output.is_terminal();
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        // The system stops a process in the background that changes the terminal's modes.
        let is_in_front = tcgetpgrp(&input).is_ok_and(|group| group == getpgrp());
        if !is_terminal || is_dumb || !is_in_front {
            return None;
        }
        let input = input.as_fd().try_clone_to_owned().ok()?;
        // A handle of its own: whoever else writes to standard error never waits for a lock that a drawing holds.
        let output = output.as_fd().try_clone_to_owned().ok()?;
        Self::new(input, output.into()).ok()
    }

    /// The terminal that `input` reads from and `output` writes to.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn new(input: OwnedFd, output: File) -> io::Result<Self> {
        let modes = tcgetattr(&input)?;
        Ok(Self { input, output, modes, on: AtomicBool::new(false) })
    }

    /// Takes the terminal until [`leave`](Self::leave), which a panic of any thread does as well.
    ///
    /// # Errors
    /// When it takes nothing.
    pub(super) fn enter(self: &Arc<Self>) -> io::Result<()> {
        let mut modes = self.modes.clone();
        // The keys that raise signals stay: an interrupt arrives even while this program waits for the terminal.
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
        // But for this one: a load that is suspended with its terminal measures nothing.
        modes.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
        self.on.store(true, Ordering::SeqCst);
        let screen = Arc::downgrade(self);
        let other = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // What is said of the panic is to be seen.
            if let Some(screen) = screen.upgrade() {
                screen.leave();
            }
            other(panic);
        }));
        let entered = tcsetattr(&self.input, OptionalActions::Now, &modes).map_err(io::Error::from);
        let entered = entered.and_then(|()| execute!(&self.output, EnterAlternateScreen, Hide));
        entered.inspect_err(|_| self.leave())
    }

    /// Gives the terminal back as it was found; harmless where that has been done.
    pub(super) fn leave(&self) {
        if self.on.swap(false, Ordering::SeqCst) {
            // A terminal that is gone cannot be left better.
            let _ = execute!(&self.output, LeaveAlternateScreen, Show);
            self.restore_modes();
        }
    }

    /// Gives a terminal that takes nothing its modes back, which waits for nothing. If a key has paused it, it goes on, so
    /// that whoever waits to leave it can.
    pub(in crate::progress) fn wrest(&self) {
        let mut unpaused = self.modes.clone();
        unpaused.input_modes.remove(InputModes::IXON);
        let _ = tcsetattr(&self.input, OptionalActions::Now, &unpaused);
        self.restore_modes();
    }

    fn restore_modes(&self) {
        // A terminal that is gone has no modes.
        let _ = tcflush(&self.input, QueueSelector::IFlush);
        let _ = tcsetattr(&self.input, OptionalActions::Now, &self.modes);
    }

    /// Whether the display has it still.
    pub(in crate::progress) fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Where keys come from.
    pub(super) fn input(&self) -> &OwnedFd {
        &self.input
    }

    /// Where the display goes.
    pub(super) fn output(&self) -> impl Write {
        &self.output
    }

    /// Its area now. One that says it has none gets the usual one, one that claims to be huge no more than is ever seen.
    pub(super) fn area(&self) -> Rect {
        let size = tcgetwinsize(&self.output).map_or(USUAL, |size| Size::new(size.ws_col, size.ws_row));
        let size = if size.width == 0 || size.height == 0 { USUAL } else { size };
        Rect::new(0, 0, size.width.min(MOST.width), size.height.min(MOST.height))
    }
}

/// What the system takes for no key at all.
const NO_KEY: u8 = if cfg!(target_os = "linux") { 0 } else { 0xff };

const USUAL: Size = Size::new(80, 24);
const MOST: Size = Size::new(500, 200);

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Read, thread};

    use rustix::{
        pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
        termios::{Winsize, tcsetwinsize},
    };

    use super::*;

    /// A pseudo-terminal: its other end, and the screen on it.
    fn terminal() -> (File, Arc<Screen>) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let input = slave.try_clone().unwrap().into();
        (master.into(), Arc::new(Screen::new(input, slave).unwrap()))
    }

    /// What has been written to the terminal up to `end`.
    fn written(master: &mut File, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let mut byte = [0];
            master.read_exact(&mut byte).unwrap();
            text.extend(byte);
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_panic_of_any_thread_gives_the_terminal_back() {
        let (mut master, screen) = terminal();
        let before = format!("{:?}", screen.modes);
        let now = || format!("{:?}", tcgetattr(&screen.input).unwrap());
        screen.enter().unwrap();
        assert_ne!(now(), before);
        assert!(screen.is_on());
        written(&mut master, "\u{1b}[?25l");
        thread::spawn(|| panic!("a thread that breaks off")).join().unwrap_err();
        assert!(!screen.is_on());
        assert_eq!(now(), before);
        assert_eq!(written(&mut master, "\u{1b}[?25h"), "\u{1b}[?1049l\u{1b}[?25h");
    }

    #[test]
    fn a_terminal_without_a_size_has_the_usual_one_and_a_huge_one_is_drawn_in_part() {
        let (_master, screen) = terminal();
        assert_eq!(screen.area(), Rect::new(0, 0, 80, 24));
        for (columns, rows, seen) in [(1, 1, (1, 1)), (0, 40, (80, 24)), (60_000, 60_000, (500, 200))] {
            let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
            tcsetwinsize(&screen.output, size).unwrap();
            assert_eq!((screen.area().width, screen.area().height), seen);
        }
    }

    #[test]
    fn what_is_no_terminal_is_no_screen() {
        let file = || File::open("/dev/null").unwrap();
        assert!(Screen::new(file().into(), file()).is_err());
    }
}
