//! Whoever is told of a campaign while it runs. None of them can hold up the driver: each is given what it is to tell
//! and does so in a thread or a task of its own.

use ramp_core::{
    campaign::Campaign, component::ComponentState, event::Event, observation::Reading, units::Elapsed,
};
use ramp_observe::grafana::Grafana;

use crate::{
    annotations::Annotations,
    driver::{Interrupts, Start},
    metrics::{Metrics, MetricsAddress, MetricsError},
    progress::{Progress, Wish},
};

/// What a campaign is told by beside the display; open before there is a campaign.
#[derive(Debug)]
pub(crate) struct Outlets {
    metrics: Option<Metrics>,
    grafana: Option<Grafana>,
}

impl Outlets {
    /// Opens what was asked for, and says where it is: metrics at an address, and annotations in a Grafana.
    ///
    /// # Errors
    /// When metrics cannot be served where they were asked for.
    pub(crate) async fn open(
        metrics: Option<MetricsAddress>,
        grafana: Option<Grafana>,
    ) -> Result<Self, MetricsError> {
        let metrics = match metrics {
            Some(address) => Some(Metrics::serve(address).await?),
            None => None,
        };
        if let Some(metrics) = &metrics {
            eprintln!("ramp: its metrics are at {}", metrics.url());
        }
        Ok(Self { metrics, grafana })
    }
}

/// Everybody who is told of a campaign.
#[derive(Debug)]
pub struct Audience {
    progress: Progress,
    last: LastWords,
}

/// Who has a last word after the display.
#[derive(Debug)]
pub(crate) struct LastWords {
    metrics: Option<Metrics>,
    annotations: Option<Annotations>,
}

impl Audience {
    /// Tells the display and `outlets` of the campaign called `name`, which began at `start`.
    pub(crate) fn new(progress: Progress, outlets: Outlets, name: &str, start: Start) -> Self {
        let Outlets { metrics, grafana } = outlets;
        let metrics = metrics.map(|metrics| metrics.of(name));
        let annotations = grafana.map(|grafana| Annotations::begin(grafana, name, start.calendar));
        Self { progress, last: LastWords { metrics, annotations } }
    }

    /// Everybody, each to be taken leave of in a way of their own.
    pub(crate) fn leave(self) -> (Progress, LastWords) {
        (self.progress, self.last)
    }

    /// What the person at the terminal wants next; `None` when nobody can want anything any more.
    pub(crate) async fn wish(&mut self) -> Option<Wish> {
        self.progress.wish().await
    }

    pub(crate) fn event(&mut self, campaign: &Campaign, event: &Event) {
        self.progress.event(campaign, event);
        if let Some(metrics) = &mut self.last.metrics {
            metrics.event(campaign, event);
        }
        if let Some(annotations) = &mut self.last.annotations {
            annotations.event(campaign, event);
        }
    }

    pub(crate) fn beat(&mut self, campaign: &Campaign, now: Elapsed) {
        if let Some(metrics) = &mut self.last.metrics {
            metrics.beat(campaign);
        }
        if let Some(annotations) = &mut self.last.annotations {
            annotations.beat(campaign);
            for warning in annotations.warnings() {
                self.progress.warn(&warning, now);
            }
        }
        self.progress.beat(campaign, now);
    }

    pub(crate) fn component(&mut self, state: &ComponentState, at: Elapsed) {
        self.progress.component(state, at);
    }

    pub(crate) fn reading(&mut self, reading: &Reading) {
        if let Some(metrics) = &mut self.last.metrics {
            metrics.reading(reading);
        }
    }
}

impl LastWords {
    /// Gives the last annotations, and whoever reads the metrics regularly, the time to have the campaign's end. An
    /// interrupt ends that time.
    pub(crate) async fn spoken(self, interrupts: &mut Interrupts) {
        let Self { metrics, annotations } = self;
        let spoken = async {
            tokio::join!(
                async {
                    let Some(annotations) = annotations else { return };
                    for warning in annotations.close().await {
                        eprintln!("ramp: warning: {warning}");
                    }
                },
                async {
                    let Some(metrics) = metrics else { return };
                    let Some(patience) = metrics.patience() else { return };
                    let seconds = patience.as_secs_f64().ceil();
                    eprintln!(
                        "ramp: its metrics can be read once more, for at most {seconds} s; Ctrl-C ends this"
                    );
                    metrics.end_is_read(patience).await;
                },
            );
        };
        tokio::select! {
            () = spoken => {}
            () = interrupts.next() => {}
        }
    }
}
