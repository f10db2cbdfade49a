//! The forms of a configuration and of a plan as JSON Schemas, by which editors complete keys and mark what is none.

use ramp_core::units::Ratio;
use schemars::{
    JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema, transform::RecursiveTransform,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{plan_text::PlanText, raw::RawConfig};

/// The schema of `ramp.toml`.
#[must_use]
pub fn config() -> Schema {
    of::<RawConfig>("Configuration of ramp")
}

/// The schema of a plan.
#[must_use]
pub fn plan() -> Schema {
    of::<PlanText>("Plan of a ramp campaign")
}

/// How the limit is searched for.
// Stands for `ramp_core::plan::Refine`, whose crate knows no schemas.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "Refine")]
pub(super) struct RefineForm {
    /// The search ends once the rates of GO and STOP lie within this share of the former; above 0 and below 1.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1), with = "f64")]
    pub(super) resolution: Ratio,
}

/// A rate as a number or a text.
pub(super) fn rate(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": u32::MAX },
            { "type": "string", "pattern": r"^[0-9_]+\s*(/s)?$" },
        ],
        "examples": [2500, "2_500/s"],
    })
}

/// [`ramp_core::signal::Unit`].
pub(super) fn unit(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["milliseconds", "percent", "ratio", "records", "count"] })
}

/// [`ramp_core::signal::Fold`].
pub(super) fn fold(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["worst", "mean", "last", "increase"] })
}

fn of<T: JsonSchema>(title: &str) -> Schema {
    // What editors know best.
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(as_toml));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema
}

/// TOML knows no null: a key that is not there says the same.
fn as_toml(schema: &mut Schema) {
    let no_null = |values: &mut Value, null: &Value| {
        if let Value::Array(values) = values {
            values.retain(|value| value != null);
        }
    };
    if let Some(types) = schema.get_mut("type") {
        no_null(types, &"null".into());
        if let Value::Array(only) = types
            && let [only] = only.as_slice()
        {
            *types = only.clone();
        }
    }
    if let Some(forms) = schema.get_mut("anyOf") {
        no_null(forms, &json_schema!({ "type": "null" }).into());
        if let Value::Array(only) = forms
            && only.len() == 1
        {
            let only = schema.remove("anyOf");
            schema.insert("allOf".to_owned(), only.unwrap_or_default());
        }
    }
    if let Some(Value::Null | Value::Object(_) | Value::Array(_)) = schema.get("default") {
        schema.remove("default");
    }
}
