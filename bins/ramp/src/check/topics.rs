//! How both clusters keep the topics, and what of that makes a measurement worth less.

use std::collections::BTreeMap;

use futures_util::future::OptionFuture;
use ramp_load::{
    client_config::ClusterConfig,
    cluster::{Survey, Timestamps, TopicSettings, TopicSurvey},
};

use super::{
    cause,
    found::{Finding, TopicFound},
};
use crate::{
    config::resolve::Settings,
    preflight::{self, PreflightError},
};

/// A cluster's part in the replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    Source,
    Target,
}

/// How the clusters keep the topics that are there.
pub(crate) struct Kept {
    pub(crate) findings: Vec<Finding>,
    /// The source's before the target's.
    pub(super) topics: Vec<TopicFound>,
}

/// How the clusters keep the topics that can be asked.
pub(crate) async fn kept(
    settings: &Settings,
    source: Option<&ClusterConfig>,
    target: Option<&ClusterConfig>,
) -> Kept {
    let target_topics = settings.target_topics();
    let (source_survey, target_survey) =
        tokio::join!(surveyed(source, &settings.topics), surveyed(target, &target_topics));
    let (mut findings, mut topics) = (Vec::new(), Vec::new());
    let mut source_topics = Vec::new();
    match source_survey {
        Some(Ok(survey)) => {
            findings.push(of_source(&survey));
            source_topics = survey.topics;
        }
        Some(Err(error)) => findings.push(unread(Side::Source, &cause(&error))),
        None => {}
    }
    match target_survey {
        Some(Ok(survey)) => {
            findings.push(of_target(&survey, &source_topics, |topic| settings.policy.target_topic(topic)));
            topics.extend(survey.topics.into_iter().map(|topic| TopicFound::of(Side::Target, topic)));
        }
        Some(Err(error)) => findings.push(unread(Side::Target, &cause(&error))),
        None => {}
    }
    topics.splice(0..0, source_topics.into_iter().map(|topic| TopicFound::of(Side::Source, topic)));
    Kept { findings, topics }
}

async fn surveyed(
    cluster: Option<&ClusterConfig>,
    topics: &[String],
) -> Option<Result<Survey, PreflightError>> {
    OptionFuture::from(cluster.map(|cluster| preflight::survey(cluster, topics))).await
}

/// What was found of the source's topics.
fn of_source(survey: &Survey) -> Finding {
    finding(Side::Source, survey, Vec::new())
}

/// What was found of the target's, which `target_of` names, beside the source's.
fn of_target(survey: &Survey, source: &[TopicSurvey], target_of: impl Fn(&str) -> String) -> Finding {
    finding(Side::Target, survey, narrower(survey, source, target_of))
}

/// What is said where nothing was found.
fn unread(side: Side, why: &str) -> Finding {
    Finding::doubtful(PART, format!("{}: the topics' settings cannot be read: {why}", side.as_str()))
}

fn finding(side: Side, survey: &Survey, mut warnings: Vec<String>) -> Finding {
    let Survey { topics, unread } = survey;
    let name = side.as_str();
    if topics.is_empty() {
        return Finding::doubtful(
            PART,
            format!("{name}: none is there yet; check again after a canary has crossed"),
        );
    }
    warnings.extend(unread.as_ref().map(|reason| {
        format!("not every topic's settings can be read: {reason}; grant DescribeConfigs on the topics to see them")
    }));
    let rules = match side {
        Side::Source => SOURCE,
        Side::Target => TARGET,
    };
    for (applies, text) in rules {
        let count = topics.iter().filter(|topic| applies(topic)).count();
        if count > 0 {
            warnings.push(format!("{count} of {} {text}", topics.len()));
        }
    }
    let text = [format!("{name}: {}", kinds(topics))];
    let text = text.into_iter().chain(warnings.iter().map(|warning| format!("  {warning}")));
    let text = text.collect::<Vec<_>>().join("\n");
    if warnings.is_empty() { Finding::good(PART, text) } else { Finding::doubtful(PART, text) }
}

/// Topics that are kept alike, told as one.
fn kinds(topics: &[TopicSurvey]) -> String {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for TopicSurvey { partitions, replicas, settings, .. } in topics {
        let settings = settings.map_or_else(
            || "settings unknown".to_owned(),
            |TopicSettings { min_insync_replicas, timestamps }| {
                format!("min.insync.replicas {min_insync_replicas}, {}", timestamps.as_str())
            },
        );
        let kind = format!("of {partitions} partitions, replication factor {replicas}, {settings}");
        *kinds.entry(kind).or_default() += 1;
    }
    let more = kinds.len().saturating_sub(MOST_KINDS);
    let shown = kinds.iter().take(MOST_KINDS).map(|(kind, count)| match count {
        1 => format!("1 topic {kind}"),
        more => format!("{more} topics {kind}"),
    });
    let more = (more > 0).then(|| format!("and {more} more kinds"));
    shown.chain(more).collect::<Vec<_>>().join("; ")
}

/// The target's topics that have fewer partitions than the source's.
fn narrower(survey: &Survey, source: &[TopicSurvey], target_of: impl Fn(&str) -> String) -> Vec<String> {
    let pairs = source.iter().filter_map(|source| {
        let name = target_of(&source.name);
        let target = survey.topics.iter().find(|target| target.name == name)?;
        (target.partitions < source.partitions).then_some((source, target))
    });
    let narrow: Vec<_> = pairs.collect();
    let Some((source, target)) = narrow.first() else { return Vec::new() };
    vec![format!(
        "{} have fewer partitions than on the source ({}: {} of {}): what belongs into the others waits until the \
         replication has added them",
        narrow.len(),
        target.name,
        target.partitions,
        source.partitions
    )]
}

fn is_alone(topic: &TopicSurvey) -> bool {
    topic.replicas == 1
}

fn is_brittle(topic: &TopicSurvey) -> bool {
    topic.replicas > 1
        && topic.settings.is_some_and(|settings| settings.min_insync_replicas >= topic.replicas)
}

fn is_out_of_sync(topic: &TopicSurvey) -> bool {
    topic.out_of_sync > 0
}

fn is_appended(topic: &TopicSurvey) -> bool {
    topic.settings.is_some_and(|settings| settings.timestamps == Timestamps::Appended)
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

const PART: &str = "topics";

/// What makes a measurement doubtful, and how.
type Rule = (fn(&TopicSurvey) -> bool, &'static str);

const SOURCE: &[Rule] = &[
    (is_alone, "have one replica: acks=all waits for one broker, sooner than where replicas are kept"),
    (is_brittle, "need every replica in sync (min.insync.replicas): with a broker away, the load is refused"),
    (is_out_of_sync, "have a replica that is not in sync: acknowledgements are not what they usually are"),
    (
        is_appended,
        "are stamped when they are appended (LogAppendTime): the panels' latencies count from there, ramp's own from \
         the due time",
    ),
];

/// No figure is taken from the timestamps of the target's records.
const TARGET: &[Rule] = &[
    (is_alone, "have one replica: writing there is faster than where replicas are kept"),
    (
        is_brittle,
        "need every replica in sync (min.insync.replicas): with a broker away, the replication cannot write",
    ),
    (is_out_of_sync, "have a replica that is not in sync: writing there is not what it usually is"),
];

/// So many kinds of topics are told apart.
const MOST_KINDS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, partitions: usize, replicas: usize) -> TopicSurvey {
        let settings = TopicSettings { min_insync_replicas: 2, timestamps: Timestamps::Created };
        TopicSurvey { name: name.to_owned(), partitions, replicas, out_of_sync: 0, settings: Some(settings) }
    }

    fn survey(topics: impl Into<Vec<TopicSurvey>>) -> Survey {
        Survey { topics: topics.into(), unread: None }
    }

    fn told(finding: &Finding) -> Vec<String> {
        finding.to_string().lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn topics_that_are_kept_alike_are_told_as_one() {
        let found = of_source(&survey([topic("a", 3, 3), topic("b", 6, 3), topic("c", 3, 3)]));
        assert_eq!(
            told(&found),
            [
                "✓ topics      source: 2 topics of 3 partitions, replication factor 3, min.insync.replicas 2, CreateTime; \
                 1 topic of 6 partitions, replication factor 3, min.insync.replicas 2, CreateTime"
            ]
        );
    }

    #[test]
    fn whatever_makes_a_measurement_doubtful_is_said_with_how_many_it_concerns() {
        let appended = TopicSettings { min_insync_replicas: 1, timestamps: Timestamps::Appended };
        let topics = [
            topic("a", 1, 1),
            topic("b", 1, 2),
            TopicSurvey { out_of_sync: 1, ..topic("c", 1, 3) },
            TopicSurvey { settings: Some(appended), ..topic("d", 1, 3) },
            topic("e", 1, 3),
        ];
        let lines = told(&of_source(&survey(topics.clone())));
        assert!(lines[0].starts_with("! topics      source: "), "{lines:?}");
        let begin = [
            "1 of 5 have one replica: acks=all waits for one broker",
            "1 of 5 need every replica in sync (min.insync.replicas): with a broker away, the load is refused",
            "1 of 5 have a replica that is not in sync: acknowledgements",
            "1 of 5 are stamped when they are appended (LogAppendTime)",
        ];
        assert_eq!(lines.len(), 1 + begin.len(), "{lines:?}");
        assert!(lines[1..].iter().zip(begin).all(|(line, begin)| line.starts_with(begin)), "{lines:?}");
        let lines = told(&of_target(&survey(topics), &[], str::to_owned));
        assert_eq!(lines.len(), 4, "whose clock stamps the target's records matters to no figure: {lines:?}");
    }

    #[test]
    fn a_target_with_fewer_partitions_than_the_source_is_named_and_one_with_more_is_not() {
        let kept = [topic("a", 3, 3), topic("b", 3, 3), topic("c", 3, 3)];
        let copies = survey([topic("s.a", 3, 3), topic("s.b", 1, 3), topic("s.c", 4, 3)]);
        let lines = told(&of_target(&copies, &kept, |topic| format!("s.{topic}")));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[1].starts_with("1 have fewer partitions than on the source (s.b: 1 of 3)"),
            "{lines:?}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_not_good() {
        let unread = Some("TopicAuthorizationFailed".to_owned());
        let topics = vec![TopicSurvey { settings: None, ..topic("a", 3, 3) }];
        let lines = told(&of_source(&Survey { topics, unread }));
        assert!(lines[0].starts_with("! ") && lines[0].ends_with("settings unknown"), "{lines:?}");
        assert!(lines[1].contains("TopicAuthorizationFailed; grant DescribeConfigs"), "{lines:?}");
        let lines = told(&of_target(&survey([]), &[], str::to_owned));
        assert!(lines[0].starts_with("! topics      target: none is there yet"), "{lines:?}");
    }
}
