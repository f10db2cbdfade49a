//! `cargo xtask bench`: long measurements, beside the tools that people use today. They need an idle machine and are
//! no part of the tests; what they print are ratios of runs that took turns.

mod broker;
mod display;
mod kill;
mod load;
mod observe;
mod probe;
mod process;
mod rate;
mod rdkafka_performance;
mod soak;
mod stall;
mod tools;

use crate::command::Failure;

/// Runs the benchmark of `subject`; of its cases only those that `only` names, all where it is empty.
pub(crate) fn run(subject: &str, only: &str) -> Result<(), Failure> {
    match subject {
        "load" => load::run(only),
        "rate" => rate::run(only),
        "stall" => stall::run(only),
        "soak" => soak::run(only),
        "kill" => kill::run(only),
        "display" => display::run(only),
        "observe" => observe::run(),
        "probe" => probe::run(),
        _unknown => Err(Failure::Wrong(format!("{subject} is no benchmark; there are {SUBJECTS}"))),
    }
}

/// What can be measured.
pub(crate) const SUBJECTS: &str = "load, rate, stall, soak, kill, display, observe and probe";

fn no_case(only: &str, there_are: &str) -> Failure {
    Failure::Wrong(format!("no case is named like {only}; there are {there_are}"))
}

/// The middle one of some values, the upper of two.
fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_and_of_nothing_none() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([]), None);
    }
}
