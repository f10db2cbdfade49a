//! Finds what an HTTP server carries: one that works 20 ms on each request, one after the other, is loaded with 20 and
//! then with 200 requests per second. `cargo run -p ramp-core --example http`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "its clock and output are its own")]

use std::{
    io::{Read, Result, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use ramp_core::{
    campaign::{Campaign, Input, Outcome},
    event::Action,
    observation::{LatencySnapshot, LoadProgress, Taken},
    plan::{Plan, PlanDraft, Recovery, Tier},
    units::{Elapsed, Rate},
};

fn main() -> Result<()> {
    run().map(|outcome| println!("{outcome:#?}"))
}

/// Runs the campaign against a server of its own. An answer is a request's acknowledgement and arrival in one.
pub(crate) fn run() -> Result<Outcome> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    let address = server.local_addr()?;
    thread::spawn(move || server.incoming().flatten().for_each(|request| drop(serve(request))));

    let secs = Duration::from_secs;
    let rates = [20, 200].into_iter().filter_map(Rate::per_second);
    let tiers = rates.map(|rate| Tier::new(rate.to_string(), rate, secs(4), secs(2))).collect();
    let recovery = Recovery { minimum: secs(1), floor: 1, give_up: secs(60) };
    let plan = Plan::new(PlanDraft { recovery, ..PlanDraft::new("http", tiers) });
    let mut campaign = Campaign::new(plan.map_err(std::io::Error::other)?);

    // The tier that is loaded: since when, how many requests there will be, and its bound.
    let (start, mut load) = (Instant::now(), None);
    // When each request was due, counted from the start of the load, and when it was answered.
    let mut sent: Vec<(Duration, Arc<OnceLock<Duration>>)> = Vec::new();
    while campaign.poll_timeout().is_some() {
        let now = Elapsed::new(start.elapsed());
        while let Some(action) = campaign.poll_action() {
            match action {
                Action::ProvePath { tier } => {
                    // Requests are served in order: an answer shows that no older one is left.
                    get(address)?;
                    campaign.handle(now, Input::PathClear { tier });
                }
                Action::StartLoad { tier, rate, hold, bound } => {
                    load = Some((tier, rate, Instant::now(), rate.records_in(hold), bound));
                    sent.clear();
                    campaign.handle(now, Input::LoadStarted { tier });
                }
                Action::StopLoad => load.iter_mut().for_each(|load| load.3 = sent.len() as u64),
            }
        }
        if let Some((tier, rate, begun, total, bound)) = load {
            let age = begun.elapsed();
            // Each in a thread of its own, so that a slow answer delays no other request.
            while (sent.len() as u64) < total.min(rate.records_in(age)) {
                let answered = Arc::new(OnceLock::new());
                sent.push((secs(sent.len() as u64) / rate.get(), Arc::clone(&answered)));
                thread::spawn(move || get(address).map(|()| answered.set(begun.elapsed())));
            }
            let taken = sent.iter().map(|(due, answered)| match answered.get() {
                Some(at) => Taken::Arrived(at.saturating_sub(*due)),
                None => Taken::Outstanding(age.saturating_sub(*due)),
            });
            let snapshot = LatencySnapshot::of(taken, bound);
            let LatencySnapshot { offered, arrived: acknowledged, .. } = snapshot;
            let progress = LoadProgress { due: offered, offered, acknowledged, ..LoadProgress::default() };
            let ended = offered == total && acknowledged == total;
            campaign.handle(
                now,
                match ended {
                    true => Input::LoadEnded { tier, progress },
                    false => Input::Load { tier, progress },
                },
            );
            campaign.handle(now, Input::Latency { tier, snapshot });
        }
        thread::sleep(Duration::from_millis(1));
    }
    campaign.outcome().ok_or_else(|| std::io::Error::other("the campaign is not over"))
}

fn serve(mut request: TcpStream) -> Result<()> {
    let _length = request.read(&mut [0; 1_024])?;
    thread::sleep(Duration::from_millis(20));
    request.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
}

fn get(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}
