//! How verdicts are recorded, and how an exported evidence bundle is replayed: log, verdicts and
//! releases.
//!
//! Recording and replaying stand side by side so that they cannot drift apart: the service records
//! with [`record_verdict`], the auditor reads with [`audit`], years later and trusting neither the
//! service nor the bundle. What it does trust comes from outside, as [`Anchors`].
//! docs/evidence-bundle.md describes the bundle.

#![forbid(unsafe_code)]

mod anchors;
mod blobs;
mod finding;
mod history;
mod log;
mod recording;
mod registry;
mod replay;
mod report;
mod succession;
mod time;

use std::collections::BTreeMap;

use attestation_ledger::AuditRecord;

pub use anchors::Anchors;
pub use finding::{Finding, FindingCode, Unreadable};
pub use history::{CLOCK_TOLERANCE_SECONDS, VERDICT_SECONDS};
pub use recording::{
    MAX_EVIDENCE_BYTES, OversizedEvidence, Received, Recording, policy_blob, record_verdict,
};
pub use report::{AuditReport, Conclusion, Counts, FindingLine, LogLine, ReleaseLine, VerdictLine};
pub use succession::PredecessorLine;
pub use time::rfc3339;

use crate::blobs::Blobs;
use crate::history::History;
use crate::log::Log;
use crate::replay::replay;
use crate::report::ReportBuilder;

/// The most bytes that an auditor reads of a bundle unless told otherwise; it holds them in memory.
pub const MAX_BUNDLE_BYTES: u64 = 1 << 30;
/// The most files that an auditor reads of a bundle unless told otherwise.
pub const MAX_BUNDLE_FILES: u64 = 200_000;

/// The files of a bundle by their path in it, such as `tile/entries/000.p/3`.
pub type Files = BTreeMap<String, Vec<u8>>;

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
    let (entries, unreadable) = log.entries();
    report.take_log(&mut log, unreadable);
    let mut blobs = Blobs::read(files, &entries)?;
    report.take_files(files, &log, &mut blobs);
    let (predecessor, unfounded) = succession::examine(&log, &entries, anchors);
    report.take_predecessor(predecessor);
    report.take_findings(unfounded);

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
