//! The form's cells, before any language or layout.

use std::time::Duration;

use ramp_core::{
    event::Ending,
    evidence::SignalEvidence,
    observation::LatencySnapshot,
    plan::Tier,
    signal::SignalId,
    tier_result::{P99, TierResult},
    verdict::Verdict,
};

use crate::{Locale, Report};

/// A row of the grid: one tier of the plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row<'a> {
    pub(crate) tier: &'a Tier,
    pub(crate) result: Option<&'a TierResult>,
    /// The mean of what the panel showed, in milliseconds.
    pub(crate) latency_avg: Option<f64>,
    /// The highest that the panel showed, in milliseconds.
    pub(crate) latency_max: Option<f64>,
    /// The highest true lag, in records.
    pub(crate) lag: Option<u64>,
    /// The highest that the panel called lag showed.
    pub(crate) active_records: Option<f64>,
    /// The busiest worker, in per cent.
    pub(crate) cpu: Option<f64>,
    /// From the stop of the load until the lag was below the floor.
    pub(crate) recovered_after: Option<Duration>,
}

impl<'a> Row<'a> {
    pub(crate) fn all(report: &'a Report) -> Vec<Self> {
        let tiers = report.plan.tiers().iter().enumerate();
        tiers.map(|(place, tier)| Self::new(report, tier, report.result(place))).collect()
    }

    /// The probes of the search for the limit.
    pub(crate) fn probes(report: &'a Report) -> Vec<Self> {
        report.probes.iter().map(|probe| Self::new(report, &probe.tier, Some(&probe.result))).collect()
    }

    fn new(report: &'a Report, tier: &'a Tier, result: Option<&'a TierResult>) -> Self {
        let evidence = |id: &SignalId| result?.signals.iter().find(|evidence| evidence.signal == *id);
        let highest = |id| evidence(id).and_then(highest);
        let columns = &report.known;
        Self {
            tier,
            result,
            latency_avg: evidence(&columns.latency_avg).and_then(mean),
            latency_max: highest(&columns.latency_max),
            lag: result.and_then(|result| result.lag_peak),
            active_records: highest(&columns.active_records),
            cpu: highest(&columns.cpu),
            recovered_after: result.and_then(|result| result.recovery?.recovered_after),
        }
    }

    /// Where the 99th percentile is known from.
    pub(crate) fn p99(&self) -> &P99 {
        self.result.map_or(&P99::Unknown, |result| &result.p99)
    }

    /// What was seen of its records, where a probe watched.
    pub(crate) fn latency(&self) -> Option<&LatencySnapshot> {
        self.result?.latency.as_ref()
    }

    /// Its 95 % confidence interval, where it was measured on enough records.
    pub(crate) fn p99_range(&self) -> Option<(Duration, Duration)> {
        match self.p99() {
            P99::Measured { range, .. } => *range,
            P99::Bounded { .. } | P99::Unknown => None,
        }
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.result.map(|result| result.verdict)
    }
}

/// The form's checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checklist {
    /// Every tier has a final verdict, or stands after the one that ended the ramp by STOP.
    pub(crate) documented: bool,
    /// At least one tier was a final GO.
    pub(crate) capacity: bool,
    /// The recommendation was calculated.
    pub(crate) recommended: bool,
    /// The recovery was measured for every tier that ran.
    pub(crate) recoveries: bool,
}

impl Checklist {
    pub(crate) fn of(report: &Report) -> Self {
        let ended = match report.ending {
            Some(Ending::Stopped | Ending::LastTierPassed) => true,
            Some(Ending::Inconclusive | Ending::Interrupted) | None => false,
        };
        let ran = report.tiers.iter().filter(|result| result.started.is_some());
        let recovered =
            |result: &TierResult| result.recovery.is_some_and(|recovery| recovery.recovered_after.is_some());
        Self {
            documented: ended,
            capacity: report.capacity.is_some(),
            recommended: report.capacity.is_some_and(|capacity| capacity.recommended.is_some()),
            recoveries: !report.tiers.is_empty() && ran.clone().count() > 0 && ran.clone().all(recovered),
        }
    }

    /// The form's lines, each with whether it is done.
    pub(crate) const fn items(self, locale: Locale) -> [(bool, &'static str); 4] {
        [
            (self.documented, locale.of_static("Tous les paliers documentés", "Every tier documented")),
            (self.capacity, locale.of_static("Capacité max identifiée", "Maximum capacity identified")),
            (
                self.recommended,
                locale.of_static("Capacité prod calculée (70%)", "Production capacity calculated (70%)"),
            ),
            (self.recoveries, locale.of_static("Temps récupération mesurés", "Recovery times measured")),
        ]
    }

    pub(crate) const fn is_complete(self) -> bool {
        self.documented && self.capacity && self.recommended && self.recoveries
    }
}

fn mean(evidence: &SignalEvidence) -> Option<f64> {
    evidence.panel.map(|panel| panel.mean).or(evidence.mean)
}

fn highest(evidence: &SignalEvidence) -> Option<f64> {
    evidence.highest.as_ref().map(|highest| highest.value)
}
