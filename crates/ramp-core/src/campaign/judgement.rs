//! What was found about one tier.

use super::{lag::Growth, tier_run::TierRun};
use crate::{
    observation::{LatencySnapshot, LoadProgress},
    plan::Plan,
    statistics::{NINETY_NINE, straddles},
    tier_result::P99,
    units::Elapsed,
    verdict::Finding,
};

impl TierRun {
    /// Everything found so far, gravest first, and what is known of the p99. The load stopped at `stopped`; `over` is
    /// given once the recovery is over.
    pub(super) fn findings(
        &self,
        plan: &Plan,
        stopped: Elapsed,
        over: Option<Elapsed>,
    ) -> (Vec<Finding>, P99) {
        let mut findings = self.tally.findings(plan, &self.tier, stopped);
        self.judge_observation(&mut findings, over);
        let p99 = match (self.snapshot().filter(|snapshot| snapshot.offered > 0), &self.ceiling) {
            (Some(snapshot), _) => self.judge_latency(snapshot, &mut findings),
            (None, Some(_)) => self.judge_ceiling(&mut findings, over),
            (None, None) => {
                findings.push(Finding::NoLatency);
                P99::Unknown
            }
        };
        self.judge_lag(&mut findings);
        self.judge_arrivals(&mut findings, stopped, over);
        self.judge_load(plan, &mut findings);
        self.judge_recovery(plan, &mut findings, stopped, over);
        if let Some(at) = self.interrupted {
            findings.push(Finding::Interrupted { at });
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight()));
        (findings, p99)
    }

    fn judge_observation(&self, findings: &mut Vec<Finding>, over: Option<Elapsed>) {
        if let Some((at, reason)) = &self.lost {
            findings.push(Finding::ObservationLost { at: *at, reason: reason.clone() });
            return;
        }
        let (Some((at, snapshot)), Some(closed), Some(_)) = (&self.latency, self.closed, over) else {
            return;
        };
        let (seen, offered) = (snapshot.offered, self.progress.offered);
        let reason = if *at < closed {
            "no latencies were reported after the load had ended".to_owned()
        } else if seen < offered {
            format!("latencies were reported of {seen} records, and {offered} were offered")
        } else {
            return;
        };
        if self.interrupted.is_none() {
            findings.push(Finding::ObservationLost { at: *at, reason });
        }
    }

    fn judge_latency(&self, snapshot: &LatencySnapshot, findings: &mut Vec<Finding>) -> P99 {
        let &LatencySnapshot { offered, p99, p99_range: range, max, .. } = snapshot;
        // What was certain once stays so, whatever becomes of the records later.
        let certain = self.certain.map_or((0, 0), |certain| (certain.violations, certain.from_handover));
        let violations = snapshot.violations().max(certain.0);
        let from_handover = snapshot.violations_from_handover().max(certain.1);
        let allowed = offered / 100;
        let bound = self.tier.p99_bound;
        let straddles = straddles(offered, violations, NINETY_NINE);
        if violations > allowed && from_handover > allowed {
            let certain = self.certain.map(|certain| certain.at);
            findings.push(Finding::LatencyObjective {
                bound,
                violations,
                allowed,
                offered,
                p99,
                max,
                certain,
                straddles,
            });
        } else if violations > allowed {
            findings.push(Finding::GeneratorLate { violations, from_handover, allowed });
        } else if straddles {
            findings.push(Finding::NearlyLate { bound, violations, allowed, offered, p99, range });
        }
        p99.map_or(P99::Unknown, |value| P99::Measured { value, samples: offered, range })
    }

    fn judge_ceiling(&self, findings: &mut Vec<Finding>, over: Option<Elapsed>) -> P99 {
        let (Some(ceiling), Some(now)) = (&self.ceiling, over.or(self.closed)) else { return P99::Unknown };
        let times = (self.tier.p99_bound, self.progress.lateness_p99);
        match ceiling.judge(times, self.progress.acknowledged, now) {
            Ok(highest) => P99::Bounded { bound: self.tier.p99_bound, highest },
            Err(gap) => {
                findings.push(Finding::NotBounded { gap });
                P99::Unknown
            }
        }
    }

    /// A lag that grows while the objective still holds.
    fn judge_lag(&self, findings: &mut Vec<Finding>) {
        let fails = |finding: &Finding| {
            matches!(finding, Finding::LatencyObjective { .. } | Finding::GeneratorLate { .. })
        };
        if let Some(Growth { per_second, lag, limit, reached_in }) = self.lag.growth(&self.tier)
            && !findings.iter().any(fails)
        {
            let severity = self.growth;
            findings.push(Finding::LagGrows { severity, per_second, lag, limit, reached_in });
        }
    }

    /// Records lost, repeated or overtaken.
    fn judge_arrivals(&self, findings: &mut Vec<Finding>, stopped: Elapsed, over: Option<Elapsed>) {
        let Some(&LatencySnapshot { outstanding, duplicates, reordered, .. }) = self.snapshot() else {
            return;
        };
        if let Some(over) = over
            && outstanding > 0
            && self.lost.is_none()
            && self.interrupted.is_none()
        {
            findings.push(Finding::NotRecovered { outstanding, waited: over.since(stopped) });
        }
        if duplicates > 0 {
            findings.push(Finding::Duplicates { records: duplicates });
        }
        if reordered > 0 {
            findings.push(Finding::Reordered { records: reordered });
        }
    }

    /// A wait that a person cut short.
    fn judge_recovery(
        &self,
        plan: &Plan,
        findings: &mut Vec<Finding>,
        stopped: Elapsed,
        over: Option<Elapsed>,
    ) {
        let (Some(over), Some(_), None, None) = (over, self.skipped, &self.lost, self.interrupted) else {
            return;
        };
        let (waited, minimum) = (over.since(stopped), plan.recovery().minimum);
        if waited < minimum {
            findings.push(Finding::RecoverySkipped { waited, minimum });
        }
    }

    fn judge_load(&self, plan: &Plan, findings: &mut Vec<Finding>) {
        let rules = plan.evidence();
        let LoadProgress { offered, failed, lateness_p99, .. } = self.progress;
        if let Some(reason) = &self.failed {
            findings.push(Finding::LoadFailed { reason: reason.clone() });
        }
        let due = if self.cut { self.progress.due } else { self.tier.records() };
        if offered == 0 || (offered as f64) < due as f64 * rules.achieved.get() {
            findings.push(Finding::Shortfall {
                target: self.tier.rate,
                due,
                offered,
                least: rules.achieved,
                limit: self.progress.limit.clone(),
            });
        }
        if failed > 0 {
            findings.push(Finding::RecordsFailed { failed, limit: self.progress.limit.clone() });
        }
        if self.progress.in_flight() > 0 || self.abandoned {
            findings.push(Finding::OpenLedger { in_flight: self.progress.in_flight() });
        }
        if lateness_p99 > rules.lateness {
            findings.push(Finding::Lateness { p99: lateness_p99, bound: rules.lateness });
        }
    }
}
