//! `ramp plan` from outside.

use ramp::config::plan_text::PlanText;

use crate::cli::{CLUSTERS, ramp};

fn printed(arguments: &[&str]) -> String {
    let (_folder, output) = ramp("", &[&["plan"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_chosen_of_a_plan_is_printed_as_a_plan_again() {
    let text = printed(&["--tiers", "P1..P2", "--extend", "5_000/s", "--refine"]);
    let plan: PlanText = toml::from_str(&text).unwrap();
    let tiers: Vec<_> = plan.tiers.iter().map(|tier| (tier.name.as_str(), tier.rate.get())).collect();
    assert_eq!(tiers, [("P1", 1_000), ("P2", 2_500), ("E1", 3_750), ("E2", 5_000)]);
    assert!(plan.refine.is_some() && plan.extend.is_none(), "{plan:?}");
    let (folder, _) = ramp("", &["plan"]);
    std::fs::write(folder.path().join("own.toml"), &text).unwrap();
    assert_eq!(printed(&[folder.path().join("own.toml").to_str().unwrap()]), text, "and stays as it is");
}

#[test]
fn every_form_of_the_built_in_plan_tells_the_same_tiers() {
    let (json, markdown) = (printed(&["--format", "json"]), printed(&["--format", "md"]));
    let outline: serde_json::Value = serde_json::from_str(&json).unwrap();
    let tiers = outline["tiers"].as_array().unwrap();
    assert_eq!(tiers.len(), 5);
    for tier in tiers {
        let row = format!("| {}   |", tier["name"].as_str().unwrap());
        assert!(markdown.lines().any(|line| line.starts_with(&row)), "{row} in {markdown}");
    }
    assert_eq!((&outline["records"], &outline["least_ms"]), (&7_800_000.into(), &2_100_000.into()));
    assert!(markdown.contains("Writes 7 800 000 records of json, about 3."), "{markdown}");
}

#[test]
fn a_tier_and_a_rate_that_a_plan_cannot_have_are_usage_errors_in_every_form() {
    for format in ["toml", "json", "md"] {
        for (choice, reason) in
            [(["--tiers", "P9"], "it has P1, P2"), (["--extend", "9_000"], "has 10000/s already")]
        {
            let (_folder, output) = ramp("", &[&["plan", "--format", format], &choice[..]].concat());
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{error}");
            assert!(error.contains(reason) && output.stdout.is_empty(), "{error}");
        }
    }
}

#[test]
fn a_plan_that_is_nowhere_is_answered_with_the_one_that_is_built_in() {
    for arguments in [["plan", "nofile"].as_slice(), &["run", "--plan", "nofile", "--yes"]] {
        let (_folder, output) = ramp(CLUSTERS, arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), error.as_str()),
            (
                Some(2),
                "ramp: cannot read the plan nofile: No such file or directory (os error 2); give a plan's file, or \
                 phase4, which is built in\n"
            ),
            "{arguments:?}"
        );
    }
}

#[test]
fn every_fault_of_a_plan_is_told_at_once_by_plan_and_before_anything_is_connected_by_run() {
    let faulty =
        PlanText::BUILT_IN.replace("rate = 5_000", "rate = 500").replace("floor = 1_000", "floor = 0");
    let (folder, _) = ramp("", &["plan"]);
    let path = folder.path().join("own.toml");
    std::fs::write(&path, faulty).unwrap();
    let path = path.to_str().unwrap();
    for arguments in [["plan", path, "--format", "md"], ["run", "--plan", path, "--yes"]] {
        let (_folder, output) = ramp(CLUSTERS, &arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), error.as_str()),
            (
                Some(2),
                "ramp: plan \"phase4\":\n\
                 tiers[2].rate: 500/s is not above the tier before (2500/s); order the tiers by rate\n\
                 recovery.floor: is zero, which no lag can be below; give at least 1\n"
            ),
            "{arguments:?}"
        );
    }
}
