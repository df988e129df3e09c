//! Chains, and everything that is wrong with them.

use crate::forge::{Draft, Key, WITHIN, octets, validity};
use attestation_certificates::{
    Certificate, CertificateProblem, ChainProblem, IssueProblem, MAX_CHAIN, Validity, prove_chain,
};

/// Leaf, intermediate authority, root; each part to be changed before it is signed.
struct Family {
    keys: [Key; 3],
    drafts: [Draft; 3],
}

impl Family {
    fn new() -> Self {
        let keys = [Key::p384(), Key::p384(), Key::p384()];
        let drafts = [
            Draft::leaf("leaf", &keys[0], "middle", &keys[1]),
            Draft::authority("middle", &keys[1], "root", &keys[2]),
            Draft::authority("root", &keys[2], "root", &keys[2]),
        ];
        Self { keys, drafts }
    }

    fn changed(change: impl FnOnce(&mut [Draft; 3])) -> Self {
        let mut family = Self::new();
        change(&mut family.drafts);
        family
    }

    fn signed(&self) -> [Certificate; 3] {
        [(0, 1), (1, 2), (2, 2)].map(|(one, issuer)| {
            let der = self.drafts[one].signed_by(&self.keys[issuer]);
            Certificate::from_der(&der).expect("it is well formed")
        })
    }

    fn problems(&self) -> Vec<ChainProblem> {
        let [leaf, middle, root] = self.signed();
        prove_chain(&[&leaf, &middle, &root], &[&root], WITHIN)
            .err()
            .unwrap_or_default()
    }
}

fn at(place: usize, problem: CertificateProblem) -> ChainProblem {
    ChainProblem::Certificate { place, problem }
}

#[test]
fn chain_is_proven_for_the_time_that_all_have_in_common() {
    let family = Family::changed(|[leaf, middle, _]| {
        leaf.validity = validity("260301000000Z", "400101000000Z");
        middle.validity = validity("200101000000Z", "260901000000Z");
    });
    let [leaf, middle, root] = family.signed();
    let proven = prove_chain(&[&leaf, &middle, &root], &[&root], WITHIN);
    let expected = Validity {
        not_before: leaf.validity().not_before,
        not_after: middle.validity().not_after,
    };
    assert_eq!(proven, Ok(expected));
    assert!(expected.contains(expected.not_before) && expected.contains(expected.not_after));
    assert!(!expected.contains(expected.not_before - 1));
    assert!(!expected.contains(expected.not_after + 1));
}

#[test]
fn chain_of_nothing_is_refused() {
    let [_, _, root] = Family::new().signed();
    assert_eq!(
        prove_chain(&[], &[&root], WITHIN),
        Err(vec![ChainProblem::Empty])
    );
}

#[test]
fn chain_of_too_many_is_refused() {
    let [leaf, _, _] = Family::new().signed();
    let chain = [&leaf; MAX_CHAIN + 1];
    let problem = ChainProblem::TooLong(MAX_CHAIN + 1);
    assert_eq!(prove_chain(&chain, &[&leaf], WITHIN), Err(vec![problem]));
}

#[test]
fn chain_to_a_root_that_nobody_named_is_refused() {
    let [leaf, middle, root] = Family::new().signed();
    let [_, _, other] = Family::new().signed();
    let chain = [&leaf, &middle, &root];
    assert_eq!(
        prove_chain(&chain, &[&other], WITHIN),
        Err(vec![ChainProblem::Root])
    );
    assert_eq!(
        prove_chain(&chain, &[], WITHIN),
        Err(vec![ChainProblem::Root])
    );
    assert!(prove_chain(&chain, &[&other, &root], WITHIN).is_ok());
}

#[test]
fn root_of_the_same_key_and_other_bytes_is_refused() {
    let family = Family::new();
    let [leaf, middle, root] = family.signed();
    // Signed again: the same content, another random signature.
    let [_, _, again] = family.signed();
    assert_ne!(root.der(), again.der());
    let refused = prove_chain(&[&leaf, &middle, &root], &[&again], WITHIN);
    assert_eq!(refused, Err(vec![ChainProblem::Root]));
}

#[test]
fn chain_with_any_certificate_out_of_its_dates_is_refused() {
    for place in 0..3 {
        let early = Family::changed(|drafts| {
            drafts[place].validity = validity("260601000001Z", "261231235959Z");
        });
        let not_before = WITHIN + 1;
        let problem = at(place, CertificateProblem::NotYetValid { not_before });
        assert_eq!(early.problems(), [problem]);
        assert!(problem.is_about_dates());
        let late = Family::changed(|drafts| {
            drafts[place].validity = validity("260101000000Z", "260531235959Z");
        });
        let not_after = WITHIN - 1;
        let problem = at(place, CertificateProblem::Expired { not_after });
        assert_eq!(late.problems(), [problem]);
        assert!(problem.is_about_dates());
    }
}

#[test]
fn chain_with_a_certificate_of_another_issuer_is_refused() {
    let [leaf, _, _] = Family::new().signed();
    let [_, middle, root] = Family::new().signed();
    let refused = prove_chain(&[&leaf, &middle, &root], &[&root], WITHIN);
    let problem = at(0, CertificateProblem::Issue(IssueProblem::Signature));
    assert_eq!(refused, Err(vec![problem]));
    assert!(!problem.is_about_dates());
}

#[test]
fn chain_in_another_order_is_refused() {
    let [leaf, middle, root] = Family::new().signed();
    let problems = prove_chain(&[&middle, &leaf, &root], &[&root], WITHIN).expect_err("order");
    let named = at(0, CertificateProblem::Issue(IssueProblem::Name));
    assert!(problems.contains(&named), "{problems:?}");
    assert!(problems.contains(&at(1, CertificateProblem::NotAuthority)));
}

#[test]
fn chain_through_what_is_no_authority_is_refused() {
    let none = Family::changed(|[_, middle, _]| middle.extensions.clear());
    assert_eq!(none.problems(), [at(1, CertificateProblem::NotAuthority)]);
    let no = Family::changed(|[_, middle, _]| middle.constrain(false, None));
    assert_eq!(no.problems(), [at(1, CertificateProblem::NotAuthority)]);
    let root = Family::changed(|[_, _, root]| root.constrain(false, None));
    assert_eq!(root.problems(), [at(2, CertificateProblem::NotAuthority)]);
}

#[test]
fn chain_through_an_authority_that_may_not_sign_certificates_is_refused() {
    let family = Family::changed(|[_, middle, _]| middle.allow(0b1000_0010));
    assert_eq!(family.problems(), [at(1, CertificateProblem::MayNotSign)]);
}

#[test]
fn chain_longer_than_an_authority_allows_is_refused() {
    let family = Family::changed(|[_, _, root]| root.constrain(true, Some(0)));
    assert_eq!(family.problems(), [at(2, CertificateProblem::PathLength)]);
    let family = Family::changed(|[_, middle, root]| {
        middle.constrain(true, Some(0));
        root.constrain(true, Some(1));
    });
    assert_eq!(family.problems(), []);
}

#[test]
fn chain_from_an_authority_is_refused() {
    let family = Family::changed(|[leaf, _, _]| leaf.constrain(true, None));
    assert_eq!(
        family.problems(),
        [at(0, CertificateProblem::LeafIsAuthority)]
    );
}

#[test]
fn chain_with_a_critical_extension_that_nothing_knows_is_refused() {
    for place in 0..3 {
        let family = Family::changed(|drafts| drafts[place].replace(&[2, 5, 29, 37], &octets(&[])));
        assert_eq!(
            family.problems(),
            [at(place, CertificateProblem::CriticalExtension)]
        );
    }
}

#[test]
fn everything_that_is_wrong_is_listed() {
    let mut family = Family::changed(|[leaf, middle, _]| {
        leaf.validity = validity("200101000000Z", "200102000000Z");
        leaf.replace(&[2, 5, 29, 37], &octets(&[]));
        middle.constrain(false, None);
        middle.allow(0b1000_0000);
    });
    family.keys[2] = Key::p384();
    let problems = family.problems();
    let of = |place: usize| {
        let here = |problem: &&ChainProblem| matches!(problem, ChainProblem::Certificate { place: found, .. } if *found == place);
        problems.iter().filter(here).count()
    };
    assert_eq!(
        (of(0), of(1), of(2), problems.len()),
        (2, 3, 0, 5),
        "{problems:?}"
    );
    let texts: std::collections::BTreeSet<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts.len(),
        problems.len(),
        "each says something else: {texts:?}"
    );
}
