//! Intel's certificates and revocation lists.

use crate::vectors::{bundle, certificate, file, vectors};
use attestation_certificates::{Certificate, Crl, CrlProblem, Number, Observation, prove_chain};

/// 2024-06-01T00:00:00Z.
const WITHIN: u64 = 1_717_200_000;

const SETS: [&str; 2] = ["intel-qvl/sampleData", "intel-qvl/sampleData/tdx"];

#[test]
fn intel_chains_are_proven() {
    let Some(folder) = vectors() else { return };
    for set in SETS {
        let root = certificate(&folder, &format!("{set}/trustedRootCaCert.pem"));
        let leaf = certificate(&folder, &format!("{set}/pckCert.pem"));
        let authorities = bundle(&folder, &format!("{set}/pckSignChain.pem"));
        let issued = |one: &&Certificate| one.subject() == leaf.issuer();
        let issuer = authorities.iter().find(issued).expect("it is there");
        let chain = [&leaf, issuer, &root];
        assert!(prove_chain(&chain, &[&root], WITHIN).is_ok(), "{set}");
        let signing = bundle(&folder, &format!("{set}/tcbSignChain.pem"));
        let is_leaf = |one: &&Certificate| one.subject() != root.subject();
        let signer = signing.iter().find(is_leaf).expect("it is there");
        assert!(
            prove_chain(&[signer, &root], &[&root], WITHIN).is_ok(),
            "{set}"
        );
    }
}

#[test]
fn intel_list_is_proven_within_its_dates_and_not_beyond() {
    let Some(folder) = vectors() else { return };
    for set in SETS {
        let root = certificate(&folder, &format!("{set}/trustedRootCaCert.pem"));
        let list = Crl::read(&file(&folder, &format!("{set}/rootCaCrl.der"))).expect("a list");
        let dates = list.prove(&root, WITHIN).expect("it is Intel's");
        let (this_update, next_update) = (dates.not_before, dates.not_after);
        assert_eq!(list.prove(&root, this_update), Ok(dates));
        assert_eq!(list.prove(&root, next_update), Ok(dates));
        assert_eq!(
            list.prove(&root, this_update - 1),
            Err(vec![CrlProblem::NotYetValid { this_update }])
        );
        assert_eq!(
            list.prove(&root, next_update + 1),
            Err(vec![CrlProblem::Expired { next_update }])
        );
        assert_eq!(list.number(), Some(Number::from(1)), "{set}");
    }
}

#[test]
fn intel_list_is_the_same_in_pem_and_der() {
    let Some(folder) = vectors() else { return };
    for name in ["rootCaCrl", "intermediateCaCrl"] {
        let [pem, der] = ["pem", "der"].map(|form| {
            let bytes = file(&folder, &format!("intel-qvl/sampleData/{name}.{form}"));
            Crl::read(&bytes).unwrap_or_else(|error| panic!("{name}.{form}: {error}"))
        });
        assert_eq!(pem, der);
    }
}

#[test]
fn intel_list_revokes_what_it_lists_and_nothing_else() {
    let Some(folder) = vectors() else { return };
    let list = Crl::read(&file(&folder, "go-tdx-guest/testdata/pckcrl")).expect("a list");
    let first = Number::try_from("6fc34e5023e728923435d61aa4b83c618166ad35".to_owned());
    assert!(list.revoked_count() > 6);
    assert!(list.lists(first.expect("a number")));
    assert!(!list.lists(Number::from(1)));
    let set = SETS[0];
    let list = Crl::read(&file(&folder, &format!("{set}/intermediateCaCrl.der"))).expect("a list");
    let leaf = certificate(&folder, &format!("{set}/pckCert.pem"));
    assert!(list.covers(&leaf));
    assert!(!list.revokes(&leaf));
}

#[test]
fn list_of_another_issuer_is_refused() {
    let Some(folder) = vectors() else { return };
    let root = certificate(&folder, "intel-qvl/sampleData/tdx/trustedRootCaCert.pem");
    for (name, names_it) in [
        ("tdx/intermediateCaCrl.der", false),
        ("rootCaCrl.der", true),
    ] {
        let list = Crl::read(&file(&folder, &format!("intel-qvl/sampleData/{name}")));
        let list = list.expect("a list");
        assert_eq!(list.issuer() == root.subject(), names_it, "{name}");
        let problems = list
            .prove(&root, WITHIN)
            .expect_err("the root did not sign it");
        assert!(
            matches!(problems[..], [CrlProblem::Issue(_)]),
            "{problems:?}"
        );
    }
}

#[test]
fn lists_of_two_keys_of_one_name_are_remembered_apart() {
    let Some(folder) = vectors() else { return };
    let [old, new] = SETS.map(|set| {
        let root = certificate(&folder, &format!("{set}/trustedRootCaCert.pem"));
        let list = Crl::read(&file(&folder, &format!("{set}/rootCaCrl.der"))).expect("a list");
        Observation::of_crl(&list, &root)
    });
    let Observation::Crl { issuer: of_old, .. } = old else {
        panic!("a list")
    };
    let Observation::Crl { issuer: of_new, .. } = new else {
        panic!("a list")
    };
    assert_ne!(of_old, of_new);
}
