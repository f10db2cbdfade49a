//! Annotations in the team's Grafana: each tier as a region from the start of its load to its end, a load that was stopped
//! early, and each verdict. They are written by a task of its own; one that fails is a warning, and nothing waits for it.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use ramp_core::{
    campaign::{Campaign, Stage},
    event::Event,
    units::Elapsed,
    verdict::Finding,
};
use ramp_observe::grafana::{Annotation, AnnotationId, Grafana, GrafanaError};
use ramp_report::{Locale, terminal};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::JoinSet,
    time::{Instant, timeout_at},
};

/// Writes a campaign's annotations until it is dropped.
#[derive(Debug)]
pub struct Annotations {
    story: Story,
    queue: mpsc::Sender<Mark>,
    failures: mpsc::Receiver<String>,
    /// How many marks found no room in the queue since that was told last.
    left_out: u32,
    /// Dropped, and so ended, with the annotations.
    writer: JoinSet<()>,
}

impl Annotations {
    /// Annotates the campaign called `run`, whose time counts from `start`.
    #[must_use]
    pub fn begin(grafana: Grafana, run: &str, start: SystemTime) -> Self {
        let (queue, marks) = mpsc::channel(MOST_WAITING);
        let (failed, failures) = mpsc::channel(MOST_WAITING);
        let mut writer = JoinSet::new();
        writer.spawn(write_all(grafana, marks, failed));
        Self { story: Story { run: run.to_owned(), start, open: None }, queue, failures, left_out: 0, writer }
    }

    /// Takes in what happened.
    pub fn event(&mut self, campaign: &Campaign, event: &Event) {
        let marks = self.story.event(campaign, event);
        self.send(marks);
    }

    /// Takes in how `campaign` stands.
    pub fn beat(&mut self, campaign: &Campaign) {
        let mark = self.story.beat(campaign);
        self.send(mark);
    }

    /// What went wrong since the last time this was asked.
    #[must_use]
    pub fn warnings(&mut self) -> Vec<String> {
        let mut warnings: Vec<_> = std::iter::from_fn(|| self.failures.try_recv().ok()).collect();
        match std::mem::take(&mut self.left_out) {
            0 => {}
            count => warnings.push(format!("{count} annotations are left out: Grafana is too slow")),
        }
        warnings
    }

    /// Gives what is still to be written a few seconds, and says what went wrong.
    #[must_use]
    pub async fn close(mut self) -> Vec<String> {
        let deadline = Instant::now() + LAST_WORDS;
        let warnings = self.warnings();
        let Self { queue, mut failures, mut writer, .. } = self;
        // It ends when it has written all that is in the queue.
        drop(queue);
        let in_time = timeout_at(deadline, writer.join_next()).await.is_ok();
        let late = (!in_time).then(|| "the last annotations are left out: Grafana is too slow".to_owned());
        let failed = std::iter::from_fn(|| failures.try_recv().ok());
        warnings.into_iter().chain(failed).chain(late).collect()
    }

    fn send(&mut self, marks: impl IntoIterator<Item = Mark>) {
        for mark in marks {
            match self.queue.try_send(mark) {
                Ok(()) => {}
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => self.left_out += 1,
            }
        }
    }
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    /// A region begins.
    Begin(Annotation),
    /// The region that was begun last ends.
    End(SystemTime),
    /// Something happened at one moment.
    Point(Annotation),
}

/// What becomes of a campaign, as marks.
#[derive(Debug)]
struct Story {
    run: String,
    start: SystemTime,
    /// The tier whose region has begun and not ended.
    open: Option<usize>,
}

impl Story {
    fn event(&mut self, campaign: &Campaign, event: &Event) -> VecDeque<Mark> {
        let mut marks = VecDeque::new();
        match event {
            Event::TierStarted { tier, at } => {
                if let Some(known) = campaign.tier(*tier) {
                    let (hold, bound) = (known.hold.as_secs(), known.p99_bound.as_secs_f64());
                    let text = format!("starts: {} for {hold} s, p99 < {bound} s", known.rate);
                    marks.push_back(Mark::Begin(self.annotation(campaign, *tier, *at, (None, &text))));
                    self.open = Some(*tier);
                }
            }
            Event::TierCut { tier, finding, at } => {
                let text = format!("the load is stopped early{}", because(finding.as_ref()));
                marks.push_back(Mark::Point(self.annotation(campaign, *tier, *at, (None, &text))));
            }
            Event::Final { tier, verdict, at } => {
                let mut finished = campaign.results().iter().chain(campaign.probes());
                let result = finished.rfind(|result| result.tier == *tier);
                if self.open.take_if(|open| open == tier).is_some() {
                    let stopped = result.and_then(|result| result.stopped);
                    marks.push_back(Mark::End(self.time(stopped.unwrap_or(*at))));
                }
                let gravest = result.and_then(|result| result.findings.first());
                let verdict = verdict.to_string();
                let text = format!("{verdict}{}", because(gravest));
                marks.push_back(Mark::Point(self.annotation(campaign, *tier, *at, (Some(verdict), &text))));
            }
            Event::Refining { .. }
            | Event::WarmingUp { .. }
            | Event::TierRepeated { .. }
            | Event::Provisional { .. }
            | Event::LevelChanged { .. }
            | Event::Warned { .. }
            | Event::Ended { .. } => {}
        }
        marks
    }

    /// The end of a load is no event.
    fn beat(&mut self, campaign: &Campaign) -> Option<Mark> {
        let Stage::Recovering { tier, since } = campaign.stage() else { return None };
        self.open.take_if(|open| *open == tier)?;
        Some(Mark::End(self.time(since)))
    }

    fn annotation(
        &self,
        campaign: &Campaign,
        tier: usize,
        at: Elapsed,
        (tag, text): (Option<String>, &str),
    ) -> Annotation {
        let name = campaign.tier(tier).map_or("?", |tier| tier.name.as_str());
        let tags = ["ramp", &self.run, name].map(str::to_owned).into_iter().chain(tag);
        let text = terminal::harmless(&format!("{}, {name}: {text}", self.run)).to_string();
        Annotation { time: self.time(at), tags: tags.collect(), text }
    }

    fn time(&self, at: Elapsed) -> SystemTime {
        self.start.checked_add(at.since_start()).unwrap_or(self.start)
    }
}

fn because(finding: Option<&Finding>) -> String {
    finding.map_or_else(String::new, |finding| format!(": {}", terminal::headline(finding, Locale::English)))
}

/// Writes what comes until nothing more can.
async fn write_all(grafana: Grafana, mut marks: mpsc::Receiver<Mark>, failed: mpsc::Sender<String>) {
    let mut open = None;
    while let Some(mark) = marks.recv().await {
        if let Err(error) = write(&grafana, mark, &mut open).await {
            // Where more failures wait than are read, one more says nothing new.
            let _ = failed.try_send(format!("an annotation is left out: {error}"));
        }
    }
}

async fn write(grafana: &Grafana, mark: Mark, open: &mut Option<AnnotationId>) -> Result<(), GrafanaError> {
    match mark {
        Mark::Begin(annotation) => {
            *open = None;
            *open = Some(grafana.annotate(&annotation, PATIENCE).await?);
        }
        Mark::End(time) => {
            // Of one that could not begin it was said.
            if let Some(id) = open.take() {
                grafana.extend_annotation(id, time, PATIENCE).await?;
            }
        }
        Mark::Point(annotation) => {
            grafana.annotate(&annotation, PATIENCE).await?;
        }
    }
    Ok(())
}

/// So many wait for a Grafana that is slow: those of more than a dozen tiers.
const MOST_WAITING: usize = 64;

/// How long Grafana may take for one.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it may take for the last of them.
const LAST_WORDS: Duration = Duration::from_secs(5);
