//! `ramp plan`: a plan as it is written, or what it comes to: records, bytes, times, and where each bound comes from.

mod markdown;

use std::{collections::BTreeSet, io, path::Path, time::Duration};

use ramp_core::{
    SCHEMA_VERSION,
    plan::Refine,
    signal::{Fold, SignalId, Unit},
    units::{Rate, Ratio},
};
use ramp_observe::catalog::{self, Catalog, PanelName};
use serde::Serialize;

use crate::{
    cli::{PlanArgs, PlanFormat},
    config::{
        self, ConfigError,
        plan_text::{CriterionText, PlanText},
        resolve::{chosen, payload},
        threshold::Threshold,
    },
    console,
    error::CommandError,
    exit::Exit,
    lang::Lang,
};

/// Prints the plan that `args` name.
pub(crate) fn print(args: &PlanArgs) -> Result<Exit, CommandError> {
    let written = PlanText::load(&args.plan, Path::new(""))?;
    let chosen = chosen(written.clone(), &args.choice)?;
    let faulty = |source| ConfigError::Plan { name: chosen.name.clone(), source };
    chosen.check(&Catalog::default()).map_err(faulty)?;
    let is_changed = args.choice.tiers.is_some() || args.choice.refine || args.choice.extend.is_some();
    let text = match args.format {
        PlanFormat::Toml if is_changed => config::write(&chosen)?,
        PlanFormat::Toml if args.plan == PlanText::BUILT_IN_NAME => PlanText::BUILT_IN.to_owned(),
        PlanFormat::Toml => config::write(&written)?,
        PlanFormat::Json => {
            let outline = Outline::of(&written, &chosen)?;
            let json = serde_json::to_string_pretty(&outline).map_err(io::Error::from);
            json.map_err(CommandError::Output)? + "\n"
        }
        PlanFormat::Md => markdown::render(&Outline::of(&written, &chosen)?),
    };
    console::say(&text).map(|()| Exit::Done)
}

/// What a plan comes to.
#[derive(Debug, Serialize)]
struct Outline {
    schema_version: u32,
    name: String,
    lang: Option<Lang>,
    recommended: Ratio,
    topics: u16,
    payload: String,
    /// Of the warm-up and all tiers; the search for the limit comes on top.
    records: u64,
    /// Before compression, for payloads of a mean size.
    bytes: u64,
    least_ms: u64,
    most_ms: u64,
    budget_ms: Option<u64>,
    warmup: Option<WarmupOutline>,
    recovery: RecoveryOutline,
    refine: Option<Refine>,
    tiers: Vec<TierOutline>,
    /// The bounds of every tier, and beside them those of each.
    criteria: Vec<CriterionOutline>,
    signals: Vec<SignalOutline>,
}

#[derive(Debug, Serialize)]
struct RecoveryOutline {
    minimum_ms: u64,
    floor: u64,
    give_up_ms: u64,
}

/// What is loaded before the first tier, unjudged.
#[derive(Debug, Serialize)]
struct WarmupOutline {
    rate: Rate,
    hold_ms: u64,
    records: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct TierOutline {
    name: String,
    origin: TierOrigin,
    rate: Rate,
    hold_ms: u64,
    p99_ms: u64,
    records: u64,
    bytes: u64,
}

/// Why a tier is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum TierOrigin {
    /// The plan has it.
    Plan,
    /// The ramp goes on by it where the plan's last tier is GO.
    Extend,
}

#[derive(Debug, Serialize)]
struct CriterionOutline {
    signal: SignalId,
    warning: Option<Threshold>,
    stop: Option<Threshold>,
    origin: CriterionOrigin,
    /// The tier that it holds for; every one where none is named.
    tier: Option<String>,
}

/// Where a bound is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum CriterionOrigin {
    /// With the plan's.
    Plan,
    /// With a tier's.
    Tier,
}

/// Where the values of a signal come from.
#[derive(Debug, Serialize)]
struct SignalOutline {
    signal: SignalId,
    #[serde(flatten)]
    origin: SignalOrigin,
}

#[derive(Debug, Serialize)]
#[serde(tag = "origin", rename_all = "lowercase")]
enum SignalOrigin {
    /// Measured by ramp's own probe.
    Probe,
    /// Shown by a panel that the built-in catalogue knows; `[signals]` may bind it to another.
    Catalogue { dashboard: String, panel: String, query: Option<String>, unit: Unit, fold: Fold },
    /// Known to nobody but a configuration.
    Configuration,
}

impl Outline {
    /// What `plan` comes to, which was `written` before anything was chosen of it.
    fn of(written: &PlanText, plan: &PlanText) -> Result<Self, ConfigError> {
        let payload = payload(&plan.load.payload)?;
        // A whole number of bytes that is far below 2^53.
        let record_bytes = payload.mean_size().round() as u64;
        let from_plan: BTreeSet<_> = written.tiers.iter().map(|tier| &tier.name).collect();
        let tiers = plan.tiers.iter().map(|tier| {
            let records = tier.rate.records_in(tier.hold.get());
            let in_plan = from_plan.contains(&tier.name);
            TierOutline {
                name: tier.name.clone(),
                origin: if in_plan { TierOrigin::Plan } else { TierOrigin::Extend },
                rate: tier.rate,
                hold_ms: millis(tier.hold.get()),
                p99_ms: millis(tier.p99.get()),
                records,
                bytes: records.saturating_mul(record_bytes),
            }
        });
        let common = plan.criteria.iter().map(|criterion| CriterionOutline::of(criterion, None));
        let own = plan.tiers.iter().flat_map(|tier| tier.criteria.iter().map(move |own| (own, &tier.name)));
        let own = own.map(|(criterion, tier)| CriterionOutline::of(criterion, Some(tier.clone())));
        let criteria: Vec<_> = common.chain(own).collect();
        let mut signals: Vec<SignalOutline> = Vec::new();
        for CriterionOutline { signal, .. } in &criteria {
            if !signals.iter().any(|known| known.signal == *signal) {
                signals.push(SignalOutline { signal: signal.clone(), origin: SignalOrigin::of(signal) });
            }
        }
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            name: plan.name.clone(),
            lang: plan.lang,
            recommended: plan.recommended,
            topics: plan.load.topics,
            payload: payload.to_string(),
            records: plan.records(),
            bytes: plan.records().saturating_mul(record_bytes),
            least_ms: millis(plan.least_duration()),
            most_ms: millis(plan.most_duration()),
            budget_ms: plan.budget.map(|budget| millis(budget.get())),
            warmup: plan.warmup().map(|(rate, hold)| {
                let records = rate.records_in(hold);
                WarmupOutline {
                    rate,
                    hold_ms: millis(hold),
                    records,
                    bytes: records.saturating_mul(record_bytes),
                }
            }),
            recovery: RecoveryOutline {
                minimum_ms: millis(plan.recovery.minimum.get()),
                floor: plan.recovery.floor,
                give_up_ms: millis(plan.recovery.give_up.get()),
            },
            refine: plan.refine,
            tiers: tiers.collect(),
            criteria,
            signals,
        })
    }
}

impl CriterionOutline {
    fn of(CriterionText { signal, warning, stop }: &CriterionText, tier: Option<String>) -> Self {
        let origin = if tier.is_some() { CriterionOrigin::Tier } else { CriterionOrigin::Plan };
        Self { signal: named(signal), warning: warning.clone(), stop: stop.clone(), origin, tier }
    }
}

/// The signal by its own name, where the plan has another that the catalogue knows.
fn named(signal: &SignalId) -> SignalId {
    if signal.as_str().eq_ignore_ascii_case(SignalId::LAG.as_str()) {
        return SignalId::LAG;
    }
    catalog::find(signal.as_str()).map_or_else(|| signal.clone(), |entry| entry.id)
}

impl SignalOrigin {
    fn of(signal: &SignalId) -> Self {
        if *signal == SignalId::LAG {
            return Self::Probe;
        }
        catalog::find(signal.as_str()).map_or(Self::Configuration, |entry| Self::Catalogue {
            dashboard: entry.dashboard.into_owned(),
            panel: match entry.panel {
                PanelName::Title(title) => title.into_owned(),
                PanelName::Id(id) => id.to_string(),
            },
            query: entry.ref_id.map(|letter| letter.into_owned()),
            unit: entry.unit,
            fold: entry.fold,
        })
    }
}

/// Whole milliseconds, of which half a billion years are representable.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Choice;

    /// A plan with everything whose origin may be another.
    const OWN: &str = r#"
name = "own|plan"
recommended = 0.70
budget = "5m"
warmup = "30s"
recovery = { minimum = "1m", floor = 1_000, give_up = "10m" }
load = { topics = 1, payload = "random:1000" }

[[criteria]]
signal = "Active Records"
warning = "> 10_000"
stop = "> 50_000 for 30s"

[[criteria]]
signal = "LAG"
stop = "> 5_000"

[[tiers]]
name = "P1"
rate = "1_000/s"
hold = "2m"
p99 = "500ms"

[[tiers]]
name = "P2"
rate = 2_500
hold = "2m"
p99 = "1s"
criteria = [{ signal = "jvm `gc`", warning = ">= 200 ms" }, { signal = "host.cpu", stop = "> 95 %" }]
"#;

    fn outline() -> Outline {
        let written: PlanText = toml::from_str(OWN).unwrap();
        let choice = Choice { tiers: Some("P2".to_owned()), refine: true, extend: Rate::per_second(3_000) };
        Outline::of(&written, &chosen(written.clone(), &choice).unwrap()).unwrap()
    }

    #[test]
    fn a_plan_for_people_says_what_it_writes_how_long_it_takes_and_where_each_bound_comes_from() {
        insta::assert_snapshot!(markdown::render(&outline()), @r#"
        # Plan own\|plan

        - Writes 735 000 records of random:1000, about 0.7 GB before compression, to 1 topic.
        - Takes at least 7m 30s and, with every recovery at its longest, 34m 30s.
        - Is meant to take at most 5m, which is less than it takes at least.
        - After each tier: waits at least 1m, until the lag is below 1 000 records; gives up after 10m.
        - Recommends 70 % of the capacity for production.
        - Searches for the limit after a STOP, to 5 %; the records and the time of that search come on top.

        ## Tiers

        | Tier    | Records/s | Held for | p99 below  | Records | Bytes   | From   |
        |---------|-----------|----------|------------|---------|---------|--------|
        | warm-up | 2 500     | 30s      | not judged | 75 000  | 75.0 MB | plan   |
        | P2      | 2 500     | 2m       | 1s         | 300 000 | 0.3 GB  | plan   |
        | E1      | 3 000     | 2m       | 1s         | 360 000 | 0.4 GB  | extend |
        | all     |           |          |            | 735 000 | 0.7 GB  |        |

        ## Bounds beside p99

        | Tier  | Signal               | Warning     | Stop               | From |
        |-------|----------------------|-------------|--------------------|------|
        | every | `mm2.active_records` | `> 10_000`  | `> 50_000 for 30s` | plan |
        | every | `lag`                |             | `> 5_000`          | plan |
        | P2    | jvm \`gc\`           | `>= 200 ms` |                    | tier |
        | P2    | `host.cpu`           |             | `> 95 %`           | tier |
        | E1    | jvm \`gc\`           | `>= 200 ms` |                    | tier |
        | E1    | `host.cpu`           |             | `> 95 %`           | tier |

        ## Where the signals come from

        | Signal               | Values                                                                    | Unit    | Judged by   |
        |----------------------|---------------------------------------------------------------------------|---------|-------------|
        | `mm2.active_records` | panel "Active Records (Lag)", query A of mm2-detailed-metrics.json        | records | worst value |
        | `lag`                | ramp itself: acknowledged on the source and not seen on the target        | records | worst value |
        | jvm \`gc\`           | no panel that is built in; bind it under \[signals\] in the configuration |         |             |
        | `host.cpu`           | panel "CPU% Basic", query F of Node-Eporter.json                          | %       | worst value |
        "#);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "the whole of what is printed")]
    fn a_plan_for_programs_says_the_same() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&outline()).unwrap(), @r#"
        {
          "schema_version": 1,
          "name": "own|plan",
          "lang": null,
          "recommended": 0.7,
          "topics": 1,
          "payload": "random:1000",
          "records": 735000,
          "bytes": 735000000,
          "least_ms": 450000,
          "most_ms": 2070000,
          "budget_ms": 300000,
          "warmup": {
            "rate": 2500,
            "hold_ms": 30000,
            "records": 75000,
            "bytes": 75000000
          },
          "recovery": {
            "minimum_ms": 60000,
            "floor": 1000,
            "give_up_ms": 600000
          },
          "refine": {
            "resolution": 0.05
          },
          "tiers": [
            {
              "name": "P2",
              "origin": "plan",
              "rate": 2500,
              "hold_ms": 120000,
              "p99_ms": 1000,
              "records": 300000,
              "bytes": 300000000
            },
            {
              "name": "E1",
              "origin": "extend",
              "rate": 3000,
              "hold_ms": 120000,
              "p99_ms": 1000,
              "records": 360000,
              "bytes": 360000000
            }
          ],
          "criteria": [
            {
              "signal": "mm2.active_records",
              "warning": "> 10_000",
              "stop": "> 50_000 for 30s",
              "origin": "plan",
              "tier": null
            },
            {
              "signal": "lag",
              "warning": null,
              "stop": "> 5_000",
              "origin": "plan",
              "tier": null
            },
            {
              "signal": "jvm `gc`",
              "warning": ">= 200 ms",
              "stop": null,
              "origin": "tier",
              "tier": "P2"
            },
            {
              "signal": "host.cpu",
              "warning": null,
              "stop": "> 95 %",
              "origin": "tier",
              "tier": "P2"
            },
            {
              "signal": "jvm `gc`",
              "warning": ">= 200 ms",
              "stop": null,
              "origin": "tier",
              "tier": "E1"
            },
            {
              "signal": "host.cpu",
              "warning": null,
              "stop": "> 95 %",
              "origin": "tier",
              "tier": "E1"
            }
          ],
          "signals": [
            {
              "signal": "mm2.active_records",
              "origin": "catalogue",
              "dashboard": "mm2-detailed-metrics.json",
              "panel": "Active Records (Lag)",
              "query": "A",
              "unit": "records",
              "fold": "worst"
            },
            {
              "signal": "lag",
              "origin": "probe"
            },
            {
              "signal": "jvm `gc`",
              "origin": "configuration"
            },
            {
              "signal": "host.cpu",
              "origin": "catalogue",
              "dashboard": "Node-Eporter.json",
              "panel": "CPU% Basic",
              "query": "F",
              "unit": "percent",
              "fold": "worst"
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_payload_that_is_none_is_named() {
        let mut plan: PlanText = toml::from_str(OWN).unwrap();
        plan.load.payload = "xml".to_owned();
        let error = Outline::of(&plan, &plan).unwrap_err().to_string();
        assert!(error.starts_with("load.payload = \"xml\": "), "{error}");
    }
}
