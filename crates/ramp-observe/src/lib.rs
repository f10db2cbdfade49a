//! Asks Prometheus what Grafana dashboards show. Judges nothing.
//!
//! A signal of the [`catalog`] is bound to a panel of a dashboard; the panel's own expression, its template
//! variables resolved, is what is asked. An outer `avg`, `max` or `min` is taken off, so that a hot worker is not
//! averaged away; each series is read with the time of its own scrape, and the panel's value is read beside it. Of
//! a `sum` the sum itself is judged, except for counters, which are followed series by series.

pub mod catalog;
mod client;
mod dashboard;
mod observer;
mod query;
mod variable;

pub use self::{
    client::{Credentials, PrometheusConfig, QueryError},
    dashboard::{DashboardError, Dashboards},
    observer::{ObserveError, Observer, ResolvedQuery},
    query::ExpressionError,
    variable::VariableError,
};
