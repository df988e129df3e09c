//! The four TCB versions, and the firmware's own.

use super::{Case, Found, no_vek};
use crate::rejection::TcbName;
use crate::{FirmwareVersion, SnpRejection as Reason, TcbLimit};
use attestation_verdict::Finding;
use measured_boot_snp_abi::{AttestationReport, TcbComponents, TcbVersion};

pub fn certificate(case: &Case<'_>) -> Found {
    let Some(vek) = case.vek() else {
        return no_vek();
    };
    let certificate = match vek.tcb {
        Ok(tcb) => tcb,
        Err(bad) => return Finding::fail(Reason::CertificateTcb { extension: bad.0 }),
    };
    let product = case.layout();
    let reported = case.report.reported_tcb.components(product);
    if reported.fmc.is_some() != certificate.fmc.is_some() {
        return Finding::fail(Reason::CertificateTcbLayout { product });
    }
    let pairs = reported.named().into_iter().zip(certificate.named());
    let reasons = pairs.filter_map(|((part, report), (_, certificate))| {
        (report != certificate).then_some(Reason::TcbNotOfCertificate {
            part,
            report,
            certificate,
        })
    });
    Finding::from_reasons(reasons.collect::<Vec<_>>(), || {
        format!(
            "the certificate is for the reported TCB, {}",
            shown(reported)
        )
    })
}

/// Firmware keeps reported at or below committed, which it cannot be taken back beyond, and that at or below current
/// (56860 rev 1.58, SNP_CONFIG, SNP_COMMIT, DOWNLOAD_FIRMWARE_EX). A guest whose launch TCB is above the current one
/// saw its platform taken back under it. The certificate's is the reported one, so all of it is below the others too.
pub fn order(case: &Case<'_>) -> Found {
    let product = case.layout();
    let mut reasons = Vec::new();
    for (which, version) in versions(case.report) {
        if !version.reserved_is_zero(product) {
            reasons.push(Reason::TcbReserved { which, product });
        }
    }
    let [reported, committed, current, launch] = versions(case.report);
    for ((lower, low), (higher, high)) in [
        (reported, committed),
        (committed, current),
        (launch, current),
    ] {
        let (low, high) = (low.components(product), high.components(product));
        if let Some(part) = high.first_below(low) {
            reasons.push(Reason::TcbOrder {
                lower,
                higher,
                part,
            });
        }
    }
    let (running, committed) = firmware_of(case.report);
    if committed > running {
        reasons.push(Reason::FirmwareOrder);
    }
    Finding::from_reasons(reasons, || {
        let current = case.report.current_tcb.components(product);
        format!("none is above the current one, {}", shown(current))
    })
}

pub fn minimum(case: &Case<'_>) -> Found {
    let product = case.layout();
    let limits = &case.limits.minimum_tcb;
    let reasons = versions(case.report)
        .into_iter()
        .flat_map(|(which, version)| {
            let limit = match which {
                TcbName::Reported => limits.reported,
                TcbName::Committed => limits.committed,
                TcbName::Current => limits.current,
                TcbName::Launch => limits.launch,
            };
            below(which, version.components(product), limit)
        });
    Finding::from_reasons(reasons.collect::<Vec<_>>(), || {
        "every TCB version is at least what is asked for".to_owned()
    })
}

fn below(which: TcbName, found: TcbComponents, limit: TcbLimit) -> impl Iterator<Item = Reason> {
    let pairs = found
        .named()
        .into_iter()
        .zip(TcbComponents::from(limit).named());
    pairs.filter_map(move |((part, found), (_, minimum))| {
        (found < minimum).then_some(Reason::TcbBelow {
            which,
            part,
            found,
            minimum,
        })
    })
}

pub fn firmware(case: &Case<'_>) -> Found {
    let (running, found) = firmware_of(case.report);
    let minimum = case.limits.minimum_firmware;
    if found < minimum {
        return Finding::fail(Reason::FirmwareBelow { found, minimum });
    }
    Finding::Pass(format!("committed {found}, running {running}"))
}

/// Running and committed.
pub fn firmware_of(report: &AttestationReport) -> (FirmwareVersion, FirmwareVersion) {
    let running = FirmwareVersion {
        major: report.current_major,
        minor: report.current_minor,
        build: report.current_build,
    };
    let committed = FirmwareVersion {
        major: report.committed_major,
        minor: report.committed_minor,
        build: report.committed_build,
    };
    (running, committed)
}

fn versions(report: &AttestationReport) -> [(TcbName, TcbVersion); 4] {
    [
        (TcbName::Reported, report.reported_tcb),
        (TcbName::Committed, report.committed_tcb),
        (TcbName::Current, report.current_tcb),
        (TcbName::Launch, report.launch_tcb),
    ]
}

fn shown(tcb: TcbComponents) -> String {
    let TcbComponents {
        fmc,
        boot_loader,
        tee,
        snp,
        microcode,
    } = tcb;
    let fmc = fmc.map(|fmc| format!("fmc {fmc}, ")).unwrap_or_default();
    format!("{fmc}boot loader {boot_loader}, tee {tee}, snp {snp}, microcode {microcode}")
}
