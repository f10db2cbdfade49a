//! Rates as plans write them: `2_500`, or `"2_500/s"` with the unit.

use std::fmt;

use ramp_core::units::Rate;
use serde::{Deserializer, Serialize, Serializer, de};

/// Reads either form.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
    deserializer.deserialize_any(EitherForm)
}

/// Writes the number.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
pub(super) fn serialize<S: Serializer>(rate: &Rate, serializer: S) -> Result<S::Ok, S::Error> {
    rate.serialize(serializer)
}

struct EitherForm;

impl de::Visitor<'_> for EitherForm {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a rate in records per second, such as 2_500 or "2_500/s""#)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Rate, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Rate, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::plan_text::ExtendText;

    #[test]
    fn a_rate_is_a_number_or_a_text_with_its_unit() {
        for text in ["to = 2500", "to = 2_500", "to = '2500'", "to = '2_500/s'", "to = '2_500 /s'"] {
            let extend: ExtendText = toml::from_str(text).unwrap();
            assert_eq!(extend.to.get(), 2_500, "{text}");
            let written = toml::to_string(&extend).unwrap();
            assert_eq!(toml::from_str::<ExtendText>(&written).unwrap(), extend, "{written}");
        }
    }

    #[test]
    fn what_is_no_rate_is_answered_in_one_way() {
        let said = |value: &str| {
            let error = toml::from_str::<ExtendText>(&format!("to = {value}")).unwrap_err();
            error.message().to_owned()
        };
        let answers = ["0", "-1", "2.5", "5_000_000_000", "'fast'", "'2_500/min'", "''", "true"].map(said);
        insta::assert_snapshot!(answers.join("\n"), @r#"
        "0" is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s
        "-1" is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s
        "2.5" is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s
        "5000000000" is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s
        "fast" is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s
        "2_500/min" is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s
        "" is not a rate: give a whole number of records per second above 0, such as 2_500 or 2_500/s
        invalid type: boolean `true`, expected a rate in records per second, such as 2_500 or "2_500/s"
        "#);
    }
}
