//! Whatever Prometheus does, each reading is a value or a named absence within its sampling period, and no message
//! shows a secret.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificates;
mod connect;
mod server;

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, future::join_all};
use ramp_core::{
    campaign::Input,
    observation::{Absence, Reading, Sample},
    signal::{SignalId, Unit},
    units::Elapsed,
};
use ramp_observe::{
    Credentials, Dashboards, ObserveError, Observed, Observer, ObserverSpec, PrometheusConfig, Tls,
    catalog::{Binding, Catalog, PanelName},
};
use serde_json::json;

use crate::{
    certificates::Authority,
    server::{Answer, Request, Server},
};

const SAMPLING: Duration = Duration::from_secs(8);

/// Every secret that the client is given has this in it.
const SECRET: &str = "hunter2";

fn config(url: &str) -> PrometheusConfig {
    PrometheusConfig {
        url: url.to_owned(),
        credentials: Some(Credentials::basic("ramp".to_owned(), format!("{SECRET}-password"))),
        headers: BTreeMap::from([
            // The one begins as the other does.
            ("X-Short".to_owned(), format!("{SECRET}-head")),
            ("X-Token".to_owned(), format!("{SECRET}-header")),
        ]),
        ..PrometheusConfig::default()
    }
}

/// An observer of one signal for each of `expressions`, called by it.
async fn observer_of(config: &PrometheusConfig, expressions: &[&str]) -> Result<Observer, ObserveError> {
    observer_since(config, expressions, SystemTime::now()).await
}

async fn observer_since(
    config: &PrometheusConfig,
    expressions: &[&str],
    start: SystemTime,
) -> Result<Observer, ObserveError> {
    let folder = tempfile::tempdir().unwrap();
    let panels: Vec<_> = expressions
        .iter()
        .map(|one| json!({"title": one, "targets": [{"refId": "A", "expr": one}]}))
        .collect();
    fs::write(folder.path().join("d.json"), json!({"panels": panels}).to_string()).unwrap();
    let dashboards = Dashboards::load(folder.path()).unwrap();
    let mut catalog = Catalog::default();
    for expression in expressions {
        let binding = Binding {
            dashboard: Some("d".to_owned()),
            panel: Some(PanelName::Title((*expression).to_owned().into())),
            unit: Some(Unit::Count),
            ..Binding::default()
        };
        catalog.bind(expression, binding).unwrap();
    }
    let signals: Vec<_> = expressions.iter().map(|one| SignalId::new((*one).to_owned())).collect();
    let spec = ObserverSpec {
        dashboards: &dashboards,
        catalog: &catalog,
        signals: &signals,
        topics: &[],
        sampling: SAMPLING,
        start,
        now: since_start(),
    };
    Observer::connect(config, spec).await
}

/// A moment of the campaign; the server has the same answer for each.
const fn since_start() -> Elapsed {
    Elapsed::START
}

async fn observe(observer: &Observer) -> Vec<Observed> {
    observer.sample(since_start()).collect().await
}

async fn only(observer: &Observer) -> Sample {
    observe(observer).await.pop().unwrap().reading.sample
}

/// Everything that can reach a journal, a report or a screen.
fn shown(observer: &Observer, observed: &[Observed]) -> String {
    let journal = observed.iter().flat_map(|Observed { reading, warnings }| {
        let signal = &reading.signal;
        let warned = warnings.iter().map(|warning| (signal.clone(), warning.clone()));
        let warned = warned.map(|(signal, warning)| Input::Warned { signal, warning });
        warned.chain([Input::Reading(reading.clone())])
    });
    let journal: Vec<_> = journal.map(|input| serde_json::to_string(&input).unwrap()).collect();
    let checks: Vec<_> = observer.checks().iter().map(ToString::to_string).collect();
    let (variables, address) = (observer.variables(), observer.address());
    format!(
        "{observer:?} {:?} {checks:?} {variables:?} {address} {observed:?} {journal:?}",
        observer.checks()
    )
}

fn has_no_secret(shown: &str) -> bool {
    // Neither a part of one, nor one in base64, which hides nothing.
    [SECRET, "-password", "***er", "cmFtcDpodW50ZXIy"].iter().all(|part| !shown.contains(part))
}

fn html(status: u16) -> Answer {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Answer::Http { status, headers, body: "<html><title>Sign in</title></html>".to_owned() }
}

fn busy(status: u16, after: &str) -> Answer {
    Answer::Http { status, headers: vec![("retry-after", after.to_owned())], body: String::new() }
}

fn json_of(body: String) -> Answer {
    Answer::Http { status: 200, headers: Vec::new(), body }
}

fn bytes(text: &str) -> Answer {
    Answer::Bytes(text.as_bytes().to_vec())
}

fn series(count: usize) -> Answer {
    let mut result = String::new();
    for n in 0..count {
        write!(result, r#",{{"metric":{{"n":"{n}"}},"value":[1,"1"]}}"#).unwrap();
    }
    let result = result.trim_start_matches(',');
    json_of(format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#))
}

/// What the server does, by name, and what is said about it.
fn faults() -> Vec<(&'static str, Answer, &'static str)> {
    let head = "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n";
    let refusal = |echo: &str| {
        let body = json!({"status": "error", "errorType": "bad_data", "error": format!("bad: {echo}")});
        Answer::Http { status: 400, headers: Vec::new(), body: body.to_string() }
    };
    let echoed = format!("{SECRET}-password {SECRET}-header");
    vec![
        (
            "a full server that asks for an hour",
            busy(429, "3600"),
            "HTTP status 429; it asks to be left alone for 3600 s",
        ),
        (
            "a server in repair until a date",
            busy(503, "Fri, 31 Dec 2100 23:59:59 GMT"),
            "HTTP status 503; it asks",
        ),
        ("a wait that no clock can hold", busy(503, "9999999999999999999"), "HTTP status 503; it asks"),
        (
            "a server that starts",
            Answer::Http { status: 503, headers: Vec::new(), body: "Service Unavailable".to_owned() },
            "HTTP status 503",
        ),
        ("a stall", Answer::Held, "no answer within 7.2 s"),
        ("a connection that is closed at once", bytes(""), "connection"),
        (
            "an answer that ends too soon",
            bytes(&format!("{head}{{\"status\":\"succ")),
            "end of file before message length reached",
        ),
        (
            "truncated JSON",
            json_of(r#"{"status":"success","data":{"resultType":"vec"#.to_owned()),
            "the answer cannot be read: EOF",
        ),
        ("no HTTP", bytes("SSH-2.0-OpenSSH_9.2\r\n"), "invalid HTTP"),
        ("a login page", html(200), "answered with text/html; charset=utf-8 and not with JSON"),
        ("a proxy's error page", html(502), "HTTP status 502"),
        (
            "a wrong content type",
            Answer::Http {
                status: 200,
                headers: vec![("content-type", "text/plain".to_owned())],
                body: "{}".to_owned(),
            },
            "answered with text/plain",
        ),
        ("an answer without data", json_of("{}".to_owned()), "it has no data"),
        ("10 000 series", series(10_000), "10000 series where at most 5000 are judged"),
        ("an answer without end", json_of(" ".repeat(9 * 1024 * 1024)), "longer than 8388608 bytes"),
        (
            "a redirect to itself",
            Answer::Http {
                status: 302,
                headers: vec![("location", "/elsewhere".to_owned())],
                body: String::new(),
            },
            "redirected to http://127.0.0.1",
        ),
        ("a refusal that echoes the login", refusal(&echoed), "bad: *** ***"),
        (
            "an error page of a gateway",
            Answer::Http { status: 403, headers: Vec::new(), body: "no".to_owned() },
            "HTTP status 403",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_a_named_absence_or_error_within_the_sampling_period_and_shows_no_secret() {
    let tried = faults().into_iter().map(|(name, answer, expected)| async move {
        let server = Server::start().await;
        let config = config(&server.url);
        let observer = observer_of(&config, &["up"]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        // What times behind a value say is well: the fault is in the value's own query.
        server.set(move |request, _| {
            let faulty = request.expression == "up" || request.path == "/elsewhere";
            if faulty { answer.clone() } else { Answer::Well }
        });
        let begun = Instant::now();
        let sample = only(&observer).await;
        assert!(begun.elapsed() < SAMPLING, "{name}: {:?}", begun.elapsed());
        let Sample::Absent(why) = sample else { panic!("{name}: {sample:?}") };
        assert!(why.to_string().contains(expected), "{name}: {why}");
        let refused = match observer_of(&config, &["up"]).await {
            Err(error) => format!("{error} {error:?}"),
            // Too much is no error of asking; what is judged says it.
            Ok(_) => {
                assert!(matches!(why, Absence::Unexpected(_)), "{name}");
                String::new()
            }
        };
        let reading = Reading { signal: SignalId::literal("up"), sample: Sample::Absent(why.clone()) };
        let observed = Observed { reading, warnings: Vec::new() };
        let shown = format!("{why} {refused} {config:?} {}", shown(&observer, &[observed]));
        assert!(has_no_secret(&shown), "{name}: {shown}");
    });
    join_all(tried).await;
}

#[tokio::test]
async fn a_server_that_is_there_again_within_the_period_is_asked_again() {
    for (status, headers) in [(503, None), (429, Some(("retry-after", "1".to_owned()))), (502, None)] {
        let server = Server::start().await;
        let observer = observer_of(&config(&server.url), &["up"]).await.unwrap();
        let headers: Vec<_> = headers.into_iter().collect();
        server.set(move |request, n| {
            let fails = n <= 2 && request.expression == "up";
            if fails {
                Answer::Http { status, headers: headers.clone(), body: String::new() }
            } else {
                Answer::Well
            }
        });
        let sample = only(&observer).await;
        assert!(matches!(sample, Sample::Present { .. }), "{status}: {sample:?}");
    }
}

#[tokio::test]
async fn what_the_last_attempt_has_no_time_for_does_not_hide_what_the_ones_before_met_with() {
    let server = Server::start().await;
    let observer = observer_of(&config(&server.url), &["up"]).await.unwrap();
    server.set(|request, n| match request.expression.as_str() {
        "up" if n <= 2 => Answer::Http { status: 503, headers: Vec::new(), body: String::new() },
        "up" => Answer::Held,
        _other => Answer::Well,
    });
    let Sample::Absent(why) = only(&observer).await else { panic!("no value was ever answered") };
    assert!(why.to_string().contains("HTTP status 503"), "{why}");
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_is_not_asked_again_before() {
    let server = Server::start().await;
    let observer = observer_of(&config(&server.url), &["up"]).await.unwrap();
    server.set(|request, _| if request.expression == "up" { busy(429, "3600") } else { Answer::Well });
    only(&observer).await;
    let asked = server.requests().iter().filter(|request| request.expression == "up").count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_slow_query_holds_up_no_other() {
    let server = Server::start().await;
    let expressions: Vec<_> = (0..20).map(|n| format!("signal_{n}")).collect();
    let mut expressions: Vec<_> = expressions.iter().map(String::as_str).collect();
    expressions.insert(0, "slow");
    let observer = observer_of(&config(&server.url), &expressions).await.unwrap();
    server.set(|request, _| if request.expression == "slow" { Answer::Held } else { Answer::Well });
    let mut readings = observer.sample(since_start());
    for _ in 0..20 {
        let observed = readings.next().await.unwrap();
        assert_ne!(observed.reading.signal.as_str(), "slow");
        assert!(matches!(observed.reading.sample, Sample::Present { .. }), "{observed:?}");
    }
    // It is answered only after all others were had.
    server.release();
    let last = readings.next().await.unwrap().reading;
    assert_eq!(last.signal.as_str(), "slow");
    assert!(matches!(last.sample, Sample::Present { .. }), "{last:?}");
    assert!(readings.next().await.is_none());
}

#[tokio::test]
async fn a_login_never_follows_a_redirect_to_another_host() {
    let (server, other) = (Server::start().await, Server::start().await);
    let observer = observer_of(&config(&server.url), &["up"]).await.unwrap();
    let location = format!("{}/api/v1/query?token=state", other.url);
    server.set(move |_, _| Answer::Http {
        status: 307,
        headers: vec![("location", location.clone())],
        body: String::new(),
    });
    let sample = only(&observer).await;
    let Sample::Absent(Absence::Unreachable(why)) = sample else { panic!("{sample:?}") };
    assert!(why.contains(&format!("redirected to {}", other.url)) && !why.contains("state"), "{why}");
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn samplings_are_of_moments_of_the_campaign_whatever_the_calendar_says() {
    let server = Server::start().await;
    let start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let observer = observer_since(&config(&server.url), &["up"], start).await.unwrap();
    for seconds in [10.0, 14.5] {
        server.set(|_, _| Answer::Well);
        let at = Elapsed::new(Duration::from_secs_f64(seconds));
        let observed: Vec<_> = observer.sample(at).collect().await;
        let requests = server.requests();
        assert_eq!((observed.is_empty(), requests.len()), (false, 2));
        for Request { expression, times, .. } in requests {
            assert_eq!(times.last(), Some(&(1_700_000_000.0 + seconds)), "{expression}");
        }
    }
}

#[tokio::test]
async fn login_headers_and_base_path_arrive_and_long_queries_go_in_the_body() {
    let server = Server::start().await;
    let long = format!("sum(up{{job=~\"{}\"}})", "x|".repeat(1_000));
    let config = PrometheusConfig { url: format!("{}/base/path/", server.url), ..config(&server.url) };
    let observer = observer_of(&config, &["up", &long]).await.unwrap();
    server.set(|_, _| Answer::Well);
    let observed = observe(&observer).await;
    assert_eq!(observed.len(), 2);
    let requests = server.requests();
    for request in &requests {
        assert!(request.path.starts_with("/base/path/api/v1/query"), "{request:?}");
        let headers = request.headers.to_ascii_lowercase();
        for header in ["authorization: basic cmftcdpodw50zxiylxbhc3n3b3jk", "x-token: hunter2-header"] {
            assert!(headers.contains(header), "{header}: {request:?}");
        }
    }
    let by = |method: &str| requests.iter().filter(|request| request.method == method).count();
    assert_eq!((by("GET"), by("POST")), (2, 3), "up and its scrape; the long one's series, scrapes and sum");
    let error =
        observer_of(&PrometheusConfig { url: "ftp://x".to_owned(), ..config }, &[]).await.unwrap_err();
    assert!(error.to_string().contains("neither http:// nor https://"), "{error}");
}

#[tokio::test]
async fn what_prometheus_warns_of_shows_no_secret_and_no_more_than_a_person_reads() {
    let server = Server::start().await;
    let echoed = format!("bad login {SECRET}-password,\n{SECRET}-header, {SECRET}-head");
    let warning = json!([echoed, "x".repeat(10_000)]);
    server.set(move |request, _| match request.expression.as_str() {
        "up" => {
            let point = request.times.first().map(|time| json!([time, "1"]));
            let kind = if point.is_some() { "matrix" } else { "vector" };
            let series = json!({"metric": {}, "values": [point], "value": [1, "1"]});
            let data = json!({"resultType": kind, "result": [series]});
            json_of(json!({"status": "success", "data": data, "warnings": warning}).to_string())
        }
        _other => Answer::Well,
    });
    let observer = observer_of(&config(&server.url), &["up"]).await.unwrap();
    let observed = observe(&observer).await;
    let [echo, long] = &*observed[0].warnings else { panic!("{observed:?}") };
    assert_eq!(echo, "bad login ***, ***, ***");
    assert!(long.len() < 400 && long.ends_with('…'), "{long}");
    let shown = shown(&observer, &observed);
    assert!(has_no_secret(&shown) && shown.contains("Prometheus warns: bad login ***"), "{shown}");
}

#[tokio::test]
async fn the_panel_s_own_query_holds_up_no_reading_for_long() {
    let server = Server::start().await;
    let observer = observer_of(&config(&server.url), &["sum(up)"]).await.unwrap();
    server.set(|request, _| if request.expression == "sum(up)" { Answer::Held } else { Answer::Well });
    let begun = Instant::now();
    let sample = only(&observer).await;
    assert!(begun.elapsed() < SAMPLING / 2, "{:?}", begun.elapsed());
    let Sample::Present { points, panel: None } = sample else { panic!("{sample:?}") };
    assert_eq!(points.len(), 1);
}

#[tokio::test]
async fn panels_that_stall_take_no_place_of_what_is_judged() {
    let server = Server::start().await;
    let expressions: Vec<_> = (0..40).map(|n| format!("sum(signal_{n})")).collect();
    let expressions: Vec<_> = expressions.iter().map(String::as_str).collect();
    let observer = observer_of(&config(&server.url), &expressions).await.unwrap();
    server.set(|request, _| if request.expression.starts_with("sum(") { Answer::Held } else { Answer::Well });
    let begun = Instant::now();
    let observed = observe(&observer).await;
    assert!(begun.elapsed() < SAMPLING / 2, "{:?}", begun.elapsed());
    let is_present = |one: &Observed| matches!(one.reading.sample, Sample::Present { .. });
    assert!(observed.len() == 40 && observed.iter().all(is_present), "{observed:?}");
}

#[tokio::test]
async fn the_times_of_scrapes_are_asked_for_before_their_values() {
    let server = Server::start().await;
    let observer = observer_of(&config(&server.url), &["up + other"]).await.unwrap();
    // A scrape that comes between the two has its new value under the old time, which is known and counts no more.
    server.set(|_, _| Answer::Well);
    observe(&observer).await;
    let asked: Vec<_> = server.requests().into_iter().map(|request| request.expression).collect();
    assert_eq!(asked.last().map(String::as_str), Some("up + other"), "{asked:?}");
    assert_eq!(asked.len(), 3, "{asked:?}");
}

#[tokio::test]
async fn what_prometheus_warns_of_is_told_with_the_reading_and_before() {
    let server = Server::start().await;
    let observer = observer_of(&config(&server.url), &["partial", "up"]).await.unwrap();
    let cautions: Vec<_> = observer.checks()[0].cautions.iter().map(ToString::to_string).collect();
    assert!(cautions.contains(&"Prometheus warns: a store is down".to_owned()), "{cautions:?}");
    for observed in observe(&observer).await {
        let expected: &[&str] =
            if observed.reading.signal.as_str() == "partial" { &["a store is down"] } else { &[] };
        assert_eq!(observed.warnings, expected, "each once, though two queries said it");
    }
}

#[test]
fn a_machine_without_certificates_is_answered_where_none_are_needed() {
    // The variables are those of a process, so one of its own runs a test over HTTP.
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "what_prometheus_warns_of_is_told_with_the_reading_and_before"])
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

#[tokio::test]
async fn a_login_in_the_address_is_refused_and_not_shown() {
    let config = config("http://ramp:hunter2@127.0.0.1:1/base?key=hunter2");
    let error = observer_of(&config, &[]).await.unwrap_err();
    assert!(error.to_string().contains("username_env and password_env"), "{error}");
    assert!(!format!("{error}{error:?}{config:?}").contains(SECRET), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_named_and_the_right_ones_are_let_through() {
    let (ours, other) = (Authority::new(), Authority::new());
    let guarded = Server::start_tls(ours.server(&["127.0.0.1"], Some(&ours))).await;
    let trusting = |authority: &Authority, identity: Option<Vec<u8>>| Tls {
        authorities: Some(authority.pem()),
        identity,
    };
    let with = |server: &Server, tls: Tls| PrometheusConfig { tls, ..config(&server.url) };

    let right = with(&guarded, trusting(&ours, Some(ours.client())));
    let observer = observer_of(&right, &["up"]).await.unwrap();
    assert!(matches!(only(&observer).await, Sample::Present { .. }));

    let misnamed = Server::start_tls(ours.server(&["elsewhere.test"], None)).await;
    let refused = [
        (with(&guarded, trusting(&other, Some(ours.client()))), "invalid peer certificate"),
        (with(&misnamed, trusting(&ours, None)), "not valid for name"),
        (with(&guarded, trusting(&ours, None)), "CertificateRequired"),
        (with(&guarded, trusting(&ours, Some(other.client()))), "received fatal alert"),
    ];
    let tried = refused.into_iter().map(|(config, expected)| async move {
        let error = observer_of(&config, &["up"]).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!format!("{error} {error:?} {config:?}").contains(SECRET), "{error}");
    });
    join_all(tried).await;

    let unusable = Tls { authorities: None, identity: Some(format!("{SECRET} is no key").into_bytes()) };
    let error = observer_of(&with(&guarded, unusable), &["up"]).await.unwrap_err();
    assert!(error.to_string().contains("prometheus.cert_file with prometheus.key_file"), "{error}");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    let empty = Tls { authorities: Some(b"nothing".to_vec()), identity: None };
    let error = observer_of(&with(&guarded, empty), &["up"]).await.unwrap_err();
    assert!(error.to_string().contains("prometheus.ca_file"), "{error}");
}
