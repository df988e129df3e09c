//! Judges the simulated TEE's reports: SNP's formats under a locally made root. What is accepted proves nothing about
//! hardware, and every output says so.

mod certificates;
mod check;
mod claims;
mod guest_policy;
mod launch;
mod rejection;
mod report;

use std::sync::Arc;

use attestation_appraisal::{Judged, Policy, Tee};
use attestation_evidence::{SimulatedEvidence, Tee as Measured};
use attestation_verdict::{ExpectedData, Finding, Judgement};
use measured_boot_snp_abi::AttestationReport;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Launch, ReferenceValue};
use launch::Accepted;

pub use check::SimulatedCheck;
pub use claims::SimulatedClaims;
pub use rejection::{CertificateName, CertificateProblem, SimulatedRejection};

type Found = Finding<SimulatedRejection>;

/// Why a check was not made where there is no report.
const NO_REPORT: &str = "there is no report to look at";
const NO_ROOT: &str = "this verifier was given no simulated root";

/// Limits on a simulated report, as an appraisal policy evaluates to: every member has to be there, and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatedLimits {
    /// Whether the host may debug the guest (guest policy bit 19).
    pub allow_debug: bool,
    /// Whether a migration agent may take the guest (bit 18).
    pub allow_migration: bool,
    /// Whether the guest may run while SMT is on (bit 16).
    pub allow_smt: bool,
    /// The least privileged VMPL that is accepted, 0 to 3.
    #[serde(deserialize_with = "vmpl")]
    pub max_vmpl: u8,
}

fn vmpl<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let level = u8::deserialize(deserializer)?;
    match level {
        0..=3 => Ok(level),
        _ => Err(serde::de::Error::custom("max_vmpl is 0 to 3")),
    }
}

/// Evidence, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimulatedSubject<'a> {
    pub evidence: &'a SimulatedEvidence,
    /// The simulated root, if the verifier was given one.
    pub root: Option<&'a [u8]>,
    pub expected: &'a ExpectedData,
    /// Whether it was made for this session, for the first time: only then is the host's manifest looked at.
    pub fresh: bool,
    pub references: &'a [Arc<ReferenceValue>],
    pub now: u64,
}

/// What came of it.
pub(crate) struct SimulatedJudged {
    pub judged: Judged,
    pub launch: Option<Launch>,
    /// Whether a check looked at the host's manifest.
    pub manifest_heard: bool,
}

impl SimulatedSubject<'_> {
    pub fn judge(&self, policy: &Policy) -> SimulatedJudged {
        let report = report::read(self.evidence);
        let claims = report
            .as_ref()
            .map_or(Value::Null, |report| json!(SimulatedClaims::of(report)));
        let limits = policy.limits_as::<SimulatedLimits>(Tee::Simulated, &claims);
        let launch = report.as_ref().ok().map(launch_of);
        match limits {
            Err(error) => SimulatedJudged {
                judged: Judged::without_limits::<SimulatedCheck>(Tee::Simulated, claims, error),
                launch,
                manifest_heard: false,
            },
            Ok((limits, given)) => {
                let exhibit = Exhibit::of(*self, report, limits);
                let judgement = Judgement::of(|check| exhibit.ask(check));
                SimulatedJudged {
                    judged: Judged::of(Tee::Simulated, &judgement, claims, given),
                    launch,
                    manifest_heard: exhibit.heard().is_some(),
                }
            }
        }
    }
}

fn launch_of(report: &AttestationReport) -> Launch {
    Launch {
        tee: Measured::Simulated,
        digest: Some(report.measurement),
        rtmrs: None,
        svn: Some(report.guest_svn.get()),
    }
}

/// What the checks look at, with what two of them found: others need to know it.
struct Exhibit<'a> {
    subject: SimulatedSubject<'a>,
    report: Result<AttestationReport, SimulatedRejection>,
    limits: SimulatedLimits,
    chain: Found,
    signature: Found,
}

impl<'a> Exhibit<'a> {
    fn of(
        subject: SimulatedSubject<'a>,
        report: Result<AttestationReport, SimulatedRejection>,
        limits: SimulatedLimits,
    ) -> Self {
        let chain = match subject.root {
            None => Finding::NotMade(NO_ROOT.to_owned()),
            Some(root) => certificates::verify_chain(subject.evidence, root).into(),
        };
        let signature = match &report {
            Ok(report) => report::signature(report, subject.evidence),
            Err(_) => Finding::NotMade(NO_REPORT.to_owned()),
        };
        Self {
            subject,
            report,
            limits,
            chain,
            signature,
        }
    }

    fn ask(&self, check: SimulatedCheck) -> Found {
        match check {
            SimulatedCheck::ReportFormat => report::format(&self.report),
            SimulatedCheck::Binding => {
                self.of_report(|it| report::binding(it, self.subject.expected))
            }
            SimulatedCheck::CertificateChain => self.chain.clone(),
            SimulatedCheck::CertificateDates => self.dates(),
            SimulatedCheck::Signature => self.signature.clone(),
            SimulatedCheck::Debug => self.of_report(|it| guest_policy::debug(it, &self.limits)),
            SimulatedCheck::Vmpl => self.of_report(|it| guest_policy::vmpl(it, &self.limits)),
            SimulatedCheck::PolicyBits => {
                self.of_report(|it| guest_policy::other_bits(it, &self.limits))
            }
            SimulatedCheck::LaunchDigest => {
                self.of_report(|it| self.accepted().digest(it, self.heard()))
            }
            SimulatedCheck::ReferenceValidity => self.of_report(|it| self.accepted().validity(it)),
        }
    }

    fn of_report(&self, ask: impl FnOnce(&AttestationReport) -> Found) -> Found {
        match &self.report {
            Ok(report) => ask(report),
            Err(_) => Finding::NotMade(NO_REPORT.to_owned()),
        }
    }

    fn accepted(&self) -> Accepted<'a> {
        Accepted {
            references: self.subject.references,
            now: self.subject.now,
        }
    }

    fn dates(&self) -> Found {
        match certificates::readable(self.subject.evidence) {
            Some(chain) => certificates::verify_dates(&chain, self.subject.now).into(),
            None => Finding::NotMade("not every certificate can be read".to_owned()),
        }
    }

    /// The host's manifest, where it is looked at: beside a launch that is unknown here, in a report that a TEE which is
    /// trusted here made, for this session and for the first time. Without that anybody may have sent the evidence, and
    /// the work of explaining it would be theirs to give.
    fn heard(&self) -> Option<&'a [u8]> {
        let manifest = self.subject.evidence.manifest.as_deref()?;
        let report = self.report.as_ref().ok()?;
        let bound = report::binding(report, self.subject.expected);
        let passed = [&bound, &self.chain, &self.signature]
            .into_iter()
            .all(|found| matches!(found, Finding::Pass(_)));
        let unknown = self.accepted().matching(report).is_none();
        (self.subject.fresh && passed && unknown).then_some(manifest)
    }
}
