//! The report itself: its form, what it binds, who signed it.

use attestation_evidence::{SimulatedEvidence, report_data_binding};
use measured_boot_snp_abi::{AttestationReport, SIGNATURE_ECDSA_P384_SHA384};
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use zerocopy::IntoBytes;

use super::{Exhibit, Finding, NO_REPORT, ReadEvidence, certificates};
use crate::{AppraisalInput, Rejection};

/// SIGNING_KEY of the VCEK (AMD 56860, "ATTESTATION_REPORT Structure", KEY_INFO bits 4..2).
const SIGNING_KEY_VCEK: u8 = 0;

/// KEY_INFO bits 31..5 are reserved.
const KEY_INFO_OFFSET: usize = 0x48;
const KEY_INFO_DEFINED: u32 = 0x1F;

/// The reserved bytes of every version that is known here, as (offset, length).
const RESERVED: [(usize, usize); 5] = [
    (0x04C, 4),
    (0x18B, 21),
    (0x1EB, 1),
    (0x1EF, 1),
    (0x208, 152),
];
/// CPUID_FAM_ID, CPUID_MOD_ID and CPUID_STEP came with version 3.
const RESERVED_BEFORE_3: (usize, usize) = (0x188, 3);
/// LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR came with version 5.
const RESERVED_BEFORE_5: (usize, usize) = (0x1F8, 16);

/// Reads evidence down to a report whose fields mean what this build takes them to mean.
pub(crate) fn read(primary_evidence: &str) -> Result<ReadEvidence, Rejection> {
    let evidence = SimulatedEvidence::from_json(primary_evidence).map_err(|error| {
        Rejection::EvidenceUnreadable {
            problem: error.to_string(),
        }
    })?;
    let report = AttestationReport::from_untrusted(&evidence.attestation_report)
        .ok_or(Rejection::ReportLength {
            found: evidence.attestation_report.len(),
        })?
        .clone();
    version(&report)?;
    reserved(&report)?;
    Ok(ReadEvidence { report, evidence })
}

fn version(report: &AttestationReport) -> Result<(), Rejection> {
    let found = report.version.get();
    if !matches!(found, 2 | 3 | 5) {
        return Err(Rejection::ReportVersion { found });
    }
    let found = report.signature_algorithm.get();
    if found != SIGNATURE_ECDSA_P384_SHA384 {
        return Err(Rejection::SignatureAlgorithm { found });
    }
    Ok(())
}

/// A field that this build takes for reserved and that is not zero may mean something that it does
/// not check.
fn reserved(report: &AttestationReport) -> Result<(), Rejection> {
    let version = report.version.get();
    let since = [(RESERVED_BEFORE_3, 3), (RESERVED_BEFORE_5, 5)];
    let by_version = since
        .into_iter()
        .filter(|(_, since)| version < *since)
        .map(|(field, _)| field);
    for (offset, length) in RESERVED.into_iter().chain(by_version) {
        if report.as_bytes()[offset..offset + length]
            .iter()
            .any(|byte| *byte != 0)
        {
            return Err(Rejection::ReservedNotZero { offset });
        }
    }
    if report.key_info.get() & !KEY_INFO_DEFINED != 0 {
        return Err(Rejection::ReservedNotZero {
            offset: KEY_INFO_OFFSET,
        });
    }
    Ok(())
}

/// The report's form.
pub(crate) fn format(exhibit: &Exhibit) -> Finding {
    match exhibit {
        Exhibit::Unsupported => {
            Finding::NotChecked("this build does not read evidence of the claimed tee")
        }
        Exhibit::Unreadable(rejection) => Finding::Fail(rejection.clone()),
        Exhibit::Read(read) => Finding::Pass(format!(
            "a well-formed simulated report in SNP's format, version {}",
            read.report.version.get()
        )),
    }
}

/// REPORT_DATA is computed anew from what came with the report.
pub(crate) fn binding(input: &AppraisalInput, exhibit: &Exhibit) -> Finding {
    let Some(report) = exhibit.report() else {
        return Finding::NotChecked(NO_REPORT);
    };
    if report.report_data != report_data_binding(&input.runtime_data, &input.additional_evidence) {
        return Finding::Fail(Rejection::BindingMismatch);
    }
    Finding::Pass("REPORT_DATA binds the nonce and the key that came with the report".to_owned())
}

/// The VCEK signed bytes 0 to 0x29F. Whether the VCEK itself is to be trusted is the chain's check.
pub(crate) fn signature(exhibit: &Exhibit) -> Finding {
    let Some(read) = exhibit.read_evidence() else {
        return Finding::NotChecked(NO_REPORT);
    };
    match certificates::public_point(&read.evidence.cert_chain.vcek) {
        Ok(point) => verify_signature(&read.report, &point).into(),
        Err(_) => Finding::NotChecked("the VCEK certificate has no P-384 key that can be read"),
    }
}

fn verify_signature(report: &AttestationReport, vcek: &[u8]) -> Result<String, Rejection> {
    let found = report.signing_key();
    if found != SIGNING_KEY_VCEK {
        return Err(Rejection::SigningKey { found });
    }
    let signature = report
        .signature
        .to_big_endian()
        .ok_or(Rejection::SignatureMalformed)?;
    UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, vcek)
        .verify(report.signed_bytes(), &signature)
        .map_err(|_| Rejection::SignatureInvalid)?;
    Ok("the VCEK signed the report".to_owned())
}
