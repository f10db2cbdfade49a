//! Expressions taken apart: what is judged, what the panel shows, and which samples lie behind.

use std::{fmt, time::Duration};

use promql_parser::parser::{
    self, AggregateExpr, Expr, LabelModifier, MatrixSelector, SubqueryExpr, VectorSelector, token,
};
use ramp_core::signal::Fold;

use crate::catalog::Flowing;

/// A panel's expression, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// What the panel shows, letter by letter.
    pub(crate) panel: String,
    /// What is asked and judged.
    pub(crate) judged: String,
    /// How the one becomes the other.
    pub(crate) parts: Parts,
    /// The selectors whose samples it is made of.
    pub(crate) selectors: Vec<String>,
    /// The longest time that a value looks back over.
    pub(crate) window: Duration,
    /// Whether a condition that keeps idle series out was wanted and could not be joined.
    pub(crate) is_unconditional: bool,
}

/// How what a panel shows becomes what is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// Every series that the panel shows is judged.
    Shown,
    /// The panel's outer aggregate is taken off, and each series under it judged.
    Series(String),
    /// The panel's outer sum is taken off, and the sum of the series that are not stale judged.
    Sum,
    /// An aggregate that cannot be taken apart: the panel's own value is judged.
    Whole(String),
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shown => f.write_str("every series shown is judged"),
            Self::Series(aggregate) => write!(f, "each series under {aggregate}() is judged"),
            Self::Sum => f.write_str("the sum of the series that are not stale is judged"),
            Self::Whole(aggregate) => {
                write!(f, "{aggregate}() cannot be taken apart: the panel's own value is judged")
            }
        }
    }
}

/// An expression that Prometheus could not parse either.
#[derive(Debug, thiserror::Error)]
#[error("cannot parse {expression:?}: {reason}")]
pub struct ExpressionError {
    expression: String,
    reason: String,
}

impl Query {
    /// Takes `expression` apart for a signal that folds by `fold` and counts only while records are `flowing`.
    pub(crate) fn new(
        expression: &str,
        fold: Fold,
        flowing: Option<Flowing>,
    ) -> Result<Self, ExpressionError> {
        let panel = expression.trim().to_owned();
        let parsed = parse(&panel)?;
        let (inner, parts) = take_apart(&parsed, fold);
        let mut behind = Behind::default();
        let window = behind.collect(inner);
        // What is not taken apart is asked letter by letter.
        let shown = if std::ptr::eq(inner, &parsed) {
            panel.clone()
        } else if behind.counts_cores() {
            // A worker has several cores, and one of them being busy makes none of it hot.
            format!("avg without (cpu) ({inner})")
        } else {
            inner.to_string()
        };
        let condition = flowing.and_then(|flowing| flowing.condition(&behind.selectors));
        let is_unconditional = flowing.is_some() && condition.is_none();
        let judged = match condition {
            Some(condition) => format!("({shown}) {condition}"),
            None => shown,
        };
        parse(&judged)?;
        let selectors = behind.selectors.iter().map(ToString::to_string).collect();
        Ok(Self { panel, judged, parts, selectors, window, is_unconditional })
    }
}

impl Flowing {
    /// The condition on series of the first of `selectors` that is a gauge of this kind.
    fn condition(self, selectors: &[&VectorSelector]) -> Option<String> {
        selectors.iter().find_map(|selector| {
            let name = selector.name.as_ref()?.strip_suffix(self.gauge)?;
            let rate = VectorSelector { name: Some(format!("{name}{}", self.rate)), ..(*selector).clone() };
            Some(format!("and on ({}) ({rate} > 0)", self.labels))
        })
    }
}

fn parse(expression: &str) -> Result<Expr, ExpressionError> {
    parser::parse(expression).map_err(|reason| ExpressionError { expression: expression.to_owned(), reason })
}

fn take_apart(expression: &Expr, fold: Fold) -> (&Expr, Parts) {
    if let Expr::Aggregate(AggregateExpr { op, expr, modifier, param: None }) = peel(expression)
        && is_over_all(modifier.as_ref())
    {
        match op.id() {
            token::T_AVG | token::T_MAX | token::T_MIN => return (expr, Parts::Series(op.to_string())),
            token::T_SUM if fold == Fold::Increase => return (expr, Parts::Series(op.to_string())),
            token::T_SUM => return (expr, Parts::Sum),
            _other => {}
        }
    }
    let whole = aggregate_over_all(expression);
    (expression, whole.map_or(Parts::Shown, Parts::Whole))
}

fn peel(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(paren) => peel(&paren.expr),
        other => other,
    }
}

const fn is_over_all(modifier: Option<&LabelModifier>) -> bool {
    match modifier {
        None => true,
        Some(LabelModifier::Include(labels)) => labels.labels.is_empty(),
        Some(LabelModifier::Exclude(_)) => false,
    }
}

/// The first aggregate within that makes one series of all.
fn aggregate_over_all(expression: &Expr) -> Option<String> {
    if let Expr::Aggregate(AggregateExpr { op, modifier, .. }) = expression
        && is_over_all(modifier.as_ref())
        && ![token::T_TOPK, token::T_BOTTOMK].contains(&op.id())
    {
        return Some(op.to_string());
    }
    children(expression).into_iter().find_map(aggregate_over_all)
}

fn children(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Aggregate(aggregate) => {
            aggregate.param.iter().map(|param| &**param).chain([&*aggregate.expr]).collect()
        }
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Binary(binary) => vec![&binary.lhs, &binary.rhs],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(|argument| &**argument).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}

/// The selectors behind an expression, each once.
#[derive(Default)]
struct Behind<'e> {
    selectors: Vec<&'e VectorSelector>,
}

impl<'e> Behind<'e> {
    /// Collects the selectors within, and says how far back a value looks.
    fn collect(&mut self, expression: &'e Expr) -> Duration {
        let own = match expression {
            Expr::VectorSelector(selector) => {
                self.add(selector);
                Duration::ZERO
            }
            Expr::MatrixSelector(MatrixSelector { vs, range }) => {
                self.add(vs);
                *range
            }
            Expr::Subquery(SubqueryExpr { range, .. }) => *range,
            Expr::Aggregate(_)
            | Expr::Unary(_)
            | Expr::Binary(_)
            | Expr::Paren(_)
            | Expr::Call(_)
            | Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::Extension(_) => Duration::ZERO,
        };
        let within = children(expression).into_iter().map(|child| self.collect(child));
        own.saturating_add(within.max().unwrap_or_default())
    }

    fn counts_cores(&self) -> bool {
        let mut names = self.selectors.iter().filter_map(|selector| selector.name.as_deref());
        names.any(|name| name.ends_with("cpu_seconds_total"))
    }

    fn add(&mut self, selector: &'e VectorSelector) {
        if !self.selectors.contains(&selector) {
            self.selectors.push(selector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn query(expression: &str) -> Query {
        Query::new(expression, Fold::Worst, None).unwrap()
    }

    #[test]
    fn an_average_is_taken_off_so_that_a_hot_worker_shows() {
        let query = query("avg(latency_ms{topic=~\"a|b\"})");
        assert_eq!(query.judged, "latency_ms{topic=~\"a|b\"}");
        assert_eq!(query.selectors, ["latency_ms{topic=~\"a|b\"}"]);
        assert_eq!(query.parts, Parts::Series("avg".to_owned()));
    }

    #[test]
    fn the_cores_of_a_worker_stay_together() {
        let query = query("avg(rate(node_cpu_seconds_total{mode=\"iowait\"}[30s]))");
        assert_eq!(query.judged, "avg without (cpu) (rate(node_cpu_seconds_total{mode=\"iowait\"}[30s]))");
    }

    #[test]
    fn a_sum_is_folded_from_its_series_and_a_counter_judged_by_them() {
        assert_eq!(query("sum(active)").judged, "active");
        assert_eq!(query("sum by () (active)").parts, Parts::Sum);
        let counter = Query::new("sum(exhausted_total)", Fold::Increase, None).unwrap();
        assert_eq!(
            (counter.judged.as_str(), counter.parts),
            ("exhausted_total", Parts::Series("sum".to_owned()))
        );
    }

    #[test]
    fn what_cannot_be_taken_apart_says_which_aggregate_hides_its_series() {
        for (expression, aggregate) in [
            ("100 - (avg(rate(cpu[1m])) * 100)", "avg"),
            ("100 * sum(written) / sum(polled)", "sum"),
            ("count(count by (topic) (records))", "count"),
            ("quantile(0.9, latency)", "quantile"),
        ] {
            let query = query(expression);
            assert_eq!(query.parts, Parts::Whole(aggregate.to_owned()), "{expression}");
            assert_eq!(query.judged, expression, "asked as it is");
        }
    }

    #[test]
    fn what_is_grouped_by_worker_is_judged_as_it_is_shown() {
        for expression in
            ["(1 - avg(rate(cpu[30s])) by (instance)) * 100", "topk(3, lag)", "max by (instance) (lag)"]
        {
            assert_eq!(query(expression).parts, Parts::Shown, "{expression}");
        }
    }

    #[test]
    fn the_time_looked_back_over_and_every_selector_are_found() {
        let query = query("(1 - avg(rate(cpu{mode=\"idle\"}[30s])) by (instance)) * 100 + 0 * up");
        assert_eq!(query.window, Duration::from_secs(30));
        assert_eq!(query.selectors, ["cpu{mode=\"idle\"}", "up"]);
        let nested = self::query("max_over_time(rate(cpu[1m])[5m:30s])");
        assert_eq!(nested.window, Duration::from_secs(360), "a subquery looks back over its own range too");
    }

    #[test]
    fn a_latency_gauge_counts_while_records_flow_through_the_same_selector() {
        let flowing = catalog::find("mm2.latency_avg").unwrap().flowing;
        let query = Query::new("avg(x_replication_latency_ms{topic=\"t\"})", Fold::Worst, flowing).unwrap();
        assert_eq!(
            query.judged,
            "(x_replication_latency_ms{topic=\"t\"}) \
             and on (topic, partition, instance) (x_record_rate{topic=\"t\"} > 0)"
        );
        assert!(!query.is_unconditional);
        assert!(Query::new("avg(other)", Fold::Worst, flowing).unwrap().is_unconditional);
    }

    #[test]
    fn what_cannot_be_parsed_is_shown() {
        let error = Query::new("sum(", Fold::Worst, None).unwrap_err().to_string();
        assert!(error.contains("\"sum(\""), "{error}");
    }
}
