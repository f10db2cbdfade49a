//! Template variables: what `$topic` stands for.

mod format;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use self::{
    format::{Reference, Value},
    values::Choice,
};
use crate::{
    catalog::nearest,
    client::{Prometheus, QueryError},
    dashboard::{Dashboard, Dashboards, Variable},
};

/// What a user sets a template variable to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableValue {
    /// A text that is put in as it is written; `$__all` stands for every value.
    Text(String),
    /// Values, each matched literally.
    Many(Vec<String>),
}

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
    /// It is set and nothing uses it.
    #[error(
        "[prometheus.variables] sets {name:?}, which no dashboard defines or uses; the nearest are {nearest}"
    )]
    Unused {
        /// The variable.
        name: String,
        /// Variables like it.
        nearest: String,
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
        source: Box<QueryError>,
    },
    /// It is defined in a way that is not known.
    #[error("${name} of {dashboard}: {reason}; set it under [prometheus.variables]")]
    Unsupported {
        /// The dashboard.
        dashboard: String,
        /// The variable.
        name: String,
        /// What is not known.
        reason: String,
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

/// Refuses a variable that is `given` and that no dashboard defines or uses: its name is a mistake.
pub(crate) fn all_used<'g>(
    given: impl Iterator<Item = &'g String>,
    dashboards: &Dashboards,
) -> Result<(), VariableError> {
    let texts = dashboards.queries().flat_map(|found| found.steps().chain([found.expression()]));
    let used = texts.flat_map(format::references).map(|reference| reference.name);
    let known: BTreeSet<_> =
        used.chain(dashboards.variables().map(|variable| variable.name.clone())).collect();
    for name in given {
        if !known.contains(name) {
            let nearest = nearest(name, known.iter().map(String::as_str));
            return Err(VariableError::Unused { name: name.clone(), nearest });
        }
    }
    Ok(())
}

/// Grafana's own variables of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The step between two points of a graph.
    pub(crate) interval: Duration,
    /// How often the samples behind are taken.
    pub(crate) scrape: Duration,
    /// The time that the dashboard shows.
    pub(crate) range: Duration,
}

impl Times {
    fn value(&self, name: &str) -> Option<String> {
        // Four scrapes are the least that a rate can be told from with one of them lost.
        let rate = (self.interval + self.scrape).max(self.scrape * 4);
        let milliseconds = |span: Duration| span.as_millis().to_string();
        match name {
            "__interval" => Some(written(self.interval)),
            "__interval_ms" => Some(milliseconds(self.interval)),
            "__rate_interval" => Some(written(rate)),
            "__rate_interval_ms" => Some(milliseconds(rate)),
            "__range" => Some(written(self.range)),
            "__range_s" => Some(self.range.as_secs().max(1).to_string()),
            "__range_ms" => Some(milliseconds(self.range)),
            _ => None,
        }
    }
}

/// What a variable stands for, and what Grafana shows of that.
#[derive(Debug, Clone)]
struct Resolved {
    value: Value,
    text: String,
}

impl Resolved {
    fn raw(text: String) -> Self {
        Self { value: Value::Raw(text.clone()), text }
    }

    fn plain(Choice { text, value }: Choice) -> Self {
        Self { value: Value::Plain(value), text }
    }

    fn many(choices: Vec<Choice>) -> Self {
        let (texts, values): (Vec<_>, Vec<_>) =
            choices.into_iter().map(|choice| (choice.text, choice.value)).unzip();
        Self { value: Value::Many(values), text: texts.join(" + ") }
    }

    fn all(value: Value) -> Self {
        Self { value, text: "All".to_owned() }
    }
}

/// The variables of one dashboard as they are resolved.
pub(crate) struct Resolver<'a> {
    prometheus: &'a Prometheus,
    dashboard: &'a Dashboard,
    /// Those that the user has set.
    given: &'a BTreeMap<String, VariableValue>,
    resolved: BTreeMap<String, Resolved>,
    /// The values of each variable that stands for all that its query finds, those of before among them.
    all: BTreeMap<String, Vec<String>>,
    /// What a person should know about them.
    remarks: Vec<String>,
    time: f64,
    /// How long each query of a variable may take.
    patience: Duration,
}

impl<'a> Resolver<'a> {
    /// A resolver that takes what is `given` before what the dashboard defines.
    pub(crate) fn new(
        prometheus: &'a Prometheus,
        dashboard: &'a Dashboard,
        given: &'a BTreeMap<String, VariableValue>,
        time: f64,
        patience: Duration,
    ) -> Self {
        let filtered = dashboard.variables().iter().filter(|variable| variable.has_filters);
        let remark =
            |variable: &Variable| format!("the ad hoc filters of ${} are not applied", variable.name);
        let remarks = filtered.map(remark).collect();
        Self {
            prometheus,
            dashboard,
            given,
            resolved: BTreeMap::new(),
            all: BTreeMap::new(),
            remarks,
            time,
            patience,
        }
    }

    /// With what was found before: a value that is not found now stays, so that what it stood for is missed.
    pub(crate) fn knowing(self, all: BTreeMap<String, Vec<String>>) -> Self {
        Self { all, ..self }
    }

    pub(crate) fn into_all_values(self) -> BTreeMap<String, Vec<String>> {
        self.all
    }

    /// `text` with every variable replaced.
    pub(crate) async fn resolve(&mut self, text: &str, times: &Times) -> Result<String, VariableError> {
        for Reference { name, .. } in format::references(text) {
            self.variable(&name, times, &mut Vec::new()).await?;
        }
        self.replace(text, times)
    }

    /// What each variable was resolved to so far.
    pub(crate) fn values(&self) -> impl Iterator<Item = (String, String)> {
        self.resolved.iter().map(|(name, value)| (name.clone(), value.value.to_string()))
    }

    /// What a person should know about them.
    pub(crate) fn remarks(&self) -> &[String] {
        &self.remarks
    }

    async fn variable(
        &mut self,
        name: &str,
        times: &Times,
        under_way: &mut Vec<String>,
    ) -> Result<(), VariableError> {
        // Grafana leaves the groups of label_replace alone, which look like variables.
        if self.resolved.contains_key(name) || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Ok(());
        }
        let every = match self.given.get(name) {
            Some(VariableValue::Text(text)) if text != ALL => {
                self.resolved.insert(name.to_owned(), Resolved::raw(text.clone()));
                return Ok(());
            }
            Some(VariableValue::Many(values)) => {
                let choices = values.iter().cloned().map(Choice::of).collect();
                self.resolved.insert(name.to_owned(), Resolved::many(choices));
                return Ok(());
            }
            Some(VariableValue::Text(_all)) => true,
            None if times.value(name).is_some() => return Ok(()),
            None => false,
        };
        let (dashboard, own) = (self.dashboard.file.clone(), name.to_owned());
        if under_way.iter().any(|outer| outer == name) {
            return Err(VariableError::Circular { dashboard, name: own });
        }
        let found = self.dashboard.variables().iter().find(|variable| variable.name == name);
        let Some(variable) = found else { return Err(VariableError::Unknown { dashboard, name: own }) };
        under_way.push(own);
        let texts = [variable.query.as_str(), variable.all_value.as_deref().unwrap_or("")];
        for inner in texts.into_iter().flat_map(format::references) {
            Box::pin(self.variable(&inner.name, times, under_way)).await?;
        }
        under_way.pop();
        let value = self.value(variable, every, times).await?;
        self.resolved.insert(name.to_owned(), value);
        Ok(())
    }

    async fn value(
        &mut self,
        variable: &Variable,
        every: bool,
        times: &Times,
    ) -> Result<Resolved, VariableError> {
        let query = self.replace(&variable.query, times)?;
        let chosen = variable.chosen.first().filter(|chosen| *chosen != ALL);
        let values = match variable.kind.as_str() {
            "query" => self.found(variable, &query).await?,
            "custom" => values::listed(&query),
            "interval" => {
                let auto = format!("$__auto_interval_{}", variable.name);
                if chosen.is_some_and(|chosen| *chosen == auto) {
                    let (count, least) = variable.auto;
                    let step = written(round(times.range / count).max(least));
                    return Ok(Resolved::plain(Choice::of(step)));
                }
                values::listed(&query)
            }
            "textbox" | "text" | "datasource" => {
                vec![Choice::of(chosen.map_or_else(|| query.clone(), Clone::clone))]
            }
            "constant" => vec![Choice::of(query.clone())],
            other => match chosen {
                Some(chosen) => vec![Choice::of(chosen.clone())],
                None => {
                    return Err(
                        self.unsupported(variable, format!("variables of type {other:?} are not known"))
                    );
                }
            },
        };
        self.choose(variable, every, values, query, times)
    }

    /// What Grafana would show: the saved choice as far as it is still there, and otherwise "All" or the first.
    fn choose(
        &mut self,
        variable: &Variable,
        every: bool,
        values: Vec<Choice>,
        query: String,
        times: &Times,
    ) -> Result<Resolved, VariableError> {
        let all_chosen = every || variable.chosen.iter().any(|chosen| chosen == ALL);
        let still_there = |choice: &Choice| variable.chosen.contains(&choice.value);
        let chosen: Vec<_> = if all_chosen {
            Vec::new()
        } else {
            values.iter().filter(|choice| still_there(choice)).cloned().collect()
        };
        // Of several values that could be chosen and were not, each is judged: none is missed for not being the first.
        let takes_all = all_chosen || (chosen.is_empty() && (variable.is_multi || variable.has_all));
        if takes_all && let Some(all) = &variable.all_value {
            return self.replace(all, times).map(|all| Resolved::all(Value::Raw(all)));
        }
        let values = self.with_known(variable, values, takes_all);
        let Some(first) = values.first().cloned() else {
            let (dashboard, name) = (self.dashboard.file.clone(), variable.name.clone());
            return Err(VariableError::Empty { dashboard, name, query });
        };
        if takes_all {
            let values = values.into_iter().map(|choice| choice.value).collect();
            return Ok(Resolved::all(Value::Many(values)));
        }
        if !variable.is_multi && !variable.has_all {
            return Ok(Resolved::plain(chosen.into_iter().next().unwrap_or(first)));
        }
        if chosen.len() < values.len() {
            self.remarks.push(format!(
                "${} is {} of {} values, as the dashboard was saved",
                variable.name,
                chosen.len(),
                values.len()
            ));
        }
        Ok(Resolved::many(chosen))
    }

    /// Of a variable that stands for all that is found, also what was found before.
    fn with_known(&mut self, variable: &Variable, found: Vec<Choice>, takes_all: bool) -> Vec<Choice> {
        if !takes_all || variable.kind != "query" {
            return found;
        }
        let known = self.all.entry(variable.name.clone()).or_default();
        join(known, found.into_iter().map(|choice| choice.value));
        known.iter().cloned().map(Choice::of).collect()
    }

    /// The values that a variable's query finds, as its regex and order leave them.
    async fn found(&self, variable: &Variable, query: &str) -> Result<Vec<Choice>, VariableError> {
        let asked = values::Asked::parse(query);
        let deadline = Instant::now() + self.patience;
        let found = asked.values(self.prometheus, self.time, deadline).await;
        let found = found.map_err(|source| VariableError::Query {
            dashboard: self.dashboard.file.clone(),
            name: variable.name.clone(),
            query: query.to_owned(),
            source: Box::new(source),
        })?;
        let mut kept =
            values::kept(found, &variable.regex).map_err(|reason| self.unsupported(variable, reason))?;
        values::sort(&mut kept, variable.sort);
        Ok(kept)
    }

    fn unsupported(&self, variable: &Variable, reason: String) -> VariableError {
        VariableError::Unsupported {
            dashboard: self.dashboard.file.clone(),
            name: variable.name.clone(),
            reason,
        }
    }

    fn replace(&self, text: &str, times: &Times) -> Result<String, VariableError> {
        let value = |reference: &Reference, quote| {
            let own = || times.value(&reference.name).map(Resolved::raw);
            let Some(Resolved { value, text }) = self.resolved.get(&reference.name).cloned().or_else(own)
            else {
                return Ok(None);
            };
            match reference.format.as_deref() {
                Some("text") => Ok(Some(text)),
                format => value.formatted(format, quote).map(Some),
            }
        };
        format::replace(text, value).map_err(|(name, reason)| VariableError::Unsupported {
            dashboard: self.dashboard.file.clone(),
            name,
            reason,
        })
    }
}

/// Adds what is new. What comes and goes under ever new names is not followed for ever.
fn join(known: &mut Vec<String>, found: impl Iterator<Item = String>) {
    let is_first = known.is_empty();
    for value in found {
        if (is_first || known.len() < MOST_VALUES) && !known.contains(&value) {
            known.push(value);
        }
    }
}

/// A span as PromQL writes it.
fn written(span: Duration) -> String {
    let milliseconds = span.as_millis().max(1);
    if milliseconds.is_multiple_of(1_000) {
        format!("{}s", milliseconds / 1_000)
    } else {
        format!("{milliseconds}ms")
    }
}

/// The step that Grafana's `auto` takes for one that a range would be divided by.
fn round(step: Duration) -> Duration {
    let milliseconds = step.as_millis();
    let rounded = STEPS.iter().find(|(below, _)| milliseconds < *below).map_or(A_YEAR, |(_, step)| *step);
    Duration::from_millis(rounded)
}

/// Below so many milliseconds, the step is so many.
const STEPS: [(u128, u64); 29] = [
    (10, 1),
    (15, 10),
    (35, 20),
    (75, 50),
    (150, 100),
    (350, 200),
    (750, 500),
    (1_500, 1_000),
    (3_500, 2_000),
    (7_500, 5_000),
    (12_500, 10_000),
    (17_500, 15_000),
    (25_000, 20_000),
    (45_000, 30_000),
    (90_000, 60_000),
    (210_000, 120_000),
    (450_000, 300_000),
    (750_000, 600_000),
    (1_050_000, 900_000),
    (1_500_000, 1_200_000),
    (2_700_000, 1_800_000),
    (5_400_000, 3_600_000),
    (9_000_000, 7_200_000),
    (16_200_000, 10_800_000),
    (32_400_000, 21_600_000),
    (86_400_000, 43_200_000),
    (604_800_000, 86_400_000),
    (1_814_400_000, 604_800_000),
    (3_628_800_000, 2_592_000_000),
];

/// More values than topics, workers or disks are.
const MOST_VALUES: usize = 1_000;

const A_YEAR: u64 = 31_536_000_000;

const ALL: &str = "$__all";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_later_joins_what_is_known_without_end_only_at_first() {
        let numbers = |range: std::ops::Range<usize>| range.map(|n| n.to_string());
        let mut known = Vec::new();
        join(&mut known, numbers(0..3));
        join(&mut known, numbers(2..4));
        assert_eq!(known, ["0", "1", "2", "3"], "one that is gone is still known");
        let mut all = Vec::new();
        join(&mut all, numbers(0..MOST_VALUES + 1));
        assert_eq!(all.len(), MOST_VALUES + 1, "all that there is at first");
        join(&mut all, numbers(0..MOST_VALUES + 9));
        assert_eq!(all.len(), MOST_VALUES + 1);
        join(&mut known, numbers(0..MOST_VALUES + 9));
        assert_eq!(known.len(), MOST_VALUES);
    }

    #[test]
    fn a_step_is_rounded_as_grafana_does() {
        let seconds = Duration::from_secs;
        for (step, rounded) in
            [(12, 10), (60, 60), (90, 120), (720, 600), (86_400, 86_400), (9_999_999, 31_536_000)]
        {
            assert_eq!(round(seconds(step)), seconds(rounded), "{step}");
        }
        assert_eq!(round(Duration::from_millis(9)), Duration::from_millis(1));
    }

    #[test]
    fn a_rate_interval_is_four_scrapes_at_least() {
        let seconds = Duration::from_secs;
        let times = Times { interval: seconds(15), scrape: seconds(15), range: seconds(3_600) };
        assert_eq!(times.value("__rate_interval").unwrap(), "60s");
        let coarse = Times { interval: seconds(120), ..times };
        assert_eq!(coarse.value("__rate_interval").unwrap(), "135s");
        let fine =
            Times { interval: Duration::from_millis(500), scrape: Duration::from_millis(500), ..times };
        assert_eq!(fine.value("__interval").unwrap(), "500ms");
        assert_eq!(fine.value("__range_s").unwrap(), "3600");
    }
}
