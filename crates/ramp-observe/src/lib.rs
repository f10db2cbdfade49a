//! Asks Prometheus what Grafana dashboards show, and Kafka Connect how its tasks stand; tells Grafana what a campaign
//! does. Judges nothing.
//!
//! A signal of the [`catalog`] is bound to a query of a dashboard's panel; the panel's own expression, its template
//! variables resolved, is what is asked. An outer `avg`, `max` or `min` over workers is taken off, so that a hot one is
//! not averaged away; an outer `sum` is added up here, so that no part is missing unseen; what cannot be taken apart is
//! judged as the panel shows it, and says so. Each series is read with the time of its own scrape, every scrape once, and
//! the panel's value is read beside it.

pub mod catalog;
mod check;
mod client;
pub mod connect;
mod dashboard;
mod decode;
pub mod grafana;
mod observer;
mod query;
mod rest;
mod variable;

pub use self::{
    check::{Caution, QueryCheck},
    client::{Credentials, PrometheusConfig, QueryError, Tls, shown_url},
    dashboard::{DashboardError, Dashboards},
    observer::{HostValue, ObserveError, Observed, Observer, ObserverSpec, survey},
    query::{ExpressionError, Groups, Parts},
    variable::{VariableError, VariableValue},
};
