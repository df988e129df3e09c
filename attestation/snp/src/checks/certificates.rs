//! Chain, dates, revocation, and the product that the chain decides.

use super::{Case, Found, no_chain};
use crate::names::is_product_name;
use crate::proof::ProvenList;
use crate::{CertificateName, Proof, ProvenVek, SnpRejection as Reason};
use attestation_certificates::{Validity, rfc3339};
use attestation_verdict::Finding;
use measured_boot_snp_abi::Product;

pub fn chain(case: &Case<'_>) -> Found {
    match case.proof {
        Proof::Unproven(unproven) => {
            let (first, more) = &unproven.reasons;
            Finding::Fail(first.clone(), more.clone())
        }
        Proof::Proven(proven) => {
            let root = if proven.root_is_built_in {
                "AMD's root, which is built in"
            } else {
                "a root that was named in place of AMD's"
            };
            let (kind, product) = (proven.kind.name(), proven.product.name());
            Finding::Pass(format!("a {kind} of {product}, under {root}"))
        }
    }
}

pub fn dates(case: &Case<'_>) -> Found {
    let Some(proven) = case.proof.proven() else {
        // Of a certificate that nobody vouches for, the date is a claim; one that is past is still a reason.
        let dates = case.vek().map(|vek| (CertificateName::Vek, vek.validity));
        return match dates.and_then(|(name, dates)| out_of_date(name, dates, case.now)) {
            Some(reason) => Finding::fail(reason),
            None => no_chain(),
        };
    };
    let dates = proven.dated.iter();
    let reasons = dates.filter_map(|(name, dates)| out_of_date(*name, *dates, case.now));
    Finding::from_reasons(reasons.collect::<Vec<_>>(), || {
        let Validity {
            not_before,
            not_after,
        } = proven.validity();
        let (first, last) = (rfc3339(not_before), rfc3339(not_after));
        format!("every certificate is valid from {first} to {last}")
    })
}

fn out_of_date(certificate: CertificateName, dates: Validity, now: u64) -> Option<Reason> {
    let Validity {
        not_before,
        not_after,
    } = dates;
    if now < not_before {
        return Some(Reason::NotYetValid {
            certificate,
            not_before,
            now,
        });
    }
    (now > not_after).then_some(Reason::Expired {
        certificate,
        not_after,
        now,
    })
}

pub fn revocation(case: &Case<'_>) -> Found {
    let Some(proven) = case.proof.proven() else {
        return no_chain();
    };
    let lists = proven.lists.iter();
    let mut reasons: Vec<_> = lists.flat_map(|list| problems(case, list)).collect();
    reasons.extend(missing(case, proven));
    if proven.issuer_is_known_revoked {
        reasons.push(Reason::KnownRevoked {
            certificate: CertificateName::issuer_of(proven.kind),
        });
    }
    let counted = proven.lists.iter().filter(|list| list.counts()).count();
    let aside = match proven.lists.len() - counted {
        0 => String::new(),
        aside => format!("; set aside: {aside} of other products"),
    };
    if reasons.is_empty() && counted == 0 {
        return Finding::NotAsked(format!(
            "no revocation list was given, and none is required{aside}"
        ));
    }
    Finding::from_reasons(reasons, || {
        format!("no certificate is revoked by any of {counted} lists{aside}")
    })
}

/// The lists that have to be there and are not.
fn missing(case: &Case<'_>, proven: &ProvenVek) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let is_there = |of_root| {
        let mut proven = proven
            .lists
            .iter()
            .filter(|list| list.observation.is_some());
        proven.any(|list| list.is_of_root() == of_root)
    };
    if case.limits.require_crl && !is_there(true) {
        reasons.push(Reason::CrlMissing);
    }
    for (certificate, revoker) in proven.revokers {
        let was_seen = case.seen.is_some_and(|seen| seen.has_list_of(revoker));
        if was_seen && !is_there(certificate == CertificateName::Ark) {
            reasons.push(Reason::CrlLeftOut { certificate });
        }
    }
    reasons
}

fn problems(case: &Case<'_>, list: &ProvenList) -> Vec<Reason> {
    let (now, next_update) = (case.now, list.next_update);
    let this_update = list.this_update;
    if !list.counts() {
        // Its dates concern no certificate here.
        return list.reasons.clone();
    }
    let early = (now < this_update).then_some(Reason::CrlNotYetValid { this_update, now });
    let late = (now > next_update).then_some(Reason::CrlExpired { next_update, now });
    let seen = case.seen.zip(list.observation.as_ref());
    let older = seen.and_then(|(seen, list)| seen.check(list).err());
    let older = older.map(|older| Reason::CrlOlder { older });
    let reasons = list.reasons.iter().cloned();
    reasons.chain(early).chain(late).chain(older).collect()
}

pub fn product(case: &Case<'_>) -> Found {
    let mut reasons = Vec::new();
    let (family, model) = (case.report.cpuid_family, case.report.cpuid_model);
    let tells_cpu = case.report.version.get() >= 3;
    let cpu = Product::of_cpu(family, model);
    if tells_cpu && cpu.is_none() {
        reasons.push(Reason::CpuUnknown { family, model });
    }
    let Some(proven) = case.proof.proven() else {
        return match reasons.pop() {
            Some(reason) => Finding::fail(reason),
            None => no_chain(),
        };
    };
    let chain = proven.product;
    if let Some(cpu) = cpu.filter(|cpu| tells_cpu && *cpu != chain) {
        reasons.push(Reason::CpuOfOtherProduct { cpu, chain });
    }
    let named = proven.vek.product_name.as_ref();
    if !named.is_ok_and(|name| is_product_name(name, chain)) {
        reasons.push(Reason::ProductName { chain });
    }
    if !case.limits.products.contains(&chain) {
        reasons.push(Reason::ProductNotAccepted { product: chain });
    }
    Finding::from_reasons(reasons, || match tells_cpu {
        true => format!("{}, by chain and CPU", chain.name()),
        false => format!(
            "{}, by chain; reports of version 2 do not tell the CPU",
            chain.name()
        ),
    })
}
