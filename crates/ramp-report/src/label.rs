//! Text from outside (names, labels, error messages), made harmless for whoever shows it.

use unicode_width::UnicodeWidthChar;

/// The beginning of a text that is longer than anybody reads.
pub(crate) fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// The text with nothing in it that acts instead of being seen.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if is_invisible(c) { '\u{fffd}' } else { c }).collect()
}

/// Control characters, marks that change the direction of what follows, and what no XML may hold.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A text that begins as a sentence does.
pub(crate) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(rest).chain(['.']).collect()
}

/// The columns of a terminal that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// The columns of a terminal that a character takes.
pub(crate) fn char_columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

const LONGEST: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_replaced_and_what_is_seen_stays() {
        assert_eq!(
            visible("a\u{1b}[31m\u{202e}b\nc\u{2028}é|<"),
            "a\u{fffd}[31m\u{fffd}b\u{fffd}c\u{fffd}é|<"
        );
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let text = short(&"x".repeat(10_000));
        assert_eq!(text.chars().count(), LONGEST);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn a_wide_character_takes_two_columns_and_a_combining_one_none() {
        assert_eq!(columns("a界e\u{301}"), 4);
    }
}
