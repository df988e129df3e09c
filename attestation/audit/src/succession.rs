//! Where a log came from: another one in whose place it was begun, or itself, after its store was restored.

use attestation_ledger::{
    AuditRecord, Entry, Hash, MemoryNodes, Registered, Registration, Succession, TreeHead, root,
};
use serde::Serialize;

use crate::log::Log;
use crate::{Anchors, Finding, rfc3339};

/// The log in whose place this one was begun.
#[derive(Clone, Debug, Serialize)]
pub struct PredecessorLine {
    /// The key that signed it, as a vkey.
    pub log_key: String,
    /// Whether that is the key that the auditor was given for it; `null` where none was.
    pub key_is_pinned: Option<bool>,
    /// How many entries the state had that this log was begun from.
    pub entries: u64,
    /// How many the old log had at least: those beyond `entries` are lost here, and were signed.
    pub entries_known: u64,
    /// How many registrations were carried over.
    pub carried: u64,
    /// When this log was begun, in UTC.
    pub time: String,
    /// Why, in the operator's words.
    pub why: String,
}

/// What the log says of where it came from, and what does not hold of that.
pub(crate) fn examine(
    log: &Log<'_>,
    entries: &[(u64, Entry)],
    anchors: &Anchors<'_>,
) -> (Option<PredecessorLine>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut found = None;
    for (index, entry) in entries {
        let AuditRecord::Registered(registration) = entry.record() else {
            continue;
        };
        let said = match &registration.what {
            Registered::LogBegun { .. } => begun(*index, registration, entries, anchors)
                .map(|predecessor| found = Some(predecessor)),
            Registered::LogContinued { checkpoint, .. } => {
                continued(*index, registration, checkpoint, log, anchors)
            }
            _ => Ok(()),
        };
        let unfounded = |why| Finding::SuccessionUnfounded { entry: *index, why };
        findings.extend(said.err().map(unfounded));
    }
    if found.is_none() && anchors.predecessor_key.is_some() && findings.is_empty() {
        findings.push(Finding::NoPredecessor);
    }
    (found, findings)
}

fn begun(
    index: u64,
    registration: &Registration,
    entries: &[(u64, Entry)],
    anchors: &Anchors<'_>,
) -> Result<PredecessorLine, String> {
    let Registered::LogBegun {
        succession,
        newest,
        carried,
        why,
    } = &registration.what
    else {
        return Err("it begins no log".to_owned());
    };
    if index != 0 {
        return Err("a log is begun by its first entry alone".to_owned());
    }
    let succession = Succession::open(succession).map_err(|error| error.to_string())?;
    let known = succession
        .newest(newest)
        .map_err(|error| error.to_string())?;
    if succession.successor != *anchors.log_key {
        return Err("its predecessor named another log as the one to go on".to_owned());
    }
    refuse_other_name(registration, anchors)?;
    if succession.time != registration.time {
        return Err("its predecessor's word is of another time".to_owned());
    }
    let is_registration = |wanted: u64| {
        let found = entries.iter().find(|(index, _)| *index == wanted);
        found.is_some_and(|(_, entry)| matches!(entry.record(), AuditRecord::Registered(_)))
    };
    if !(1..=*carried).all(is_registration) {
        return Err(format!(
            "it says that {carried} registrations follow, and other entries do"
        ));
    }
    let pinned = anchors
        .predecessor_key
        .map(|key| *key == succession.predecessor);
    if pinned == Some(false) {
        return Err(format!(
            "its predecessor's key is {}, which is not the one that was given",
            succession.predecessor
        ));
    }
    Ok(PredecessorLine {
        log_key: succession.predecessor.to_string(),
        key_is_pinned: pinned,
        entries: succession.from.size,
        entries_known: known.size,
        carried: *carried,
        time: rfc3339(registration.time),
        why: why.clone(),
    })
}

/// The checkpoint that showed that nothing was lost is of exactly the entries before.
fn continued(
    index: u64,
    registration: &Registration,
    checkpoint: &str,
    log: &Log<'_>,
    anchors: &Anchors<'_>,
) -> Result<(), String> {
    refuse_other_name(registration, anchors)?;
    let shown = TreeHead::open(checkpoint, anchors.log_key).map_err(|error| error.to_string())?;
    let before = usize::try_from(index).unwrap_or(usize::MAX);
    let leaves = log.leaves.iter().take(before).map(|leaf| Hash::leaf(leaf));
    let nodes = MemoryNodes::from_leaves(leaves);
    if shown.size != index || root(&nodes, index).ok() != Some(shown.root) {
        return Err(
            "the checkpoint that is to show that nothing was lost is not of the entries before it"
                .to_owned(),
        );
    }
    Ok(())
}

fn refuse_other_name(registration: &Registration, anchors: &Anchors<'_>) -> Result<(), String> {
    match registration.tenant.is_none() && registration.name == anchors.log_key.name() {
        true => Ok(()),
        false => Err("it is about another log".to_owned()),
    }
}
