use ramp_core::{
    campaign::{Campaign, Input},
    criterion::{Comparison, Criterion},
    observation::{Absence, LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{self, Plan, PlanDraft},
    signal::{Signal, SignalId, Unit},
    units::{Elapsed, Rate},
};
use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::progress::text;

const CPU: SignalId = SignalId::literal("host.cpu");

/// A campaign that is told what happens, and the picture that follows it.
struct Scripted {
    campaign: Campaign,
    picture: Picture,
    now: u64,
    /// Seconds of the current load.
    loaded: u64,
}

impl Scripted {
    fn new() -> Self {
        let second = Duration::from_secs(1);
        let tier = |name: &str, rate, bound| plan::Tier {
            criteria: vec![
                criterion(CPU, 80.0, Severity::Warning, 0),
                criterion(CPU, 95.0, Severity::Stop, 0),
                criterion(SignalId::LAG, 10_000.0, Severity::Warning, 0),
                criterion(SignalId::LAG, 50_000.0, Severity::Stop, 30),
                criterion(SignalId::literal("mm2.tasks"), 1.0, Severity::Stop, 0),
            ],
            ..plan::Tier::new(name, Rate::per_second(rate).unwrap(), 300 * second, bound * second)
        };
        let signal = |id, unit| Signal { optional: true, ..Signal::gauge(id, unit, "query", 5 * second) };
        let signals = vec![
            signal(CPU, Unit::Percent),
            signal(SignalId::LAG, Unit::Records),
            signal(SignalId::literal("mm2.tasks"), Unit::Count),
        ];
        let tiers = vec![tier("P1", 1_000, 1), tier("P2 \u{1b}[31mred", 2_500, 2), tier("P3", 5_000, 3)];
        let plan = Plan::new(PlanDraft { signals, ..PlanDraft::new("staging", tiers) }).unwrap();
        Self { campaign: Campaign::new(plan), picture: Picture::default(), now: 0, loaded: 0 }
    }

    fn tell(&mut self, input: Input) {
        self.campaign.handle(Elapsed::new(Duration::from_secs(self.now)), input);
        while self.campaign.poll_action().is_some() {}
        while let Some(event) = self.campaign.poll_event() {
            if let Some(line) = text::event(&self.campaign, &event) {
                self.picture.log(line);
            }
        }
    }

    /// Begins a tier.
    fn begin(&mut self, tier: usize) {
        self.loaded = 0;
        self.tell(Input::PathClear { tier });
        self.tell(Input::LoadStarted { tier });
    }

    /// Lets `seconds` of the load of `tier` pass, while records take what `latency` says of each second.
    fn load(&mut self, tier: usize, seconds: u64, latency: impl Fn(u64) -> u64) {
        let rate = u64::from(self.campaign.tier(tier).unwrap().rate.get());
        for _ in 0..seconds {
            self.now += 1;
            self.loaded += 1;
            let second = self.loaded;
            let offered = second * rate;
            let p99 = Duration::from_millis(latency(second));
            let outstanding = rate * latency(second) / 1_000;
            let progress =
                LoadProgress { due: offered, offered, acknowledged: offered, ..LoadProgress::default() };
            let snapshot = LatencySnapshot {
                offered,
                arrived: offered - outstanding,
                outstanding,
                p99: Some(p99),
                ..LatencySnapshot::default()
            };
            if second == 300 {
                self.tell(Input::LoadEnded { tier, progress });
            } else {
                self.tell(Input::Load { tier, progress });
            }
            self.tell(Input::Latency { tier, snapshot });
            self.look();
        }
    }

    fn cpu(&mut self, value: f64) {
        let scraped = Elapsed::new(Duration::from_secs(self.now));
        let points = vec![Point { series: "w1".to_owned(), value, scraped }];
        self.tell(Input::Reading(Reading { signal: CPU, sample: Sample::Present { points, panel: None } }));
        let why = "refused \u{1b}]0;title\u{7}".to_owned();
        let sample = Sample::Absent(Absence::Unreachable(why));
        self.tell(Input::Reading(Reading { signal: SignalId::literal("mm2.tasks"), sample }));
    }

    fn look(&mut self) {
        let now = Elapsed::new(Duration::from_secs(self.now));
        self.picture.look(View::of(&self.campaign, now));
    }

    fn press(&mut self, keys: &str) {
        let recovering = self.picture.recovering();
        self.picture.keys.take(keys.as_bytes(), recovering);
    }

    fn drawn(&self, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| self.picture.draw(frame)).unwrap();
        terminal.backend().to_string()
    }
}

fn criterion(signal: SignalId, bound: f64, severity: Severity, sustained: u64) -> Criterion {
    let sustained = Duration::from_secs(sustained);
    let comparison = if bound == 1.0 { Comparison::Below } else { Comparison::Above };
    Criterion { signal, comparison, bound, severity, sustained }
}

/// The second tier of three, with a processor that was warm once and a latency that rises beyond its bound.
fn loading() -> Scripted {
    let mut scripted = Scripted::new();
    scripted.begin(0);
    scripted.load(0, 300, |second| 30 + second % 7);
    scripted.now += 120;
    scripted.tell(Input::Latency {
        tier: 0,
        snapshot: LatencySnapshot { offered: 300_000, arrived: 300_000, ..LatencySnapshot::default() },
    });
    scripted.begin(1);
    scripted.load(1, 90, |second| 40 + second);
    scripted.cpu(87.5);
    scripted.load(1, 10, |_| 2_100);
    scripted
}

#[test]
fn a_tier_under_load_as_it_is_seen() {
    insta::assert_snapshot!(loading().drawn(80, 24));
}

#[test]
fn a_tall_terminal_has_tall_courses() {
    insta::assert_snapshot!(loading().drawn(100, 32));
}

#[test]
fn a_recovery_whose_rest_is_skipped() {
    let mut scripted = Scripted::new();
    scripted.begin(0);
    scripted.load(0, 300, |second| 30 + second % 7);
    scripted.press("s");
    insta::assert_snapshot!(scripted.drawn(80, 16));
}

#[test]
fn a_question_at_the_first_moment_and_help() {
    let mut scripted = Scripted::new();
    scripted.look();
    scripted.press("q");
    insta::assert_snapshot!(scripted.drawn(60, 8));
    scripted.press("n?");
    insta::assert_snapshot!(scripted.drawn(80, 18));
}

#[test]
fn a_campaign_that_is_over_has_its_events() {
    let mut scripted = Scripted::new();
    scripted.begin(0);
    scripted.load(0, 5, |_| 30);
    scripted.tell(Input::Interrupt);
    scripted.load(0, 1, |_| 30);
    scripted.tell(Input::LoadEnded { tier: 0, progress: LoadProgress::default() });
    scripted.look();
    insta::assert_snapshot!(scripted.drawn(60, 12));
}

#[test]
fn every_size_is_drawn_and_a_question_is_seen_in_a_single_row() {
    for (mut scripted, keys) in [(loading(), "q"), (loading(), "?"), (loading(), ""), (Scripted::new(), "q")]
    {
        scripted.press(keys);
        let heights = || (0..=12).chain([20, 29, 30, 45]);
        let sizes = [1, 2, 8, 9, 31, 60, 130].into_iter();
        for (width, height) in sizes.flat_map(|width| heights().map(move |height| (width, height))) {
            let drawn = scripted.drawn(width, height);
            assert_eq!(drawn.contains("Stop? y/n"), keys == "q" && width >= 9 && height >= 1, "{drawn}");
        }
    }
}

#[test]
fn what_needs_room_most_has_it_first() {
    let scripted = loading();
    let firsts = ["P2", "p99", "true lag", "q stop", "offered", "P1 1000/s", "staging"];
    for (rows, height) in (1..=firsts.len()).zip(1_u16..) {
        let drawn = scripted.drawn(80, height);
        let (shown, left_out) = firsts.split_at(rows);
        assert!(shown.iter().all(|first| drawn.contains(first)), "{drawn}");
        assert!(!left_out.iter().any(|first| drawn.contains(first)), "{drawn}");
    }
}

#[test]
fn nothing_from_outside_acts_on_the_terminal() {
    let drawn = loading().drawn(200, 45);
    assert!(drawn.contains("P2 \u{fffd}[31mred") && drawn.contains("refused \u{fffd}]0"), "{drawn}");
    assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{7}'));
}
