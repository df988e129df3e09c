//! The predicted digest as the document that a verifier of ours registers.
//!
//! docs/verdict.md describes the document. It is written here, without the verifier's type for it,
//! because what measures links nothing of what judges; the demo registers one made here.

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_plan::TeeKind;
use serde::Serialize;
use std::path::Path;

use super::ReferenceArguments;
use crate::prediction::Prediction;
use crate::{Output, print, print_json, write_whole};

/// The file's contents.
#[derive(Serialize)]
struct ReferenceValue<'a> {
    version: u8,
    name: &'a str,
    tee: &'static str,
    launch_digest: String,
    /// Explains a launch digest of SNP; of a TD there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    not_before: u64,
    not_after: u64,
}

/// What is printed of it.
#[derive(Serialize)]
struct Written<'a> {
    reference: &'a str,
    file: String,
    tee: &'static str,
    simulated: bool,
    launch_digest: &'a str,
    not_before: u64,
    not_after: u64,
}

/// Predicts, writes the reference value, and tells what is in it.
pub fn write(arguments: &ReferenceArguments, config: &Path, out: &Path) -> Result<()> {
    let prediction = Prediction::of(config)?;
    let (not_before, not_after) = arguments.validity()?;
    let tee = prediction.plan.tee.0;
    let reference = ReferenceValue {
        version: 1,
        name: arguments.name.as_deref().unwrap_or(&prediction.plan.name.0),
        tee: tee.name(),
        launch_digest: prediction.launch_digest.to_string(),
        manifest: (tee != TeeKind::Tdx)
            .then(|| BASE64_STANDARD.encode(prediction.manifest.to_bytes())),
        not_before,
        not_after,
    };
    let text = format!("{}\n", serde_json::to_string_pretty(&reference)?);
    write_whole("--out", out, text.as_bytes())?;
    let file = out.display().to_string();
    match arguments.output {
        Output::Text => print(&format!(
            "reference      {}\nfile           {file}\ntee            {tee}\n\
             launch digest  {}\ngood for       {}\n\n\
             Register it: cloister verifier put reference {file}\n",
            reference.name,
            reference.launch_digest,
            crate::text::count(arguments.days, "day")
        )),
        Output::Json => print_json(&Written {
            reference: reference.name,
            file,
            tee: reference.tee,
            simulated: tee == TeeKind::Simulated,
            launch_digest: &reference.launch_digest,
            not_before,
            not_after,
        }),
    }
}
