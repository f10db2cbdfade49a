//! How Kafka's tool reads its arguments: the grammar and the wording of argparse4j, which scripts rely on.

use std::collections::BTreeMap;

use super::flags::{FLAGS, Flag, Kind};

/// What was given, by flag. Texts stay texts until they are converted.
pub(super) type Given = BTreeMap<&'static str, Vec<String>>;

/// Why arguments are not read to their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// Help is asked for.
    Help,
    /// They cannot be used.
    Error(ParseError),
}

/// Why arguments cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ParseError {
    message: String,
    /// Flags that may have been meant.
    pub(super) candidates: Vec<&'static str>,
}

impl ParseError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), candidates: Vec::new() }
    }

    fn of(flag: &Flag, message: &str) -> Stop {
        Stop::Error(Self::new(format!("argument {}: {message}", flag.name)))
    }
}

/// Reads `arguments` into what was given.
pub(super) fn parse(arguments: &[String]) -> Result<Given, Stop> {
    let mut parser = Parser { rest: arguments, separated: false, payload: None, given: Given::new() };
    while let Some((argument, rest)) = parser.rest.split_first() {
        if argument == "--" && !parser.separated {
            parser.separated = true;
            parser.rest = rest;
        } else if parser.is_flag(argument) {
            parser.rest = rest;
            parser.flag(argument)?;
        } else {
            let words: Vec<_> = parser.rest.iter().map(|word| without_secret(word)).collect();
            return Err(unrecognized(&words.join(" "), None));
        }
    }
    parser.finish()
}

struct Parser<'a> {
    rest: &'a [String],
    /// Whether `--` has ended the flags.
    separated: bool,
    /// The kind of payload that was chosen.
    payload: Option<&'static str>,
    given: Given,
}

impl Parser<'_> {
    fn is_flag(&self, argument: &str) -> bool {
        let body = argument.trim_start_matches('-');
        let is_negative = argument.len() == body.len() + 1 && body.chars().all(|c| c.is_ascii_digit());
        !self.separated && (argument == "--" || argument.starts_with('-') && !body.is_empty() && !is_negative)
    }

    fn flag(&mut self, argument: &str) -> Result<(), Stop> {
        let (name, embedded) = argument.split_once('=').map_or((argument, None), |(n, v)| (n, Some(v)));
        if let Some(flag) = resolve(name)? {
            return self.take(flag, embedded);
        }
        // One dash and several letters are several flags; `-h` is the only one of them.
        if argument.starts_with("-h") {
            return Err(Stop::Help);
        }
        Err(unrecognized(&without_secret(argument), Some(argument)))
    }

    fn take(&mut self, flag: &'static Flag, embedded: Option<&str>) -> Result<(), Stop> {
        if flag.is_payload {
            let first = *self.payload.get_or_insert(flag.name);
            if first != flag.name {
                return Err(ParseError::of(flag, &format!("not allowed with argument {first}")));
            }
        }
        let values = match flag.kind {
            Kind::Help => return Err(Stop::Help),
            Kind::Switch => match embedded {
                None => Vec::new(),
                Some(text) => {
                    let message = format!("ignore implicit argument '{text}'");
                    return Err(ParseError::of(flag, &message));
                }
            },
            Kind::Several => match embedded {
                Some(text) => vec![text.to_owned()],
                None => self.values(usize::MAX),
            },
            Kind::Text | Kind::Int | Kind::Long | Kind::Double => match embedded {
                Some(text) => vec![text.to_owned()],
                None => self.values(1),
            },
        };
        match (flag.kind, values.first()) {
            (Kind::Several, None) => return Err(ParseError::of(flag, "expected 1 argument(s)")),
            (Kind::Text | Kind::Int | Kind::Long | Kind::Double, None) => {
                return Err(ParseError::of(flag, "expected one argument"));
            }
            (Kind::Int | Kind::Long | Kind::Double, Some(value)) => convert(flag, value)?,
            (Kind::Help | Kind::Switch | Kind::Several | Kind::Text, _) => {}
        }
        self.given.insert(flag.name, values);
        Ok(())
    }

    /// The next arguments that are no flags, at most so many.
    fn values(&mut self, most: usize) -> Vec<String> {
        let end = self.rest.iter().take(most).take_while(|argument| !self.is_flag(argument)).count();
        let (values, rest) = self.rest.split_at(end);
        self.rest = rest;
        values.to_vec()
    }

    fn finish(self) -> Result<Given, Stop> {
        // Of several that are missing, the original names the last.
        let missing = FLAGS.iter().rfind(|flag| flag.is_required && !self.given.contains_key(flag.name));
        if let Some(flag) = missing {
            return Err(Stop::Error(ParseError::new(format!("argument {} is required", flag.name))));
        }
        if self.payload.is_none() {
            let names: String =
                FLAGS.iter().filter(|flag| flag.is_payload).map(|flag| format!("{} ", flag.name)).collect();
            return Err(Stop::Error(ParseError::new(format!("one of the arguments {names}is required"))));
        }
        Ok(self.given)
    }
}

/// The flag of this name, or the only one that begins with it.
fn resolve(name: &str) -> Result<Option<&'static Flag>, Stop> {
    if let Some(exact) = FLAGS.iter().find(|flag| flag.name == name || flag.short == Some(name)) {
        return Ok(Some(exact));
    }
    let mut candidates: Vec<_> = FLAGS.iter().filter(|flag| flag.name.starts_with(name)).collect();
    match candidates.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _several => {
            candidates.sort_by_key(|flag| flag.name);
            let names: Vec<_> = candidates.iter().map(|flag| flag.name).collect();
            let message = format!("ambiguous option: {name} could match {}", names.join(", "));
            Err(Stop::Error(ParseError::new(message)))
        }
    }
}

fn unrecognized(text: &str, flag: Option<&str>) -> Stop {
    let candidates = flag.map_or_else(Vec::new, |flag| {
        let name = flag.split('=').next().unwrap_or(flag);
        let scored = FLAGS.iter().map(|flag| (strsim::jaro_winkler(name, flag.name), flag.name));
        let near = scored.filter(|(score, _)| *score >= NEAR);
        near.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name).into_iter().collect()
    });
    Stop::Error(ParseError { message: format!("unrecognized arguments: '{text}'"), candidates })
}

/// A word for a message, without what follows the first `=`: it may be a password.
fn without_secret(word: &str) -> String {
    match word.split_once('=') {
        Some((name, _)) => format!("{name}=***"),
        None => word.to_owned(),
    }
}

fn convert(flag: &Flag, value: &str) -> Result<(), Stop> {
    let (converted, form) = match flag.kind {
        Kind::Int => (value.parse::<i32>().is_ok(), "Integer"),
        Kind::Long => (value.parse::<i64>().is_ok(), "Long"),
        Kind::Double => (double(value).is_some(), "Double"),
        Kind::Help | Kind::Switch | Kind::Several | Kind::Text => (true, "String"),
    };
    if converted {
        return Ok(());
    }
    let why = match flag.kind {
        Kind::Double if value.trim().is_empty() => "empty String".to_owned(),
        Kind::Double => format!("For input string: \"{}\"", value.trim()),
        Kind::Help | Kind::Switch | Kind::Several | Kind::Text | Kind::Int | Kind::Long => {
            format!("For input string: \"{value}\"")
        }
    };
    Err(ParseError::of(flag, &format!("could not convert '{value}' to {form} ({why})")))
}

/// A number as Java writes it: blanks around it, an `f` or `d` behind it, `NaN` and `Infinity` by these names only.
pub(super) fn double(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return text.parse().ok();
    }
    let number = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    number.parse().ok().filter(|_| is_number)
}

const NEAR: f64 = 0.8;
