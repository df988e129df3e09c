//! AMD's certificates and lists.
//!
//! Source: AMD 57230 revision 0.5.

use attestation_certificates::{Certificate, Crl, CrlProblem, Observation, Validity};
use attestation_snp::{Anchors, Endorsement, Product, Proof, ProvenVek, VekKind};

use super::Beside;
use crate::error::Unproven;
use crate::subject::Vcek;

/// Proves that this is the VCEK of this chip at this TCB.
pub(crate) fn prove_vcek(
    anchors: &Anchors,
    asked: &Vcek,
    body: &[u8],
    beside: &Beside,
) -> Result<Validity, Unproven> {
    let chain = beside.chain.as_ref().map(|chain| chain.body());
    let proof = prove_vek(anchors, body, chain)?;
    let proven = proven(&proof)?;
    is_asked_for(proven, asked)?;
    Ok(proven.validity())
}

/// Under the built-in certificates; where they do not lead to a root, under those that AMD serves.
pub(crate) fn prove_vek(
    anchors: &Anchors,
    vek: &[u8],
    served: Option<&[u8]>,
) -> Result<Proof, Unproven> {
    let built_in = prove_under(anchors, vek, &[])?;
    match (built_in.proven(), served) {
        (None, Some(chain)) => prove_under(anchors, vek, &[chain]),
        _ => Ok(built_in),
    }
}

fn prove_under(anchors: &Anchors, vek: &[u8], chain: &[&[u8]]) -> Result<Proof, Unproven> {
    let endorsement = Endorsement::read(Some(vek), chain, &[], anchors);
    let endorsement = endorsement.map_err(|error| Unproven::Unreadable(error.to_string()))?;
    Ok(endorsement.prove())
}

/// The proven key, or why it is none.
pub(crate) fn proven(proof: &Proof) -> Result<&ProvenVek, Unproven> {
    match proof {
        Proof::Proven(proven) => Ok(proven),
        Proof::Unproven(unproven) => {
            let reasons: Vec<_> = unproven.reasons().map(ToString::to_string).collect();
            Err(Unproven::NotGenuine(reasons.join("; ")))
        }
    }
}

/// A genuine certificate of another chip is worth nothing for this one, and would stand in its place.
pub(crate) fn is_asked_for(proven: &ProvenVek, asked: &Vcek) -> Result<(), Unproven> {
    let other = |what: &str| Err(Unproven::OtherSubject(what.to_owned()));
    if proven.kind() != VekKind::Vcek {
        return other("a VLEK's certificate");
    }
    if proven.product() != asked.product {
        return other("a chip of another product");
    }
    if proven.chip_id() != Some(&asked.chip_id) {
        return other("another chip");
    }
    if proven.tcb() != Some(asked.tcb) {
        return other("another TCB of the chip");
    }
    Ok(())
}

/// Proves that the ARK is trusted and issued the other one, which is the product's ASK or ASVK.
pub(crate) fn prove_chain(
    anchors: &Anchors,
    (product, kind): (Product, VekKind),
    body: &[u8],
    beside: &Beside,
) -> Result<Validity, Unproven> {
    let forged = |why: &str| Unproven::NotGenuine(why.to_owned());
    let all = Certificate::bundle(body).map_err(|error| Unproven::Unreadable(error.to_string()))?;
    let [issuer, root] = all.as_slice() else {
        return Err(Unproven::Unreadable(format!(
            "{} certificates, where ASK or ASVK and ARK belong",
            all.len()
        )));
    };
    if anchors.root_of(product).map(Certificate::der) != Some(root.der()) {
        return Err(forged("it does not end in the product's ARK"));
    }
    issuer
        .verify_issued_by(root)
        .map_err(|problem| Unproven::NotGenuine(problem.to_string()))?;
    if issuer.subject_common_name() != Some(kind.issuer_name(product).as_str()) {
        return Err(Unproven::OtherSubject(
            "the certificate below the ARK has another name".to_owned(),
        ));
    }
    if !issuer.basic_constraints().is_some_and(|it| it.authority) {
        return Err(forged("the certificate below the ARK is no authority's"));
    }
    let list = beside.root_list.as_ref().map(|list| Crl::read(list.body()));
    if list.is_some_and(|list| list.is_ok_and(|list| list.revokes(issuer))) {
        return Err(forged("the ARK has revoked it"));
    }
    Ok(issuer.validity().and(root.validity()))
}

/// Proves that the product's ARK made this list.
pub(crate) fn prove_list(
    anchors: &Anchors,
    product: Product,
    body: &[u8],
) -> Result<(Validity, Observation), Unproven> {
    let crl = Crl::read(body).map_err(|error| Unproven::Unreadable(error.to_string()))?;
    let root = anchors.root_of(product);
    let root = root
        .ok_or_else(|| Unproven::NotGenuine(format!("no root of {} is trusted", product.name())))?;
    let problems = crl.prove(root, crl.this_update()).err().unwrap_or_default();
    let reasons: Vec<_> = problems.iter().map(CrlProblem::to_string).collect();
    if !reasons.is_empty() {
        return Err(Unproven::NotGenuine(reasons.join("; ")));
    }
    let validity = Validity {
        not_before: crl.this_update(),
        not_after: crl.next_update().unwrap_or(crl.this_update()),
    };
    Ok((
        validity.and(root.validity()),
        Observation::of_crl(&crl, root),
    ))
}
