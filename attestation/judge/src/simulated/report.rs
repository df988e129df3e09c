//! The report itself: its form, what it binds, who signed it.

use attestation_certificates::p384;
use attestation_evidence::SimulatedEvidence;
use attestation_verdict::{ExpectedData, Finding};
use measured_boot_snp_abi::{AttestationReport, SIGNATURE_ECDSA_P384_SHA384};
use zerocopy::IntoBytes;

use super::{Found, SimulatedRejection as Rejection, certificates};

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
pub(super) fn read(evidence: &SimulatedEvidence) -> Result<AttestationReport, Rejection> {
    let report = AttestationReport::from_untrusted(&evidence.attestation_report)
        .ok_or(Rejection::ReportLength {
            found: evidence.attestation_report.len(),
        })?
        .clone();
    version(&report)?;
    reserved(&report)?;
    Ok(report)
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
pub(super) fn format(report: &Result<AttestationReport, Rejection>) -> Found {
    match report {
        Err(rejection) => Finding::fail(rejection.clone()),
        Ok(report) => Finding::Pass(format!(
            "a well-formed simulated report in SNP's format, version {}",
            report.version.get()
        )),
    }
}

/// REPORT_DATA is compared with what was computed anew from what came with the report, or with what a relying party says.
pub(super) fn binding(report: &AttestationReport, expected: &ExpectedData) -> Found {
    match expected {
        ExpectedData::Unbound => Finding::NotAsked(
            "the relying party binds the evidence to nothing: anybody may have sent it again"
                .to_owned(),
        ),
        ExpectedData::Exactly(data) if report.report_data == *data => {
            Finding::Pass("REPORT_DATA binds what it has to".to_owned())
        }
        ExpectedData::Exactly(_) => Finding::fail(Rejection::BindingMismatch),
    }
}

/// The VCEK signed bytes 0 to 0x29F. Whether the VCEK itself is to be trusted is the chain's check.
pub(super) fn signature(report: &AttestationReport, evidence: &SimulatedEvidence) -> Found {
    match certificates::public_point(&evidence.cert_chain.vcek) {
        Ok(point) => verify_signature(report, &point).into(),
        Err(_) => {
            Finding::NotMade("the VCEK certificate has no P-384 key that can be read".to_owned())
        }
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
    p384::verify(vcek, report.signed_bytes(), &signature)
        .map_err(|_| Rejection::SignatureInvalid)?;
    Ok("the VCEK signed the report".to_owned())
}
