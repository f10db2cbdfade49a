//! The published schemas of `ramp.toml` and of a plan against what the program reads and writes.

use std::collections::BTreeSet;

use ramp::config::{plan_text::PlanText, raw::RawConfig, schema};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cli::ramp;

/// Where something stands in a file; [`ANY`] is any key of a table, [`ITEM`] any item of a list.
type Place = Vec<String>;

const ANY: &str = "*";
const ITEM: &str = "[]";

/// What a schema offers: the keys of a table or the choices of a text, each with its place.
fn offers(root: &Value, node: &Value, place: &Place, found: &mut Vec<(Place, Offer)>) {
    let below = |step: &str| [place.as_slice(), &[step.to_owned()]].concat();
    if let Some(name) = node["$ref"].as_str() {
        let definition = root.pointer(name.trim_start_matches('#')).unwrap();
        offers(root, definition, place, found);
    }
    if let Some([only]) = node["allOf"].as_array().map(Vec::as_slice) {
        offers(root, only, place, found);
    }
    if let Some(keys) = node["properties"].as_object() {
        found.push((place.clone(), Offer::Keys(keys.keys().cloned().collect())));
        for (key, value) in keys {
            offers(root, value, &below(key), found);
        }
    }
    offers_of(root, &node["additionalProperties"], &below(ANY), found);
    offers_of(root, &node["items"], &below(ITEM), found);
    let texts = |values: &Value, pointer: &str| {
        let values = values.as_array()?.iter();
        values
            .map(|value| value.pointer(pointer)?.as_str().map(str::to_owned))
            .collect::<Option<BTreeSet<_>>>()
    };
    if let Some(choices) = texts(&node["enum"], "").or_else(|| texts(&node["oneOf"], "/const")) {
        found.push((place.clone(), Offer::Choices(choices)));
    }
}

fn offers_of(root: &Value, node: &Value, place: &Place, found: &mut Vec<(Place, Offer)>) {
    if node.is_object() {
        offers(root, node, place, found);
    }
}

#[derive(Debug, PartialEq)]
enum Offer {
    Keys(BTreeSet<String>),
    Choices(BTreeSet<String>),
}

/// What the type behind a file knows at `place`, as it says itself when it meets what it does not know.
fn known<T: DeserializeOwned>(place: &Place, offer: &Offer) -> Offer {
    let strange = match offer {
        Offer::Keys(_) => json!({ "?": 1 }),
        Offer::Choices(_) => json!("?"),
    };
    let file = place.iter().rev().fold(strange, |inner, step| match step.as_str() {
        ITEM => json!([inner]),
        ANY => json!({ "any": inner }),
        key => json!({ key: inner }),
    });
    let error = serde_json::from_value::<T>(file).err().unwrap().to_string();
    let names = error.split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect();
    match offer {
        Offer::Keys(_) if error.starts_with("unknown field `?`") => Offer::Keys(names),
        Offer::Choices(_) if error.starts_with("unknown variant `?`") => Offer::Choices(names),
        Offer::Keys(_) | Offer::Choices(_) => panic!("{place:?}: {error}"),
    }
}

/// Compares what `schema` offers with what `T` knows, and returns where it offers something.
fn compared<T: DeserializeOwned>(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    offers(schema, schema, &Place::new(), &mut found);
    for (place, offer) in &found {
        assert_eq!(*offer, known::<T>(place, offer), "{place:?}");
    }
    found.into_iter().map(|(place, _)| place.join(".")).collect()
}

fn faults(schema: &Value, toml: &str) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let file = serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap();
    validator.iter_errors(&file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn config() -> Value {
    schema::config().into()
}

fn plan() -> Value {
    schema::plan().into()
}

#[test]
fn every_key_and_choice_of_the_program_is_in_its_schema_and_none_else() {
    let places = [compared::<RawConfig>(&config()), compared::<PlanText>(&plan())].concat();
    for place in
        ["", "source", "prometheus", "replication.policy", "signals.*.fold", "refine", "tiers.[].criteria.[]"]
    {
        assert!(places.contains(&place.to_owned()), "nothing is said of {place:?}: {places:?}");
    }
}

#[test]
fn the_published_schemas_are_those_that_the_program_prints() {
    let published = [
        include_str!("../../../../docs/ramp.schema.json"),
        include_str!("../../../../docs/plan.schema.json"),
    ];
    for (of, published) in ["config", "plan"].into_iter().zip(published) {
        let printed = String::from_utf8(ramp("", &["schema", of]).1.stdout).unwrap();
        assert_eq!(printed, published, "write it anew: ramp schema {of}");
    }
}

#[test]
fn what_init_the_laboratory_and_the_documents_write_is_of_the_published_form() {
    let lab = include_str!("../../../../fixtures/lab/ramp.toml");
    let lab = lab.replace("@source_tls@", include_str!("../../../../fixtures/lab/ramp-tls.toml"));
    let lab = lab.replace("@count@", "10");
    let (folder, _) =
        ramp("", &["init", "--force", "--source=a:1", "--target=b:1", "--prometheus=http://c:1"]);
    let init = std::fs::read_to_string(folder.path().join("ramp.toml")).unwrap();
    assert!(init.contains("a:1"), "{init}");
    let documents =
        [include_str!("../../../../docs/configuration.md"), include_str!("../../../../README.md")].concat();
    let examples: Vec<_> = documents.split("```").filter_map(|part| part.strip_prefix("toml\n")).collect();
    assert!(examples.len() >= 7, "{examples:?}");
    for file in examples.into_iter().chain([&*lab, &*init]) {
        assert_eq!(faults(&config(), file), [""; 0], "{file}");
    }
    let with_unit = PlanText::BUILT_IN.replace("rate = 1_000", "rate = \"1_000/s\"");
    for file in [PlanText::BUILT_IN, include_str!("../../../../fixtures/lab/plan.toml"), &with_unit] {
        assert_eq!(faults(&plan(), file), [""; 0]);
    }
}

#[test]
fn what_is_misspelt_is_not_of_the_published_form() {
    for file in [
        "prefx = 'test'",
        "[source]\nbootstap = 'a:1'",
        "[source]\nbootstrap = 1",
        "[replication]\npolicy = 'identiti'",
        "[signals.x]\nunit = 'seconds'",
        "[prometheus.headers]\nX = { env = 'A', file = 'b' }",
    ] {
        assert_eq!(faults(&config(), file).len(), 1, "{file}");
        assert!(toml::from_str::<RawConfig>(file).is_err(), "{file}");
    }
    for (right, wrong) in [
        ("give_up", "giveup"),
        ("rate = 1_000", "rate = 0"),
        ("rate = 1_000", "rate = '1_000/min'"),
        ("\"> 10_000\"", "\"10_000\""),
        ("lang = \"fr\"", "lang = \"de\""),
    ] {
        let file = PlanText::BUILT_IN.replacen(right, wrong, 1);
        assert!(!faults(&plan(), &file).is_empty(), "{wrong}");
        assert!(toml::from_str::<PlanText>(&file).is_err(), "{wrong}");
    }
}
