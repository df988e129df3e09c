//! Reference values that somebody signed.

use attestation_evidence::Tee;
use attestation_evidence::encoding::FormatVersion;
use measured_boot_reference_values::{self as signed, CorimRejection, Signed, VerifyingKey};
use ring::digest::{SHA256, digest};

use super::{Digest48, ReferenceValue, Source};

/// A signed CoRIM is not taken.
#[derive(Debug, thiserror::Error)]
pub enum CorimError {
    /// No key was given.
    #[error("no key is trusted to sign reference values: register one first")]
    NoKey,
    /// It is not what any of the keys signed, or not good now.
    #[error("the CoRIM is refused: {0}")]
    Refused(#[from] CorimRejection),
}

/// The launches of a signed CoRIM that one of these keys signed and that is good at `now`: one for each number of vCPUs,
/// called like `web.1.4.2.snp.1795348800.vcpus.2.` and twelve digits of a digest. A key that the file brings along is never looked for.
///
/// # Errors
/// See [`CorimError`]; of several keys, the reason is that of the key that signed it, if it is one of them.
pub fn from_corim(
    file: &[u8],
    keys: &[VerifyingKey],
    now: u64,
) -> Result<Vec<ReferenceValue>, CorimError> {
    let mut refused = None;
    for key in keys {
        match Signed::open(file, key, now) {
            Ok(opened) => return Ok(values(&opened, key)),
            Err(CorimRejection::OtherKey { offset, found }) => {
                refused.get_or_insert(CorimRejection::OtherKey { offset, found });
            }
            Err(rejection) => return Err(rejection.into()),
        }
    }
    Err(refused.map_or(CorimError::NoKey, CorimError::Refused))
}

fn values(opened: &Signed, key: &VerifyingKey) -> Vec<ReferenceValue> {
    let set = &opened.set;
    let value = |launch: &signed::Alternative| ReferenceValue {
        version: FormatVersion,
        name: name(&set.id(), launch.vcpus),
        tee: match set.tee {
            signed::Tee::Snp => Tee::Snp,
            signed::Tee::Tdx => Tee::Tdx,
            signed::Tee::Simulated => Tee::Simulated,
        },
        launch_digest: Some(launch.digest),
        rtmrs: launch.rtmrs.map(|rtmr| rtmr.map(Digest48)),
        min_svn: set.min_svn,
        not_before: set.validity.not_before,
        not_after: set.validity.not_after,
        revoked: None,
        source: Source::Corim {
            corim_sha384: opened.corim_sha384,
            key_sha256: key.thumbprint(),
        },
        manifest: None,
    };
    set.alternatives.iter().map(value).collect()
}

/// The document's id and the number of vCPUs, in 64 characters that names in URLs have; the last 12 are of the digest of
/// both, since two ids may differ in what is replaced or cut.
fn name(id: &str, vcpus: u32) -> String {
    let whole = format!("{id}.vcpus.{vcpus}");
    let digest = digest(&SHA256, whole.as_bytes());
    let plain = whole.chars().take(51).map(|character| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => character,
        _ => '.',
    });
    let digits: String = hex::encode(digest).chars().take(12).collect();
    format!("{}.{digits}", plain.collect::<String>())
}
