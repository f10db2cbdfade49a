//! How the components of the system under load stand, as the system itself tells it. That changes no verdict.

/// A component of the system under load, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ComponentState {
    /// The component, by the name that people know it by.
    pub component: String,
    /// How it stands.
    pub standing: Standing,
    /// The same in the system's own words, with what it says about it.
    pub said: String,
}

/// How a component stands; the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Standing {
    /// It works.
    Working,
    /// Nobody could be asked.
    Unknown,
    /// It does not work, and nothing broke: it was told to wait, or waits by itself.
    Halted,
    /// The system no longer tells of it.
    Gone,
    /// It broke off.
    Failed,
}
