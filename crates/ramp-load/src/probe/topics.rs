//! How the replication names its topics on the target.

/// A replication policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicationPolicy {
    /// MirrorMaker's `DefaultReplicationPolicy`: alias, separator, source topic.
    Default {
        /// The source cluster's alias.
        alias: String,
        /// What stands between alias and topic.
        separator: String,
    },
    /// MirrorMaker's `IdentityReplicationPolicy`: the same name.
    Identity,
    /// A name in which `{topic}` stands for the source topic.
    Pattern(String),
}

impl ReplicationPolicy {
    /// The topic on the target that `source` is written to.
    #[must_use]
    pub fn target_topic(&self, source: &str) -> String {
        match self {
            Self::Default { alias, separator } => format!("{alias}{separator}{source}"),
            Self::Identity => source.to_owned(),
            Self::Pattern(pattern) => pattern.replace("{topic}", source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_names_the_target_topic() {
        let default = ReplicationPolicy::Default { alias: "source".into(), separator: ".".into() };
        assert_eq!(default.target_topic("a.json"), "source.a.json");
        assert_eq!(ReplicationPolicy::Identity.target_topic("a.json"), "a.json");
        assert_eq!(ReplicationPolicy::Pattern("copy-of-{topic}".into()).target_topic("a"), "copy-of-a");
    }
}
