//! `ramp check` beside a Connect that says what a test wants; the laboratory's own is asked in its campaigns.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use crate::cli::{CLUSTERS, ramp};

/// Answers one request with `body`; its address, and the path that was asked for.
fn connect(body: &Value) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let body = body.to_string();
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        first
    });
    (address, asked)
}

#[test]
fn as_json_all_that_was_found_is_one_object_of_findings_and_figures() {
    let status = |state: &str| json!({"state": state, "worker_id": "w1:8083"});
    let mut failed = status("FAILED");
    failed["id"] = 0.into();
    failed["trace"] = "ConnectException: it broke\n\tat x".into();
    let class = "org.apache.kafka.connect.mirror.MirrorSourceConnector";
    let (url, asked) = connect(&json!({
        "mm2": {
            "info": {"config": {"connector.class": class, "topics": "test-prometheus\\..*"}},
            "status": {"connector": status("RUNNING"), "tasks": [failed]},
        },
        "sink": {
            "info": {"config": {"connector.class": "org.example.Sink"}},
            "status": {"connector": status("FAILED"), "tasks": []},
        },
    }));
    let (_folder, output) = ramp(CLUSTERS, &["check", "--output", "json", "--connect", &url]);
    assert_eq!(asked.join().unwrap(), "GET /connectors?expand=status&expand=info HTTP/1.1");
    assert_eq!(output.status.code(), Some(3));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["schema_version"], &found["ready"]), (&json!(1), &json!(false)));
    let findings = found["findings"].as_array().unwrap();
    let parts: Vec<_> = findings.iter().map(|finding| finding["part"].as_str().unwrap()).collect();
    assert_eq!(parts, ["source", "target", "connect", "prometheus", "replication"]);
    assert!(findings.iter().all(|finding| finding["mark"] == "missing"), "{found:#}");
    let task =
        json!({"id": 0, "state": "FAILED", "worker": "w1:8083", "cause": "ConnectException: it broke"});
    let mm2 = json!({"name": "mm2", "state": "RUNNING", "worker": "w1:8083", "cause": null, "tasks": [task]});
    assert_eq!(found["connectors"], json!([mm2]), "a sink copies nothing");
    assert_eq!((&found["topics"], &found["canaries"]), (&json!([]), &Value::Null), "nobody was there to ask");
}
