//! What a person at the live display presses, and what follows from it.

use ramp_core::campaign::{Campaign, Stage};

use crate::progress::Wish;

/// What is asked, said or shown because of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Dialog {
    /// Nothing.
    #[default]
    None,
    /// Whether the campaign is to be stopped.
    Stop,
    /// What the keys do.
    Help,
}

/// The keys and their state.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) dialog: Dialog,
    /// What the last key came to, until the next.
    pub(super) notice: Option<&'static str>,
    /// Whether the campaign was told to stop.
    stops: bool,
    /// The tier whose recovery was told to end early.
    skipped: Option<usize>,
}

impl Keys {
    /// Takes what was read from the terminal at once; `recovering` is the tier that recovers, if one does.
    pub(super) fn take(&mut self, read: &[u8], recovering: Option<usize>) -> Vec<Wish> {
        match read {
            // An arrow, a function key or the mouse.
            [ESCAPE, _, ..] => Vec::new(),
            keys => {
                let text = String::from_utf8_lossy(keys);
                text.chars().filter_map(|key| self.press(key, recovering)).collect()
            }
        }
    }

    fn press(&mut self, key: char, recovering: Option<usize>) -> Option<Wish> {
        self.notice = None;
        match (std::mem::take(&mut self.dialog), key) {
            // Where another key than this one raises the signal.
            (_, INTERRUPT) => Some(Wish::Interrupt),
            (Dialog::Stop, 'y' | 'Y') => {
                self.stops = true;
                Some(Wish::Stop)
            }
            (Dialog::None, 'q' | 'Q') => {
                match self.stops {
                    true => self.notice = Some("it stops already; Ctrl-C ends it at once"),
                    false => self.dialog = Dialog::Stop,
                }
                None
            }
            (Dialog::None, '?' | 'h') => {
                self.dialog = Dialog::Help;
                None
            }
            (Dialog::None, 's' | 'S') => self.skip(recovering),
            (Dialog::Stop, _) => {
                self.notice = Some("it goes on");
                None
            }
            (Dialog::Help | Dialog::None, _) => None,
        }
    }

    fn skip(&mut self, recovering: Option<usize>) -> Option<Wish> {
        let Some(tier) = recovering else {
            self.notice = Some("no recovery is waited for");
            return None;
        };
        self.notice = Some("the wait ends once all records have arrived and the last readings are in");
        (self.skipped.replace(tier) != Some(tier)).then_some(Wish::SkipRecovery { tier })
    }
}

/// The tier that recovers, if one does.
pub(super) fn recovering(campaign: &Campaign) -> Option<usize> {
    match campaign.stage() {
        Stage::Recovering { tier, .. } => Some(tier),
        Stage::Proving { .. } | Stage::Starting { .. } | Stage::Loading { .. } | Stage::Done { .. } => None,
    }
}

const ESCAPE: u8 = 0x1b;
const INTERRUPT: char = '\u{3}';

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(keys: &mut Keys, text: &str) -> Vec<Wish> {
        keys.take(text.as_bytes(), Some(1))
    }

    #[test]
    fn a_campaign_is_stopped_only_after_a_question_and_only_once() {
        let mut keys = Keys::default();
        assert_eq!(pressed(&mut keys, "y"), []);
        for (no, notice) in [("n", true), ("\u{1b}", true), ("q", true)] {
            assert_eq!(pressed(&mut keys, "q"), []);
            assert_eq!(keys.dialog, Dialog::Stop);
            assert_eq!(pressed(&mut keys, no), []);
            assert_eq!((keys.dialog, keys.notice.is_some()), (Dialog::None, notice), "{no:?}");
        }
        assert_eq!(pressed(&mut keys, "q"), []);
        assert_eq!(pressed(&mut keys, "\u{1b}[A"), [], "an arrow is no answer");
        assert_eq!(keys.dialog, Dialog::Stop);
        assert_eq!(pressed(&mut keys, "y"), [Wish::Stop]);
        assert_eq!(pressed(&mut keys, "qy"), [], "it stops already");
        assert_eq!(keys.dialog, Dialog::None);
    }

    #[test]
    fn a_recovery_is_skipped_once_and_only_while_there_is_one() {
        let mut keys = Keys::default();
        assert_eq!(keys.take(b"s", None), []);
        assert_eq!(keys.notice, Some("no recovery is waited for"));
        assert_eq!(keys.take(b"s", Some(0)), [Wish::SkipRecovery { tier: 0 }]);
        assert_eq!(keys.take(b"s", Some(0)), []);
        assert_eq!(keys.take(b"s", Some(1)), [Wish::SkipRecovery { tier: 1 }]);
    }

    #[test]
    fn help_comes_and_goes_and_no_key_behind_it_acts() {
        let mut keys = Keys::default();
        assert_eq!(pressed(&mut keys, "?"), []);
        assert_eq!(keys.dialog, Dialog::Help);
        assert_eq!(pressed(&mut keys, "s"), []);
        assert_eq!(keys.dialog, Dialog::None);
    }

    #[test]
    fn an_interrupt_that_comes_as_a_key_is_one_whatever_is_asked() {
        let mut keys = Keys::default();
        for before in ["", "q", "?"] {
            pressed(&mut keys, before);
            assert_eq!(pressed(&mut keys, "\u{3}"), [Wish::Interrupt]);
        }
        assert_eq!(pressed(&mut keys, "\u{3}\u{3}"), [Wish::Interrupt; 2]);
    }

    #[test]
    fn bytes_that_are_no_text_are_no_key() {
        let mut keys = Keys::default();
        assert_eq!(keys.take(&[0xff, 0xc3], Some(0)), []);
        assert_eq!(keys.take(&[], Some(0)), []);
    }
}
