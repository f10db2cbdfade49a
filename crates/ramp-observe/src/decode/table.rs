//! An answer as a table: one row for each series, one place in it for each moment that was asked for.

use std::{collections::BTreeMap, iter};

use ramp_core::observation::Absence;

use crate::client::{Moments, answer::Data};

/// The series of an answer.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Row>);

/// A series.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) labels: BTreeMap<String, String>,
    values: Vec<Option<f64>>,
    /// Whether a native histogram stands where a value is wanted.
    pub(crate) has_histograms: bool,
}

impl Table {
    /// # Errors
    /// When the answer is a text.
    pub(crate) fn of(data: Data, moments: Moments) -> Result<Self, Absence> {
        let now = moments.times().last().unwrap_or_default();
        match data {
            Data::Matrix(ranges) => Ok(Self::rows(ranges, |range| {
                let points = range.values.iter().map(|point| (point.time(), point.value()));
                Row::new(range.labels, points, moments).with_histograms(!range.histograms.is_empty())
            })),
            Data::Vector(series) => Ok(Self::rows(series, |one| {
                let value = one.value();
                let points = value.into_iter().map(|value| (now, value));
                Row::new(one.labels, points, moments).with_histograms(value.is_none())
            })),
            Data::Scalar(scalar) => {
                Ok(Self(vec![Row::new(BTreeMap::new(), iter::once((now, scalar.value())), moments)]))
            }
            Data::String(_) => Err(Absence::Unexpected("a text where a number is judged".to_owned())),
        }
    }

    fn rows<T>(series: Vec<T>, row: impl Fn(T) -> Row) -> Self {
        Self(series.into_iter().map(row).collect())
    }

    /// Every value at a moment.
    pub(crate) fn at(&self, moment: usize) -> impl Iterator<Item = f64> {
        self.0.iter().filter_map(move |row| row.at(moment))
    }
}

impl Row {
    fn new(
        labels: BTreeMap<String, String>,
        points: impl Iterator<Item = (f64, f64)>,
        moments: Moments,
    ) -> Self {
        let mut values = vec![None; moments.count()];
        for (time, value) in points {
            if let Some(place) = moments.place(time).and_then(|place| values.get_mut(place)) {
                *place = Some(value);
            }
        }
        Self { labels, values, has_histograms: false }
    }

    fn with_histograms(self, has_histograms: bool) -> Self {
        Self { has_histograms, ..self }
    }

    pub(crate) fn at(&self, moment: usize) -> Option<f64> {
        self.values.get(moment).copied().flatten()
    }

    /// The labels as a person reads them.
    pub(crate) fn name(&self) -> String {
        name(self.own())
    }

    /// The labels without the metric's name, which most functions take away.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.labels.iter().filter(|(name, _)| *name != METRIC);
        own.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether no label says something else than `other`'s of the same name.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.own().all(|(name, value)| other.labels.get(name).is_none_or(|other| other == value))
    }
}

/// Labels as a person reads them.
pub(crate) fn name<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>) -> String {
    labels.map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(", ")
}

const METRIC: &str = "__name__";
