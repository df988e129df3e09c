//! An SNP report against a plan.

use anyhow::{Context, Result};
use measured_boot_difference::{Difference, Launch, Shown, reported_fields};
use measured_boot_digest::LaunchDigest;
use std::process::ExitCode;

use super::document::{Described, Document, Outcome, rows};
use super::launch::{Question, beside, outcome};
use super::{ExplainArguments, Subject};
use crate::diff::{UNSIGNED, explains, manifest, shown};
use crate::{Output, print, print_json};

/// Why nothing was tried.
const NOTHING_TO_TRY: &str = "a prediction has digests and no bytes, so that no other launch can be tried: give the vm.toml, or the image with the options of `snp`, as --against";

/// The digest is not the planned one.
pub const NOT_AS_PLANNED: u8 = 3;

/// Says what the digest was made of.
pub fn explain(arguments: &ExplainArguments, report: &Subject, plan: &Subject) -> Result<ExitCode> {
    let bytes = report.report().context("no report")?;
    let reported = LaunchDigest(bytes.measurement);
    let mut notes = vec![UNSIGNED.to_owned()];
    let manifest = match &arguments.manifest {
        Some(path) => Some(manifest(path)?),
        None => None,
    };
    let given = manifest.as_ref().or(report.manifest());
    let heard = given.filter(|manifest| {
        let refused = explains(bytes, manifest).err();
        notes.extend(refused.map(|refused| format!("{refused}; it was not heard")));
        manifest.recompute() == reported
    });
    let launch = heard.map(Launch::of_manifest);
    let question = Question {
        reported,
        manifest: launch.as_ref(),
        described: heard,
    };
    let outcome = outcome(&arguments.launch, plan, &question)?;
    let mut differences = outcome.differences.clone();
    differences.extend(beside(plan, report));
    differences.extend(policy(&outcome, bytes.policy.get()));
    if let (Subject::Prediction(..), false) = (plan, outcome.matches) {
        notes.push(NOTHING_TO_TRY.to_owned());
    }
    notes.extend(warnings(bytes));
    let document = Document {
        report: Described {
            path: shown(report.path()),
            kind: report.kind().words(),
            launch_digest: reported.to_string(),
        },
        plan: Described {
            path: shown(plan.path()),
            kind: plan.kind().words(),
            launch_digest: outcome.planned.to_string(),
        },
        matches: outcome.matches,
        differences: rows(&differences),
        fits: outcome.fits,
        tried: outcome.tried,
        reported: reported_fields(bytes),
        signature_checked: false,
        notes,
    };
    match arguments.output {
        Output::Text => print(&document.page())?,
        Output::Json => print_json(&document)?,
    }
    Ok(if document.matches {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_AS_PLANNED)
    })
}

/// Of an IGVM file, which says a policy.
fn policy(outcome: &Outcome, reported: u64) -> Option<Difference> {
    let planned = outcome
        .planned_policy
        .filter(|planned| *planned != reported)?;
    Some(Difference::Field {
        field: "POLICY",
        shown: Shown::Reported,
        a: format!("{planned:#x}"),
        b: format!("{reported:#x}"),
        advice: Some("the host launched with another policy than the file asks for"),
    })
}

fn warnings(report: &measured_boot_snp_abi::AttestationReport) -> Option<String> {
    report.guest_policy().debug_allowed().then(|| {
        "POLICY allows DEBUG: the host reads and writes this guest's memory, whatever its digest".to_owned()
    })
}
