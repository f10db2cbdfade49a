//! The metrics' names, their help, and how each follows from the campaign's standing. What is not known has no sample.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};
use ramp_core::{campaign::Stage, criterion::Severity, evidence::Level, units::Rate, verdict::Verdict};

use super::standing::{Current, Latency, Load, Standing};

/// The metrics as text in the form of OpenMetrics.
pub(super) fn page(standing: Option<Arc<Standing>>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("ramp");
    registry.register_collector(Box::new(Page(standing)));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Page(Option<Arc<Standing>>);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut Families(&mut encoder);
        out.info("build", "The program", &[("version", env!("CARGO_PKG_VERSION"))])?;
        match &self.0 {
            Some(standing) => standing.encode(out),
            None => Ok(()),
        }
    }
}

impl Standing {
    fn encode(&self, out: &mut Families<'_, '_>) -> fmt::Result {
        let Self { run, plan, stage, tier, current, levels, verdicts, capacity } = self;
        out.info("campaign", "The campaign", &[("run", run.as_str()), ("plan", plan)])?;
        let stage = stage_name(*stage);
        let stages = STAGES.map(|name| ([("stage", name)], flag(name == stage)));
        out.gauges(
            "campaign_stage",
            None,
            "Where the campaign stands: 1 for its stage, 0 for the others",
            stages,
        )?;
        let tier = tier.as_deref();
        if let Some(tier) = tier {
            out.info("tier", "The tier that is loaded, recovers, or is to follow", &[("tier", tier)])?;
        }
        if let (Some(tier), Some(current)) = (tier, current) {
            current.encode(tier, out)?;
            let states = levels.iter().flat_map(|(signal, level)| {
                let labels = move |name| [("tier", tier), ("signal", signal.as_str()), ("level", name)];
                LEVELS.map(move |name| (labels(name), flag(name == level_name(*level))))
            });
            let help = "The gravest criterion of a signal that is crossed now: 1 for its level, 0 for the others; \
                        without a sample where the signal has no value";
            out.gauges("signal_level", None, help, states)?;
        }
        let states = verdicts.iter().flat_map(|(tier, verdict)| {
            let labels = move |name| [("tier", tier.as_str()), ("verdict", name)];
            VERDICTS.map(move |name| (labels(name), flag(name == verdict_name(*verdict))))
        });
        let help = "The final verdict of a tier: 1 for it, 0 for the others";
        out.gauges("tier_verdict", None, help, states)?;
        let validated = capacity.map(|capacity| capacity.validated);
        let recommended = capacity.and_then(|capacity| capacity.recommended);
        let unit = Some(records_per_second());
        let help = "The rate of the last tier that was GO";
        out.gauges("capacity_validated", unit.clone(), help, rate(validated))?;
        let help = "The share of the validated capacity that is recommended";
        out.gauges("capacity_recommended", unit, help, rate(recommended))
    }
}

impl Current {
    fn encode(&self, tier: &str, out: &mut Families<'_, '_>) -> fmt::Result {
        let Self { target, achieved, p99_bound, load, lag, latency } = self;
        let labels = [("tier", tier)];
        let gauge = |value: Option<f64>| value.map(|value| (labels, value));
        let seconds = |span: Duration| span.as_secs_f64();
        let (rates, time, records) = (records_per_second(), Unit::Seconds, Unit::Other("records".to_owned()));
        let help = "The rate that the tier asks for, while it is loaded";
        out.gauges("target", Some(rates.clone()), help, gauge(target.map(|rate| f64::from(rate.get()))))?;
        let help = "The rate that was offered, while the tier is loaded: the mean since its start";
        out.gauges("achieved", Some(rates), help, gauge(*achieved))?;
        let help = "The 99th percentile of latency from the due time, records that have not arrived included";
        let p99 = latency.and_then(|latency| latency.p99);
        out.gauges("p99", Some(time.clone()), help, gauge(p99.map(seconds)))?;
        let help = "What the 99th percentile must stay below";
        out.gauges("p99_bound", Some(time.clone()), help, gauge(Some(seconds(*p99_bound))))?;
        let lateness = (load.offered > 0).then_some(load.lateness_p99);
        let help = "The 99th percentile of how late the generator itself was";
        out.gauges("lateness_p99", Some(time), help, gauge(lateness.map(seconds)))?;
        let help = "Records handed to the client and neither acknowledged nor failed";
        out.gauges("in_flight", Some(records.clone()), help, gauge(Some(load.in_flight as f64)))?;
        let help = "Records acknowledged on the source and not seen on the target";
        let lag = lag.map(|lag| lag as f64);
        out.gauges("true_lag", Some(records.clone()), help, gauge(lag))?;
        let help = "Records not seen on the target and older than the bound";
        let overdue = latency.map(|latency| latency.overdue as f64);
        out.gauges("overdue", Some(records), help, gauge(overdue))?;
        let states = load.states().into_iter().chain(latency.iter().flat_map(Latency::states));
        let states = states.map(|(state, count)| ([("tier", tier), ("state", state)], count));
        out.counters("records", "Records of the tier that have come to a state", states)
    }
}

impl Load {
    const fn states(&self) -> [(&'static str, u64); 4] {
        let Self { due, offered, acknowledged, failed, in_flight: _, lateness_p99: _ } = *self;
        [("due", due), ("offered", offered), ("acknowledged", acknowledged), ("failed", failed)]
    }
}

impl Latency {
    const fn states(&self) -> [(&'static str, u64); 4] {
        let Self { arrived, late, duplicates, reordered, .. } = *self;
        [("arrived", arrived), ("late", late), ("duplicated", duplicates), ("reordered", reordered)]
    }
}

/// What families are written to; one without samples is left out.
struct Families<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Families<'_, '_> {
    fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Info)?;
        family.encode_info(&labels)
    }

    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        samples.try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        samples.into_iter().try_for_each(|(labels, count)| {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)
        })
    }
}

fn rate(rate: Option<Rate>) -> Option<([(&'static str, &'static str); 0], f64)> {
    rate.map(|rate| ([], f64::from(rate.get())))
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn records_per_second() -> Unit {
    Unit::Other("records_per_second".to_owned())
}

const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Proving { .. } => "proving",
        Stage::Starting { .. } => "starting",
        Stage::Loading { .. } => "loading",
        Stage::Recovering { .. } => "recovering",
        Stage::Done { .. } => "done",
    }
}

const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Go => "go",
        Verdict::Stop => "stop",
        Verdict::Inconclusive => "inconclusive",
    }
}

const fn level_name(level: Level) -> &'static str {
    match level {
        None => "ok",
        Some(Severity::Warning) => "warning",
        Some(Severity::Stop) => "stop",
    }
}

const STAGES: [&str; 5] = ["proving", "starting", "loading", "recovering", "done"];
const VERDICTS: [&str; 3] = ["go", "stop", "inconclusive"];
const LEVELS: [&str; 3] = ["ok", "warning", "stop"];

#[cfg(test)]
mod tests {
    use ramp_core::{capacity::Capacity, signal::SignalId, units::Elapsed};

    use super::*;

    fn rate(rate: u32) -> Rate {
        Rate::per_second(rate).unwrap()
    }

    /// The second tier under load, with everything that is known then.
    fn standing() -> Standing {
        let load = Load {
            due: 1_000,
            offered: 990,
            acknowledged: 980,
            failed: 1,
            in_flight: 9,
            lateness_p99: Duration::from_millis(2),
        };
        let latency = Latency {
            p99: Some(Duration::from_millis(1_500)),
            arrived: 970,
            late: 3,
            duplicates: 2,
            reordered: 1,
            overdue: 4,
        };
        let current = Current {
            target: Some(rate(2_500)),
            achieved: Some(2_475.0),
            p99_bound: Duration::from_secs(2),
            load,
            lag: Some(10),
            latency: Some(latency),
        };
        Standing {
            run: "a \"run\"".to_owned(),
            plan: "phase4".to_owned(),
            stage: Stage::Loading { tier: 1, since: Elapsed::START },
            tier: Some("P2".to_owned()),
            current: Some(current),
            levels: vec![(SignalId::LAG, Some(Severity::Warning))],
            verdicts: vec![("P1".to_owned(), Verdict::Go)],
            capacity: Some(Capacity { validated: rate(1_000), exact: false, recommended: Some(rate(700)) }),
        }
    }

    fn samples(standing: Standing) -> String {
        let page = page(Some(Arc::new(standing))).unwrap();
        page.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn every_metric_has_its_name_its_unit_and_its_labels() {
        let version = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
        insta::assert_snapshot!(samples(standing()).replace(version, "\"0.0.0\""), @r#"
        ramp_build_info{version="0.0.0"} 1
        ramp_campaign_info{run="a \"run\"",plan="phase4"} 1
        ramp_campaign_stage{stage="proving"} 0.0
        ramp_campaign_stage{stage="starting"} 0.0
        ramp_campaign_stage{stage="loading"} 1.0
        ramp_campaign_stage{stage="recovering"} 0.0
        ramp_campaign_stage{stage="done"} 0.0
        ramp_tier_info{tier="P2"} 1
        ramp_target_records_per_second{tier="P2"} 2500.0
        ramp_achieved_records_per_second{tier="P2"} 2475.0
        ramp_p99_seconds{tier="P2"} 1.5
        ramp_p99_bound_seconds{tier="P2"} 2.0
        ramp_lateness_p99_seconds{tier="P2"} 0.002
        ramp_in_flight_records{tier="P2"} 9.0
        ramp_true_lag_records{tier="P2"} 10.0
        ramp_overdue_records{tier="P2"} 4.0
        ramp_records_total{tier="P2",state="due"} 1000
        ramp_records_total{tier="P2",state="offered"} 990
        ramp_records_total{tier="P2",state="acknowledged"} 980
        ramp_records_total{tier="P2",state="failed"} 1
        ramp_records_total{tier="P2",state="arrived"} 970
        ramp_records_total{tier="P2",state="late"} 3
        ramp_records_total{tier="P2",state="duplicated"} 2
        ramp_records_total{tier="P2",state="reordered"} 1
        ramp_signal_level{tier="P2",signal="lag",level="ok"} 0.0
        ramp_signal_level{tier="P2",signal="lag",level="warning"} 1.0
        ramp_signal_level{tier="P2",signal="lag",level="stop"} 0.0
        ramp_tier_verdict{tier="P1",verdict="go"} 1.0
        ramp_tier_verdict{tier="P1",verdict="stop"} 0.0
        ramp_tier_verdict{tier="P1",verdict="inconclusive"} 0.0
        ramp_capacity_validated_records_per_second 1000.0
        ramp_capacity_recommended_records_per_second 700.0
        "#);
    }

    #[test]
    fn what_is_not_known_has_no_sample_and_is_never_zero() {
        let mut current = standing().current.unwrap();
        (current.target, current.achieved, current.lag, current.latency) = (None, None, None, None);
        let recovering = Stage::Recovering { tier: 1, since: Elapsed::START };
        let blind = samples(Standing { stage: recovering, current: Some(current), ..standing() });
        for absent in
            ["ramp_target", "ramp_achieved", "ramp_p99_seconds", "ramp_true_lag", "ramp_overdue", "arrived"]
        {
            assert!(!blind.contains(absent), "{absent}: {blind}");
        }
        assert!(blind.contains("ramp_p99_bound_seconds{tier=\"P2\"} 2.0"), "{blind}");

        let waiting = Stage::Proving { tier: 0, since: Elapsed::START };
        let (current, capacity) = (None, None);
        let (levels, verdicts) = (Vec::new(), Vec::new());
        let before = Standing { stage: waiting, current, levels, verdicts, capacity, ..standing() };
        let mut families: Vec<_> =
            samples(before).lines().map(|line| line.split('{').next().unwrap().to_owned()).collect();
        families.dedup();
        assert_eq!(
            families,
            ["ramp_build_info", "ramp_campaign_info", "ramp_campaign_stage", "ramp_tier_info"]
        );
        assert!(!page(None).unwrap().contains("campaign"));
    }
}
