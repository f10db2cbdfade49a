//! The language of a report: what the command line says, else the plan, else the locale.

use std::env;

use clap::ValueEnum;
use ramp_report::Locale;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A language of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// French, as the form is.
    Fr,
    /// English.
    En,
}

impl Lang {
    /// The language that `flag` asks for, else the `plan`, else the environment's locale.
    #[must_use]
    pub fn choose(flag: Option<Self>, plan: Option<Self>) -> Self {
        flag.or(plan).unwrap_or_else(|| {
            // The first that is set decides, as for every other program.
            let mut locales = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(env::var_os);
            Self::of_locale(locales.find(|value| !value.is_empty()).unwrap_or_default().to_str())
        })
    }

    /// The report's own name for it.
    #[must_use]
    pub const fn locale(self) -> Locale {
        match self {
            Self::Fr => Locale::French,
            Self::En => Locale::English,
        }
    }

    /// French for a French locale, English for every other.
    fn of_locale(locale: Option<&str>) -> Self {
        let language = locale.and_then(|locale| locale.split(['_', '.', '@']).next());
        if language == Some("fr") { Self::Fr } else { Self::En }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_french_locale_is_french_and_every_other_english() {
        let of = |locale| Lang::of_locale(Some(locale));
        assert_eq!(["fr", "fr_FR.UTF-8", "fr_CA", "fr@euro"].map(of), [Lang::Fr; 4]);
        assert_eq!(["C", "", "en_GB.UTF-8", "de_DE", "frp_FR"].map(of), [Lang::En; 5]);
    }

    #[test]
    fn the_flag_stands_above_the_plan() {
        assert_eq!(Lang::choose(Some(Lang::En), Some(Lang::Fr)), Lang::En);
        assert_eq!(Lang::choose(None, Some(Lang::Fr)), Lang::Fr);
    }
}
