//! Policies on real tokens: what they allow, what they cannot do.

mod bounds;
mod compatible;
mod shipped;
#[allow(
    dead_code,
    reason = "the tokens of the ear crate's own tests, used in part"
)]
#[path = "../../../ear/tests/ear/support/mod.rs"]
mod support;

use attestation_ear::EarClaims;
use attestation_resource_policy::{Decision, Refusal, Request, ResourcePolicy};

const REQUEST: Request = Request {
    plugin: "resource",
    path: &["default", "key", "k1"],
    query: &[],
};

fn policy(source: &str) -> ResourcePolicy {
    ResourcePolicy::from_rego("test", source).expect("a policy")
}

/// A policy whose `allow` is this, or follows from these lines.
fn written(rest: &str) -> ResourcePolicy {
    policy(&format!("package policy\n{rest}\n"))
}

fn simulated() -> EarClaims {
    let token = support::token(&support::simulated(), &support::key(7));
    support::claims(&token).expect("its own token")
}

fn sample() -> EarClaims {
    let token = support::token(&support::sample(), &support::key(7));
    support::claims(&token).expect("its own token")
}

fn snp() -> EarClaims {
    let token = support::token(&support::snp(), &support::key_p384());
    support::claims(&token).expect("its own token")
}

/// What a token of genuine hardware's evidence says. No such evidence can be made for a session here.
fn affirming() -> EarClaims {
    let token = support::forged(&support::key(7), |claims| {
        claims["cloister_tee"] = "snp".into();
        claims["cloister_simulated"] = false.into();
        let cpu = &mut claims["submods"]["cpu0"];
        cpu["ear.status"] = "affirming".into();
        let evidence = &mut cpu["ear.veraison.annotated-evidence"];
        evidence["snp"] = evidence["simulated"].take();
        evidence
            .as_object_mut()
            .expect("an object")
            .remove("simulated");
    });
    support::claims(&token).expect("it is signed")
}

fn why(decision: &Decision) -> String {
    assert!(!decision.allowed());
    decision
        .refusal()
        .map(Refusal::to_string)
        .expect("a reason")
}
