//! What `ramp` writes to a Grafana and reads from it: a server on loopback that checks each request.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ramp::annotations::Annotations;
use ramp_core::{
    campaign::{Campaign, Input},
    observation::{LatencySnapshot, LoadProgress},
    plan::{Plan, PlanDraft, Tier},
    units::{Elapsed, Rate},
};
use ramp_observe::{
    Credentials,
    grafana::{Grafana, GrafanaConfig},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinHandle,
};

use crate::laboratory::Laboratory;

const TOKEN: &str = "glsa_hunter2";

/// A request as a Grafana would get it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// `POST /api/annotations`.
    pub(crate) line: String,
    pub(crate) body: Value,
}

/// What a request is answered with; nothing at all where it is `None`.
type Answers = Box<dyn Fn(&Request) -> Option<(u16, String)> + Send + Sync>;

/// A server that takes what a Grafana takes.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(
        answers: impl Fn(&Request) -> Option<(u16, String)> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/team", listener.local_addr().unwrap());
        let (requests, answers): (_, Arc<Answers>) = (Arc::default(), Arc::new(Box::new(answers)));
        let taken = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&taken), Arc::clone(&answers)));
            }
        });
        Self { url, requests, task }
    }

    /// Takes whatever is asked of it.
    async fn willing() -> Self {
        Self::start(|_| Some((200, json!({"id": 42, "message": "Annotation added"}).to_string()))).await
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn client(&self) -> Grafana {
        let credentials = Some(Credentials::bearer(TOKEN.to_owned()));
        Grafana::new(&GrafanaConfig { url: self.url.clone(), credentials, ..GrafanaConfig::default() })
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, requests: Arc<Mutex<Vec<Request>>>, answers: Arc<Answers>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (Vec::new(), String::new());
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
            head.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        let Some(first) = head.first() else { return };
        let header = |name: &str| {
            let mut values = head.iter().filter_map(|line| line.split_once(": "));
            values.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        assert_eq!(header("authorization"), Some(format!("Bearer {TOKEN}").as_str()), "{head:?}");
        let length = header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let body = if body.is_empty() {
            Value::Null
        } else {
            assert_eq!(header("content-type"), Some("application/json"), "{head:?}");
            serde_json::from_slice(&body).unwrap()
        };
        let line = first.strip_suffix(" HTTP/1.1").unwrap().replace(" /team/", " /");
        let request = Request { line, body };
        let answer = answers(&request);
        requests.lock().unwrap().push(request);
        let Some((status, body)) = answer else { return std::future::pending().await };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// When the campaigns of these tests begin.
fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000)
}

/// A campaign of one tier, told to a Grafana as the driver does it.
struct Told {
    campaign: Campaign,
    annotations: Annotations,
}

impl Told {
    fn begin(grafana: Grafana) -> Self {
        Self::with(Annotations::begin(grafana, "staging", start()))
    }

    /// Another campaign, told to the same.
    fn again(self) -> Self {
        Self::with(self.annotations)
    }

    fn with(annotations: Annotations) -> Self {
        let rate = Rate::per_second(100).unwrap();
        let tier = Tier::new("P1 <b>", rate, Duration::from_secs(10), Duration::from_secs(1));
        let plan = Plan::new(PlanDraft::new("one tier", vec![tier])).unwrap();
        let mut told = Self { campaign: Campaign::new(plan), annotations };
        told.at(1, Input::PathClear { tier: 0 });
        told.at(2, Input::LoadStarted { tier: 0 });
        told
    }

    fn at(&mut self, second: u64, input: Input) {
        self.campaign.handle(Elapsed::new(Duration::from_secs(second)), input);
        while self.campaign.poll_action().is_some() {}
        while let Some(event) = self.campaign.poll_event() {
            self.annotations.event(&self.campaign, &event);
        }
        self.annotations.beat(&self.campaign);
    }

    /// `late` of the tier's records arrive beyond the bound, the others in time, and the recovery is over.
    fn end(&mut self, late: u64) {
        let load =
            LoadProgress { due: 1_000, offered: 1_000, acknowledged: 1_000, ..LoadProgress::default() };
        let seen = LatencySnapshot {
            offered: 1_000,
            arrived: 1_000,
            late,
            late_from_handover: late,
            p99: Some(Duration::from_millis(if late > 10 { 1_200 } else { 20 })),
            ..LatencySnapshot::default()
        };
        self.at(11, Input::Latency { tier: 0, snapshot: seen.clone() });
        self.at(12, Input::LoadEnded { tier: 0, progress: load });
        for second in 13..=132 {
            self.at(second, Input::Latency { tier: 0, snapshot: seen.clone() });
        }
        assert!(self.campaign.outcome().is_some());
    }
}

#[tokio::test]
async fn a_tier_is_a_region_and_its_verdict_a_point_with_their_tags_and_times() {
    let server = Server::willing().await;
    let mut told = Told::begin(server.client());
    told.end(0);
    assert_eq!(told.annotations.close().await, [""; 0]);
    let post = |body| Request { line: "POST /api/annotations".to_owned(), body };
    let expected = [
        post(json!({
            "time": 1_000_002_000,
            "tags": ["ramp", "staging", "P1 <b>"],
            "text": "staging, P1 &lt;b&gt;: starts: 100/s for 10 s, p99 &lt; 1 s",
        })),
        Request { line: "PATCH /api/annotations/42".to_owned(), body: json!({"timeEnd": 1_000_012_000}) },
        post(json!({
            "time": 1_000_132_000,
            "tags": ["ramp", "staging", "P1 <b>", "GO"],
            "text": "staging, P1 &lt;b&gt;: GO",
        })),
    ];
    assert_eq!(server.requests(), expected);
}

#[tokio::test]
async fn a_load_that_is_stopped_early_says_why() {
    let server = Server::willing().await;
    let mut told = Told::begin(server.client());
    told.end(20);
    assert_eq!(told.annotations.close().await, [""; 0]);
    let requests = server.requests();
    let texts: Vec<_> = requests.iter().map(|request| request.body["text"].as_str().unwrap_or("")).collect();
    assert!(texts[1].starts_with("staging, P1 &lt;b&gt;: the load is stopped early: "), "{texts:?}");
    assert!(texts.last().unwrap().starts_with("staging, P1 &lt;b&gt;: STOP: "), "{texts:?}");
    assert_eq!(requests.last().unwrap().body["tags"], json!(["ramp", "staging", "P1 <b>", "STOP"]));
    assert_eq!(
        requests.iter().filter(|request| request.line.starts_with("PATCH")).count(),
        1,
        "{requests:?}"
    );
}

#[tokio::test]
async fn an_annotation_that_fails_is_a_warning_without_the_token_and_the_next_is_tried() {
    for (status, body, warning) in [
        (
            401,
            TOKEN,
            "refuses the token (HTTP status 401); name a service account's token with token_env or token_file",
        ),
        (
            403,
            TOKEN,
            "does not let the token's owner do this (HTTP status 403); its service account needs annotations:create",
        ),
        (404, TOKEN, "answers with HTTP status 404; check grafana.url"),
        (302, TOKEN, "answers with HTTP status 302; check grafana.url"),
        (500, TOKEN, "answers with HTTP status 500; check grafana.url"),
        (
            200,
            TOKEN,
            "does not answer as Grafana does: its answer is of another form at column 1; check grafana.url",
        ),
    ] {
        let server = Server::start(move |_| Some((status, body.to_owned()))).await;
        let mut told = Told::begin(server.client());
        told.end(0);
        let warnings = told.annotations.close().await;
        let expected = format!("an annotation is left out: {} {warning}", server.url);
        assert_eq!(
            warnings.len(),
            2,
            "its start and its verdict; what did not begin does not end: {warnings:?}"
        );
        for warning in warnings {
            assert!(warning.starts_with(&expected) && !warning.contains(TOKEN), "{warning}");
        }
    }
}

#[tokio::test]
async fn a_grafana_that_never_answers_holds_up_nothing_and_is_waited_for_a_few_seconds_at_the_end() {
    let server = Server::start(|_| None).await;
    let mut told = Told::begin(server.client());
    for _ in 0..40 {
        told.end(0);
        told = told.again();
    }
    let warnings = told.annotations.close().await;
    let [full, .., last] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(full.ends_with(" annotations are left out: Grafana is too slow"), "{warnings:?}");
    assert_eq!(last, "the last annotations are left out: Grafana is too slow");
}

/// A dashboard that is read by its uid, as Grafana answers.
fn dashboard(line: &str) -> Option<(u16, String)> {
    let text = match line {
        "GET /api/dashboards/uid/mm2-replication" => {
            include_str!("../../../../fixtures/dashboards/mm2-replication.json")
        }
        "GET /api/dashboards/uid/mm2-detailed-metrics" => {
            include_str!("../../../../fixtures/dashboards/mm2-detailed-metrics.json")
        }
        "GET /api/dashboards/uid/xfpJB9FGz" => {
            include_str!("../../../../fixtures/dashboards/Node-Eporter.json")
        }
        _other => return None,
    };
    let dashboard: Value = serde_json::from_str(text).unwrap();
    Some((200, json!({"meta": {"type": "db", "slug": "x"}, "dashboard": dashboard}).to_string()))
}

#[test]
fn a_campaign_judges_by_dashboards_of_a_grafana_and_is_annotated_there() {
    let lab = Laboratory::start_cold();
    let (runtime, folder) = (Runtime::new().unwrap(), TempDir::new().unwrap());
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let server = runtime.block_on(Server::start(|request| {
        dashboard(&request.line).or_else(|| Some((200, json!({"id": 7}).to_string())))
    }));
    let mut section = toml::toml! {
        annotations = true
        [dashboards]
        mm2-replication = "mm2-replication"
        mm2-detailed-metrics = "mm2-detailed-metrics"
        Node-Eporter = "xfpJB9FGz"
    };
    section.insert("url".to_owned(), server.url.clone().into());
    section.insert("token_file".to_owned(), token.to_str().unwrap().into());
    let campaign = lab.campaign("grafana", &["P1"]).short().section("grafana", section).run();
    assert_eq!(campaign.verdicts(), ["go"], "{campaign}");
    assert!(!campaign.stderr.contains("annotation"), "none failed: {campaign}");
    assert!(!campaign.to_string().contains(TOKEN), "{campaign}");
    let left = lab.left("grafana");
    assert!(left.contains("xfpJB9FGz") && !left.contains(TOKEN), "the uid is told and the token is not");
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        [
            "GET /api/dashboards/uid/xfpJB9FGz",
            "GET /api/dashboards/uid/mm2-detailed-metrics",
            "GET /api/dashboards/uid/mm2-replication",
            "POST /api/annotations",
            "PATCH /api/annotations/7",
            "POST /api/annotations",
        ]
    );
    let verdict = server.requests().pop().unwrap();
    let tags = verdict.body["tags"].as_array().unwrap();
    assert_eq!(tags[2..], [json!("P1"), json!("GO")], "{verdict:?}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let ago = now - verdict.body["time"].as_u64().unwrap();
    assert!(ago < 60_000, "{ago} ms ago");
}

#[tokio::test]
async fn a_dashboard_that_is_not_had_is_one_clear_error_without_the_token() {
    let panels = json!({"dashboard": {"title": "empty"}}).to_string();
    for (status, body, error) in [
        (
            401,
            TOKEN,
            "URL refuses the token (HTTP status 401); name a service account's token with token_env or token_file under [grafana]",
        ),
        (
            403,
            TOKEN,
            "URL does not let the token's owner do this (HTTP status 403); its service account needs dashboards:read",
        ),
        (
            404,
            TOKEN,
            "URL has no dashboard of uid \"a b\"; the uid stands in a dashboard's own address, …/d/UID/…",
        ),
        (302, TOKEN, "URL answers with HTTP status 302; check grafana.url"),
        (
            200,
            "<html>",
            "URL does not answer as Grafana does: its answer is of another form at column 1; check grafana.url",
        ),
        (
            200,
            "{\"x\": 1}",
            "URL does not answer as Grafana does: its answer is of another form at column 8; check grafana.url",
        ),
        (
            200,
            panels.as_str(),
            "URL has no panels in the dashboard of uid \"a b\"; choose another under [grafana.dashboards]",
        ),
    ] {
        let body = body.to_owned();
        let server = Server::start(move |_| Some((status, body.clone()))).await;
        let named = [("mm2".to_owned(), "a b".to_owned())].into();
        let refused =
            server.client().dashboards(&named, Duration::from_secs(60)).await.unwrap_err().to_string();
        assert_eq!(refused.replace(&server.url, "URL"), error);
        assert_eq!(server.requests()[0].line, "GET /api/dashboards/uid/a%20b");
    }
    let silent = Server::start(|_| None).await;
    let named = [("mm2".to_owned(), "a".to_owned())].into();
    let refused =
        silent.client().dashboards(&named, Duration::from_millis(200)).await.unwrap_err().to_string();
    let error = format!("{} does not answer: no answer within 0.2 s; check grafana.url", silent.url);
    assert_eq!(refused, error);
}

#[test]
fn an_address_with_a_login_is_refused_unseen() {
    let url = "http://admin:hunter2@grafana:3000".to_owned();
    let error = Grafana::new(&GrafanaConfig { url, ..GrafanaConfig::default() }).unwrap_err().to_string();
    assert_eq!(
        error,
        "\"http://grafana:3000/\" is no address of Grafana: it holds a login; use token_env or token_file; write for \
         example https://grafana.example.org"
    );
}
