//! Expressions taken apart: what is judged, what the panel shows, and which samples lie behind.

use std::time::Duration;

use promql_parser::{
    parser::{self, AggregateExpr, Expr, MatrixSelector, VectorSelector, token},
    util::{ExprVisitor, walk_expr},
};
use ramp_core::signal::Fold;

/// A panel's expression, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// What the panel shows.
    pub(crate) panel: String,
    /// What is judged.
    pub(crate) judged: String,
    /// Whether what is judged is one aggregate, whose series has no name of its own.
    pub(crate) is_aggregate: bool,
    /// The selectors whose samples it is made of.
    pub(crate) selectors: Vec<String>,
    /// The longest rate window.
    pub(crate) window: Duration,
}

/// An expression that Prometheus could not parse either.
#[derive(Debug, thiserror::Error)]
#[error("cannot parse {expression:?}: {reason}")]
pub struct ExpressionError {
    expression: String,
    reason: String,
}

impl Query {
    /// Takes `expression` apart for a signal that folds by `fold`; `condition` is joined to what is judged.
    pub(crate) fn new(
        expression: &str,
        fold: Fold,
        condition: Option<&str>,
    ) -> Result<Self, ExpressionError> {
        let parsed = parse(expression)?;
        let (inner, is_aggregate) = match peel(&parsed) {
            Expr::Aggregate(AggregateExpr { op, expr, modifier: None, param: None }) => match op.id() {
                token::T_AVG | token::T_MAX | token::T_MIN => (&**expr, false),
                token::T_SUM if fold == Fold::Increase => (&**expr, false),
                _other => (&parsed, true),
            },
            _series => (&parsed, false),
        };
        let judged = match condition {
            None => inner.to_string(),
            Some(condition) => format!("({inner}) {condition}"),
        };
        let mut sources = Sources { selectors: Vec::new(), window: Duration::ZERO };
        let Ok(_complete) = walk_expr(&mut sources, inner);
        let Sources { selectors, window } = sources;
        parse(&judged)?;
        Ok(Self { panel: parsed.to_string(), judged, is_aggregate, selectors, window })
    }
}

fn parse(expression: &str) -> Result<Expr, ExpressionError> {
    parser::parse(expression).map_err(|reason| ExpressionError { expression: expression.to_owned(), reason })
}

fn peel(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(paren) => peel(&paren.expr),
        other => other,
    }
}

struct Sources {
    selectors: Vec<String>,
    window: Duration,
}

impl Sources {
    fn add(&mut self, selector: &VectorSelector) {
        let selector = selector.to_string();
        if !self.selectors.contains(&selector) {
            self.selectors.push(selector);
        }
    }
}

impl ExprVisitor for Sources {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        match expression {
            Expr::VectorSelector(selector) => self.add(selector),
            Expr::MatrixSelector(MatrixSelector { vs, range }) => {
                self.add(vs);
                self.window = self.window.max(*range);
            }
            _inner => {}
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(expression: &str) -> Query {
        Query::new(expression, Fold::Worst, None).unwrap()
    }

    #[test]
    fn an_average_is_taken_off_so_that_a_hot_worker_shows() {
        let query = query("avg(latency_ms{topic=~\"a|b\"})");
        assert_eq!(query.judged, "latency_ms{topic=~\"a|b\"}");
        assert_eq!(query.selectors, ["latency_ms{topic=~\"a|b\"}"]);
        assert!(!query.is_aggregate);
    }

    #[test]
    fn a_sum_is_judged_as_people_see_it_and_a_counter_by_its_series() {
        assert_eq!(query("sum(active)").judged, "sum(active)");
        assert!(query("sum(active)").is_aggregate);
        assert_eq!(
            Query::new("sum(exhausted_total)", Fold::Increase, None).unwrap().judged,
            "exhausted_total"
        );
    }

    #[test]
    fn the_rate_window_and_every_selector_are_found() {
        let query = query("(1 - avg(rate(cpu{mode=\"idle\"}[30s])) by (instance)) * 100 + 0 * up");
        assert_eq!(query.window, Duration::from_secs(30));
        assert_eq!(query.selectors, ["cpu{mode=\"idle\"}", "up"]);
    }

    #[test]
    fn what_cannot_be_parsed_is_shown() {
        let error = Query::new("sum(", Fold::Worst, None).unwrap_err().to_string();
        assert!(error.contains("\"sum(\""), "{error}");
    }
}
