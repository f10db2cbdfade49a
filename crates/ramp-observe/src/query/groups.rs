//! What an aggregate makes one series of.

use promql_parser::parser::LabelModifier;

use crate::decode::{Row, name};

/// What an aggregate makes one series of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// All of them together.
    All,
    /// Those whose values of these labels are the same.
    By(Vec<String>),
    /// Those whose values of all other labels are the same.
    Without(Vec<String>),
}

impl Groups {
    pub(super) fn of(modifier: Option<&LabelModifier>) -> Self {
        match modifier {
            None => Self::All,
            Some(LabelModifier::Include(labels)) if labels.labels.is_empty() => Self::All,
            Some(LabelModifier::Include(labels)) => Self::By(labels.labels.clone()),
            Some(LabelModifier::Exclude(labels)) => Self::Without(labels.labels.clone()),
        }
    }

    /// Whether every worker still has series of its own.
    pub(super) fn keep_workers(&self) -> bool {
        let name_a_worker = |labels: &[String]| labels.iter().any(|label| WORKERS.contains(&label.as_str()));
        match self {
            Self::All => false,
            Self::By(labels) => name_a_worker(labels),
            Self::Without(labels) => !name_a_worker(labels),
        }
    }

    /// The aggregate as a person writes it.
    pub(super) fn called(&self, aggregate: &str) -> String {
        match self {
            Self::All => format!("{aggregate}()"),
            Self::By(labels) => format!("{aggregate} by ({})", labels.join(", ")),
            Self::Without(labels) => format!("{aggregate} without ({})", labels.join(", ")),
        }
    }

    /// What a group is called that `part` is of.
    pub(crate) fn name(&self, part: &Row) -> String {
        let is_kept = |label: &str| match self {
            Self::All => false,
            Self::By(labels) => labels.iter().any(|one| one == label),
            Self::Without(labels) => labels.iter().all(|one| one != label),
        };
        let kept = name(part.own().filter(|(label, _)| is_kept(label)));
        if kept.is_empty() { "(sum)".to_owned() } else { kept }
    }
}

/// Labels that tell one worker from another.
const WORKERS: [&str; 7] = ["instance", "pod", "node", "nodename", "host", "hostname", "worker"];
