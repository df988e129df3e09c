//! Which comparison two files get.

use anyhow::{Context, Result, bail, ensure};
use measured_boot_difference::{
    Difference, Launch, QuoteFields, Shown, acpi_tables, firmware, igvm_files, launches, pe_images,
    plan_fields, planned_fields, quotes, reports,
};
use measured_boot_digest::{LaunchDigest, Manifest};
use measured_boot_page_hash::AllCores;
use measured_boot_plan::TeeKind;
use measured_boot_snp_abi::{AttestationReport, PageType};
use measured_boot_tdx_launch::predicted_digest;

use super::{Kind, Subject};
use super::{logs, predictions};

/// What a comparison found.
#[derive(Default)]
pub struct Comparison {
    /// Launch digests, where the two have them.
    pub digests: [Option<LaunchDigest>; 2],
    pub differences: Vec<Difference>,
    /// What the reader should know of how it was compared.
    pub notes: Vec<String>,
}

/// What differs between two files.
///
/// # Errors
/// They are of kinds that do not go together, or cannot be read as what they were taken for.
pub fn compared(a: &Subject, b: &Subject, manifest: Option<&Manifest>) -> Result<Comparison> {
    let has_report = [a, b].iter().any(|one| one.kind() == Kind::Report);
    ensure!(
        manifest.is_none() || has_report,
        "--manifest explains a report's digest, and neither of the two is a report"
    );
    if [a, b].iter().any(|one| one.kind() == Kind::Prediction) {
        return predictions::between(a, b, manifest);
    }
    if let Some(comparison) = between_launches(a, b, manifest)? {
        return Ok(comparison);
    }
    if let Some(comparison) = between_reports(a, b) {
        return Ok(comparison);
    }
    let (Subject::Bytes(path_a, kind_a, bytes_a), Subject::Bytes(path_b, kind_b, bytes_b)) = (a, b)
    else {
        return unlike(a, b);
    };
    let place = || format!("{} or {}", path_a.display(), path_b.display());
    let found = match (kind_a, kind_b) {
        (Kind::Firmware, Kind::Firmware) => Comparison {
            differences: firmware(bytes_a, bytes_b).with_context(place)?,
            ..Comparison::default()
        },
        (Kind::EventLog, Kind::EventLog) => logs::between(bytes_a, bytes_b)?,
        (Kind::Quote, Kind::EventLog) => logs::quote_and_log(bytes_a, bytes_b)?,
        (Kind::EventLog, Kind::Quote) => {
            let mut found = logs::quote_and_log(bytes_b, bytes_a)?;
            found.differences = found
                .differences
                .into_iter()
                .map(Difference::turned)
                .collect();
            found
        }
        (Kind::Quote, Kind::Quote) => {
            let (one, other) = (QuoteFields::read(bytes_a)?, QuoteFields::read(bytes_b)?);
            Comparison {
                differences: quotes(&one, &other),
                notes: vec![UNSIGNED.to_owned()],
                ..Comparison::default()
            }
        }
        (Kind::AcpiTables, Kind::AcpiTables) => acpi(bytes_a, bytes_b),
        (Kind::Pe, Kind::Pe) => Comparison {
            differences: pe_images(bytes_a, bytes_b).with_context(place)?,
            ..Comparison::default()
        },
        (Kind::Igvm, Kind::Igvm) => Comparison {
            differences: igvm_files(bytes_a, bytes_b, &AllCores::new()).with_context(place)?,
            ..Comparison::default()
        },
        _ => return unlike(a, b),
    };
    Ok(found)
}

/// Tables by their names; RTMR0 of a trust domain has the digest of the file.
fn acpi(a: &[u8], b: &[u8]) -> Comparison {
    let mut comparison = Comparison::default();
    match acpi_tables(a, b) {
        Some(differences) => comparison.differences = differences,
        None if a == b => {}
        None => comparison.differences.push(Difference::Named {
            place: "ACPI tables".to_owned(),
            says: "A and B differ in checksums or between tables only, or one of them holds something else too".to_owned(),
            shown: Shown::Measured,
            advice: None,
        }),
    }
    comparison
}

fn unlike(a: &Subject, b: &Subject) -> Result<Comparison> {
    let (one, other) = (a.kind(), b.kind());
    bail!(
        "{} is taken for {}, {} for {}: these cannot be compared; {} is compared with {}",
        a.path().display(),
        one.one(),
        b.path().display(),
        other.one(),
        one.one(),
        one.peers()
    )
}

fn between_reports(a: &Subject, b: &Subject) -> Option<Comparison> {
    let (a, b) = (a.report()?, b.report()?);
    Some(Comparison {
        digests: [a, b].map(|report| Some(LaunchDigest(report.measurement))),
        differences: reports(a, b),
        notes: vec![UNSIGNED.to_owned()],
    })
}

/// What is said of every report that is read here.
pub const UNSIGNED: &str = "the signature was not checked here: anybody can write such a report; `cloister verify` checks it";

/// Plans, manifests and reports go together.
fn between_launches(
    a: &Subject,
    b: &Subject,
    manifest: Option<&Manifest>,
) -> Result<Option<Comparison>> {
    let is_launch = |kind| matches!(kind, Kind::Plan | Kind::Manifest | Kind::Report);
    let kinds = [a.kind(), b.kind()];
    if !kinds.into_iter().all(is_launch) || kinds == [Kind::Report; 2] {
        return Ok(None);
    }
    let mut comparison = Comparison {
        digests: [digest(a), digest(b)],
        ..Comparison::default()
    };
    let launch_a = launch(a, manifest, &mut comparison)?;
    let launch_b = launch(b, manifest, &mut comparison)?;
    comparison.digests = [
        comparison.digests[0].or(launch_a.as_ref().map(Launch::digest)),
        comparison.digests[1].or(launch_b.as_ref().map(Launch::digest)),
    ];
    match (launch_a, launch_b, comparison.digests) {
        (Some(a), Some(b), _) => comparison.differences.extend(launches(&a, &b)),
        (_, _, [Some(a), Some(b)]) if a != b => {
            comparison.differences.push(Difference::Digest {
                register: "launch digest".to_owned(),
                a: a.to_string(),
                b: b.to_string(),
            });
            comparison.notes.push("a digest cannot be taken apart: give the report's --manifest, or ask `explain`, which tries what is often different".to_owned());
        }
        _ => {}
    }
    comparison.differences.extend(beside(a, b));
    Ok(Some(comparison))
}

/// As a report says it, and of a TD as its quote would: it is no digest of pages by SNP's rules.
fn digest(subject: &Subject) -> Option<LaunchDigest> {
    match subject {
        Subject::Plan(_, planned) if planned.plan.tee.0 == TeeKind::Tdx => {
            Some(predicted_digest(&planned.plan, &planned.sources()))
        }
        _ => subject
            .report()
            .map(|report| LaunchDigest(report.measurement)),
    }
}

/// The launch that a file describes; of a report, the one that its manifest does.
fn launch<'a>(
    subject: &'a Subject,
    manifest: Option<&'a Manifest>,
    comparison: &mut Comparison,
) -> Result<Option<Launch<'a>>> {
    match subject {
        Subject::Plan(_, planned) => {
            let mut launch = Launch::of_plan(&planned.plan, &planned.sources(), &AllCores::new());
            if planned.plan.tee.0 == TeeKind::Tdx {
                // The state of a TD's vCPUs is in no register.
                launch
                    .pieces
                    .retain(|piece| piece.page_type != PageType::Vmsa);
            }
            Ok(Some(launch))
        }
        Subject::Manifest(_, manifest) => Ok(Some(Launch::of_manifest(manifest))),
        Subject::Report(..) | Subject::Prediction(..) | Subject::Bytes(..) => {
            comparison.notes.push(UNSIGNED.to_owned());
            let manifest = manifest.or(subject.manifest());
            let (Some(report), Some(manifest)) = (subject.report(), manifest) else {
                return Ok(None);
            };
            explains(report, manifest)?;
            Ok(Some(Launch::of_manifest(manifest)))
        }
    }
}

/// A manifest is the host's word: only one that recomputes to the digest is heard.
pub fn explains(report: &AttestationReport, manifest: &Manifest) -> Result<()> {
    let recomputed = manifest.recompute();
    ensure!(
        recomputed.0 == report.measurement,
        "the manifest explains the launch digest {recomputed}, and the report shows {}: it is another launch's",
        hex::encode(report.measurement)
    );
    Ok(())
}

/// What is in no digest.
fn beside(a: &Subject, b: &Subject) -> Vec<Difference> {
    match (a, b) {
        (Subject::Plan(_, a), Subject::Plan(_, b)) => plan_fields(&a.plan, &b.plan),
        (Subject::Plan(_, a), b) => b
            .report()
            .map(|report| planned_fields(&a.plan, report))
            .unwrap_or_default(),
        (a, Subject::Plan(_, b)) => a
            .report()
            .map(|report| planned_fields(&b.plan, report))
            .unwrap_or_default()
            .into_iter()
            .map(Difference::turned)
            .collect(),
        _ => Vec::new(),
    }
}
