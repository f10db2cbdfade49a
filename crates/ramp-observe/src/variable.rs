//! Template variables: what `$topic` stands for.

use std::{collections::BTreeMap, time::Duration};

use regex::Regex;

use crate::{
    client::{Prometheus, QueryError},
    dashboard::{Dashboard, Variable},
};

/// Why a template variable stands for nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VariableError {
    /// It is used and not defined.
    #[error("{dashboard} uses ${name} and does not define it; set it under [prometheus.variables]")]
    Unknown {
        /// The dashboard.
        dashboard: String,
        /// The variable.
        name: String,
    },
    /// Its query found no value.
    #[error(
        "${name} of {dashboard} has no value: {query:?} found none; \
         set it under [prometheus.variables], or check that Prometheus scrapes what it asks for"
    )]
    Empty {
        /// The dashboard.
        dashboard: String,
        /// The variable.
        name: String,
        /// Its query, resolved.
        query: String,
    },
    /// Its query failed.
    #[error("${name} of {dashboard}: {query:?}: {source}")]
    Query {
        /// The dashboard.
        dashboard: String,
        /// The variable.
        name: String,
        /// Its query, resolved.
        query: String,
        /// Why.
        source: QueryError,
    },
    /// It is defined by way of itself.
    #[error("${name} of {dashboard} is defined by way of itself")]
    Circular {
        /// The dashboard.
        dashboard: String,
        /// The variable.
        name: String,
    },
}

/// The variables of one dashboard as they are resolved.
pub(crate) struct Resolver<'a> {
    prometheus: &'a Prometheus,
    dashboard: &'a Dashboard,
    /// Grafana's own variables, and those that the user has set.
    given: BTreeMap<String, String>,
    resolved: BTreeMap<String, String>,
    time: f64,
}

impl<'a> Resolver<'a> {
    /// A resolver that takes what is `given` before what the dashboard defines.
    pub(crate) fn new(
        prometheus: &'a Prometheus,
        dashboard: &'a Dashboard,
        given: &BTreeMap<String, String>,
        sampling: Duration,
        time: f64,
    ) -> Self {
        let seconds = |span: Duration| format!("{}s", span.as_secs().max(1));
        let own = [
            ("__interval", seconds(sampling)),
            ("__rate_interval", seconds(sampling * 4)),
            ("__range", seconds(sampling * 12)),
        ];
        let mut all: BTreeMap<_, _> = own.map(|(name, value)| (name.to_owned(), value)).into();
        all.extend(given.clone());
        Self { prometheus, dashboard, given: all, resolved: BTreeMap::new(), time }
    }

    /// `text` with every variable replaced.
    pub(crate) async fn resolve(&mut self, text: &str) -> Result<String, VariableError> {
        for name in names(text) {
            self.variable(&name, &mut Vec::new()).await?;
        }
        Ok(self.replace(text))
    }

    /// What each variable was resolved to so far.
    pub(crate) fn into_values(self) -> BTreeMap<String, String> {
        self.resolved
    }

    async fn variable(&mut self, name: &str, under_way: &mut Vec<String>) -> Result<(), VariableError> {
        if self.resolved.contains_key(name) {
            return Ok(());
        }
        let dashboard = || self.dashboard.file.clone();
        if let Some(value) = self.given.get(name) {
            self.resolved.insert(name.to_owned(), value.clone());
            return Ok(());
        }
        if under_way.iter().any(|outer| outer == name) {
            return Err(VariableError::Circular { dashboard: dashboard(), name: name.to_owned() });
        }
        let variables = self.dashboard.variables.iter();
        let unknown = || VariableError::Unknown { dashboard: dashboard(), name: name.to_owned() };
        let variable = variables.clone().find(|variable| variable.name == name).ok_or_else(unknown)?;
        under_way.push(name.to_owned());
        for inner in names(variable.query()) {
            Box::pin(self.variable(&inner, under_way)).await?;
        }
        under_way.pop();
        let value = self.value(variable).await?;
        self.resolved.insert(name.to_owned(), value);
        Ok(())
    }

    async fn value(&self, variable: &Variable) -> Result<String, VariableError> {
        let query = self.replace(variable.query());
        let values = match variable.kind.as_str() {
            "query" => {
                let found = self.values(&query).await.map_err(|source| VariableError::Query {
                    dashboard: self.dashboard.file.clone(),
                    name: variable.name.clone(),
                    query: query.clone(),
                    source,
                })?;
                filtered(found, variable.regex())
            }
            "custom" | "interval" => query.split(',').map(|value| value.trim().to_owned()).collect(),
            _constant_textbox_datasource => vec![query.clone()],
        };
        let chosen = variable.current().filter(|chosen| values.iter().any(|value| value == chosen));
        match (variable.is_many(), chosen, values.as_slice()) {
            (true, ..) if variable.all_value.is_some() => Ok(variable.all_value.clone().unwrap_or_default()),
            (_, _, []) => Err(VariableError::Empty {
                dashboard: self.dashboard.file.clone(),
                name: variable.name.clone(),
                query,
            }),
            (true, _, values) => Ok(any_of(values)),
            (false, Some(chosen), _) => Ok(chosen.to_owned()),
            (false, None, [first, ..]) => Ok(first.clone()),
        }
    }

    /// The values that a variable's query finds, sorted.
    async fn values(&self, query: &str) -> Result<Vec<String>, QueryError> {
        let query = query.trim();
        let arguments = |function: &str| {
            let rest = query.strip_prefix(function)?.trim_start();
            rest.strip_prefix('(')?.strip_suffix(')')
        };
        if let Some(expression) = arguments("query_result") {
            let series = self.prometheus.query(expression, self.time).await?;
            return Ok(series
                .iter()
                .map(|one| format!("{{{}}} {}", labels(&one.labels), one.value))
                .collect());
        }
        let Some(arguments) = arguments("label_values") else {
            return Err(QueryError::Answer { reason: "neither label_values nor query_result".to_owned() });
        };
        let Some((metric, label)) = arguments.rsplit_once(',').filter(|(_, label)| !label.contains('}'))
        else {
            return Ok(self.prometheus.label_values(arguments.trim()).await?.into_iter().collect());
        };
        let (metric, label) = (metric.trim(), label.trim());
        let series = self.prometheus.query(&format!("count by ({label}) ({metric})"), self.time).await?;
        let mut values: Vec<_> = series.into_iter().filter_map(|mut one| one.labels.remove(label)).collect();
        values.sort();
        Ok(values)
    }

    fn replace(&self, text: &str) -> String {
        let pattern = reference();
        let replaced = pattern.replace_all(text, |found: &regex::Captures<'_>| {
            let whole = found.get(0).map_or("", |whole| whole.as_str());
            let value = name_of(found).and_then(|name| self.resolved.get(name));
            value.map_or_else(|| whole.to_owned(), Clone::clone)
        });
        replaced.into_owned()
    }
}

/// The regular expression, as PromQL quotes it, that matches exactly `values`.
pub(crate) fn any_of(values: &[String]) -> String {
    // Within PromQL's quotes every backslash of the expression stands twice.
    let quoted: Vec<_> = values.iter().map(|value| regex::escape(value).replace('\\', "\\\\")).collect();
    match quoted.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join("|")),
    }
}

/// Labels as a person reads them.
pub(crate) fn labels(labels: &BTreeMap<String, String>) -> String {
    let shown = labels.iter().filter(|(name, _)| *name != "__name__");
    shown.map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(", ")
}

fn filtered(values: Vec<String>, regex: Option<&str>) -> Vec<String> {
    let pattern = regex.map(|regex| regex.trim_start_matches('/').trim_end_matches('/'));
    let Some(Ok(pattern)) = pattern.map(Regex::new) else { return values };
    let part = |value: String| {
        let found = pattern.captures(&value)?;
        found.get(1).or_else(|| found.get(0)).map(|part| part.as_str().to_owned())
    };
    values.into_iter().filter_map(part).collect()
}

fn names(text: &str) -> Vec<String> {
    reference().captures_iter(text).filter_map(|found| name_of(&found).map(str::to_owned)).collect()
}

fn name_of<'t>(found: &regex::Captures<'t>) -> Option<&'t str> {
    (1..=3).find_map(|group| found.get(group)).map(|name| name.as_str())
}

/// `$name`, `${name}`, `${name:format}` and `[[name]]`.
fn reference() -> Regex {
    Regex::new(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}|\[\[(\w+)(?::\w+)?\]\]").expect("the pattern is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_variable_is_found() {
        assert_eq!(names("$a + ${b} + ${c:regex} + [[d]]"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn values_match_literally_within_promql_s_quotes() {
        assert_eq!(any_of(&["a.json".to_owned()]), r"a\\.json");
        assert_eq!(any_of(&["a".to_owned(), "b|c".to_owned()]), r"(a|b\\|c)");
    }

    #[test]
    fn a_regex_keeps_its_group() {
        let found = vec![r#"{mountpoint="/data"} 5"#.to_owned()];
        assert_eq!(filtered(found, Some(r#"/.*\"(.*)\".*/"#)), ["/data"]);
    }
}
