//! How the replication's connectors and tasks stand while a campaign runs, asked of Kafka Connect.

use std::{collections::BTreeMap, time::Duration};

use ramp_core::component::{ComponentState, Standing};
use ramp_observe::connect::{Connect, ConnectConfig, ConnectError, Connector, State, Status, Task};

/// Asks Connect how some of its connectors and their tasks stand.
#[derive(Debug)]
pub struct Components {
    connect: Connect,
    connectors: Vec<String>,
}

/// The connectors that Connect has.
#[derive(Debug)]
pub(crate) struct Connectors {
    /// Those that copy a topic that is loaded.
    pub(crate) mirrors: Vec<Connector>,
    /// All others.
    pub(crate) others: Vec<Connector>,
}

impl Components {
    /// Those of the connectors that copy one of `topics`, and all that Connect has.
    ///
    /// # Errors
    /// When Connect does not answer.
    pub(crate) async fn find(
        config: &ConnectConfig,
        topics: &[String],
    ) -> Result<(Self, Connectors), ConnectError> {
        let connect = Connect::new(config)?;
        let all = connect.connectors(PATIENCE).await?;
        let (mirrors, others) = all.into_iter().partition(|connector| connector.mirrors(topics));
        let found = Connectors { mirrors, others };
        let connectors = found.mirrors.iter().map(|connector| connector.name.clone()).collect();
        Ok((Self { connect, connectors }, found))
    }

    /// How each connector and each of its tasks stands now.
    pub(crate) async fn ask(&self) -> Result<Vec<ComponentState>, ConnectError> {
        let mut states = Vec::new();
        for name in &self.connectors {
            match self.connect.status(name, PATIENCE).await? {
                Some((own, tasks)) => {
                    states.push(state(connector(name), &own));
                    let task =
                        |Task { id, status }: &Task| state(format!("{}, task {id}", connector(name)), status);
                    states.extend(tasks.iter().map(task));
                }
                None => states.push(gone(connector(name))),
            }
        }
        Ok(states)
    }
}

/// How every component stood when it was told of last.
#[derive(Debug, Default)]
pub(crate) struct Standings(BTreeMap<String, ComponentState>);

/// A component that stands as it did not before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) state: ComponentState,
    /// Whether it is told of for the first time.
    pub(crate) is_first: bool,
}

impl Standings {
    /// What has changed with what was told now.
    pub(crate) fn changes(&mut self, told: Result<Vec<ComponentState>, ConnectError>) -> Vec<Change> {
        let told = match told {
            Ok(mut told) => {
                let named = |component: &str| told.iter().any(|state| state.component == component);
                let missing = self.0.keys().filter(|component| *component != CONNECT && !named(component));
                let missing: Vec<_> = missing.cloned().map(gone).collect();
                told.extend(missing);
                // That it answers is worth a word only after it did not.
                told.extend(self.0.contains_key(CONNECT).then(|| ComponentState {
                    component: CONNECT.to_owned(),
                    standing: Standing::Working,
                    said: "answers".to_owned(),
                }));
                told
            }
            // How the others stand is not known then, and is not changed.
            Err(error) => vec![ComponentState {
                component: CONNECT.to_owned(),
                standing: Standing::Unknown,
                said: error.to_string(),
            }],
        };
        let changes = told.into_iter().filter_map(|state| {
            let before = self.0.insert(state.component.clone(), state.clone());
            let is_first = before.is_none();
            (before.as_ref() != Some(&state)).then_some(Change { state, is_first })
        });
        changes.collect()
    }
}

fn connector(name: &str) -> String {
    format!("connector {name}")
}

fn state(component: String, status: &Status) -> ComponentState {
    let standing = match status.state {
        State::Running => Standing::Working,
        State::Paused | State::Stopped | State::Unassigned | State::Restarting | State::Other(_) => {
            Standing::Halted
        }
        State::Failed => Standing::Failed,
    };
    ComponentState { component, standing, said: status.to_string() }
}

fn gone(component: String) -> ComponentState {
    ComponentState { component, standing: Standing::Gone, said: "is not there any more".to_owned() }
}

/// What cannot be asked is its REST interface, whatever its connectors do.
const CONNECT: &str = "Kafka Connect";

/// How long Connect may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is asked: a restart takes about a second.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(component: &str, state: State, worker: &str) -> ComponentState {
        let status = Status { state, worker: worker.to_owned(), cause: None };
        super::state(component.to_owned(), &status)
    }

    fn said(changes: &[Change]) -> Vec<String> {
        let said = changes.iter().map(|Change { state, .. }| format!("{} {}", state.component, state.said));
        said.collect()
    }

    #[test]
    fn only_what_stands_otherwise_than_before_is_told() {
        let mut standings = Standings::default();
        let running = || Ok(vec![told("a", State::Running, "w1"), told("b", State::Running, "w1")]);
        let first = standings.changes(running());
        assert_eq!(said(&first), ["a RUNNING on w1", "b RUNNING on w1"]);
        assert!(first.iter().all(|change| change.is_first));
        assert_eq!(standings.changes(running()), []);
        let moved = Ok(vec![told("a", State::Running, "w2"), told("b", State::Running, "w1")]);
        assert_eq!(said(&standings.changes(moved)), ["a RUNNING on w2"]);
        let failed = standings.changes(Ok(vec![told("a", State::Failed, "w2")]));
        assert_eq!(said(&failed), ["a FAILED on w2", "b is not there any more"]);
        assert!(failed.iter().all(|change| !change.is_first));
        assert_eq!(standings.changes(Ok(vec![told("a", State::Failed, "w2")])), []);
    }

    #[test]
    fn while_nobody_can_be_asked_nothing_is_gone() {
        let mut standings = Standings::default();
        let running = || Ok(vec![told("a", State::Running, "w1")]);
        let unasked = || Err(ConnectError::Status { address: "http://c".to_owned(), status: 503 });
        standings.changes(running());
        let [Change { state, is_first: true }] = &standings.changes(unasked())[..] else { panic!("one") };
        assert_eq!((state.component.as_str(), state.standing), (CONNECT, Standing::Unknown));
        assert_eq!(standings.changes(unasked()), []);
        assert_eq!(said(&standings.changes(running())), ["Kafka Connect answers"]);
        assert_eq!(standings.changes(running()), []);
    }
}
