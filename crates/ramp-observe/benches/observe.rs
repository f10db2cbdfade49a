//! What it costs to ask a real Prometheus twenty queries every five seconds: processor time and memory of this process,
//! which does nothing else.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement fails by panicking and prints what it found"
)]

#[path = "../tests/prometheus/process.rs"]
mod process;

use std::{
    fs,
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use futures_util::StreamExt;
use ramp_core::{
    observation::{Reading, Sample},
    signal::{SignalId, Unit},
    units::Elapsed,
};
use ramp_observe::{
    Dashboards, Observed, Observer, ObserverSpec, PrometheusConfig,
    catalog::{Binding, Catalog, PanelName},
};
use serde_json::json;
use tempfile::TempDir;

use crate::process::Process;

/// Plain series, rates of a few dozen, sums, averages and calculations, as dashboards have them.
const QUERIES: [&str; 20] = [
    "up",
    "sum(prometheus_tsdb_head_series)",
    "avg(go_goroutines)",
    "max(process_resident_memory_bytes)",
    "rate(process_cpu_seconds_total[30s])",
    "sum(rate(prometheus_http_requests_total[30s]))",
    "rate(prometheus_http_requests_total[30s])",
    "sum by (handler) (rate(prometheus_http_request_duration_seconds_count[30s]))",
    "prometheus_http_request_duration_seconds_bucket",
    "100 * (1 - go_memstats_heap_inuse_bytes / go_memstats_heap_sys_bytes)",
    "go_memstats_alloc_bytes",
    "go_threads",
    "process_open_fds",
    "prometheus_engine_queries",
    "prometheus_engine_query_duration_seconds",
    "sum(prometheus_engine_queries_concurrent_max)",
    "prometheus_tsdb_blocks_loaded",
    "avg(prometheus_target_interval_length_seconds)",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
];

const SAMPLING: Duration = Duration::from_secs(5);
const SAMPLINGS: u32 = 12;

/// The most that this may cost: a hundredth of a core, and 20 MiB.
const SHARE: f64 = 0.01;
const MEMORY: u64 = 20 * 1024;

fn main() -> ExitCode {
    // `cargo test --all-targets` runs benchmarks too, and this is none of its business.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure())
}

async fn measure() -> ExitCode {
    let folder = TempDir::new().unwrap();
    let prometheus = start(&folder);
    let (observer, start) = observer(&folder, &prometheus.url).await;
    let since_start = || Elapsed::new(start.elapsed());
    let _first: Vec<_> = observer.sample(since_start()).collect().await;
    let (begun, before) = (Instant::now(), cpu());
    let (mut readings, mut absent) = (0, Vec::new());
    for n in 1..=SAMPLINGS {
        let mut observed = observer.sample(since_start());
        while let Some(Observed { reading: Reading { signal, sample }, .. }) = observed.next().await {
            readings += 1;
            if let Sample::Absent(why) = sample {
                absent.push(format!("{signal}: {why}"));
            }
        }
        tokio::time::sleep_until((begun + SAMPLING * n).into()).await;
    }
    let share = (cpu() - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    let peak = peak();
    println!(
        "{} queries every {} s, {SAMPLINGS} times: {readings} readings",
        QUERIES.len(),
        SAMPLING.as_secs()
    );
    println!(
        "{} of them were absences{}",
        absent.len(),
        absent.first().map_or_else(String::new, |first| format!(", such as {first}"))
    );
    println!("processor: {:.2} % of a core (target below {:.0} %)", share * 100.0, SHARE * 100.0);
    println!("memory: {:.1} MiB at its peak (target below {} MiB)", peak as f64 / 1024.0, MEMORY / 1024);
    // Nothing is cheaper to read than nothing.
    let is_whole = absent.is_empty() && readings >= QUERIES.len() * SAMPLINGS as usize;
    if is_whole && share < SHARE && peak < MEMORY { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The observer, and when its campaign began.
async fn observer(folder: &TempDir, url: &str) -> (Observer, Instant) {
    let panels: Vec<_> =
        QUERIES.iter().map(|one| json!({"title": one, "targets": [{"refId": "A", "expr": one}]})).collect();
    fs::write(folder.path().join("d.json"), json!({"panels": panels}).to_string()).unwrap();
    let dashboards = Dashboards::load(&folder.path().join("d.json")).unwrap();
    let mut catalog = Catalog::default();
    for query in QUERIES {
        let panel = Some(PanelName::Title(query.into()));
        let binding =
            Binding { dashboard: Some("d".to_owned()), panel, unit: Some(Unit::Count), ..Binding::default() };
        catalog.bind(query, binding).unwrap();
    }
    let config = PrometheusConfig { url: url.to_owned(), ..PrometheusConfig::default() };
    let signals = QUERIES.map(SignalId::literal);
    let spec = ObserverSpec {
        dashboards: &dashboards,
        catalog: &catalog,
        signals: &signals,
        topics: &[],
        sampling: SAMPLING,
        start: SystemTime::now(),
        now: Elapsed::START,
    };
    let begun = Instant::now();
    loop {
        // It is there once it has scraped itself a few times.
        let start = Instant::now();
        let connected = Observer::connect(&config, ObserverSpec { start: SystemTime::now(), ..spec }).await;
        let missing = match &connected {
            Ok(observer) => {
                let missing = observer.checks().iter().filter(|check| check.age.is_none());
                missing.map(|check| check.expression.clone()).collect::<Vec<_>>().join(", ")
            }
            Err(error) => error.to_string(),
        };
        match connected {
            Ok(observer) if missing.is_empty() => return (observer, start),
            Ok(_) | Err(_) => {}
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "prometheus does not become ready: {missing}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A Prometheus that scrapes itself.
fn start(folder: &TempDir) -> Process {
    let address = Process::free_address();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: self, static_configs: [{{targets: ['{address}']}}]}}]\n"
    );
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    Process::start(folder.path(), &address)
}

/// The processor time of this process, in the program and in the kernel for it.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// The largest resident set of this process, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
