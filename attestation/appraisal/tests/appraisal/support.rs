//! Judgements and policies that are easy to say.

use attestation_appraisal::{Context, Files, Judged, Policy, Tee, Verdict};
use attestation_verdict::{Check, ExpectedData, Finding, Judgement, Rejection};
use serde_json::{Value, json};
use std::fmt;

/// The checks of the TEE in these tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Signature,
    Debug,
}

impl Check for Question {
    const ALL: &'static [Self] = &[Self::Signature, Self::Debug];

    fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Debug => "debug",
        }
    }

    fn may_be_left_out(self) -> bool {
        false
    }
}

#[derive(Debug, Clone)]
pub struct Bad(Question);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is bad", self.0.name())
    }
}

impl Rejection for Bad {
    type Check = Question;

    fn check(&self) -> Question {
        self.0
    }

    fn code(&self) -> &'static str {
        "bad"
    }
}

/// A judgement in which these checks failed.
pub fn judgement(failed: &[Question]) -> Judgement<Bad> {
    Judgement::of(|check| match failed.contains(&check) {
        true => Finding::fail(Bad(check)),
        false => Finding::Pass("seen".to_owned()),
    })
}

pub fn claims() -> Value {
    json!({"chip_id": "00ff", "product": "genoa"})
}

/// SNP evidence in which these checks failed, judged by the limits of the policy.
pub fn judged(policy: &Policy, failed: &[Question]) -> Judged {
    let limits = policy
        .limits(Tee::Snp, &claims())
        .expect("the policy has limits");
    Judged::of(Tee::Snp, &judgement(failed), claims(), limits)
}

pub fn context() -> Context {
    Context {
        binding: ExpectedData::Exactly([7; 64]),
        judged_at: 1_790_000_000,
        named_root: false,
        files: files(),
    }
}

/// Two files, of the same option.
pub fn files() -> Files {
    let mut files = Files::default();
    files.add("crl", b"one");
    files.add("crl", b"two");
    files
}

pub fn verdict(policy: &Policy, failed: &[Question]) -> Verdict {
    Verdict::of(judged(policy, failed), policy, context())
}

/// A policy with these rules; each that is not there is one that accepts.
pub fn source(rules: &str) -> String {
    let mut source = "package cloister.appraisal\n".to_owned();
    for (name, rule) in [
        (
            "about",
            r#"about := {"name": "test", "dated": "2026-11-23", "text": "A test.", "sources": []}"#,
        ),
        ("limits", r#"limits := {"snp": {"least": 1}}"#),
        ("trust_vector", r#"trust_vector := {"hardware": 2}"#),
        ("deny", "deny := set()"),
    ] {
        if !rules.lines().any(|line| line.starts_with(name)) {
            source.push_str(rule);
            source.push('\n');
        }
    }
    source + rules + "\n"
}

pub fn policy(rules: &str) -> Policy {
    Policy::from_rego(&source(rules)).unwrap_or_else(|error| panic!("{error}"))
}

/// The codes of the refusals of the check `policy`.
pub fn policy_codes(verdict: &Verdict) -> Vec<String> {
    let rejections = verdict.record().rejections.into_iter();
    let of_the_policy = rejections.filter(|rejection| rejection.check == "policy");
    of_the_policy.map(|rejection| rejection.code).collect()
}
