//! The one loop that carries a campaign out: it does what the campaign asks, and tells it what happened.
//!
//! Everything that waits runs in a task of its own and answers by a message, so that a stalled cluster, a slow query
//! or a full disk never keeps the loop from stopping the load.

mod arrivals;
mod interrupts;
pub mod latency_log;
mod one_at_a_time;
mod signals;

use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::StreamExt;
use ramp_core::{
    campaign::Input,
    component::{ComponentState, Standing},
    event::Action,
    units::{Elapsed, Rate},
};
use ramp_load::{
    account::TierAccount,
    client_config::ClusterConfig,
    clock::Clock,
    payload::Payload,
    probe::canary::Canaries,
    producer::{Load, LoadSpec},
    stamp::RunId,
};
use ramp_observe::{Observed, connect::ConnectError};
use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval},
};

pub use self::{
    arrivals::{Arrivals, Counted},
    interrupts::Interrupts,
    signals::Signals,
};
use self::{latency_log::LatencyLog, one_at_a_time::OneAtATime};
use crate::{
    audience::Audience,
    components::{self, Change, Components, Standings},
    journal::{Journal, JournalError},
    progress::Wish,
    recorded::Recorded,
};

/// The moment from which a campaign counts its time, by both of the machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// By the clock that never jumps: what durations are measured by.
    pub instant: Instant,
    /// By the calendar: what Prometheus stamps its samples with.
    pub calendar: SystemTime,
    /// What had passed of the campaign at `instant`: more than nothing where it was taken up again.
    before: Elapsed,
}

impl Start {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self { instant: Instant::now(), calendar: SystemTime::now(), before: Elapsed::START }
    }

    /// That of a campaign that began at `calendar` and is taken up again now, having heard of `last` already: whatever
    /// the calendar did meanwhile, its time goes on from there.
    #[must_use]
    pub fn again(calendar: SystemTime, last: Elapsed) -> Self {
        let now = SystemTime::now();
        let passed = now.duration_since(calendar).map_or(last, Elapsed::new);
        let before = passed.max(last);
        let calendar = now.checked_sub(before.since_start()).unwrap_or(calendar);
        Self { instant: Instant::now(), calendar, before }
    }

    /// Time since then.
    #[must_use]
    pub fn elapsed(self) -> Elapsed {
        self.before.after(self.instant.elapsed())
    }
}

/// What a campaign is driven with.
#[derive(Debug)]
pub struct Means {
    /// The cluster that takes the load.
    pub source: ClusterConfig,
    /// The topics that are loaded.
    pub topics: Vec<String>,
    /// What each record carries.
    pub payload: Payload,
    /// What marks the records of this run.
    pub run: RunId,
    /// The clock of producer and probe.
    pub clock: Clock,
    /// What shows that the path is clear.
    pub canaries: Canaries,
    /// What tells that records arrive.
    pub arrivals: Arrivals,
    /// What reads the signals.
    pub signals: Box<dyn Signals>,
    /// How often.
    pub sampling: Duration,
    /// What tells how the replication's components stand, where there is something.
    pub components: Option<Components>,
}

/// A campaign that was driven to its end.
#[derive(Debug)]
pub struct Driven {
    /// The campaign.
    pub recorded: Recorded,
    /// The logs of its loads' latencies, each still to be closed.
    pub latencies: Vec<LatencyLog>,
}

/// Why a campaign could not be driven to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// What happens can no longer be written down.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system gives no thread for the latencies.
    #[error("cannot begin the log of latencies: {0}")]
    Latencies(#[source] io::Error),
    /// The campaign was interrupted a second time.
    #[error("interrupted twice: ended at once; the journal is whole, `ramp report` reads it")]
    Killed,
}

/// Drives the campaign of `recorded` on to its end, and keeps its loads' latencies in `folder`. Returns with the load
/// stopped, whatever happens.
///
/// # Errors
/// When the journal cannot be written, or at the second interrupt.
pub async fn drive(
    recorded: Recorded,
    start: Start,
    means: Means,
    (folder, journal): (PathBuf, &mut Journal),
    (audience, interrupts): (&mut Audience, &mut Interrupts),
) -> Result<Driven, DriveError> {
    let (sender, messages) = mpsc::unbounded_channel();
    let driver = Driver {
        recorded,
        start,
        means: Arc::new(means),
        folder,
        latencies: Vec::new(),
        journal,
        audience,
        interrupts,
        sender,
        tasks: JoinSet::new(),
        load: None,
        sampling: OneAtATime::default(),
        asking: OneAtATime::default(),
        standings: Standings::default(),
        interrupted: false,
    };
    driver.run(messages).await
}

struct Driver<'a> {
    recorded: Recorded,
    start: Start,
    means: Arc<Means>,
    folder: PathBuf,
    latencies: Vec<LatencyLog>,
    journal: &'a mut Journal,
    audience: &'a mut Audience,
    interrupts: &'a mut Interrupts,
    sender: mpsc::UnboundedSender<Message>,
    /// Dropped, and so ended, with the driver.
    tasks: JoinSet<()>,
    load: Option<TierLoad>,
    sampling: OneAtATime,
    asking: OneAtATime,
    standings: Standings,
    interrupted: bool,
}

/// The load of the latest tier, whose records may still arrive after it has ended.
struct TierLoad {
    tier: usize,
    load: Arc<Load>,
    account: Arc<TierAccount>,
    ended: bool,
}

enum Message {
    Happened(Input),
    Started { tier: usize, load: Load },
    Ended { tier: usize },
    Observed(Observed),
    Stand(Result<Vec<ComponentState>, ConnectError>),
}

impl Driver<'_> {
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) -> Result<Driven, DriveError> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut sampling = interval(self.means.sampling);
        sampling.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut asking = interval(components::PERIOD);
        asking.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // Counters are read once before the first tier, whose increase counts from there.
        let means = Arc::clone(&self.means);
        let mut first = means.signals.sample(self.start.elapsed());
        while let Some(observed) = first.next().await {
            self.observed(observed)?;
        }
        while self.recorded.campaign.outcome().is_none() {
            self.carry_out();
            tokio::select! {
                Some(message) = messages.recv() => self.take(message)?,
                _ = beat.tick() => self.beat()?,
                _ = sampling.tick() => self.sample(),
                _ = asking.tick() => self.ask(),
                Some(wish) = self.audience.wish() => self.grant(wish)?,
                () = self.interrupts.next() => self.interrupt()?,
            }
        }
        self.carry_out();
        Ok(Driven { recorded: self.recorded, latencies: self.latencies })
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.recorded.campaign.poll_action() {
            match action {
                Action::ProvePath { tier } => self.prove_path(tier),
                Action::StartLoad { tier, rate, hold, bound } => self.start_load(tier, rate, hold, bound),
                Action::StopLoad => {
                    if let Some(running) = &self.load {
                        running.load.stop();
                    }
                }
            }
        }
        while let Some(event) = self.recorded.campaign.poll_event() {
            self.audience.event(&self.recorded.campaign, &event);
        }
    }

    fn take(&mut self, message: Message) -> Result<(), DriveError> {
        match message {
            Message::Happened(input) => self.happened(input),
            Message::Started { tier, load } => self.started(tier, load),
            Message::Ended { tier } => self.ended(tier),
            Message::Observed(observed) => self.observed(observed),
            Message::Stand(told) => self.stand(told),
        }
    }

    /// Nothing is handled that has not been written down before.
    fn happened(&mut self, input: Input) -> Result<(), DriveError> {
        let at = self.start.elapsed();
        self.journal.record(at, &input)?;
        self.recorded.handle(at, input);
        Ok(())
    }

    /// Does what the person at the terminal wants.
    fn grant(&mut self, wish: Wish) -> Result<(), DriveError> {
        match wish {
            Wish::Stop if self.interrupted => Ok(()),
            Wish::Stop | Wish::Interrupt => self.interrupt(),
            Wish::SkipRecovery { tier } => self.happened(Input::SkipRecovery { tier }),
        }
    }

    fn interrupt(&mut self) -> Result<(), DriveError> {
        if std::mem::replace(&mut self.interrupted, true) {
            return Err(DriveError::Killed);
        }
        self.happened(Input::Interrupt)
    }

    fn prove_path(&mut self, tier: usize) {
        let means = Arc::clone(&self.means);
        let patience = self.recorded.campaign.plan().recovery().give_up;
        let bound = self.recorded.campaign.tier(tier).map_or(Duration::MAX, |tier| tier.p99_bound);
        self.answer(async move {
            Message::Happened(match means.prove_path(bound, patience).await {
                Ok(()) => Input::PathClear { tier },
                Err(reason) => Input::PathBlocked { tier, reason },
            })
        });
    }

    fn start_load(&mut self, tier: usize, rate: Rate, hold: Duration, bound: Duration) {
        let means = Arc::clone(&self.means);
        self.answer(async move {
            let started = spawn_blocking(move || means.start_load(tier, rate, hold, bound)).await;
            let failed = |reason: String| Message::Happened(Input::LoadFailed { tier, reason });
            match started {
                Ok(Ok(load)) => Message::Started { tier, load },
                Ok(Err(reason)) => failed(reason),
                Err(panic) => failed(panic.to_string()),
            }
        });
    }

    fn started(&mut self, tier: usize, load: Load) -> Result<(), DriveError> {
        let load = Arc::new(load);
        let account = load.account();
        self.keep_latencies(tier, Arc::clone(&account)).map_err(DriveError::Latencies)?;
        self.load = Some(TierLoad { tier, load: Arc::clone(&load), account, ended: false });
        self.answer(async move {
            load.finished().await;
            Message::Ended { tier }
        });
        self.happened(Input::LoadStarted { tier })
    }

    fn keep_latencies(&mut self, tier: usize, account: Arc<TierAccount>) -> io::Result<()> {
        self.latencies.iter_mut().for_each(LatencyLog::end);
        let Some(tier) = self.recorded.campaign.tier(tier) else { return Ok(()) };
        self.latencies.push(LatencyLog::begin(&self.folder, &tier.name, account, self.means.clock)?);
        Ok(())
    }

    fn ended(&mut self, tier: usize) -> Result<(), DriveError> {
        let now = self.means.clock.now();
        let Some(running) = self.load.as_mut().filter(|running| running.tier == tier) else {
            return Ok(());
        };
        running.ended = true;
        let progress = running.account.progress(now);
        self.happened(Input::LoadEnded { tier, progress })?;
        self.beat()
    }

    /// Tells the campaign how the load and its latencies stand.
    fn beat(&mut self) -> Result<(), DriveError> {
        let now = self.means.clock.now();
        let Some(TierLoad { tier, account, ended, .. }) = &self.load else {
            self.happened(Input::Tick)?;
            self.audience.beat(&self.recorded.campaign, self.start.elapsed());
            return Ok(());
        };
        let (tier, ended, account) = (*tier, *ended, Arc::clone(account));
        let progress = account.progress(now);
        if !ended {
            self.happened(Input::Load { tier, progress })?;
        }
        let told = match &self.means.arrivals {
            Arrivals::Seen(probe) => match probe.health() {
                Ok(()) => Input::Latency { tier, snapshot: account.latency(now) },
                Err(error) => Input::ObservationLost { tier, reason: error.to_string() },
            },
            Arrivals::Counted(_) => Input::Tick,
        };
        self.happened(told)?;
        self.audience.beat(&self.recorded.campaign, self.start.elapsed());
        Ok(())
    }

    fn sample(&mut self) {
        let (means, start, sender) = (Arc::clone(&self.means), self.start, self.sender.clone());
        self.sampling.start(&mut self.tasks, async move {
            // Each reading goes out as soon as it is had: a slow query holds up no other.
            let mut readings = means.signals.sample(start.elapsed());
            while let Some(observed) = readings.next().await {
                let _ = sender.send(Message::Observed(observed));
            }
        });
    }

    /// Has the replication's components asked how they stand, where they can be.
    fn ask(&mut self) {
        let (means, sender) = (Arc::clone(&self.means), self.sender.clone());
        if means.components.is_some() {
            self.asking.start(&mut self.tasks, async move {
                if let Some(components) = &means.components {
                    let _ = sender.send(Message::Stand(components.ask().await));
                }
            });
        }
    }

    fn stand(&mut self, told: Result<Vec<ComponentState>, ConnectError>) -> Result<(), DriveError> {
        for Change { state, is_first } in self.standings.changes(told) {
            if !is_first || state.standing != Standing::Working {
                self.audience.component(&state, self.start.elapsed());
            }
            self.happened(Input::Component(state))?;
        }
        Ok(())
    }

    fn observed(&mut self, Observed { reading, warnings }: Observed) -> Result<(), DriveError> {
        for warning in warnings {
            self.happened(Input::Warned { signal: reading.signal.clone(), warning })?;
        }
        self.audience.reading(&reading);
        if let Arrivals::Counted(counted) = &self.means.arrivals {
            counted.take(&reading);
        }
        self.happened(Input::Reading(reading))
    }

    fn answer(&mut self, task: impl Future<Output = Message> + Send + 'static) {
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            // The receiver is gone only when the campaign is over, when no answer matters any more.
            let _ = sender.send(task.await);
        });
        while self.tasks.try_join_next().is_some() {}
    }
}

impl Means {
    /// Waits until one canary of each partition has crossed and nothing of before would count against a tier of `bound`;
    /// otherwise says why not.
    async fn prove_path(&self, bound: Duration, patience: Duration) -> Result<(), String> {
        match &self.arrivals {
            Arrivals::Seen(probe) => {
                let crossing = self.canaries.cross(probe, patience).await;
                let crossing = crossing.map_err(|error| error.to_string())?;
                crossing.identity(&self.payload).map(drop).map_err(|lost| lost.to_string())
            }
            Arrivals::Counted(counted) => {
                counted.clear(&self.canaries, bound, patience).await.map_err(|error| error.to_string())
            }
        }
    }

    fn start_load(&self, tier: usize, rate: Rate, hold: Duration, bound: Duration) -> Result<Load, String> {
        let number = u16::try_from(tier).map_err(|error| error.to_string())?;
        let spec = LoadSpec {
            topics: self.topics.clone(),
            payload: self.payload.clone(),
            ..LoadSpec::tier(self.run, number, rate, hold, bound)
        };
        let load = match &self.arrivals {
            Arrivals::Seen(probe) => {
                Load::start_watched(&self.source, self.clock, spec, |account| probe.watch(account))
            }
            Arrivals::Counted(_) => Load::start(&self.source, self.clock, spec),
        };
        load.map_err(|error| error.to_string())
    }
}

/// How often load and latencies are reported: often enough that a stop is told within its second.
pub(crate) const BEAT: Duration = Duration::from_millis(500);
