//! What differs between reports, and between a report and what is planned.

use crate::{Difference, Shown, policy};
use measured_boot_plan::LaunchPlan;
use measured_boot_snp_abi::{AttestationReport, TcbVersion};

type Values = (&'static str, String, Option<&'static str>);

/// The fields in which two reports differ.
pub fn reports(a: &AttestationReport, b: &AttestationReport) -> Vec<Difference> {
    let mut differences = Vec::new();
    if a.measurement != b.measurement {
        differences.push(Difference::Digest {
            register: "launch digest".to_owned(),
            a: hex::encode(a.measurement),
            b: hex::encode(b.measurement),
        });
    }
    let fields = fields(a).into_iter().zip(fields(b));
    differences.extend(fields.filter(|((_, a, _), (_, b, _))| a != b).map(
        |((field, a, advice), (_, b, _))| Difference::Field {
            field,
            shown: Shown::Reported,
            a,
            b,
            advice,
        },
    ));
    differences
}

/// The fields beside the digest, in the order of the report.
fn fields(report: &AttestationReport) -> Vec<Values> {
    let tcb = |tcb: TcbVersion| format!("{:#018x}", tcb.bits());
    let version = |major: u8, minor: u8, build: u8| format!("{major}.{minor}.{build}");
    let r = report;
    #[rustfmt::skip] // a table
    let fields = vec![
        ("VERSION", r.version.to_string(), None),
        ("GUEST_SVN", r.guest_svn.to_string(), Some("set by the ID block; a reference value asks for a minimum")),
        ("POLICY", policy::words(r.guest_policy()), Some("chosen at launch; with DEBUG the host reads the guest")),
        ("FAMILY_ID", hex::encode(r.family_id), Some("set by the ID block")),
        ("IMAGE_ID", hex::encode(r.image_id), Some("set by the ID block")),
        ("VMPL", r.vmpl.to_string(), Some("who asked for the report: 0 is the guest's most privileged level")),
        ("SIGNATURE_ALGO", r.signature_algorithm.to_string(), None),
        ("CURRENT_TCB", tcb(r.current_tcb), Some("the host's firmware and microcode")),
        ("PLATFORM_INFO", format!("{:#x}", r.platform_info.get()), Some("how the host is set up: bit 0 SMT, 1 TSME, 2 ECC, 3 RAPL off, 4 ciphertext hiding")),
        ("KEY_INFO", format!("{:#x}", r.key_info.get()), Some("bit 0 author key, 1 chip key masked, 2 to 4 VCEK (0) or VLEK (1)")),
        ("REPORT_DATA", hex::encode(r.report_data), Some("what the guest asked to have signed: new for each report")),
        ("HOST_DATA", hex::encode(r.host_data), Some("chosen by the host at launch")),
        ("ID_KEY_DIGEST", hex::encode(r.id_key_digest), Some("another ID key signed the ID block, or none")),
        ("AUTHOR_KEY_DIGEST", hex::encode(r.author_key_digest), Some("another author key, or none")),
        ("REPORT_ID", hex::encode(r.report_id), Some("another launch: new for each guest")),
        ("REPORT_ID_MA", hex::encode(r.report_id_ma), Some("bound to another migration agent, or to none")),
        ("REPORTED_TCB", tcb(r.reported_tcb), Some("the VCEK is derived from it: another certificate")),
        ("CPUID family, model, stepping", format!("{:#x} {:#x} {:#x}", r.cpuid_family, r.cpuid_model, r.cpuid_stepping), Some("another processor model")),
        ("CHIP_ID", hex::encode(r.chip_id), Some("another processor")),
        ("COMMITTED_TCB", tcb(r.committed_tcb), Some("how far back the host's firmware may still be rolled")),
        ("current firmware", version(r.current_major, r.current_minor, r.current_build), None),
        ("committed firmware", version(r.committed_major, r.committed_minor, r.committed_build), None),
        ("LAUNCH_TCB", tcb(r.launch_tcb), Some("the host's firmware when the guest was launched")),
        ("LAUNCH_MIT_VECTOR", format!("{:#x}", r.launch_mitigation_vector.get()), None),
        ("CURRENT_MIT_VECTOR", format!("{:#x}", r.current_mitigation_vector.get()), None),
        ("SIGNATURE", hex::encode([&r.signature.r[..48], &r.signature.s[..48]].concat()), Some("new for each report")),
    ];
    fields
}

/// The fields that a plan determines and a report shows otherwise: `a` is planned, `b` reported.
pub fn planned_fields(plan: &LaunchPlan, report: &AttestationReport) -> Vec<Difference> {
    let id = plan.id.0;
    let fields = [
        (
            "POLICY",
            policy::words(plan.policy.0),
            policy::words(report.guest_policy()),
            policy::advice(plan.policy.0, report.guest_policy()),
        ),
        (
            "HOST_DATA",
            hex::encode(plan.host_data.0),
            hex::encode(report.host_data),
            Some("chosen by the host at launch: no digest covers it"),
        ),
        (
            "GUEST_SVN",
            id.guest_svn.to_string(),
            report.guest_svn.to_string(),
            Some("set by the ID block: no digest covers it"),
        ),
        (
            "FAMILY_ID",
            hex::encode(id.family_id),
            hex::encode(report.family_id),
            Some("set by the ID block: no digest covers it"),
        ),
        (
            "IMAGE_ID",
            hex::encode(id.image_id),
            hex::encode(report.image_id),
            Some("set by the ID block: no digest covers it"),
        ),
    ];
    fields
        .into_iter()
        .filter(|(_, a, b, _)| a != b)
        .map(|(field, a, b, advice)| Difference::Field {
            field,
            shown: Shown::Reported,
            a,
            b,
            advice,
        })
        .collect()
}

impl Difference {
    /// The same field or register, seen from the other side.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Field {
                field,
                shown,
                a,
                b,
                advice,
            } => Self::Field {
                field,
                shown,
                a: b,
                b: a,
                advice,
            },
            Self::Digest { register, a, b } => Self::Digest {
                register,
                a: b,
                b: a,
            },
            other => other,
        }
    }
}

/// A field of a report that says whose guest it is and what its host may do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ReportedField {
    /// The field as its specification names it.
    pub field: &'static str,
    /// Its value.
    pub value: String,
}

/// The fields that launch and ID block determine, and that no launch digest covers.
pub fn reported_fields(report: &AttestationReport) -> Vec<ReportedField> {
    const TOLD: [&str; 8] = [
        "POLICY",
        "HOST_DATA",
        "GUEST_SVN",
        "FAMILY_ID",
        "IMAGE_ID",
        "ID_KEY_DIGEST",
        "AUTHOR_KEY_DIGEST",
        "VMPL",
    ];
    let fields = fields(report);
    let told = TOLD.into_iter().filter_map(|told| {
        let (field, value, _) = fields.iter().find(|(field, ..)| *field == told)?;
        Some(ReportedField {
            field,
            value: value.clone(),
        })
    });
    told.collect()
}
