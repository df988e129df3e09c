//! Recording and replaying verdicts of every TEE, as records of version 2.
//!
//! Recording and replaying stand side by side so that they cannot drift apart: the service records
//! with [`record_verdict`], the auditor reads with [`audit`], years later and trusting neither the
//! service nor the bundle. What it does trust comes from outside, as [`Anchors`].

mod anchors;
mod blobs;
mod history;
mod recording;
mod registry;
mod replay;
mod report;

use attestation_ledger::decode_entry_bundle;
use attestation_ledger::v2::{AuditRecord, Entry};

pub use anchors::Anchors;
pub use recording::{
    MAX_EVIDENCE_BYTES, OversizedEvidence, Received, Recording, policy_blob, record_verdict,
};
pub use report::{AuditReport, Counts, ReleaseLine, VerdictLine};

use crate::log::Log;
use crate::{Files, Finding, Unreadable};
use blobs::Blobs;
use history::History;
use replay::replay;
use report::ReportBuilder;

/// Checks a bundle against what is trusted from outside: the log's signature and tree, that each
/// file is what the log says and no other is there, that every verdict comes out the same when its
/// evidence is judged again as of its time, and that every release had the right to happen.
///
/// # Errors
/// A file that the log is made of, or that an entry names, is missing or cut short, so that there is
/// nothing to judge. Everything else that is wrong is a finding of the report.
pub fn audit(files: &Files, anchors: &Anchors<'_>) -> Result<AuditReport, Unreadable> {
    let mut report = ReportBuilder::new(anchors);
    let mut log = match Log::read(files, anchors.log_key)? {
        Ok(log) => log,
        Err(refused) => {
            report.take_findings([refused]);
            return Ok(report.finish());
        }
    };
    let (entries, unreadable) = entries(&log);
    report.take_log(&mut log, unreadable);
    let mut blobs = Blobs::read(files, &entries)?;
    report.take_files(files, &log, &mut blobs);

    let mut history = History::new(&blobs, anchors);
    for (index, entry) in &entries {
        report.take_findings(history.admit(*index, entry.record()));
        match entry.record() {
            AuditRecord::Verdict(verdict) => {
                let replayed = replay(*index, verdict, &blobs, anchors);
                report.take_verdict(*index, verdict, &replayed);
                let reused = replayed
                    .nonce
                    .and_then(|nonce| history.use_up(*index, verdict, nonce));
                report.take_findings(replayed.findings);
                report.take_findings(reused);
            }
            AuditRecord::Release(release) => report.take_release(*index, release),
            AuditRecord::Registered(_) => report.take_registration(),
        }
    }
    Ok(report.finish())
}

/// Whether the bundle's first entry is a record of version 1, which [`crate::audit`] reads. Nothing of it is believed: an
/// auditor of the wrong version disagrees.
#[must_use]
pub fn is_of_version_1(files: &Files) -> bool {
    let first = files.range("tile/entries/000".to_owned()..).next();
    let leaf = first
        .and_then(|(_, bytes)| decode_entry_bundle(bytes).ok())
        .and_then(|leaves| leaves.first().copied().map(<[u8]>::to_vec));
    leaf.is_some_and(|leaf| crate::is_of_version_1(&leaf))
}

/// The entries that are records, by index; what is no record becomes a finding.
fn entries(log: &Log<'_>) -> (Vec<(u64, Entry)>, Vec<Finding>) {
    let mut entries = Vec::new();
    let mut findings = Vec::new();
    for (index, leaf) in (0..).zip(&log.leaves) {
        match Entry::from_bytes(leaf) {
            Ok(entry) => entries.push((index, entry)),
            Err(source) => findings.push(Finding::EntryUnreadable {
                entry: index,
                source,
            }),
        }
    }
    (entries, findings)
}
