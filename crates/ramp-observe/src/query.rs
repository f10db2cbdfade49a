//! Expressions taken apart: what is judged, what the panel shows, and which samples lie behind.

mod defaults;
mod groups;

use std::{fmt, time::Duration};

use promql_parser::parser::{
    self, AggregateExpr, Expr, MatrixSelector, SubqueryExpr, VectorSelector, token, value::ValueType,
};
use ramp_core::signal::Fold;

pub use self::groups::Groups;
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
    /// An aggregate within what is judged that hides its series.
    pub(crate) hides: Option<String>,
    /// A value in the place of a missing one that the panel shows and that is not judged.
    pub(crate) default: Option<String>,
    /// The selectors whose samples it is made of.
    pub(crate) selectors: Vec<String>,
    /// Whether labels are rewritten, so that a series cannot be found among the samples behind it.
    pub(crate) relabels: bool,
    /// Whether it is a counter as it is scraped, as far as its name tells.
    pub(crate) is_counter: bool,
    /// What a metric as it is scraped was within the last hour, also where it is not scraped now.
    pub(crate) before: Option<String>,
    /// The longest time that a value looks back over.
    pub(crate) window: Duration,
    /// The rate that keeps idle series out.
    pub(crate) rate: Option<String>,
    /// Whether such a rate was wanted and could not be joined.
    pub(crate) is_unconditional: bool,
}

/// How what a panel shows becomes what is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// Every series that the panel shows is judged.
    Shown,
    /// The panel's outer aggregate is taken off, and each series under it judged.
    Series(String),
    /// The panel's outer sum is taken off, and added up anew as long as no part is missing.
    Sum(Groups),
    /// An aggregate that cannot be taken apart: what the panel itself shows is judged.
    Whole(String),
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shown => f.write_str("every series shown is judged"),
            Self::Series(aggregate) => write!(f, "each series under {aggregate} is judged"),
            Self::Sum(groups) => {
                write!(f, "the {} is judged as long as none of its parts is missing", groups.called("sum"))
            }
            Self::Whole(aggregate) => {
                write!(f, "{aggregate} cannot be taken apart: what the panel itself shows is judged")
            }
        }
    }
}

/// An expression that cannot be judged.
#[derive(Debug, thiserror::Error)]
#[error("{expression:?}: {reason}")]
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
        let (own, default) = defaults::taken_off(&parsed);
        checked(&panel, &own)?;
        let (inner, parts) = take_apart(&own, fold);
        let mut behind = Behind::default();
        let window = behind.collect(inner);
        // What is not taken apart is asked letter by letter.
        let shown = if own == parsed && std::ptr::eq(inner, &own) {
            panel.clone()
        } else if matches!(&parts, Parts::Series(aggregate) if aggregate.starts_with("avg"))
            && behind.counts_cores()
        {
            // A worker has several cores, and one of them being busy makes none of it hot.
            format!("avg without (cpu) ({inner})")
        } else {
            inner.to_string()
        };
        let rate = flowing.and_then(|flowing| flowing.rate(&behind.selectors));
        let judged = match (&flowing, &rate) {
            (Some(flowing), Some(rate)) => format!("({shown}) and on ({}) ({rate} > 0)", flowing.labels),
            (None, _) | (_, None) => shown,
        };
        parse(&judged)?;
        Ok(Self {
            panel,
            judged,
            parts,
            hides: hiding(inner),
            default,
            selectors: behind.selectors.iter().map(ToString::to_string).collect(),
            relabels: relabels(inner),
            is_counter: is_counter(inner),
            before: before(inner),
            window,
            is_unconditional: flowing.is_some() && rate.is_none(),
            rate,
        })
    }
}

impl Flowing {
    /// The rate beside the first of `selectors` that is a gauge of this kind.
    fn rate(self, selectors: &[&VectorSelector]) -> Option<String> {
        selectors.iter().find_map(|selector| {
            let name = selector.name.as_ref()?.strip_suffix(self.gauge)?;
            let rate = VectorSelector { name: Some(format!("{name}{}", self.rate)), ..(*selector).clone() };
            Some(rate.to_string())
        })
    }
}

fn parse(expression: &str) -> Result<Expr, ExpressionError> {
    let unusable = |reason| ExpressionError { expression: expression.to_owned(), reason };
    parser::parse(expression).map_err(|reason| unusable(format!("cannot be parsed: {reason}")))
}

/// Refuses what gives no numbers that could be judged.
fn checked(panel: &str, own: &Expr) -> Result<(), ExpressionError> {
    let reason = match own.value_type() {
        ValueType::Matrix => "a range of values where one is judged; leave out the [range]",
        ValueType::String => "a text where a number is judged",
        ValueType::Vector | ValueType::Scalar if defaults::tells_of_absence(own) => {
            "absent() has a value where there is none; ramp itself says what is missing, so ask for what should be there"
        }
        ValueType::Vector | ValueType::Scalar => return Ok(()),
    };
    Err(ExpressionError { expression: panel.to_owned(), reason: reason.to_owned() })
}

fn take_apart(expression: &Expr, fold: Fold) -> (&Expr, Parts) {
    if let Expr::Aggregate(AggregateExpr { op, expr, modifier, param: None }) = peel(expression) {
        let groups = Groups::of(modifier.as_ref());
        let series = || (&**expr, Parts::Series(groups.called(&op.to_string())));
        match op.id() {
            token::T_AVG | token::T_MAX | token::T_MIN if !groups.keep_workers() => return series(),
            // A sum of counters falls when one is reset, and so says nothing about the others.
            token::T_SUM if fold == Fold::Increase => return series(),
            token::T_SUM => return (expr, Parts::Sum(groups)),
            _other => {}
        }
    }
    (expression, hiding(expression).map_or(Parts::Shown, Parts::Whole))
}

fn peel(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(paren) => peel(&paren.expr),
        other => other,
    }
}

/// The first aggregate within that makes one series of several workers'.
fn hiding(expression: &Expr) -> Option<String> {
    if let Expr::Aggregate(AggregateExpr { op, modifier, .. }) = expression {
        let groups = Groups::of(modifier.as_ref());
        // The highest stay as they are.
        if op.id() != token::T_TOPK && !groups.keep_workers() {
            return Some(groups.called(&op.to_string()));
        }
    }
    children(expression).into_iter().find_map(hiding)
}

fn relabels(expression: &Expr) -> bool {
    let is_relabelling =
        matches!(expression, Expr::Call(call) if ["label_replace", "label_join"].contains(&call.func.name));
    is_relabelling || children(expression).into_iter().any(relabels)
}

fn before(expression: &Expr) -> Option<String> {
    let Expr::VectorSelector(selector) = peel(expression) else { return None };
    let hour = MatrixSelector { vs: selector.clone(), range: LOOK_BACK };
    Some(format!("last_over_time({hour})"))
}

fn is_counter(expression: &Expr) -> bool {
    let Expr::VectorSelector(VectorSelector { name: Some(name), .. }) = peel(expression) else {
        return false;
    };
    // Gauges of JMX end in _count and _sum as well.
    name.ends_with("_total") || name.ends_with("_bucket")
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
        // What is not there has no samples behind it.
        if defaults::is_absent_call(expression) {
            return Duration::ZERO;
        }
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
        let mut within = children(expression);
        if let Expr::Binary(binary) = expression
            && binary.op.id() == token::T_LUNLESS
        {
            within.truncate(1);
        }
        let within = within.into_iter().map(|child| self.collect(child));
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

/// A counter's series that was scraped within this time is known when its target is back.
const LOOK_BACK: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn query(expression: &str) -> Query {
        Query::new(expression, Fold::Worst, None).unwrap()
    }

    #[test]
    fn an_average_is_taken_off_so_that_a_hot_worker_shows() {
        for (aggregate, name) in [
            ("avg", "avg()"),
            ("avg by (job)", "avg by (job)"),
            ("avg without (instance)", "avg without (instance)"),
            ("max by (topic, env)", "max by (topic, env)"),
        ] {
            let query = query(&format!("{aggregate} (latency_ms{{topic=~\"a|b\"}})"));
            assert_eq!(query.judged, "latency_ms{topic=~\"a|b\"}");
            assert_eq!(query.selectors, ["latency_ms{topic=~\"a|b\"}"]);
            assert_eq!(query.parts, Parts::Series(name.to_owned()));
            assert_eq!(query.hides, None);
        }
    }

    #[test]
    fn the_cores_of_a_worker_stay_together_where_the_panel_shows_their_average() {
        let idle = "rate(node_cpu_seconds_total{mode=\"iowait\"}[30s])";
        assert_eq!(query(&format!("avg({idle})")).judged, format!("avg without (cpu) ({idle})"));
        assert_eq!(query(&format!("avg by (job) ({idle})")).judged, format!("avg without (cpu) ({idle})"));
        assert_eq!(query(&format!("max({idle})")).judged, idle, "the hottest core is what the panel shows");
        assert_eq!(query(&format!("sum({idle})")).judged, idle, "and every core is in a sum");
    }

    #[test]
    fn a_sum_is_folded_from_its_series_and_a_counter_judged_by_them() {
        assert_eq!(query("sum(active)").judged, "active");
        assert_eq!(query("sum by () (active)").parts, Parts::Sum(Groups::All));
        assert_eq!(query("sum by (topic) (active)").parts, Parts::Sum(Groups::By(vec!["topic".to_owned()])));
        for expression in ["sum(exhausted_total)", "sum by (instance) (exhausted_total)"] {
            let counter = Query::new(expression, Fold::Increase, None).unwrap();
            assert_eq!(counter.judged, "exhausted_total");
            assert!(matches!(counter.parts, Parts::Series(_)) && counter.is_counter, "{counter:?}");
        }
    }

    #[test]
    fn what_cannot_be_taken_apart_says_which_aggregate_hides_its_series() {
        for (expression, aggregate) in [
            ("100 - (avg(rate(cpu[1m])) * 100)", "avg()"),
            ("(1 - avg by (job) (rate(cpu[1m]))) * 100", "avg by (job)"),
            ("100 * sum(written) / sum(polled)", "sum()"),
            ("count(count by (topic) (records))", "count()"),
            ("bottomk(3, lag)", "bottomk()"),
            ("quantile(0.9, latency)", "quantile()"),
        ] {
            let query = query(expression);
            assert_eq!(query.parts, Parts::Whole(aggregate.to_owned()), "{expression}");
            assert_eq!(query.hides.as_deref(), Some(aggregate), "{expression}");
            assert_eq!(query.judged, expression, "asked as it is");
        }
        let within = query("max(sum by (topic) (lag))");
        assert_eq!(
            (within.parts, within.hides),
            (Parts::Series("max()".to_owned()), Some("sum by (topic)".to_owned()))
        );
    }

    #[test]
    fn what_is_grouped_by_worker_is_judged_as_it_is_shown() {
        for expression in [
            "(1 - avg(rate(cpu[30s])) by (instance)) * 100",
            "topk(3, lag)",
            "max by (instance) (lag)",
            "avg without (cpu) (load)",
        ] {
            let query = query(expression);
            assert_eq!((query.parts, query.hides), (Parts::Shown, None), "{expression}");
        }
    }

    #[test]
    fn a_value_in_the_place_of_a_missing_one_is_not_judged() {
        for (expression, judged, default) in [
            ("sum(x) or vector(0)", "x", "vector(0)"),
            ("x or on() vector(0)", "x", "vector(0)"),
            ("vector(0) or x", "x", "vector(0)"),
            ("sum(x or up * 0)", "x", "up * 0"),
            ("x or absent(x) - 1", "x", "absent(x) - 1"),
            ("x or (vector(0) and on () up)", "x", "vector(0) and on () up"),
            ("max_over_time((x or vector(0))[5m:1m])", "max_over_time((x)[5m:1m])", "vector(0)"),
            ("-(x or vector(0))", "-(x)", "vector(0)"),
            ("(x or vector(0)) + on() up", "(x) + on () up", "vector(0)"),
            ("x or 0 * sum(up) or vector(0)", "x", "vector(0)"),
            ("(x or vector(0)) and on () (y or vector(1))", "(x) and on () (y or vector(1))", "vector(0)"),
        ] {
            let query = query(expression);
            assert_eq!(
                (query.judged.as_str(), query.default.as_deref()),
                (judged, Some(default)),
                "{expression}"
            );
        }
        let either = query("old_name or new_name");
        assert_eq!((either.judged.as_str(), either.default), ("old_name or new_name", None));
    }

    #[test]
    fn what_a_counter_was_before_is_asked_of_its_selector() {
        let before = |expression: &str| Query::new(expression, Fold::Increase, None).unwrap().before;
        assert_eq!(before("sum((x_total))").as_deref(), Some("last_over_time(x_total[1h])"));
        let offset = before("x_total{a=\"b\"} offset 5m").unwrap();
        assert_eq!(offset, "last_over_time(x_total{a=\"b\"}[1h] offset 5m)");
        assert_eq!(before("x_total + y_total"), None);
    }

    #[test]
    fn what_gives_no_number_to_judge_is_refused() {
        for (expression, reason) in [
            ("x[5m]", "leave out the [range]"),
            ("\"x\"", "a text"),
            ("absent(x)", "absent() has a value where there is none"),
            ("absent_over_time(x[5m]) * on() up", "absent() has a value where there is none"),
        ] {
            let error = Query::new(expression, Fold::Worst, None).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        for expression in ["x unless on () absent(y)", "x unless y", "x and on () absent(y)"] {
            let query = query(expression);
            assert_eq!(query.selectors, ["x"], "{expression}: what is not there has no part in a value");
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
