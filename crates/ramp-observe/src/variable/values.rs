//! The values that a variable can take.

use std::{cmp::Ordering, collections::BTreeMap};

use regress::{Match, Regex};
use tokio::time::Instant;

use crate::client::{
    Prometheus, QueryError,
    answer::{Data, Series},
};

/// A value that a variable can take, and how Grafana shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) text: String,
    pub(super) value: String,
}

impl Choice {
    /// A value that shows itself.
    pub(super) fn of(value: String) -> Self {
        Self { text: value.clone(), value }
    }
}

/// What a variable's query asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'q> {
    /// The names of labels.
    LabelNames,
    /// The values of a label, of the series of a selector or of all.
    LabelValues { selector: Option<&'q str>, label: &'q str },
    /// The names of metrics that match.
    Metrics(&'q str),
    /// The series of an expression with their values, each as a text.
    Result(&'q str),
    /// The series of a selector, each as a text.
    Series(&'q str),
}

impl<'q> Asked<'q> {
    pub(super) fn parse(query: &'q str) -> Self {
        let query = query.trim();
        let arguments = |function: &str| {
            let rest = query.strip_prefix(function)?.trim_start();
            rest.strip_prefix('(')?.strip_suffix(')').map(str::trim)
        };
        if let Some(arguments) = arguments("label_values") {
            let is_label = |text: &str| {
                !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
            };
            let parts = arguments.rsplit_once(',').map(|(selector, label)| (selector.trim(), label.trim()));
            return match parts.filter(|(_, label)| is_label(label)) {
                Some((selector, label)) => Self::LabelValues { selector: Some(selector), label },
                None => Self::LabelValues { selector: None, label: arguments },
            };
        }
        arguments("label_names")
            .map(|_| Self::LabelNames)
            .or_else(|| arguments("metrics").map(Self::Metrics))
            .or_else(|| arguments("query_result").map(Self::Result))
            .unwrap_or(Self::Series(query))
    }

    pub(super) async fn values(
        &self,
        prometheus: &Prometheus,
        time: f64,
        deadline: Instant,
    ) -> Result<Vec<String>, QueryError> {
        match self {
            Self::LabelNames => Ok(prometheus.label_names(time, deadline).await?.data),
            Self::LabelValues { selector: None, label } => {
                Ok(prometheus.label_values(label, time, deadline).await?.data)
            }
            Self::LabelValues { selector: Some(selector), label } => {
                // What is there now, and not whatever was in the last hours.
                let counted = format!("count by ({label}) ({selector})");
                let series = series(prometheus, &counted, time, deadline).await?;
                Ok(series.into_iter().filter_map(|mut one| one.labels.remove(*label)).collect())
            }
            Self::Metrics(pattern) => {
                let names = prometheus.label_values("__name__", time, deadline).await?.data;
                let matching =
                    Regex::new(pattern).map_err(|error| QueryError::Refused { reason: error.to_string() })?;
                Ok(names.into_iter().filter(|name| matching.find(name).is_some()).collect())
            }
            Self::Result(expression) => {
                let written = |one: &Series| {
                    let milliseconds = time * 1_000.0;
                    Some(format!("{} {} {milliseconds:.0}", written(&one.labels), one.value()?))
                };
                Ok(series(prometheus, expression, time, deadline).await?.iter().filter_map(written).collect())
            }
            Self::Series(selector) => {
                let series = series(prometheus, selector, time, deadline).await?;
                Ok(series.iter().map(|one| written(&one.labels)).collect())
            }
        }
    }
}

async fn series(
    prometheus: &Prometheus,
    expression: &str,
    time: f64,
    deadline: Instant,
) -> Result<Vec<Series>, QueryError> {
    match prometheus.query(expression, Some(time), deadline).await?.data {
        Data::Vector(series) => Ok(series),
        Data::Scalar(_) | Data::Matrix(_) | Data::String(_) => {
            Err(QueryError::Refused { reason: "it answers with no series".to_owned() })
        }
    }
}

/// A series as Grafana writes it: `name{a="b",c="d"}`.
fn written(labels: &BTreeMap<String, String>) -> String {
    let name = labels.get("__name__").map_or("", String::as_str);
    let others = labels.iter().filter(|(name, _)| *name != "__name__");
    let others: Vec<_> = others.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{name}{{{}}}", others.join(","))
}

/// What a variable's regex leaves of `values`, each once: a named or first group of it, or the whole value.
pub(super) fn kept(values: Vec<String>, regex: &str) -> Result<Vec<Choice>, String> {
    let mut kept: Vec<Choice> = Vec::new();
    let mut keep = |choice: Choice| {
        if kept.iter().all(|known| known.value != choice.value) {
            kept.push(choice);
        }
    };
    if regex.is_empty() {
        values.into_iter().map(Choice::of).for_each(keep);
        return Ok(kept);
    }
    // The dashboard's regex is one of JavaScript.
    let (pattern, flags) = match regex.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
        Some((pattern, flags)) => (pattern, flags.replace('g', "")),
        None => (regex, String::new()),
    };
    let pattern = Regex::with_flags(pattern, flags.as_str());
    let pattern = pattern.map_err(|error| format!("its regex {regex:?} cannot be used: {error}"))?;
    for value in &values {
        let matches: Vec<_> = pattern.find_iter(value).collect();
        let text = |range: std::ops::Range<usize>| value.get(range).unwrap_or("").to_owned();
        let named = |name: &str| {
            let mut named = matches.iter().flat_map(Match::named_groups);
            let found = named.find(|(group, range)| *group == name && range.is_some());
            found.and_then(|(_, range)| range).map(text)
        };
        let Some(first) = matches.first() else { continue };
        match (named("value"), named("text")) {
            (Some(value), Some(text)) => keep(Choice { text, value }),
            (Some(only), None) | (None, Some(only)) => keep(Choice::of(only)),
            (None, None) if first.captures.is_empty() => keep(Choice::of(value.clone())),
            (None, None) => {
                matches.iter().filter_map(|one| one.group(1)).for_each(|range| keep(Choice::of(text(range))));
            }
        }
    }
    Ok(kept)
}

/// Sorts by Grafana's number of an order: alphabetically, by number, without case; odd is up, even is down.
pub(super) fn sort(choices: &mut [Choice], order: i64) {
    let compare: fn(&str, &str) -> Ordering = match order {
        1 | 2 => |a, b| a.cmp(b),
        3 | 4 | 7 | 8 => |a, b| {
            let number = |text: &str| {
                let digits: String = text
                    .chars()
                    .skip_while(|c| !c.is_ascii_digit())
                    .take_while(char::is_ascii_digit)
                    .collect();
                digits.parse::<u64>().ok()
            };
            number(a).cmp(&number(b)).then_with(|| a.cmp(b))
        },
        5 | 6 => |a, b| a.to_lowercase().cmp(&b.to_lowercase()),
        _as_found => return,
    };
    let compare = |a: &Choice, b: &Choice| compare(&a.text, &b.text);
    choices.sort_by(|a, b| if order % 2 == 0 { compare(b, a) } else { compare(a, b) });
}

/// The values of a list in which a comma stands between them, `\,` within one, and `text : value` names one.
pub(super) fn listed(query: &str) -> Vec<Choice> {
    let marked = query.replace("\\,", "\u{0}");
    let plain = |text: &str| text.trim().trim_matches(['"', '\'']).replace('\u{0}', ",");
    let choices = marked.split(',').map(|choice| {
        let (text, value) = choice.rsplit_once(" : ").unwrap_or((choice, choice));
        Choice { text: plain(text), value: plain(value) }
    });
    choices.filter(|choice| !choice.value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn kept(values: Vec<String>, regex: &str) -> Result<Vec<String>, String> {
        super::kept(values, regex).map(|kept| kept.into_iter().map(|choice| choice.value).collect())
    }

    #[test]
    fn a_value_may_be_shown_as_another_text() {
        let shown = |text: &str, value: &str| Choice { text: text.to_owned(), value: value.to_owned() };
        assert_eq!(listed("Prod : p1,p2"), [shown("Prod", "p1"), shown("p2", "p2")]);
        let found = super::kept(of(&["name=a id=1"]), "/name=(?<text>.) id=(?<value>.)/").unwrap();
        assert_eq!(found, [shown("a", "1")]);
    }

    #[test]
    fn every_query_of_a_variable_is_told_apart() {
        let selector = r#"up{job=~"a,b"}"#;
        let asked = format!("label_values({selector}, instance)");
        assert_eq!(Asked::parse(&asked), Asked::LabelValues { selector: Some(selector), label: "instance" });
        assert_eq!(
            Asked::parse("label_values(topic)"),
            Asked::LabelValues { selector: None, label: "topic" }
        );
        assert_eq!(Asked::parse("label_names()"), Asked::LabelNames);
        assert_eq!(Asked::parse("metrics(kafka_.*)"), Asked::Metrics("kafka_.*"));
        assert_eq!(Asked::parse("query_result(count(up))"), Asked::Result("count(up)"));
        assert_eq!(Asked::parse("up"), Asked::Series("up"));
    }

    #[test]
    fn a_regex_keeps_its_group_or_the_whole_value() {
        let found = of(&[r#"{mountpoint="/data"} 5 1700000000000"#]);
        assert_eq!(kept(found, r#"/.*\"(.*)\".*/"#).unwrap(), ["/data"]);
        assert_eq!(
            kept(of(&["{} 3 1700000000000"]), "/{} (.*) .*/").unwrap(),
            ["3"],
            "braces without a count"
        );
        assert_eq!(kept(of(&["prod-a", "test-a", "prod-a"]), "prod").unwrap(), ["prod-a"]);
        assert_eq!(kept(of(&["A-1"]), "/(?<value>a)-(.*)/i").unwrap(), ["A"]);
        assert_eq!(kept(of(&["ab"]), "/(?=a)(b|a)/g").unwrap(), ["a"], "JavaScript looks ahead");
        assert!(kept(of(&["a"]), "/(/").unwrap_err().contains("cannot be used"));
    }

    #[test]
    fn a_list_knows_names_and_commas_within() {
        let values: Vec<_> =
            listed(r"30s, 1m ,a\,b,Prod : p1,").into_iter().map(|choice| choice.value).collect();
        assert_eq!(values, ["30s", "1m", "a,b", "p1"]);
    }

    #[test]
    fn values_are_sorted_as_the_dashboard_says() {
        let sorted = |order| {
            let mut values: Vec<_> = of(&["b10", "B2", "a1"]).into_iter().map(Choice::of).collect();
            sort(&mut values, order);
            values.into_iter().map(|choice| choice.value).collect::<Vec<_>>()
        };
        assert_eq!(sorted(0), ["b10", "B2", "a1"]);
        assert_eq!(sorted(1), ["B2", "a1", "b10"]);
        assert_eq!(sorted(3), ["a1", "B2", "b10"]);
        assert_eq!(sorted(4), ["b10", "B2", "a1"]);
        assert_eq!(sorted(5), ["a1", "b10", "B2"]);
    }
}
