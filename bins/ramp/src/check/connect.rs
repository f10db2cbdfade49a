//! How the connectors and tasks stand that copy what a campaign loads.

use ramp_observe::connect::{Connector, State};

use super::found::{Finding, Mark};
use crate::components::Connectors;

/// One finding for each connector that copies what is loaded.
pub(crate) fn findings(Connectors { mirrors, others }: &Connectors) -> Vec<Finding> {
    if mirrors.is_empty() {
        return vec![Finding::doubtful(PART, none_of(others))];
    }
    mirrors.iter().map(finding).collect()
}

fn none_of(connectors: &[Connector]) -> String {
    let mirrors = connectors.iter().filter(|connector| connector.is_mirror_source());
    let mirrors: Vec<_> = mirrors.map(|connector| connector.name.as_str()).collect();
    let why = match (connectors.len(), mirrors.as_slice()) {
        (0, _) => "it has no connector".to_owned(),
        (some, []) => format!("none of its {some} connectors is a MirrorSourceConnector"),
        (_, mirrors) => format!("the topics of {} leave them out", mirrors.join(", ")),
    };
    format!("no connector copies the loaded topics: {why}; check connect.url, or the connector's topics")
}

fn finding(connector: &Connector) -> Finding {
    let Connector { name, status, tasks, .. } = connector;
    let mut text = match status {
        Some(status) => format!("connector {name} {status}"),
        None => format!("connector {name} has no state yet"),
    };
    let running = tasks.iter().filter(|task| task.status.state == State::Running).count();
    text += &match (running, tasks.len()) {
        (_, 0) => ", no task".to_owned(),
        (running, all) if running == all => format!(", {all} of {all} tasks RUNNING"),
        (running, all) => format!(", {running} of {all} tasks RUNNING"),
    };
    let halted: Vec<_> = tasks.iter().filter(|task| task.status.state != State::Running).collect();
    for task in halted.iter().take(MOST_TASKS) {
        text += &format!("\n  task {} {}", task.id, task.status);
    }
    if let Some(more) = halted.len().checked_sub(MOST_TASKS).filter(|more| *more > 0) {
        text += &format!("\n  and {more} more");
    }
    let states = || status.iter().chain(tasks.iter().map(|task| &task.status)).map(|status| &status.state);
    let gravest = states().filter(|state| remedy(state, name).is_some()).max_by_key(|state| mark(state));
    if let Some(remedy) = gravest.and_then(|state| remedy(state, name)) {
        text += &format!("\n  {remedy}");
    }
    let idle = if tasks.is_empty() { Mark::Doubtful } else { Mark::Good };
    let unknown = if status.is_none() { Mark::Doubtful } else { Mark::Good };
    let mark = states().map(mark).fold(idle.max(unknown), Mark::max);
    Finding { mark, part: PART, text }
}

const fn mark(state: &State) -> Mark {
    match state {
        State::Running => Mark::Good,
        State::Paused | State::Stopped | State::Unassigned | State::Restarting | State::Other(_) => {
            Mark::Doubtful
        }
        State::Failed => Mark::Missing,
    }
}

/// What brings it back.
fn remedy(state: &State, name: &str) -> Option<String> {
    match state {
        State::Paused | State::Stopped => Some(format!("PUT /connectors/{name}/resume lets it go on")),
        State::Failed => Some(format!(
            "mend the cause, then POST /connectors/{name}/restart?includeTasks=true&onlyFailed=true"
        )),
        State::Unassigned | State::Restarting => {
            Some("wait until a worker has taken it, and check again".to_owned())
        }
        State::Running | State::Other(_) => None,
    }
}

pub(super) const PART: &str = "connect";

/// So many tasks that do not run are shown one by one.
const MOST_TASKS: usize = 5;

#[cfg(test)]
mod tests {
    use ramp_observe::connect::{Status, Task};

    use super::*;

    fn status(state: State) -> Status {
        Status { state, worker: "w1:8083".to_owned(), cause: None }
    }

    fn connector(own: State, tasks: Vec<Status>) -> Connector {
        Connector {
            name: "mm2".to_owned(),
            class: "org.apache.kafka.connect.mirror.MirrorSourceConnector".to_owned(),
            status: Some(status(own)),
            tasks: (0..).zip(tasks).map(|(id, status)| Task { id, status }).collect(),
            topics: None,
            excluded: None,
        }
    }

    fn told(connector: Connector) -> String {
        let found = Connectors { mirrors: vec![connector], others: Vec::new() };
        let [finding] = &findings(&found)[..] else { panic!("one connector") };
        finding.to_string()
    }

    fn lines(told: &str) -> Vec<&str> {
        told.lines().map(str::trim_start).collect()
    }

    #[test]
    fn a_connector_whose_tasks_run_is_good_and_one_without_a_task_is_not() {
        let runs = connector(State::Running, vec![status(State::Running), status(State::Running)]);
        assert_eq!(told(runs), "✓ connect     connector mm2 RUNNING on w1:8083, 2 of 2 tasks RUNNING");
        assert_eq!(
            told(connector(State::Running, vec![])),
            "! connect     connector mm2 RUNNING on w1:8083, no task"
        );
        let young = Connector { status: None, ..connector(State::Running, vec![]) };
        assert_eq!(told(young), "! connect     connector mm2 has no state yet, no task");
    }

    #[test]
    fn what_is_paused_is_told_with_what_lets_it_go_on() {
        let told = told(connector(State::Paused, vec![status(State::Paused)]));
        assert_eq!(
            lines(&told),
            [
                "! connect     connector mm2 PAUSED on w1:8083, 0 of 1 tasks RUNNING",
                "task 0 PAUSED on w1:8083",
                "PUT /connectors/mm2/resume lets it go on",
            ]
        );
    }

    #[test]
    fn a_failed_task_is_told_with_its_cause_whatever_the_others_do() {
        let cause = Some("ConnectException: it broke".to_owned());
        let failed = Status { cause, ..status(State::Failed) };
        let paused = status(State::Paused);
        let told = told(connector(State::Running, vec![status(State::Running), failed, paused]));
        assert_eq!(
            lines(&told),
            [
                "✗ connect     connector mm2 RUNNING on w1:8083, 1 of 3 tasks RUNNING",
                "task 1 FAILED on w1:8083: ConnectException: it broke",
                "task 2 PAUSED on w1:8083",
                "mend the cause, then POST /connectors/mm2/restart?includeTasks=true&onlyFailed=true",
            ]
        );
    }

    #[test]
    fn of_many_tasks_that_do_not_run_a_few_are_shown_and_all_are_counted() {
        let told = told(connector(State::Running, vec![status(State::Unassigned); 12]));
        assert!(told.contains("0 of 12 tasks RUNNING") && told.contains("and 7 more"), "{told}");
        assert_eq!(told.matches("UNASSIGNED on").count(), 5, "{told}");
    }

    #[test]
    fn a_connect_that_copies_nothing_of_the_load_says_why() {
        let other = Connector { topics: Some("orders".to_owned()), ..connector(State::Failed, vec![]) };
        let heartbeat = Connector { class: "MirrorHeartbeatConnector".to_owned(), ..other.clone() };
        for (others, why) in [
            (vec![], "it has no connector"),
            (vec![heartbeat], "none of its 1 connectors is a MirrorSourceConnector"),
            (vec![other], "the topics of mm2 leave them out"),
        ] {
            let found = Connectors { mirrors: Vec::new(), others };
            let [finding] = &findings(&found)[..] else { panic!("one finding") };
            assert_eq!(finding.mark, Mark::Doubtful);
            assert!(finding.text.contains(why), "{finding}");
        }
    }
}
