//! `ramp verify`: whether a report is what its journal comes to.

use std::{fs, io::ErrorKind};

use ramp_report::Locale;
use serde_json::Value;

use crate::{
    cli::VerifyArgs,
    console,
    error::CommandError,
    exit::Exit,
    journal::Replay,
    report::{self, JSON},
};

/// Replays the journal, makes every file of the report anew and compares.
pub(crate) fn verify(args: &VerifyArgs) -> Result<Exit, CommandError> {
    let replay = Replay::read(&args.run)?;
    let own = replay.header.facts.versions.get("ramp");
    let say = |line: String| console::say(&(line + "\n"));
    say(format!("journal: {} inputs, SHA-256 {}", replay.inputs, replay.sha256()))?;
    if own.is_none_or(|own| own != env!("CARGO_PKG_VERSION")) {
        let own = own.map_or("an unknown ramp", String::as_str);
        let this = env!("CARGO_PKG_VERSION");
        say(format!("! written by ramp {own}; this is {this}: texts may differ, figures may not"))?;
    }
    let report = report::of(&replay.header.facts, &replay.recorded, replay.sha256(), &args.run)?;
    let [french, english] = [Locale::French, Locale::English].map(|locale| report::files(&report, locale));
    let mut differs = false;
    for ((name, french), (_, english)) in french.iter().zip(&english) {
        let path = args.run.join(name);
        match fs::read_to_string(&path) {
            Ok(text) if text == *french || text == *english => say(format!("✓ {name}"))?,
            Ok(text) => {
                differs = true;
                say(format!("✗ {name} is not what the journal comes to"))?;
                let parsed = || Some((serde_json::from_str(&text).ok()?, serde_json::from_str(french).ok()?));
                if let Some((is, should)) = parsed().filter(|_| *name == JSON) {
                    let shown = differences(&is, &should, "");
                    shown.iter().take(MOST).try_for_each(|difference| say(format!("    {difference}")))?;
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => say(format!("! {name} is not there"))?,
            Err(source) => return Err(CommandError::Read { path, source }),
        }
    }
    Ok(if differs { Exit::Differs } else { Exit::Done })
}

/// Where two values differ: the place, what stands there, and what should.
fn differences(is: &Value, should: &Value, place: &str) -> Vec<String> {
    match (is, should) {
        (Value::Object(is), Value::Object(should)) => {
            let keys = is.keys().chain(should.keys().filter(|key| !is.contains_key(*key)));
            let of = |key: &String| {
                let (is, should) = (is.get(key), should.get(key));
                differences(
                    is.unwrap_or(&Value::Null),
                    should.unwrap_or(&Value::Null),
                    &format!("{place}/{key}"),
                )
            };
            keys.flat_map(of).collect()
        }
        (Value::Array(is), Value::Array(should)) if is.len() == should.len() => {
            let pairs = is.iter().zip(should).enumerate();
            pairs.flat_map(|(at, (is, should))| differences(is, should, &format!("{place}/{at}"))).collect()
        }
        _plain if is == should => Vec::new(),
        _plain => vec![format!("{place}: {} in the report, {} by the journal", brief(is), brief(should))],
    }
}

/// A value as far as a line has room for it.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

/// So many differences are told.
const MOST: usize = 10;

const LONGEST: usize = 60;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_difference_is_told_with_its_place() {
        let is = json!({"a": [1, {"b": "go"}], "c": 1, "only": true});
        let should = json!({"a": [1, {"b": "stop"}], "c": 1, "more": [1]});
        let told = [
            r#"/a/1/b: "go" in the report, "stop" by the journal"#,
            "/only: true in the report, null by the journal",
            "/more: null in the report, [1] by the journal",
        ];
        assert_eq!(differences(&is, &should, ""), told);
        assert_eq!(
            differences(&json!([1, 2]), &json!([1]), "/x"),
            ["/x: [1,2] in the report, [1] by the journal"]
        );
        assert_eq!(differences(&is, &is, ""), [""; 0]);
    }
}
