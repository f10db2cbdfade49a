//! What Connect's REST interface can answer.

use std::time::Duration;

use ramp_observe::{
    Credentials,
    connect::{Connect, ConnectConfig, Connector, State},
};
use serde_json::{Value, json};

use crate::server::{Answer, Server};

const PATIENCE: Duration = Duration::from_secs(60);

fn client(server: &Server) -> Connect {
    let credentials = Some(Credentials::basic("user".to_owned(), "hunter2".to_owned()));
    let url = format!("{}/connect/", server.url);
    Connect::new(&ConnectConfig { url, credentials, ..ConnectConfig::default() }).unwrap()
}

fn answer(status: u16, body: &str) -> Answer {
    Answer::Http { status, headers: Vec::new(), body: body.to_owned() }
}

/// Everything that Connect says of a connector, its configuration's secrets included.
fn mirror(tasks: &Value) -> Value {
    let class = "org.apache.kafka.connect.mirror.MirrorSourceConnector";
    json!({
        "info": {
            "name": "mm2",
            "config": {"connector.class": class, "topics": "test.*", "sasl.jaas.config": "hunter2"},
            "tasks": [{"connector": "mm2", "task": 0}],
            "type": "source",
        },
        "status": {
            "name": "mm2",
            "connector": {"state": "RUNNING", "worker_id": "w1:8083"},
            "tasks": tasks,
            "type": "source",
        },
    })
}

async fn connectors(body: &Value) -> Vec<Connector> {
    let server = Server::start().await;
    let body = body.to_string();
    server.set(move |_, _| answer(200, &body));
    let connectors = client(&server).connectors(PATIENCE).await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.path, "/connect/connectors?expand=status&expand=info");
    assert!(request.headers.contains("Basic dXNlcjpodW50ZXIy"), "{}", request.headers);
    connectors
}

async fn refused(answer: Answer) -> String {
    let server = Server::start().await;
    server.set(move |_, _| answer.clone());
    let client = client(&server);
    let error = client.connectors(Duration::from_millis(500)).await.unwrap_err().to_string();
    for shown in [format!("{client:?}"), error.clone()] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    error.replace(&server.url, "http://c")
}

#[tokio::test]
async fn a_connector_is_told_with_its_tasks_and_what_broke_one() {
    let tasks = json!([
        {"id": 1, "state": "FAILED", "worker_id": "w2:8083", "trace": "it broke\n\tat somewhere\nCaused by: a\n\tat x\nCaused by: no hunter2\n\tat y"},
        {"id": 0, "state": "PAUSED", "worker_id": "w1:8083"},
    ]);
    let found = connectors(&json!({"mm2": mirror(&tasks)})).await;
    let [mm2] = found.as_slice() else { panic!("{found:?}") };
    assert!(mm2.is_mirror_source() && mm2.copies("test.a") && !mm2.copies("other"));
    assert_eq!(mm2.status.as_ref().unwrap().state, State::Running);
    let [first, second] = mm2.tasks.as_slice() else { panic!("{mm2:?}") };
    assert_eq!((first.id, &first.status.state, &first.status.cause), (0, &State::Paused, &None));
    assert_eq!((second.id, &second.status.state), (1, &State::Failed));
    assert_eq!(second.status.worker, "w2:8083");
    assert_eq!(second.status.cause.as_deref(), Some("it broke, caused by no ***"), "the login is not shown");
}

#[tokio::test]
async fn a_connector_that_connect_does_not_know_the_state_of_yet_has_none() {
    let mut young = mirror(&json!([]));
    young.as_object_mut().unwrap().remove("status");
    let found = connectors(&json!({"mm2": young})).await;
    assert_eq!((&found[0].status, found[0].tasks.len()), (&None, 0));
}

#[tokio::test]
async fn whatever_is_no_connect_is_told_with_its_address_and_what_to_check() {
    let address = "http://c/connect";
    let unfit = "does not answer as Kafka Connect does: its answer is of another form at column";
    for (answer, error) in [
        (
            answer(401, "hunter2"),
            format!("{address} answers with HTTP status 401; check connect.url and the login"),
        ),
        (answer(302, ""), format!("{address} answers with HTTP status 302")),
        (answer(200, "<html>hunter2"), format!("{address} {unfit}")),
        (answer(200, r#"["mm2"]"#), format!("{address} {unfit}")),
        (answer(200, r#"{"mm2": "hunter2"}"#), format!("{address} {unfit}")),
        (Answer::Bytes(Vec::new()), format!("{address} does not answer: ")),
        (Answer::Held, format!("{address} does not answer: no answer within 0.5 s; check connect.url")),
    ] {
        let refused = refused(answer).await;
        assert!(refused.starts_with(&error), "{refused}");
    }
}

#[tokio::test]
async fn an_address_with_a_login_is_refused_unseen() {
    for (url, reason) in [
        ("http://user:hunter2@c:8083", "it holds a login; use username_env and password_env"),
        ("c:8083", "it begins with neither http:// nor https://"),
        ("http://c:8083/?token=hunter2", "it holds a query"),
    ] {
        let error = Connect::new(&ConnectConfig { url: url.to_owned(), ..ConnectConfig::default() });
        let error = error.unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("no address of Kafka Connect"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
