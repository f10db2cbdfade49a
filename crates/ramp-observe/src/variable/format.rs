//! How a variable is written in an expression, and how its value is put there.

use std::{fmt, sync::LazyLock};

use regex::{Captures, Regex};

/// `$name`, `${name}`, `${name:format}`, `[[name]]` or `[[name:format]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) format: Option<String>,
}

/// What a variable stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A text that goes in as it is.
    Raw(String),
    /// The one value of a variable that has no other.
    Plain(String),
    /// Values of a variable that may have several.
    Many(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(text) | Self::Plain(text) => f.write_str(text),
            Self::Many(values) => f.write_str(&alternatives(values.clone())),
        }
    }
}

impl Value {
    /// The value in Grafana's format of that name, within a PromQL string that `quote` has opened.
    pub(super) fn formatted(&self, format: Option<&str>, quote: Option<char>) -> Result<String, String> {
        let values = match self {
            Self::Raw(text) | Self::Plain(text) => std::slice::from_ref(text),
            Self::Many(values) => values.as_slice(),
        };
        let each = |written: &dyn Fn(&String) -> String| values.iter().map(written).collect::<Vec<_>>();
        match format {
            None | Some("regex") => Ok(match self {
                Self::Raw(text) => text.clone(),
                Self::Plain(text) if format.is_none() => quoted(text, quote),
                Self::Plain(_) | Self::Many(_) => alternatives(each(&|value| quoted(&escaped(value), quote))),
            }),
            Some("raw" | "csv") => Ok(values.join(",")),
            Some("pipe") => Ok(values.join("|")),
            Some("glob") if values.len() > 1 => Ok(format!("{{{}}}", values.join(","))),
            Some("glob") => Ok(values.join(",")),
            Some("singlequote") => Ok(each(&|value| format!("'{}'", value.replace('\'', "\\'"))).join(",")),
            Some("doublequote") => Ok(each(&|value| format!("\"{}\"", value.replace('"', "\\\""))).join(",")),
            Some("sqlstring") => Ok(each(&|value| format!("'{}'", value.replace('\'', "''"))).join(",")),
            Some("json") => Ok(match values {
                [one] => serde_json::Value::from(one.as_str()).to_string(),
                many => serde_json::Value::from(many).to_string(),
            }),
            Some(other) => Err(format!("format {other:?} makes no PromQL")),
        }
    }
}

/// Every variable that `text` refers to.
pub(super) fn references(text: &str) -> Vec<Reference> {
    PATTERN.captures_iter(text).filter_map(|found| Reference::of(&found)).collect()
}

/// `text` with every reference that `value` knows replaced; the name and the reason where one cannot be.
pub(super) fn replace(
    text: &str,
    value: impl Fn(&Reference, Option<char>) -> Result<Option<String>, String>,
) -> Result<String, (String, String)> {
    let (mut replaced, mut copied) = (String::with_capacity(text.len()), 0);
    let mut quote = None;
    for found in PATTERN.captures_iter(text) {
        let (Some(whole), Some(reference)) = (found.get(0), Reference::of(&found)) else { continue };
        let before = text.get(copied..whole.start()).unwrap_or("");
        quote = open_quote(before, quote);
        replaced.push_str(before);
        match value(&reference, quote) {
            Ok(Some(text)) => replaced.push_str(&text),
            Ok(None) => replaced.push_str(whole.as_str()),
            Err(reason) => return Err((reference.name, reason)),
        }
        copied = whole.end();
    }
    replaced.push_str(text.get(copied..).unwrap_or(""));
    Ok(replaced)
}

impl Reference {
    fn of(found: &Captures<'_>) -> Option<Self> {
        let group = |groups: [usize; 3]| groups.into_iter().find_map(|group| found.get(group));
        let name = group([1, 2, 4])?.as_str().to_owned();
        let format = found.get(3).or_else(|| found.get(6)).map(|format| format.as_str().to_owned());
        // A field of a value that has fields: ours are texts, and have none.
        let field = found.get(5).map(|field| format!("field {}", field.as_str()));
        Some(Self { name, format: field.or(format) })
    }
}

/// The quote that is open after `text`, `open` having been open before it.
fn open_quote(text: &str, mut open: Option<char>) -> Option<char> {
    let mut escaped = false;
    for letter in text.chars() {
        match open {
            Some(_) if escaped => escaped = false,
            // Between backticks a backslash is a letter as any other.
            Some(quote) if letter == '\\' && quote != '`' => escaped = true,
            Some(quote) if letter == quote => open = None,
            None if "\"'`".contains(letter) => open = Some(letter),
            Some(_) | None => {}
        }
    }
    open
}

/// `text` as it must be written within a string.
fn quoted(text: &str, quote: Option<char>) -> String {
    match quote {
        Some(quote @ ('"' | '\'')) => text.replace('\\', "\\\\").replace(quote, &format!("\\{quote}")),
        Some(_) | None => text.to_owned(),
    }
}

/// The regular expression that matches `value` alone, with no more marks escaped than Grafana does.
fn escaped(value: &str) -> String {
    let letters = value.chars().flat_map(|letter| {
        let mark = r"\^$*+?.()|[]{}".contains(letter).then_some('\\');
        mark.into_iter().chain([letter])
    });
    letters.collect()
}

/// The regular expression that matches one of `values`.
fn alternatives(values: Vec<String>) -> String {
    match values.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join("|")),
    }
}

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}";
    Regex::new(pattern).expect("the pattern is valid")
});

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, value: &Value) -> String {
        replace(text, |reference, quote| value.formatted(reference.format.as_deref(), quote).map(Some))
            .unwrap()
    }

    fn many(values: &[&str]) -> Value {
        Value::Many(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn every_way_of_writing_a_variable_is_found() {
        let found = references("$a + ${b} + ${c:regex} + [[d]] + [[e:csv]] + $__interval");
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.format.as_deref())).collect();
        assert_eq!(
            found,
            [
                ("a", None),
                ("b", None),
                ("c", Some("regex")),
                ("d", None),
                ("e", Some("csv")),
                ("__interval", None)
            ]
        );
    }

    #[test]
    fn several_values_match_literally_within_the_quotes_they_stand_in() {
        let two = many(&["a-1.json", "b|c"]);
        assert_eq!(filled(r#"x{t=~"$t"}"#, &two), r#"x{t=~"(a-1\\.json|b\\|c)"}"#);
        assert_eq!(filled("x{t=~`$t`}", &two), r"x{t=~`(a-1\.json|b\|c)`}");
        assert_eq!(filled(r#"x{t=~"${t:regex}"}"#, &two), r#"x{t=~"(a-1\\.json|b\\|c)"}"#);
        assert_eq!(filled(r#"x{t=~"$t"}"#, &many(&["a.json"])), r#"x{t=~"a\\.json"}"#);
    }

    #[test]
    fn one_value_is_no_regex_and_cannot_leave_its_quotes() {
        let one = Value::Plain(r#"a.b\c"d'e"#.to_owned());
        assert_eq!(filled(r#"x{t="$t"}"#, &one), r#"x{t="a.b\\c\"d'e"}"#);
        assert_eq!(filled("x{t='$t'}", &one), r#"x{t='a.b\\c"d\'e'}"#);
        assert_eq!(filled("rate(x[$t])", &Value::Plain("30s".to_owned())), "rate(x[30s])");
    }

    #[test]
    fn each_format_is_grafana_s() {
        let two = many(&["a", "b'c"]);
        for (format, expected) in [
            ("raw", "a,b'c"),
            ("csv", "a,b'c"),
            ("pipe", "a|b'c"),
            ("glob", "{a,b'c}"),
            ("singlequote", r"'a','b\'c'"),
            ("doublequote", r#""a","b'c""#),
            ("sqlstring", "'a','b''c'"),
            ("json", r#"["a","b'c"]"#),
        ] {
            assert_eq!(two.formatted(Some(format), None).unwrap(), expected, "{format}");
        }
        assert_eq!(many(&["a"]).formatted(Some("glob"), None).unwrap(), "a");
        assert!(two.formatted(Some("date"), None).unwrap_err().contains("\"date\""));
    }

    #[test]
    fn what_is_not_known_and_the_groups_of_label_replace_stay_as_they_are() {
        let text = r#"label_replace(up, "a", "$1", "b", "(.*)$")"#;
        assert_eq!(replace(text, |_, _| Ok(None)).unwrap(), text);
    }
}
