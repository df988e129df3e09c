//! What is claimed of how fast evidence is verified.

use super::peers::{DCAP_QVL, P384};
use super::sev::SEV;
use super::subjects::{SNP_CHAIN, SNP_PROVEN, TDX_PROVEN};
use crate::bench::claims::{Bound, Claim};
use crate::bench::samples::{Samples, median, ratio};

/// A claim: what is compared, and where it must be.
struct Rule {
    name: &'static str,
    least: f64,
    value: fn(&[Samples]) -> Option<f64>,
}

const RULES: [Rule; 3] = [
    Rule {
        name: "SNP with a proven chain over the fastest P-384 alone",
        least: 0.95,
        value: |samples| Some(ratio(&rates(samples, SNP_PROVEN)?, &fastest(samples)?)),
    },
    Rule {
        name: "SNP with its whole chain over the sev crate",
        least: 5.0,
        value: |samples| Some(ratio(&rates(samples, SNP_CHAIN)?, &rates(samples, SEV)?)),
    },
    Rule {
        name: "TDX with proven collateral over dcap-qvl from scratch",
        least: 3.0,
        value: |samples| {
            let theirs = rates(samples, DCAP_QVL)?;
            Some(ratio(&rates(samples, TDX_PROVEN)?, &theirs))
        },
    },
];

/// Every claim with its value.
pub fn judge(samples: &[Samples]) -> Vec<Claim> {
    let judged = RULES.iter().map(|rule| Claim {
        name: rule.name,
        bound: Bound::AtLeast(rule.least),
        value: (rule.value)(samples),
    });
    judged.collect()
}

fn rates(samples: &[Samples], name: &str) -> Option<Vec<f64>> {
    let found = samples.iter().find(|samples| samples.name == name)?;
    Some(found.rates())
}

/// The rates of the library that is the fastest over all rounds. The fastest of each round would be the one that was
/// disturbed least in it, which ours is not chosen by.
fn fastest(samples: &[Samples]) -> Option<Vec<f64>> {
    let all: Option<Vec<_>> = P384.iter().map(|name| rates(samples, name)).collect();
    all?.into_iter()
        .max_by(|a, b| f64::total_cmp(&median(a), &median(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::claims::is_documented;
    use crate::bench::samples::Unit;

    fn samples(name: &str, seconds: [f64; 3]) -> Samples {
        Samples {
            name: name.to_owned(),
            amount: 100,
            unit: Unit::Verifications,
            seconds: seconds.to_vec(),
        }
    }

    #[test]
    fn proven_chain_is_held_against_the_fastest_library() {
        let mut all = vec![
            samples(P384[0], [4.0, 4.0, 1.0]),
            samples(P384[1], [1.0, 2.0, 2.0]),
            samples(P384[2], [1.0, 1.0, 9.0]),
            samples(SNP_PROVEN, [1.06, 1.06, 9.0]),
        ];
        assert!(judge(&all)[0].fails());
        all[3] = samples(SNP_PROVEN, [1.05, 1.05, 9.0]);
        assert!(!judge(&all)[0].fails());
    }

    #[test]
    fn whole_chain_and_quotes_are_held_against_their_peers() {
        let at = |chain: f64, tdx: f64| {
            let all = [
                samples(SEV, [10.0; 3]),
                samples(DCAP_QVL, [10.0; 3]),
                samples(SNP_CHAIN, [chain; 3]),
                samples(TDX_PROVEN, [tdx; 3]),
            ];
            judge(&all).iter().map(Claim::fails).collect::<Vec<_>>()
        };
        assert_eq!(at(1.9, 3.2), [false, false, false]);
        assert_eq!(at(2.1, 3.4), [false, true, true]);
    }

    #[test]
    fn what_was_not_run_is_no_claim_that_holds() {
        assert!(judge(&[]).iter().all(|claim| claim.value.is_none()));
    }

    #[test]
    fn document_lists_the_claims_and_their_bounds() {
        for rule in RULES {
            is_documented(rule.name, Bound::AtLeast(rule.least));
        }
    }
}
