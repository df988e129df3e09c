//! Times, and what is made of them.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

/// Something to be timed.
pub struct Subject<'a> {
    /// Its name in tables and claims.
    pub name: String,
    /// How much is done in one go.
    pub amount: usize,
    /// Of what.
    pub unit: Unit,
    /// Does it once.
    pub work: Box<dyn FnMut() -> Result<()> + 'a>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes that are measured.
    Bytes,
    /// Verifications, one after the other.
    Verifications,
    /// Whatever the subject's name says.
    Times,
}

/// The times that a subject took, a round each.
#[derive(Clone, Debug, Serialize)]
pub struct Samples {
    /// The subject.
    pub name: String,
    /// How much was done in each round.
    pub amount: usize,
    /// Of what.
    pub unit: Unit,
    /// Seconds, in the order of the rounds.
    pub seconds: Vec<f64>,
}

/// Times every subject once in each round, after a round that is not counted.
///
/// # Errors
/// A subject fails.
pub fn take(subjects: &mut [Subject<'_>], rounds: usize) -> Result<Vec<Samples>> {
    let mut samples: Vec<_> = subjects
        .iter()
        .map(|subject| Samples {
            name: subject.name.clone(),
            amount: subject.amount,
            unit: subject.unit,
            seconds: Vec::with_capacity(rounds),
        })
        .collect();
    for round in 0..=rounds {
        for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
            let start = Instant::now();
            (subject.work)().with_context(|| subject.name.clone())?;
            let seconds = start.elapsed().as_secs_f64();
            if round > 0 {
                samples.seconds.push(seconds);
            }
        }
    }
    Ok(samples)
}

impl Samples {
    /// How much a second, a round each.
    pub fn rates(&self) -> Vec<f64> {
        let amount = u32::try_from(self.amount).map_or(f64::INFINITY, f64::from);
        let rate = |seconds| amount / seconds;
        self.seconds.iter().map(rate).collect()
    }

    /// The median rate, for people.
    fn rate(&self) -> String {
        let rate = median(&self.rates());
        match self.unit {
            Unit::Bytes => format!("{:.0} MB/s", rate / 1e6),
            Unit::Verifications | Unit::Times => format!("{rate:.0} /s"),
        }
    }
}

/// The median; not a number where there is nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    match sorted.as_slice() {
        [] => f64::NAN,
        sorted if sorted.len() % 2 == 1 => sorted[upper],
        sorted => f64::midpoint(sorted[upper - 1], sorted[upper]),
    }
}

/// The median of the ratios of what was measured in the same round.
pub fn ratio(above: &[f64], below: &[f64]) -> f64 {
    let ratios: Vec<_> = above.iter().zip(below).map(|(a, b)| a / b).collect();
    median(&ratios)
}

/// A line a subject: median, fastest and slowest round in milliseconds, and the median rate: 10^6 bytes or
/// verifications a second.
pub fn table(samples: &[Samples]) -> String {
    let mut table = format!(
        "{:<46} {:>9} {:>9} {:>9} {:>10}\n",
        "SUBJECT", "MEDIAN ms", "FASTEST", "SLOWEST", "RATE"
    );
    for subject in samples {
        let fastest = subject.seconds.iter().copied().fold(f64::NAN, f64::min);
        let slowest = subject.seconds.iter().copied().fold(f64::NAN, f64::max);
        table += &format!(
            "{:<46} {:>9.2} {:>9.2} {:>9.2} {:>10}\n",
            subject.name,
            median(&subject.seconds) * 1e3,
            fastest * 1e3,
            slowest * 1e3,
            subject.rate(),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_or_between_the_two_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratio_is_of_what_the_same_round_measured() {
        // The third round was disturbed, for both alike.
        assert!((ratio(&[2.0, 4.0, 20.0], &[1.0, 2.0, 10.0]) - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn first_round_is_not_counted() {
        let mut calls = 0;
        let mut subjects = [Subject {
            name: "count".to_owned(),
            amount: 1,
            unit: Unit::Bytes,
            work: Box::new(|| {
                calls += 1;
                Ok(())
            }),
        }];
        let samples = take(&mut subjects, 3).expect("nothing fails");
        drop(subjects);
        assert_eq!((samples[0].seconds.len(), calls), (3, 4));
    }
}
