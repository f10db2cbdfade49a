//! The examples do what they say.

#[path = "../examples/http.rs"]
#[expect(dead_code, reason = "its main is the example's own")]
mod http;
#[path = "../examples/queue.rs"]
#[expect(dead_code, reason = "its main is the example's own")]
mod queue;

use ramp_core::{campaign::Outcome, verdict::Verdict};

fn found(outcome: &Outcome) -> (Vec<Verdict>, Option<(u32, bool)>) {
    let verdicts = outcome.tiers.iter().map(|result| result.verdict).collect();
    (verdicts, outcome.capacity.map(|capacity| (capacity.validated.get(), capacity.exact)))
}

#[test]
fn an_http_server_that_answers_50_requests_per_second_carries_20_and_not_200() {
    let outcome = http::run().unwrap();
    assert_eq!(found(&outcome), (vec![Verdict::Go, Verdict::Stop], Some((20, true))), "{outcome:#?}");
}

#[test]
fn a_queue_that_is_worked_off_at_300_items_per_second_carries_200_and_not_400() {
    let outcome = queue::run().unwrap().unwrap();
    let verdicts = vec![Verdict::Go, Verdict::Go, Verdict::Stop];
    assert_eq!(found(&outcome), (verdicts, Some((200, true))), "{outcome:#?}");
}
