//! What an audit found, as data: the program turns it into text or JSON.

use attestation_judge::ruleset_version;
use attestation_ledger::{Digest, Outcome};
use attestation_ledger::{RecordedRelease, RecordedVerdict};
use serde::Serialize;

use crate::blobs::Blobs;
use crate::log::Log;
use crate::replay::Replay;
use crate::{Anchors, Files, Finding, FindingCode, PredecessorLine, rfc3339};

/// The result of an audit.
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// Whether everything in the bundle holds.
    pub verdict: Conclusion,
    /// Whether a verdict or release is about a TEE that proves nothing: a simulated one, or a sample.
    pub simulated: bool,
    /// How many entries the log has.
    pub entries: u64,
    /// The log, unless the pinned key did not sign it.
    pub log: Option<LogLine>,
    /// The log in whose place this one was begun; `null` of one that is the first.
    pub predecessor: Option<PredecessorLine>,
    /// The key that was pinned, as a vkey.
    pub log_key: String,
    /// SHA-256 of each simulated root that was given, DER.
    pub simulated_roots: Vec<Digest>,
    /// Whether samples were allowed.
    pub allow_sample: bool,
    /// SHA-256 of each root that was given in a vendor's place.
    pub vendor_roots: Vec<Digest>,
    /// The rules that verdicts were replayed by.
    pub ruleset: String,
    /// How much of each there is.
    pub counts: Counts,
    /// Every verdict, in the log's order.
    pub verdicts: Vec<VerdictLine>,
    /// Every release, in the log's order.
    pub releases: Vec<ReleaseLine>,
    /// All that is wrong; empty if the auditor agrees.
    pub findings: Vec<FindingLine>,
}

/// The last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Nothing is wrong.
    Agrees,
    /// Something is.
    Disagrees,
}

/// The log that was checked.
#[derive(Clone, Debug, Serialize)]
pub struct LogLine {
    /// Its name.
    pub origin: String,
    /// The signed root, base64.
    pub root: String,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Files of the bundle.
    pub files: usize,
    /// Of them: tiles of hashes and entries.
    pub tiles: usize,
    /// Of them: blobs that entries name.
    pub blobs: usize,
    /// Verdicts that accept.
    pub accepted: u64,
    /// Verdicts that refuse.
    pub refused: u64,
    /// Verdicts whose replay says the same.
    pub replayed: u64,
    /// Releases of secrets.
    pub releases: u64,
    /// Registrations.
    pub registrations: u64,
}

/// One verdict.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictLine {
    /// Index of its entry.
    pub entry: u64,
    /// When, in UTC as RFC 3339 writes it.
    pub time: String,
    /// Whose policy it was given by.
    pub tenant: String,
    /// The protocol session; `null` where a relying party asked.
    pub session: Option<String>,
    /// The TEE that the evidence was judged as.
    pub tee: String,
    /// Whether that protects nothing.
    pub simulated: bool,
    /// Accepted or refused, as recorded.
    pub outcome: Outcome,
    /// Why, as recorded.
    pub reason: String,
    /// The policy's name.
    pub policy: String,
    /// The reported launch digest.
    pub launch_digest: Option<String>,
    /// Whether its evidence, appraised again, gives the same verdict.
    pub replay_agrees: bool,
}

/// One release.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseLine {
    /// Index of its entry.
    pub entry: u64,
    /// When, in UTC as RFC 3339 writes it.
    pub time: String,
    /// Whose secret it is.
    pub tenant: String,
    /// The secret's name.
    pub resource: String,
    /// Its version.
    pub secret_version: u64,
    /// Index of the verdict that allowed it.
    pub verdict_index: u64,
    /// Thumbprint of the key that it was wrapped to.
    pub recipient: String,
    /// The TEE that holds the key.
    pub tee: String,
    /// Whether that protects nothing.
    pub simulated: bool,
}

/// One finding, for programs and for people.
#[derive(Clone, Debug, Serialize)]
pub struct FindingLine {
    /// Its kind.
    pub code: FindingCode,
    /// The entry that it is about, if it is about one.
    pub entry: Option<u64>,
    /// What is wrong.
    pub text: String,
}

impl AuditReport {
    /// Whether everything in the bundle holds.
    pub fn agrees(&self) -> bool {
        self.verdict == Conclusion::Agrees
    }
}

/// A report while the audit goes on.
pub(crate) struct ReportBuilder {
    report: AuditReport,
}

impl ReportBuilder {
    pub fn new(anchors: &Anchors<'_>) -> Self {
        let report = AuditReport {
            // Replaced at the end; an audit that is left early has not agreed.
            verdict: Conclusion::Disagrees,
            simulated: false,
            entries: 0,
            log: None,
            predecessor: None,
            log_key: anchors.log_key.to_string(),
            simulated_roots: digests(anchors.simulated_roots),
            allow_sample: anchors.allow_sample,
            vendor_roots: digests(anchors.vendor_roots),
            ruleset: ruleset_version(),
            counts: Counts::default(),
            verdicts: Vec::new(),
            releases: Vec::new(),
            findings: Vec::new(),
        };
        Self { report }
    }

    /// Takes what is known of the log, and of the entries that are no records.
    pub fn take_log(&mut self, log: &mut Log<'_>, unreadable: Vec<Finding>) {
        self.report.entries = log.head.size;
        self.report.log = Some(LogLine {
            origin: log.origin.to_owned(),
            root: log.head.root.to_string(),
        });
        self.take_findings(std::mem::take(&mut log.findings));
        self.take_findings(unreadable);
    }

    pub fn take_predecessor(&mut self, predecessor: Option<PredecessorLine>) {
        self.report.predecessor = predecessor;
    }

    /// Counts the files, and finds those that nothing names.
    pub fn take_files(&mut self, files: &Files, log: &Log<'_>, blobs: &mut Blobs<'_>) {
        self.report.counts.files = files.len();
        // All but the checkpoint.
        self.report.counts.tiles = log.paths.len().saturating_sub(1);
        self.report.counts.blobs = blobs.paths.len();
        self.take_findings(std::mem::take(&mut blobs.findings));
        let named = |path: &String| log.paths.contains(path) || blobs.paths.contains(path);
        let unknown = files.keys().filter(|path| !named(path)).cloned();
        self.take_findings(unknown.map(|file| Finding::UnknownFile { file }));
    }

    pub fn take_verdict(&mut self, entry: u64, verdict: &RecordedVerdict, replay: &Replay) {
        let counts = &mut self.report.counts;
        match verdict.outcome {
            Outcome::Accepted => counts.accepted += 1,
            Outcome::Refused => counts.refused += 1,
        }
        counts.replayed += u64::from(replay.agrees);
        self.report.simulated |= verdict.simulated;
        let launch = verdict.launch.as_ref();
        self.report.verdicts.push(VerdictLine {
            entry,
            time: rfc3339(verdict.time),
            tenant: verdict.tenant.clone(),
            session: verdict.session.clone(),
            tee: verdict.tee.clone(),
            simulated: verdict.simulated,
            outcome: verdict.outcome,
            reason: reason(verdict, replay),
            policy: verdict.policy.name.clone(),
            launch_digest: launch.and_then(|launch| launch.digest.clone()),
            replay_agrees: replay.agrees,
        });
    }

    pub fn take_release(&mut self, entry: u64, release: &RecordedRelease) {
        self.report.counts.releases += 1;
        self.report.simulated |= release.simulated;
        self.report.releases.push(ReleaseLine {
            entry,
            time: rfc3339(release.time),
            tenant: release.tenant.clone(),
            resource: release.resource.clone(),
            secret_version: release.secret_version,
            verdict_index: release.verdict_index,
            recipient: release.recipient.clone(),
            tee: release.tee.clone(),
            simulated: release.simulated,
        });
    }

    pub fn take_registration(&mut self) {
        self.report.counts.registrations += 1;
    }

    pub fn take_findings(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.report
            .findings
            .extend(findings.into_iter().map(|finding| FindingLine {
                code: finding.code(),
                entry: finding.entry(),
                text: finding.to_string(),
            }));
    }

    pub fn finish(mut self) -> AuditReport {
        self.report.verdict = match self.report.findings.as_slice() {
            [] => Conclusion::Agrees,
            _ => Conclusion::Disagrees,
        };
        self.report
    }
}

/// In the words of the replay where it says the same, and otherwise in the record's codes.
fn reason(verdict: &RecordedVerdict, replay: &Replay) -> String {
    if verdict.outcome == Outcome::Accepted {
        let reference = verdict.reference.as_deref().unwrap_or("none");
        let policy = &verdict.policy.name;
        return format!("all checks passed: reference `{reference}`, policy `{policy}`");
    }
    if replay.agrees {
        return replay.reasons.join("; ");
    }
    let rejections = verdict.rejections.iter();
    let codes = rejections.map(|one| format!("{}: {}", one.check, one.code));
    codes.collect::<Vec<_>>().join("; ")
}

fn digests(roots: &[&[u8]]) -> Vec<Digest> {
    roots.iter().map(|root| Digest::of(root)).collect()
}
