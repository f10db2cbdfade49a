//! Answers to readings: each series with the time of its own scrape, and every absence with its reason.

mod table;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use ramp_core::{
    observation::{Absence, Point, Sample},
    signal::{Fold, Signal},
    units::Elapsed,
};

pub(crate) use self::table::{Row, Table, name};
use crate::{
    client::Moments,
    dashboard::Scale,
    query::{Groups, Parts, Query},
};

/// What was answered about one signal at some moments.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) moments: Moments,
    /// What is judged.
    pub(crate) judged: Table,
    /// When the samples behind were scraped, selector by selector; nothing where the query has no selector.
    pub(crate) stamps: Vec<Table>,
    /// What the panel shows.
    pub(crate) panel: Option<Table>,
    /// A counter's series as they were last seen, those that are not scraped now among them.
    pub(crate) before: Table,
}

/// What has been read of a signal so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The newest moment that was answered for, in seconds since the Unix epoch.
    pub(crate) until: Option<f64>,
    /// Whether it ever had a value.
    pub(crate) has_values: bool,
    /// The newest scrape of every series that is judged.
    newest: BTreeMap<String, f64>,
    /// The first scrape of every series behind a value that is made of several.
    parts: BTreeMap<Part, f64>,
}

/// A series behind a value that is made of several: the place of its selector, and its labels.
type Part = (usize, String);

/// How the answers about a signal are to be taken.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) signal: &'a Signal,
    pub(crate) query: &'a Query,
    pub(crate) scale: &'a Scale,
    /// The campaign's start, in seconds since the Unix epoch.
    pub(crate) start: f64,
}

/// A series that is judged, and the samples behind it, selector by selector.
struct Backed<'t> {
    row: &'t Row,
    series: String,
    behind: Vec<Vec<&'t Row>>,
}

struct Value<'t> {
    series: Cow<'t, str>,
    row: &'t Row,
    value: f64,
    scraped: f64,
}

impl Reader<'_> {
    /// The readings that are new: one for each scrape that was not seen before, and in any case the last moment's.
    pub(crate) fn read(&self, answers: &Answers, seen: &mut Seen) -> Vec<Sample> {
        if let Err(why) = self.check(&answers.judged) {
            return vec![Sample::Absent(why)];
        }
        let (backed, parts) = (self.backed(answers), self.parts(&answers.stamps));
        let last = answers.moments.count() - 1;
        let mut samples = Vec::new();
        for (moment, time) in answers.moments.times().enumerate() {
            let values =
                seen.all_there(&parts, moment, time).and_then(|()| Self::values(&backed, moment, time));
            match values.and_then(|values| self.usable(values, time)) {
                Ok(values) if seen.take(&values) || moment == last => {
                    let mut points: Vec<_> = values.into_iter().map(|value| self.point(value)).collect();
                    if !std::mem::replace(&mut seen.has_values, true) {
                        points.extend(self.baseline(&answers.before, moment, &points));
                    }
                    let panel = answers.panel.as_ref().and_then(|panel| self.shown(panel, moment));
                    samples.push(Sample::Present { points, panel });
                }
                Err(why) if moment == last => samples.push(Sample::Absent(why)),
                Ok(_) | Err(_) => {}
            }
            seen.until = Some(time);
        }
        samples
    }

    fn check(&self, judged: &Table) -> Result<(), Absence> {
        let Table(rows) = judged;
        let what = if rows.len() > MOST_SERIES {
            format!(
                "{} series where at most {MOST_SERIES} are judged; make the query select less",
                rows.len()
            )
        } else if rows.iter().any(|row| row.has_histograms) {
            "a native histogram where a number is judged; ask histogram_quantile() or histogram_avg()"
                .to_owned()
        } else {
            return Ok(());
        };
        Err(Absence::Unexpected(what))
    }

    fn backed<'t>(&self, answers: &'t Answers) -> Vec<Backed<'t>> {
        let known: Vec<HashMap<Vec<_>, _>> = answers
            .stamps
            .iter()
            .map(|Table(rows)| rows.iter().map(|row| (row.own().collect(), row)).collect())
            .collect();
        let behind = |row: &'t Row| {
            let own: Vec<_> = row.own().collect();
            let selectors = answers.stamps.iter().zip(&known);
            let behind = selectors.map(|(Table(rows), known)| match known.get(&own) {
                Some(same) => vec![*same],
                // Where labels are rewritten, any series may be behind any other.
                None => rows.iter().filter(|one| self.query.relabels || row.agrees(one)).collect(),
            });
            Backed { row, series: self.name(row), behind: behind.collect() }
        };
        answers.judged.0.iter().map(behind).collect()
    }

    /// Every series' value at a moment and the time of its scrape. A value behind which nothing is scraped comes from
    /// a default in the query, or from a series that is gone: absent is not zero.
    fn values<'t>(backed: &'t [Backed<'t>], moment: usize, time: f64) -> Result<Vec<Value<'t>>, Absence> {
        let value = |Backed { row, series, behind }: &'t Backed<'t>| {
            let value = row.at(moment)?;
            // What is made of several samples is as old as the oldest of them, and what is made of none is new.
            let scrapes = behind.iter().flatten().filter_map(|row| row.at(moment));
            let scraped = if behind.is_empty() { Some(time) } else { scrapes.reduce(f64::min) };
            Some(Value { series: series.as_str().into(), row, value, scraped: scraped? })
        };
        let values: Vec<_> = backed.iter().filter_map(value).collect();
        if values.is_empty() { Err(Absence::NoSeries) } else { Ok(values) }
    }

    /// Every series behind a value that is made of several; none where each series is judged by itself.
    fn parts<'t>(&self, stamps: &'t [Table]) -> Vec<(Part, &'t Row)> {
        let is_made_of_several = matches!(self.query.parts, Parts::Sum(_)) || self.query.hides.is_some();
        let stamps = stamps.iter().enumerate().filter(|_| is_made_of_several);
        let parts = stamps
            .flat_map(|(selector, Table(rows))| rows.iter().map(move |row| ((selector, row.name()), row)));
        parts.collect()
    }

    /// The values that can be judged: numbers that are not stale, or their sums.
    fn usable<'t>(&self, values: Vec<Value<'t>>, time: f64) -> Result<Vec<Value<'t>>, Absence> {
        let age = |value: &Value<'_>| Duration::try_from_secs_f64(time - value.scraped).unwrap_or_default();
        let limit = self.signal.interval.mul_f64(STALE_AFTER);
        let youngest = values.iter().map(age).min().unwrap_or_default();
        if youngest > limit {
            return Err(Absence::Stale(youngest));
        }
        if values.iter().all(|value| !value.value.is_finite()) {
            return Err(Absence::NotANumber);
        }
        if let Parts::Sum(groups) = &self.query.parts {
            for value in &values {
                if !value.value.is_finite() {
                    return Err(lacking(&value.series, "which is not a number"));
                }
                if age(value) > limit {
                    let why = format!("which is stale by {:.1} s", age(value).as_secs_f64());
                    return Err(lacking(&value.series, &why));
                }
            }
            return Ok(sums(groups, values));
        }
        // A counter that was not seen when others were would count from zero when it is seen again.
        let keeps_all = self.signal.fold == Fold::Increase;
        let usable =
            values.into_iter().filter(|value| value.value.is_finite() && (keeps_all || age(value) <= limit));
        let usable: Vec<_> = usable.collect();
        if usable.is_empty() { Err(Absence::NotANumber) } else { Ok(usable) }
    }

    fn point(&self, Value { series, value, scraped, .. }: Value<'_>) -> Point {
        // What was scraped before the campaign began is a counter's baseline, and never a tier's own.
        let since = Duration::try_from_secs_f64(scraped - self.start).unwrap_or_default();
        Point { series: series.into_owned(), value: self.scale.apply(value), scraped: Elapsed::new(since) }
    }

    /// A counter's series that are not scraped now: when they are again, they count from what they were.
    fn baseline(&self, before: &Table, moment: usize, points: &[Point]) -> Vec<Point> {
        let Table(rows) = before;
        let missing = rows.iter().filter_map(|row| {
            let (series, value) = (self.name(row), row.at(moment).filter(|value| value.is_finite())?);
            let is_there = points.iter().any(|point| point.series == series);
            let point = Point { series, value: self.scale.apply(value), scraped: Elapsed::START };
            (!is_there).then_some(point)
        });
        missing.collect()
    }

    /// What a person sees on the panel, where that is one number.
    fn shown(&self, panel: &Table, moment: usize) -> Option<f64> {
        let mut values = panel.at(moment);
        let value = values.next().filter(|value| value.is_finite())?;
        values.next().is_none().then(|| self.scale.apply(value))
    }

    fn name(&self, row: &Row) -> String {
        let labels = row.name();
        if !labels.is_empty() {
            return labels;
        }
        match self.query.parts {
            Parts::Whole(_) => "(panel)".to_owned(),
            Parts::Shown | Parts::Series(_) | Parts::Sum(_) => "(no labels)".to_owned(),
        }
    }
}

impl Seen {
    /// Refuses a value at a moment where a series is no longer scraped that was behind it: what is missing in it shows
    /// nowhere else.
    fn all_there(&mut self, parts: &[(Part, &Row)], moment: usize, time: f64) -> Result<(), Absence> {
        let there = parts.iter().filter_map(|(part, row)| Some((part, row.at(moment)?)));
        let there: BTreeMap<_, _> = there.collect();
        // Where nothing at all is scraped, that is what is to be said.
        let mut known = self.parts.iter().filter(|(_, first)| **first <= time && !there.is_empty());
        let gone = known.find(|(part, _)| !there.contains_key(part));
        let gone = gone.map(|((_, name), _)| lacking(name, "which is gone"));
        for (part, scraped) in there {
            if !self.parts.contains_key(part) {
                self.parts.insert(part.clone(), scraped);
            }
        }
        gone.map_or(Ok(()), Err)
    }

    /// Whether any of the values was scraped after all that were seen of its series.
    fn take(&mut self, values: &[Value<'_>]) -> bool {
        let mut is_new = false;
        for value in values {
            match self.newest.get_mut(&*value.series) {
                Some(newest) if value.scraped <= *newest => {}
                Some(newest) => {
                    *newest = value.scraped;
                    is_new = true;
                }
                None => {
                    self.newest.insert(value.series.clone().into_owned(), value.scraped);
                    is_new = true;
                }
            }
        }
        is_new
    }
}

/// The sum of each group, as old as the oldest of its parts.
fn sums<'t>(groups: &Groups, parts: Vec<Value<'t>>) -> Vec<Value<'t>> {
    let mut sums: BTreeMap<String, Value<'t>> = BTreeMap::new();
    for part in parts {
        let series = groups.name(part.row);
        match sums.get_mut(&series) {
            Some(sum) => {
                sum.value += part.value;
                sum.scraped = sum.scraped.min(part.scraped);
            }
            None => drop(sums.insert(series.clone(), Value { series: series.into(), ..part })),
        }
    }
    sums.into_values().collect()
}

fn lacking(part: &str, why: &str) -> Absence {
    Absence::Unexpected(format!("the value lacks {part}, {why}"))
}

/// More series than a team's workers, partitions or disks can be: a selector that selects everything.
const MOST_SERIES: usize = 5_000;

/// A sample older than so many intervals was missed at least once.
pub(crate) const STALE_AFTER: f64 = 2.5;

#[cfg(test)]
mod tests;
