//! The judgement: every check, once, in order.

use attestation_appraisal::{Context, Files, Judged, Tee as Part, Verdict as Appraised};
use attestation_certificates::Observation;
use attestation_evidence::Tee;
use attestation_shapes::EventLog;
use attestation_snp::SnpCheck;
use attestation_tdx::TdxCheck;
use attestation_tpm::{AkTrust, TeeReport, TpmCheck, TpmEvidence};
use attestation_verdict::{Check, ExpectedData, Finding, Judgement};
use serde_json::Value;

use crate::check::judged_as;
use crate::evidence::{Evidence, Tpm};
use crate::init_data::{self, Compared};
use crate::prepared::{Prepared, is_named_root};
use crate::reference::compare;
use crate::simulated::SimulatedSubject;
use crate::verdict::Subject;
use crate::{
    Bound, Case, CaseCheck, CaseRejection, Launch, ReferenceCheck, SampleCheck, SimulatedCheck,
    SimulatedTrust, SnpSubject, TdxSubject, TpmSubject, Verdict, part, sample, session, tpm,
};

/// Judges a case. Makes every check whose subject is there, whatever the others found.
#[must_use]
pub fn judge(case: &Case) -> Verdict {
    let expected = case.exchange.expected();
    let evidence = Evidence::read(case);
    let prepared = match &evidence {
        Ok(evidence) => Some(Prepared::of(case, evidence)),
        Err(_) => None,
    };
    let init_data = init_data::compare(case, evidence.as_ref().ok());
    let before = before(case, &evidence, prepared.as_ref(), &init_data);
    let found = match (&evidence, &prepared) {
        (Ok(evidence), Some(Ok(prepared))) => Asked {
            case,
            expected: &expected,
            fresh: before.passed(CaseCheck::Nonce),
        }
        .judge(evidence, prepared),
        _ => Found::unread(case),
    };
    let compared = compare(case.references.values(), found.launch.as_ref(), case.now);
    let reference = Judgement::of(|ReferenceCheck::Reference| compared.finding.clone());
    let judged = found.judged.after(&before).then(&reference);
    let judged = judged.with_init_data(init_data.bound);
    let context = Context {
        binding: expected,
        judged_at: case.now,
        named_root: is_named_root(case),
        files: files(case, found.manifest_heard),
    };
    let subject = Subject {
        tee: case.tee,
        recipient: case
            .exchange
            .attempt()
            .map(|it| it.runtime_data.tee_pubkey.clone()),
        launch: found.launch,
        reference: compared.matched.map(|matched| matched.name.clone()),
        manifest_heard: found.manifest_heard,
        observations: found.observations,
    };
    Verdict::new(
        subject,
        Appraised::of(judged, &case.policy, context),
        &case.policy,
    )
}

type Prep<'a> = Option<&'a Result<Prepared, CaseRejection>>;

/// The checks before the TEE's own.
fn before(
    case: &Case,
    evidence: &Result<Evidence, CaseRejection>,
    prepared: Prep<'_>,
    init_data: &Compared,
) -> Judgement<CaseRejection> {
    Judgement::of(|check| match check {
        CaseCheck::TeeAllowed => session::tee_allowed(case),
        CaseCheck::Nonce => session::nonce(case),
        CaseCheck::AdditionalEvidence => session::additional_evidence(case),
        CaseCheck::InitData => init_data.finding.clone(),
        CaseCheck::Evidence => match evidence {
            Ok(_) => Finding::Pass(format!("evidence of `{}`, not yet judged", case.tee)),
            Err(reason) => Finding::fail(reason.clone()),
        },
        CaseCheck::Collateral => match prepared {
            Some(Ok(prepared)) => Finding::Pass(prepared.description().to_owned()),
            Some(Err(reason)) => Finding::fail(reason.clone()),
            None => Finding::NotMade("there is no evidence that it could be for".to_owned()),
        },
    })
}

/// What the TEE's own judge, or judges, found.
struct Found {
    judged: Judged,
    launch: Option<Launch>,
    manifest_heard: bool,
    observations: Vec<Observation>,
}

impl Found {
    /// Evidence or collateral cannot be read: each check is listed, and none was made.
    fn unread(case: &Case) -> Self {
        let of_tpm = || not_made::<attestation_tpm::TpmRejection, TpmCheck>(case, Part::Tpm);
        let judged = match judged_as(case.tee) {
            Part::Snp => not_made::<attestation_snp::SnpRejection, SnpCheck>(case, Part::Snp),
            Part::Tdx => not_made::<attestation_tdx::TdxRejection, TdxCheck>(case, Part::Tdx),
            Part::Sample => not_made::<crate::SampleRejection, SampleCheck>(case, Part::Sample),
            Part::Simulated => {
                not_made::<crate::SimulatedRejection, SimulatedCheck>(case, Part::Simulated)
            }
            Part::Tpm => of_tpm(),
        };
        let has_tpm = matches!(case.tee, Tee::AzSnpVtpm | Tee::AzTdxVtpm);
        let judged = match has_tpm {
            true => both(judged, of_tpm()),
            false => judged,
        };
        Self {
            judged,
            launch: None,
            manifest_heard: false,
            observations: Vec::new(),
        }
    }
}

/// Checks that were not made, under the limits that the policy has where it knows no claims.
fn not_made<R, C>(case: &Case, tee: Part) -> Judged
where
    R: attestation_verdict::Rejection<Check = C>,
    C: Check,
{
    let reason = "evidence or collateral cannot be read";
    match case.policy.limits(tee, &Value::Null) {
        Err(error) => Judged::without_limits::<C>(tee, Value::Null, error),
        Ok(limits) => {
            let judgement = Judgement::<R>::of(|_| Finding::NotMade(reason.to_owned()));
            Judged::of(tee, &judgement, Value::Null, limits)
        }
    }
}

fn both(tee: Judged, tpm: Judged) -> Judged {
    tee.and(tpm).expect("a TEE is no TPM")
}

/// What every judge is told.
struct Asked<'a> {
    case: &'a Case,
    expected: &'a ExpectedData,
    fresh: bool,
}

impl Asked<'_> {
    fn judge(&self, evidence: &Evidence, prepared: &Prepared) -> Found {
        match (evidence, prepared) {
            (Evidence::Simulated(evidence), _) => self.simulated(evidence),
            (Evidence::Sample(evidence), _) => Found {
                judged: sample::judge(evidence, self.expected, &self.case.policy),
                launch: Some(sample::launch_of(evidence)),
                manifest_heard: false,
                observations: Vec::new(),
            },
            (Evidence::Snp(evidence), Prepared::Snp(proof)) => {
                self.snp(&evidence.report, proof, Bound::ByReport(self.expected))
            }
            (Evidence::Tdx(evidence), Prepared::Tdx(collateral)) => {
                let log = evidence.event_log.clone().map(EventLog::into_tcg);
                let bound = Bound::ByReport(self.expected);
                self.tdx(&evidence.quote, log.as_deref(), collateral, bound)
            }
            (Evidence::SnpTpm(tpm, report), Prepared::Snp(proof)) => {
                let found = self.snp(report, proof, Bound::ByTpm);
                self.with_tpm(found, tpm, TeeReport::Snp(report))
            }
            (Evidence::TdxTpm(tpm, quote), Prepared::Tdx(collateral)) => {
                // The log that comes along is the TPM's, not the RTMRs'.
                let found = self.tdx(quote, None, collateral, Bound::ByTpm);
                self.with_tpm(found, tpm, TeeReport::Tdx(tpm::td_quote_body(quote)))
            }
            // What was prepared is what the evidence needs.
            _ => Found::unread(self.case),
        }
    }

    fn simulated(&self, evidence: &attestation_evidence::SimulatedEvidence) -> Found {
        let root = match &self.case.trust.simulated {
            SimulatedTrust::Refused => None,
            SimulatedTrust::Allowed { ark } => Some(ark.as_slice()),
        };
        let found = SimulatedSubject {
            evidence,
            root,
            expected: self.expected,
            fresh: self.fresh,
            references: self.case.references.values(),
            now: self.case.now,
        }
        .judge(&self.case.policy);
        Found {
            judged: found.judged,
            launch: found.launch,
            manifest_heard: found.manifest_heard,
            observations: Vec::new(),
        }
    }

    fn snp(
        &self,
        report: &[u8; attestation_snp::REPORT_SIZE],
        proof: &attestation_snp::Proof,
        bound: Bound<'_>,
    ) -> Found {
        let found = SnpSubject {
            report,
            proof,
            bound,
            references: Some(self.case.references.values()),
            seen: self.case.seen.as_ref(),
            now: self.case.now,
        }
        .judge(&self.case.policy);
        Found {
            launch: Some(found.launch()),
            judged: found.judged,
            manifest_heard: false,
            observations: found.observations,
        }
    }

    fn tdx(
        &self,
        quote: &[u8],
        event_log: Option<&[u8]>,
        collateral: &attestation_tdx::ProvenCollateral,
        bound: Bound<'_>,
    ) -> Found {
        let found = TdxSubject {
            quote,
            event_log,
            collateral,
            bound,
            references: Some(self.case.references.values()),
            seen: self.case.seen.as_ref(),
            now: self.case.now,
        }
        .judge(&self.case.policy);
        Found {
            launch: found.launch(),
            judged: found.judged,
            manifest_heard: false,
            observations: found.observations,
        }
    }

    fn with_tpm(&self, found: Found, tpm: &Tpm, report: TeeReport<'_>) -> Found {
        let came = &tpm.evidence;
        let quote = TpmSubject {
            evidence: TpmEvidence {
                quote: &came.quote.message,
                signature: tpm::quote_signature(&came.quote.signature),
                pcrs: &tpm.pcrs,
                sent_ak: came.ak_public.as_deref(),
                hcl_report: came.hcl_report.as_deref(),
                event_log: came.event_log.as_deref(),
            },
            trust: AkTrust::Tee(report),
            expected: &tpm::expected_nonce(self.expected, &came.quote),
            reference: None,
        }
        .judge(&self.case.policy);
        Found {
            judged: both(found.judged, quote.judged),
            ..found
        }
    }
}

/// Everything that took part, by digest, apart from the policy, whose digest a verdict has anyway. The host's manifest is
/// among it only where a check looked at it.
fn files(case: &Case, manifest_heard: bool) -> Files {
    let mut files = Files::default();
    let (evidence, manifest) = part(case.tee, &case.evidence);
    files.add("evidence", evidence.as_bytes());
    if let Some(manifest) = manifest.filter(|_| manifest_heard) {
        files.add("manifest", &manifest);
    }
    files.add("exchange", &case.exchange.blob());
    for (role, document) in case.collateral.documents() {
        files.add(role.name(), document);
    }
    let digests = case.references.digests().iter();
    let digests: Vec<String> = digests.map(ToString::to_string).collect();
    files.add("references", digests.join("\n").as_bytes());
    if let Some(seen) = &case.seen {
        files.add("state", seen.to_json().as_bytes());
    }
    if let Some(root) = root(case) {
        files.add("root", root);
    }
    files
}

/// The root that was trusted in a vendor's place.
fn root(case: &Case) -> Option<&[u8]> {
    match (case.tee, &case.trust.simulated) {
        (Tee::Simulated, SimulatedTrust::Allowed { ark }) => Some(ark),
        (Tee::Simulated | Tee::Sample, _) => None,
        (Tee::Snp | Tee::AzSnpVtpm, _) => case.trust.amd.named(),
        (Tee::Tdx | Tee::AzTdxVtpm, _) => case.trust.intel.named(),
    }
}
