//! Whoever is told of a campaign while it runs. None of them can hold up the driver: each is given what it is to tell
//! and does so in a thread or a task of its own.

use ramp_core::{
    campaign::Campaign, component::ComponentState, event::Event, observation::Reading, units::Elapsed,
};

use crate::{
    driver::Interrupts,
    metrics::{Metrics, MetricsAddress, MetricsError},
    progress::{Progress, Wish},
};

/// What a campaign is told by beside the display; open before there is a campaign.
#[derive(Debug, Default)]
pub struct Outlets {
    metrics: Option<Metrics>,
}

impl Outlets {
    /// Opens what was asked for, and says where it is.
    ///
    /// # Errors
    /// When metrics cannot be served where they were asked for.
    pub(crate) async fn open(metrics: Option<MetricsAddress>) -> Result<Self, MetricsError> {
        let Some(address) = metrics else { return Ok(Self::default()) };
        let metrics = Metrics::serve(address).await?;
        eprintln!("ramp: its metrics are at {}", metrics.url());
        Ok(Self { metrics: Some(metrics) })
    }

    /// Gives whoever reads regularly the time to have the campaign's last word; an interrupt ends that time.
    pub(crate) async fn close(self, interrupts: &mut Interrupts) {
        let Some(metrics) = self.metrics else { return };
        let Some(patience) = metrics.patience() else { return };
        let seconds = patience.as_secs_f64();
        eprintln!("ramp: its metrics can be read once more, for at most {seconds:.0} s; Ctrl-C ends this");
        tokio::select! {
            () = metrics.end_is_read(patience) => {}
            () = interrupts.next() => {}
        }
    }
}

/// Everybody who is told of a campaign.
#[derive(Debug)]
pub struct Audience {
    progress: Progress,
    outlets: Outlets,
}

impl Audience {
    /// Tells the display and `outlets` of the campaign that is called `name`.
    pub(crate) fn new(progress: Progress, mut outlets: Outlets, name: &str) -> Self {
        if let Some(metrics) = &mut outlets.metrics {
            metrics.name(name);
        }
        Self { progress, outlets }
    }

    /// Everybody, each to be taken leave of in a way of their own.
    pub(crate) fn leave(self) -> (Progress, Outlets) {
        (self.progress, self.outlets)
    }

    /// What the person at the terminal wants next; `None` when nobody can want anything any more.
    pub(crate) async fn wish(&mut self) -> Option<Wish> {
        self.progress.wish().await
    }

    pub(crate) fn event(&mut self, campaign: &Campaign, event: &Event) {
        self.progress.event(campaign, event);
        if let Some(metrics) = &mut self.outlets.metrics {
            metrics.event(campaign, event);
        }
    }

    pub(crate) fn beat(&mut self, campaign: &Campaign, now: Elapsed) {
        self.progress.beat(campaign, now);
        if let Some(metrics) = &mut self.outlets.metrics {
            metrics.beat(campaign);
        }
    }

    pub(crate) fn component(&mut self, state: &ComponentState, at: Elapsed) {
        self.progress.component(state, at);
    }

    pub(crate) fn reading(&mut self, reading: &Reading) {
        if let Some(metrics) = &mut self.outlets.metrics {
            metrics.reading(reading);
        }
    }
}
