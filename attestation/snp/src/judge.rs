//! Every check, asked once.

use crate::checks::{self, Case};
use crate::{Proof, ReferenceValue, SnpCheck, SnpLimits, SnpRejection};
use attestation_certificates::Seen;
use attestation_verdict::{ExpectedData, Judgement};
use measured_boot_snp_abi::{AttestationReport, REPORT_SIZE};
use zerocopy::FromBytes;

/// All that a judgement depends on: the same input gives the same judgement, years later too.
#[derive(Debug, Clone, Copy)]
pub struct SnpInput<'a> {
    /// The report's bytes.
    pub report: &'a [u8; REPORT_SIZE],
    /// What became of the certificates and lists that came with it.
    pub proof: &'a Proof,
    /// What the relying party accepts.
    pub limits: &'a SnpLimits,
    /// What it expects in REPORT_DATA.
    pub expected: &'a ExpectedData,
    /// Which launches it accepts: `None` if it says nothing of it; none of an empty list.
    pub references: Option<&'a [ReferenceValue]>,
    /// The newest lists that were seen before, if somebody keeps account.
    pub seen: Option<&'a Seen>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
}

/// Judges a report: every check of [`SnpCheck::ALL`](attestation_verdict::Check::ALL), whatever the others found.
#[must_use]
pub fn judge(input: &SnpInput<'_>) -> Judgement<SnpRejection> {
    let case = Case::of(input);
    Judgement::of(|check| match check {
        SnpCheck::ReportFormat => checks::format::report_format(&case),
        SnpCheck::Chain => checks::certificates::chain(&case),
        SnpCheck::Dates => checks::certificates::dates(&case),
        SnpCheck::Revocation => checks::certificates::revocation(&case),
        SnpCheck::Product => checks::certificates::product(&case),
        SnpCheck::SigningKey => checks::signature::signing_key(&case),
        SnpCheck::Signature => checks::signature::signature(&case),
        SnpCheck::ChipId => checks::chip::chip_id(&case),
        SnpCheck::ChipList => checks::chip::chip_list(&case),
        SnpCheck::TcbCertificate => checks::tcb::certificate(&case),
        SnpCheck::TcbOrder => checks::tcb::order(&case),
        SnpCheck::TcbMinimum => checks::tcb::minimum(&case),
        SnpCheck::Firmware => checks::tcb::firmware(&case),
        SnpCheck::Debug => checks::policy::debug(&case),
        SnpCheck::Migration => checks::policy::migration(&case),
        SnpCheck::ReportIdMa => checks::policy::report_id_ma(&case),
        SnpCheck::Smt => checks::policy::smt(&case),
        SnpCheck::SingleSocket => checks::policy::single_socket(&case),
        SnpCheck::Cxl => checks::policy::cxl(&case),
        SnpCheck::GuestPolicy => checks::policy::demands(&case),
        SnpCheck::Abi => checks::policy::abi(&case),
        SnpCheck::GuestPolicyReserved => checks::policy::reserved(&case),
        SnpCheck::Vmpl => checks::policy::vmpl(&case),
        SnpCheck::Platform => checks::platform::platform(&case),
        SnpCheck::Mitigation => checks::platform::mitigation(&case),
        SnpCheck::IdKey => checks::identity::id_key(&case),
        SnpCheck::AuthorKey => checks::identity::author_key(&case),
        SnpCheck::FamilyId => checks::identity::family_id(&case),
        SnpCheck::ImageId => checks::identity::image_id(&case),
        SnpCheck::HostData => checks::identity::host_data(&case),
        SnpCheck::GuestSvn => checks::launch::guest_svn(&case),
        SnpCheck::Binding => checks::launch::binding(&case),
        SnpCheck::LaunchDigest => checks::launch::launch_digest(&case),
        SnpCheck::ReferenceValidity => checks::launch::reference_validity(&case),
    })
}

/// The bytes as a report.
pub(crate) fn report_of(bytes: &[u8; REPORT_SIZE]) -> &AttestationReport {
    AttestationReport::ref_from_bytes(bytes)
        .expect("the length is a report's, and it has no alignment")
}
