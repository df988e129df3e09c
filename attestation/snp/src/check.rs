//! The names of the checks.

use attestation_verdict::Check;

/// One question that a verdict on an SNP report answers. docs/verdict.md tells each one's source and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SnpCheck {
    /// Is it a well-formed report of a known version?
    ReportFormat,
    /// Does the signing key's chain lead to a root that is trusted?
    Chain,
    /// Are the certificates in their time?
    Dates,
    /// Is none of them revoked, by a list that is in its time and none older than the newest seen?
    Revocation,
    /// Is it one of the products that are accepted, by its chain and by its CPU?
    Product,
    /// Was it signed by the kind of key that its certificate is for?
    SigningKey,
    /// Did that key sign the report?
    Signature,
    /// Is the report's chip the certificate's?
    ChipId,
    /// Is the chip one of those that are accepted?
    ChipList,
    /// Is the reported TCB the one that the certificate is for?
    TcbCertificate,
    /// Are the four TCB versions in an order that firmware keeps?
    TcbOrder,
    /// Is each at least what is asked for?
    TcbMinimum,
    /// Is the firmware at least what is asked for?
    Firmware,
    /// Is the guest closed to debugging by its host?
    Debug,
    /// Is there no migration agent, and may none come?
    Migration,
    /// Does the report name no migration agent?
    ReportIdMa,
    /// May SMT be on only where that is accepted?
    Smt,
    /// Is the guest kept to one socket, where that is asked for?
    SingleSocket,
    /// Is the guest's memory kept off CXL devices, unless that is accepted?
    Cxl,
    /// Does the guest policy ask of platforms what it has to?
    GuestPolicy,
    /// Does the guest ask for a firmware ABI that is new enough, and did it get it?
    Abi,
    /// Are the reserved bits of the guest policy as they have to be?
    GuestPolicyReserved,
    /// Did the report come from a privilege level that is accepted?
    Vmpl,
    /// Is the platform set up as asked for?
    Platform,
    /// Was the launch authorised by an ID key that is accepted?
    IdKey,
    /// Was that by an author key that is accepted?
    AuthorKey,
    /// Is the guest of an accepted family?
    FamilyId,
    /// Is it of an accepted image?
    ImageId,
    /// Is its security version new enough?
    GuestSvn,
    /// Did the host supply data that is accepted?
    HostData,
    /// Are the mitigations in place that are asked for?
    Mitigation,
    /// Does REPORT_DATA bind what the relying party expects?
    Binding,
    /// Is the launch digest that of a reference value?
    LaunchDigest,
    /// Is that reference value in its time?
    ReferenceValidity,
}

impl Check for SnpCheck {
    const ALL: &'static [Self] = &[
        Self::ReportFormat,
        Self::Chain,
        Self::Dates,
        Self::Revocation,
        Self::Product,
        Self::SigningKey,
        Self::Signature,
        Self::ChipId,
        Self::ChipList,
        Self::TcbCertificate,
        Self::TcbOrder,
        Self::TcbMinimum,
        Self::Firmware,
        Self::Debug,
        Self::Migration,
        Self::ReportIdMa,
        Self::Smt,
        Self::SingleSocket,
        Self::Cxl,
        Self::GuestPolicy,
        Self::Abi,
        Self::GuestPolicyReserved,
        Self::Vmpl,
        Self::Platform,
        Self::IdKey,
        Self::AuthorKey,
        Self::FamilyId,
        Self::ImageId,
        Self::GuestSvn,
        Self::HostData,
        Self::Mitigation,
        Self::Binding,
        Self::LaunchDigest,
        Self::ReferenceValidity,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ReportFormat => "report_format",
            Self::Chain => "chain",
            Self::Dates => "dates",
            Self::Revocation => "revocation",
            Self::Product => "product",
            Self::SigningKey => "signing_key",
            Self::Signature => "signature",
            Self::ChipId => "chip_id",
            Self::ChipList => "chip_list",
            Self::TcbCertificate => "tcb_certificate",
            Self::TcbOrder => "tcb_order",
            Self::TcbMinimum => "tcb_minimum",
            Self::Firmware => "firmware",
            Self::Debug => "debug",
            Self::Migration => "migration",
            Self::ReportIdMa => "report_id_ma",
            Self::Smt => "smt",
            Self::SingleSocket => "single_socket",
            Self::Cxl => "cxl",
            Self::GuestPolicy => "guest_policy",
            Self::Abi => "abi",
            Self::GuestPolicyReserved => "guest_policy_reserved",
            Self::Vmpl => "vmpl",
            Self::Platform => "platform",
            Self::IdKey => "id_key",
            Self::AuthorKey => "author_key",
            Self::FamilyId => "family_id",
            Self::ImageId => "image_id",
            Self::GuestSvn => "guest_svn",
            Self::HostData => "host_data",
            Self::Mitigation => "mitigation",
            Self::Binding => "binding",
            Self::LaunchDigest => "launch_digest",
            Self::ReferenceValidity => "reference_validity",
        }
    }

    fn may_be_left_out(self) -> bool {
        matches!(
            self,
            Self::Revocation
                | Self::ChipList
                | Self::IdKey
                | Self::AuthorKey
                | Self::FamilyId
                | Self::ImageId
                | Self::HostData
                | Self::Binding
                | Self::LaunchDigest
                | Self::ReferenceValidity
        )
    }
}

// `ALL` lists each check once, in declaration order: the last one's position says how many there are.
const _: () = {
    let mut index = 0;
    while index < SnpCheck::ALL.len() {
        assert!(SnpCheck::ALL[index] as usize == index);
        index += 1;
    }
    assert!(SnpCheck::ReferenceValidity as usize + 1 == SnpCheck::ALL.len());
};
