//! Which partitions are read where reading all of them is too dear, and what they tell of the others.

mod estimate;

use std::{fmt, str::FromStr};

pub use self::estimate::LossEstimate;
pub(crate) use self::estimate::{Read, estimate, unlike};
use crate::{cluster::TopicView, stamp::mix};

/// A share of the partitions of each topic: above 0 and up to 100 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    percent: f64,
}

/// A text that is no [`Share`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no share of partitions; give one above 0 % and up to 100 %, such as 25%")]
pub struct ShareError {
    /// What was written.
    text: String,
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = text.trim().strip_suffix('%').and_then(|percent| percent.trim_end().parse().ok());
        let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
        percent.map(|percent| Self { percent }).ok_or_else(|| ShareError { text: text.to_owned() })
    }
}

/// Some partitions of each topic of a load. They have the same numbers on source and target.
///
/// Shown as `3 of 10 partitions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    topics: Vec<Topic>,
    /// The topic that is loaded in each turn: its place among the above.
    turns: Vec<usize>,
    /// How many partitions are read.
    read: usize,
    /// Of how many.
    partitions: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Topic {
    name: String,
    /// The place of its first partition among those of all topics.
    first: usize,
    /// The number of each partition among all that are read, where it is.
    numbers: Vec<Option<usize>>,
}

/// A partition of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its place among those of all topics.
    pub(crate) at: usize,
    /// Its number among those that are read, where it is.
    pub(crate) number: Option<usize>,
}

impl Sample {
    /// Chooses `share` of the partitions of each of `topics`, which are loaded in that order: rounded up, and at least one
    /// of each. `None` where that would be all of them, which is no sample.
    ///
    /// The choice is the same for the same topics, a larger share only adds to it, and it has no pattern that brokers or
    /// the tasks of a replication could share.
    #[must_use]
    pub fn choose(topics: &[TopicView], share: Share) -> Option<Self> {
        let mut sample = Self { topics: Vec::new(), turns: Vec::new(), read: 0, partitions: 0 };
        for TopicView { name, partitions } in topics {
            let known = sample.topics.iter().position(|known| known.name == *name);
            sample.turns.push(known.unwrap_or(sample.topics.len()));
            if known.is_some() {
                continue;
            }
            let mut next = sample.read..;
            let chosen = chosen(name, *partitions, share);
            let numbers =
                chosen.into_iter().map(|is_read| if is_read { next.next() } else { None }).collect();
            sample.read = next.start;
            sample.topics.push(Topic { name: name.clone(), first: sample.partitions, numbers });
            sample.partitions += partitions;
        }
        (sample.read < sample.partitions).then_some(sample)
    }

    /// How many partitions are read.
    #[must_use]
    pub const fn read(&self) -> usize {
        self.read
    }

    /// How many partitions there are.
    #[must_use]
    pub const fn partitions(&self) -> usize {
        self.partitions
    }

    /// The partitions that are read, each with its topic's name on the source.
    pub fn places(&self) -> impl Iterator<Item = (&str, i32)> {
        self.topics.iter().flat_map(|topic| {
            let read = (0..).zip(&topic.numbers).filter(|(_, number)| number.is_some());
            read.map(|(partition, _)| (topic.name.as_str(), partition))
        })
    }

    /// Partition `partition` of the topic that is loaded in turn `turn` of those of all topics; `None` for one that was
    /// not there when the sample was chosen.
    pub(crate) fn place(&self, turn: usize, partition: i32) -> Option<Place> {
        let topic = self.topic(turn)?;
        let partition = usize::try_from(partition).ok()?;
        Some(Place { at: topic.first + partition, number: *topic.numbers.get(partition)? })
    }

    /// How many partitions the topic has that is loaded in turn `turn`.
    pub(crate) fn partitions_of(&self, turn: usize) -> Option<usize> {
        self.topic(turn).map(|topic| topic.numbers.len())
    }

    /// How many topics are loaded in turn.
    pub(crate) const fn turns(&self) -> usize {
        self.turns.len()
    }

    /// The partitions of each topic: of each its number among those that are read, where it is.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &[Option<usize>]> {
        self.topics.iter().map(|topic| topic.numbers.as_slice())
    }

    fn topic(&self, turn: usize) -> Option<&Topic> {
        self.topics.get(*self.turns.get(turn)?)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} partitions", self.read, self.partitions)
    }
}

/// Which of a topic's partitions make up `share` of them.
fn chosen(topic: &str, partitions: usize, share: Share) -> Vec<bool> {
    let seed = topic.bytes().fold(0, |seed, byte| mix(seed ^ u64::from(byte)));
    let mut drawn: Vec<_> = (0..partitions).collect();
    drawn.sort_by_key(|partition| mix(seed ^ (*partition as u64 + 1)));
    // A topic has far fewer partitions than an f64 has whole numbers.
    let count = (partitions as f64 * share.percent / 100.0).ceil() as usize;
    let mut chosen = vec![false; partitions];
    for partition in drawn.into_iter().take(count.max(1)) {
        chosen[partition] = true;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topics(partitions: &[usize]) -> Vec<TopicView> {
        let named = |(number, &partitions)| TopicView { name: format!("t{number}"), partitions };
        partitions.iter().enumerate().map(named).collect()
    }

    fn share(percent: f64) -> Share {
        format!("{percent}%").parse().unwrap()
    }

    #[test]
    fn a_share_is_written_with_its_sign_and_is_some_of_all() {
        for text in ["25%", " 25 %", "0.5%", "100%"] {
            assert!(text.parse::<Share>().is_ok(), "{text}");
        }
        for text in ["25", "0%", "-1%", "100.1%", "NaN%", "%", "", "a quarter"] {
            let error = text.parse::<Share>().unwrap_err().to_string();
            assert!(error.contains("such as 25%") && error.contains(text), "{error}");
        }
    }

    #[test]
    fn each_topic_has_its_share_rounded_up_and_at_least_one() {
        let sample = Sample::choose(&topics(&[10, 3, 100]), share(7.0)).unwrap();
        let read = |topic: &str| sample.places().filter(|(name, _)| *name == topic).count();
        assert_eq!(["t0", "t1", "t2"].map(read), [1, 1, 7]);
        assert_eq!(sample.to_string(), "9 of 113 partitions");
    }

    #[test]
    fn a_sample_of_all_is_none() {
        assert_eq!(Sample::choose(&topics(&[10, 3]), share(100.0)), None);
        assert_eq!(Sample::choose(&topics(&[1, 1]), share(1.0)), None, "at least one of each");
        assert_eq!(Sample::choose(&[], share(50.0)), None);
    }

    #[test]
    fn the_choice_stays_the_same_from_one_version_to_the_next() {
        let sample = Sample::choose(&topics(&[10, 10]), share(25.0)).unwrap();
        let read: Vec<_> = sample.places().collect();
        assert_eq!(read, [("t0", 2), ("t0", 4), ("t0", 8), ("t1", 1), ("t1", 2), ("t1", 5)]);
    }

    #[test]
    fn a_topic_that_is_loaded_twice_is_read_once() {
        let mut views = topics(&[4, 4]);
        views.push(views[0].clone());
        let sample = Sample::choose(&views, share(25.0)).unwrap();
        assert_eq!((sample.read(), sample.partitions(), sample.turns()), (2, 8, 3));
        for partition in 0..4 {
            assert_eq!(sample.place(0, partition), sample.place(2, partition));
        }
    }

    /// The choices for many topics are as if drawn by chance.
    #[test]
    fn no_partition_is_preferred() {
        let mut drawn = [0_u32; 8];
        for topic in topics(&[8; 4_000]) {
            let sample = Sample::choose(&[topic], share(25.0)).unwrap();
            sample.places().for_each(|(_, partition)| drawn[usize::try_from(partition).unwrap()] += 1);
        }
        // Of each 1 000 are expected, with a standard deviation of 27.
        assert!(drawn.iter().all(|drawn| (890..1_110).contains(drawn)), "{drawn:?}");
    }

    proptest! {
        #[test]
        fn places_and_numbers_say_the_same_and_a_larger_share_only_adds(
            partitions in prop::collection::vec(1_usize..40, 1..6), small in 1.0..100.0_f64, more in 0.0..50.0_f64,
        ) {
            let views = topics(&partitions);
            let Some(sample) = Sample::choose(&views, share(small)) else { return Ok(()) };
            let mut numbers = Vec::new();
            let mut at = Vec::new();
            for (turn, &partitions) in partitions.iter().enumerate() {
                prop_assert_eq!(sample.partitions_of(turn), Some(partitions));
                for partition in 0..i32::try_from(partitions).unwrap() {
                    let place = sample.place(turn, partition).unwrap();
                    at.push(place.at);
                    numbers.extend(place.number);
                }
                prop_assert_eq!(sample.place(turn, i32::try_from(partitions).unwrap()), None);
                prop_assert_eq!(sample.place(turn, -1), None);
            }
            prop_assert_eq!(numbers, (0..sample.read()).collect::<Vec<_>>());
            prop_assert_eq!(at, (0..sample.partitions()).collect::<Vec<_>>());
            if let Some(larger) = Sample::choose(&views, share((small + more).min(100.0))) {
                let larger: Vec<_> = larger.places().collect();
                prop_assert!(sample.places().all(|place| larger.contains(&place)));
            }
        }
    }
}
