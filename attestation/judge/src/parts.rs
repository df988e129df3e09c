//! Evidence as it is kept: apart from the host's manifest, which is most of its bytes, which nobody vouches for, and at
//! which few judgements look.

use attestation_evidence::{SimulatedEvidence, Tee};

/// The evidence's text without its manifest, and the manifest. Text that is not evidence of the
/// claimed TEE, as far as it is read here, stays as it is.
#[must_use]
pub fn part(tee: Tee, text: &str) -> (String, Option<Vec<u8>>) {
    match read(tee, text) {
        Some(mut evidence) => {
            let manifest = evidence.manifest.take();
            (evidence.to_json(), manifest)
        }
        None => (text.to_owned(), None),
    }
}

/// Joins what [`part`] took apart.
///
/// # Errors
/// It can have made no such text, or no manifest beside it.
pub fn join(tee: Tee, text: &str, manifest: Option<&[u8]>) -> Result<String, &'static str> {
    if part(tee, text) != (text.to_owned(), None) {
        return Err("evidence is kept in one spelling, without its manifest");
    }
    let Some(manifest) = manifest else {
        return Ok(text.to_owned());
    };
    let mut evidence = read(tee, text).ok_or("it cannot be read, so it had no manifest")?;
    evidence.manifest = Some(manifest.to_owned());
    Ok(evidence.to_json())
}

/// As the judgement reads it: never as anything else than what the client claimed it to be.
fn read(tee: Tee, text: &str) -> Option<SimulatedEvidence> {
    match tee {
        Tee::Simulated => SimulatedEvidence::from_json(text).ok(),
        _ => None,
    }
}
