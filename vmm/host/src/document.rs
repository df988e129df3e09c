//! The result for programs.

use anyhow::Result;
use serde_json::{Value, json};
use vmm_host_facts::{Facts, Finding, Judgement, Tee, TeeVerdict, Verdict};

/// Raised when a member goes or changes what it means; members may be added without.
const VERSION: u32 = 1;

/// One JSON document. Text in it is escaped for terminals, as on the page.
///
/// # Errors
/// Never: everything in it has a form in JSON.
pub fn json(facts: &Facts, judgement: &Judgement, asked: Option<Tee>, code: u8) -> Result<String> {
    let can = judgement
        .verdicts
        .iter()
        .filter(|one| one.verdict == Verdict::Can);
    let document = json!({
        "version": VERSION,
        "origin": facts.origin(),
        "asked": asked.map(Tee::name),
        "exit_code": code,
        "can_run": can.map(|one| one.tee.name()).collect::<Vec<_>>(),
        "tees": judgement.verdicts.iter().map(of_tee).collect::<Vec<_>>(),
        "findings": judgement.findings.iter().map(of_finding).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)?)
}

fn of_tee(one: &TeeVerdict) -> Value {
    let changes = one.changes.iter();
    let changes = changes.map(|change| json!({ "remedy": change.remedy, "items": change.items }));
    json!({
        "tee": one.tee.name(),
        "verdict": one.verdict.name(),
        "fixed": one.fixed,
        "changes": changes.collect::<Vec<_>>(),
        "unread": one.unread,
    })
}

fn of_finding(finding: &Finding) -> Value {
    json!({
        "item": finding.item,
        "about": finding.about,
        "role": finding.role.name(),
        "needed_for": finding.needed_for.iter().map(|tee| tee.name()).collect::<Vec<_>>(),
        "state": finding.state.name(),
        "found": finding.found,
        "remedy": finding.remedy,
    })
}
