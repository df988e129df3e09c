//! Makes a signed CoRIM.

use anyhow::{Context, Result, ensure};
use measured_boot_id_block::IdKey;
use measured_boot_reference_values::{
    ReferenceSet, Sbom, Signed, Validity, VerifyingKey, Workload,
};
use std::path::Path;

use super::ReferenceArguments;
use super::document::Document;
use super::launches::Launches;
use crate::files::{self, read};
use crate::{Output, print, print_json, write_whole};

/// Measures, signs, writes, and tells what was signed.
pub fn write(arguments: &ReferenceArguments, key: &Path, out: &Path) -> Result<()> {
    let key = private_key(key)?;
    let public = VerifyingKey::from_point(&key.public_point()).context("--sign")?;
    let set = set(arguments)?;
    let thumbprint = hex::encode(public.thumbprint());
    let signer = arguments.signing.signer.as_deref().unwrap_or(&thumbprint);
    let unsigned = set
        .unsigned(signer, &public)
        .context("these are no reference values")?;
    let signature = key.sign_message(&unsigned.to_be_signed());
    let file = unsigned.signed(&signature);
    // What was written is read as its readers read it before anybody gets it.
    let signed = Signed::open(&file, &public, set.validity.not_before)
        .context("what was signed does not open")?;
    ensure!(signed.set == set, "what was signed says something else");
    write_whole("--out", out, &file)?;
    let document = Document::of(&signed, &public, out);
    match arguments.output {
        Output::Text => print(&document.page()),
        Output::Json => print_json(&document),
    }
}

fn private_key(path: &Path) -> Result<IdKey> {
    let place = || format!("--sign {}: not a key to sign with", path.display());
    let pem = files::text(path).with_context(place)?;
    IdKey::from_pem(&pem).with_context(place)
}

fn set(arguments: &ReferenceArguments) -> Result<ReferenceSet> {
    let signing = &arguments.signing;
    let (not_before, not_after) = arguments.validity()?;
    let sbom = signing.sbom.as_deref().map(sbom).transpose()?;
    let mut launches = match &arguments.config {
        Some(config) => Launches::of_plan(config, &signing.vcpus)?,
        None if signing.prediction.is_empty() => {
            Launches::of_image(&arguments.image, &signing.vcpus)?
        }
        None => Launches::predicted(&signing.prediction)?,
    };
    let alternatives = &mut launches.alternatives;
    alternatives.sort_by_key(|launch| launch.vcpus);
    let name = arguments.name.clone().or(launches.name);
    Ok(ReferenceSet {
        workload: Workload {
            name: name.context("--name is required")?,
            version: signing.workload_version.clone(),
        },
        tee: launches.tee,
        alternatives: launches.alternatives,
        validity: Validity {
            not_before,
            not_after,
        },
        min_svn: signing.min_svn,
        sbom,
    })
}

/// Its name without folders, which are nobody else's concern, and its digest.
fn sbom(path: &Path) -> Result<Sbom> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("--sbom {}: its name is no text", path.display()))?;
    Ok(Sbom::of(name, &read("--sbom", path)?))
}
