//! The verdict as it is printed.

use anyhow::Result;
use attestation_appraisal::Verdict;
use attestation_verdict::{CheckResult, Record};
use serde_json::{Value, json};

use crate::evidence::{Came, Evidence};
use crate::moment::Moment;
use crate::page;

/// What is printed beside the verdict itself, and is no part of what the digest in a token is of.
pub const BESIDE: [&str; 2] = ["evidence", "warnings"];

/// One JSON document: the verdict's own members, the evidence and the warnings.
///
/// # Errors
/// Never: the verdict writes JSON.
pub fn json(verdict: &Verdict, evidence: &Came, warnings: &[String]) -> Result<String> {
    let mut document: Value = serde_json::from_str(&verdict.to_json())?;
    let [came, warned] = BESIDE;
    document[came] = json!({
        "shape": evidence.shape,
        "layers": evidence.layers.iter().map(|layer| layer.name()).collect::<Vec<_>>(),
        "sha256": evidence.sha256,
    });
    document[warned] = json!(warnings);
    Ok(serde_json::to_string_pretty(&document)?)
}

/// The page for people.
pub fn page(
    verdict: &Verdict,
    subject: Evidence,
    at: Moment,
    evidence: &Came,
    facts: &[(&str, String)],
    warnings: &[String],
) -> String {
    let record = verdict.record();
    let mut page = page::line(&headline(verdict, &record, subject, at));
    page.push('\n');
    page.push_str(&page::checks(&record.checks));
    let mut known = vec![("evidence", shape(evidence))];
    known.extend(facts.iter().cloned());
    page.push('\n');
    page.push_str(&page::facts(&known));
    if !warnings.is_empty() {
        page.push('\n');
        page.push_str(&page::warnings(warnings));
    }
    page
}

fn headline(verdict: &Verdict, record: &Record, subject: Evidence, at: Moment) -> String {
    let root = match verdict.context().named_root {
        true => " under a root that was named",
        false => "",
    };
    let subject = format!("{}, judged as of {at}", subject.name());
    match verdict.accepted() {
        true => format!("ACCEPTED{root}: {subject}"),
        false => format!("REFUSED{root}: {} ({subject})", refusal(record)),
    }
}

/// How many rows say FAIL, and how many reasons they have together.
fn refusal(record: &Record) -> String {
    let failed = record.checks.iter();
    let failed = failed.filter(|check| check.result == CheckResult::Fail);
    let checks = match failed.count() {
        1 => "1 check fails".to_owned(),
        more => format!("{more} checks fail"),
    };
    match record.rejections.len() {
        1 => format!("{checks}, for 1 reason"),
        more => format!("{checks}, for {more} reasons"),
    }
}

fn shape(evidence: &Came) -> String {
    let mut layers = evidence.layers.iter().map(|layer| layer.name());
    match layers.next() {
        None => evidence.shape.to_owned(),
        Some(first) => {
            let rest = layers.fold(first.to_owned(), |all, next| format!("{all}, {next}"));
            format!("{} in {rest}", evidence.shape)
        }
    }
}
