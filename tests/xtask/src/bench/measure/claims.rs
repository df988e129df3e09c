//! What is claimed of how fast launches are measured.

use super::subjects::{
    COMMAND_DEBIAN, COMMAND_IGVM, COMMAND_PLAN, COMMAND_SVSM, LAUNCH, LINEAR, PAGES, PEER_DEBIAN,
    PEER_SVSM, SHA384,
};
use crate::bench::claims::{Bound, Claim};
use crate::bench::samples::{Samples, median, ratio};

/// A claim: what is compared, and where it must be.
struct Rule {
    name: &'static str,
    bound: Bound,
    value: fn(&Found<'_>) -> Option<f64>,
}

const RULES: [Rule; 7] = [
    Rule {
        name: "launch of 4 + 64 MiB in process, of cores x SHA-384",
        bound: Bound::AtLeast(0.75),
        value: |found| found.of_the_cores(LAUNCH),
    },
    Rule {
        name: "measure snp, IGVM file of 4 + 64 MiB, of cores x SHA-384",
        bound: Bound::AtLeast(0.75),
        value: |found| found.of_the_cores(COMMAND_IGVM),
    },
    Rule {
        name: "measure plan, 4 + 64 MiB, of cores x SHA-384",
        bound: Bound::AtLeast(0.75),
        value: |found| found.of_the_cores(COMMAND_PLAN),
    },
    Rule {
        name: "slowest over fastest page, 4 + 16 to 4 + 128 MiB",
        bound: Bound::AtMost(1.25),
        value: |found| found.unevenness(),
    },
    Rule {
        name: "lanes in use over the fastest others",
        bound: Bound::AtLeast(1.0),
        value: |found| found.choice_of_lanes(),
    },
    Rule {
        name: "measure snp over sev-snp-measure, Debian's OVMF",
        bound: Bound::AtLeast(10.0),
        value: |found| found.times_as_fast(COMMAND_DEBIAN, PEER_DEBIAN),
    },
    Rule {
        name: "measure snp over sev-snp-measure, OVMF for an SVSM",
        bound: Bound::AtLeast(10.0),
        value: |found| found.times_as_fast(COMMAND_SVSM, PEER_SVSM),
    },
];

/// Every claim with its value.
pub fn judge(samples: &[Samples], threads: usize, lanes: &str) -> Vec<Claim> {
    let found = Found {
        samples,
        threads: u32::try_from(threads).map_or(f64::INFINITY, f64::from),
        lanes,
    };
    let judged = RULES.iter().map(|rule| Claim {
        name: rule.name,
        bound: rule.bound,
        value: (rule.value)(&found),
    });
    judged.collect()
}

struct Found<'a> {
    samples: &'a [Samples],
    threads: f64,
    lanes: &'a str,
}

impl Found<'_> {
    fn of(&self, name: &str) -> Option<&Samples> {
        self.samples.iter().find(|samples| samples.name == name)
    }

    /// How much of what all cores together could hash.
    fn of_the_cores(&self, name: &str) -> Option<f64> {
        let rates = self.of(name)?.rates();
        Some(ratio(&rates, &self.of(SHA384)?.rates()) / self.threads)
    }

    fn times_as_fast(&self, ours: &str, theirs: &str) -> Option<f64> {
        Some(ratio(&self.of(theirs)?.seconds, &self.of(ours)?.seconds))
    }

    fn choice_of_lanes(&self) -> Option<f64> {
        let chosen = self.of(&format!("{PAGES}{}", self.lanes))?;
        let others = self
            .samples
            .iter()
            .filter(|samples| samples.name.starts_with(PAGES) && samples.name != chosen.name)
            .map(|samples| ratio(&chosen.rates(), &samples.rates()));
        others.min_by(f64::total_cmp)
    }

    /// Between the sizes, the slowest page's time over the fastest's.
    fn unevenness(&self) -> Option<f64> {
        let sizes = self
            .samples
            .iter()
            .filter(|samples| LINEAR.contains(&samples.name.as_str()));
        let rates: Vec<_> = sizes.map(|samples| median(&samples.rates())).collect();
        let fastest = rates.iter().copied().max_by(f64::total_cmp)?;
        let slowest = rates.iter().copied().min_by(f64::total_cmp)?;
        Some(fastest / slowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::claims::{is_documented, table};
    use crate::bench::samples::Unit;

    fn samples(name: &str, bytes: usize, seconds: f64) -> Samples {
        Samples {
            name: name.to_owned(),
            amount: bytes,
            unit: Unit::Bytes,
            seconds: vec![seconds; 3],
        }
    }

    #[test]
    fn claims_are_judged_by_their_bounds() {
        let slow = [
            samples(SHA384, 100, 1.0),
            samples(LAUNCH, 100, 0.7),
            samples(COMMAND_DEBIAN, 1, 1.0),
            samples(PEER_DEBIAN, 1, 9.9),
            samples(COMMAND_SVSM, 1, 1.0),
            samples(PEER_SVSM, 1, 9.9),
            samples(LINEAR[0], 100, 1.0),
            samples(LINEAR[3], 100, 1.3),
        ];
        let claims = judge(&slow, 2, "one lane");
        let fails: Vec<_> = claims.iter().map(Claim::fails).collect();
        assert_eq!(fails, [true, false, false, true, false, true, true]);
        let fast = [
            samples(SHA384, 100, 1.0),
            samples(LAUNCH, 100, 0.6),
            samples(COMMAND_DEBIAN, 1, 1.0),
            samples(PEER_DEBIAN, 1, 10.1),
        ];
        let claims = judge(&fast, 2, "one lane");
        assert!(!claims.iter().any(Claim::fails));
        assert!(table(&claims).contains("0.83  PASS"));
        assert!(table(&claims).contains("not run"));
    }

    #[test]
    fn lanes_that_another_outruns_are_no_good_choice() {
        let lanes = |chosen: &str| {
            let found = [
                samples(&format!("{PAGES}one"), 100, 2.0),
                samples(&format!("{PAGES}four"), 100, 1.0),
            ];
            judge(&found, 1, chosen)[4].fails()
        };
        assert!(lanes("one"));
        assert!(!lanes("four"));
    }

    #[test]
    fn document_lists_the_claims_and_their_bounds() {
        for rule in RULES {
            is_documented(rule.name, rule.bound);
        }
    }
}
