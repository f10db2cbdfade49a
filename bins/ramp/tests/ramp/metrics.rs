//! What `ramp` serves of a campaign, to a real Prometheus and to whoever asks for something else.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    thread,
    time::Duration,
};

use ramp_observe::{Dashboards, PrometheusConfig, survey};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::laboratory::alone;

/// A process that a failing test does not leave behind.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It has usually ended by then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A demonstration that serves its metrics, what it says on standard error, and where they are.
fn demo(folder: &Path) -> (Process, BufReader<ChildStderr>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
    command.args(["demo", "--fast", "--metrics", "0"]).current_dir(folder);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Process(child);
    let mut said = BufReader::new(process.0.stderr.take().unwrap());
    let address = |line: String| line.strip_prefix("ramp: its metrics are at ").map(str::to_owned);
    let url = said.by_ref().lines().map(Result::unwrap).find_map(address).unwrap();
    (process, said, url)
}

/// A Prometheus that reads what is served at `target`, and where it is.
fn prometheus(folder: &Path, target: &str) -> (Process, String) {
    let configuration = format!(
        "scrape_configs:\n- job_name: ramp\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  static_configs:\n  \
         - targets: ['{target}']\n"
    );
    std::fs::write(folder.join("prometheus.yml"), configuration).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    (Process(child), format!("http://{address}"))
}

/// The series that `expression` finds, or nothing where Prometheus does not answer yet.
fn query(prometheus: &str, expression: &str) -> Option<Vec<Value>> {
    let asked = ureq::get(format!("{prometheus}/api/v1/query")).query("query", expression).call();
    let mut answer: Value = serde_json::from_str(&asked.ok()?.body_mut().read_to_string().ok()?).unwrap();
    Some(answer["data"]["result"].take().as_array().unwrap().clone())
}

/// The status and the body that a request is answered with.
fn ask(url: &str, request: &str) -> (u16, String) {
    let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn every_panel_of_the_dashboard_finds_its_series_and_the_last_verdict_is_read() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let (mut ramp, mut said, url) = demo(folder.path());
    let host = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/metrics")).unwrap();
    let (_prometheus, prometheus) = prometheus(folder.path(), host);

    // One that reads nothing and one that asks for what is not there hold up nobody.
    let _silent = TcpStream::connect(host).unwrap();
    assert_eq!(ask(&url, "GET /").0, 404);
    assert_eq!(ask(&url, "POST /metrics").0, 405);
    assert_eq!(ask(&url, "HEAD /metrics"), (200, String::new()));
    let (status, page) = ask(&url, "GET /metrics");
    assert!(status == 200 && page.ends_with("# EOF\n"), "{status} {page}");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/dashboards/ramp.json");
    let dashboards = Dashboards::load(&path).unwrap();
    let config = PrometheusConfig { url: prometheus.clone(), ..PrometheusConfig::default() };
    let runtime = Runtime::new().unwrap();
    let (mut asked, mut found) = (BTreeSet::new(), BTreeSet::new());
    while ramp.0.try_wait().unwrap().is_none() && (found.is_empty() || asked != found) {
        if query(&prometheus, "ramp_campaign_info").is_none_or(|series| series.is_empty()) {
            thread::yield_now();
            continue;
        }
        for check in runtime.block_on(survey(&config, &dashboards, &[], Duration::from_secs(5))).unwrap() {
            let check = check.unwrap();
            let name = check.signal.to_string();
            asked.insert(name.clone());
            if check.series > 0 {
                found.insert(name);
            }
        }
    }
    let never: Vec<_> = asked.difference(&found).collect();
    assert!(found.len() >= 15 && never.is_empty(), "{} found a series, these never: {never:?}", found.len());

    let mut told = String::new();
    said.read_to_string(&mut told).unwrap();
    assert_eq!(ramp.0.wait().unwrap().code(), Some(0), "{told}");
    // Whether it had to wait for that or not: the end is read.
    let last = r#"max_over_time(ramp_tier_verdict{tier="P2",verdict="stop"}[5m]) == 1"#;
    assert_eq!(query(&prometheus, last).unwrap().len(), 1, "{told}");
    let done = r#"max_over_time(ramp_campaign_stage{stage="done"}[5m]) == 1"#;
    assert_eq!(query(&prometheus, done).unwrap().len(), 1, "{told}");
}

#[test]
fn a_port_that_is_taken_or_none_is_one_clear_error_before_anything_begins() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = TempDir::new().unwrap();
    for (metrics, error) in [
        (
            port.as_str(),
            format!(
                "ramp: cannot serve metrics on 127.0.0.1:{port}: Address already in use (os error 98); choose another \
                 address with --metrics, or leave it out\n"
            ),
        ),
        (
            "nine",
            "error: invalid value 'nine' for '--metrics <[ADDRESS:]PORT>': \"nine\" is no address".to_owned(),
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
        let output =
            command.args(["demo", "--metrics", metrics]).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&error), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was begun");
    }
}
