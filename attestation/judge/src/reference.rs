//! The launches that a relying party accepts: one type for every TEE and every form.

mod check;
mod corim;
mod plain;

use attestation_evidence::Tee;
use attestation_evidence::encoding::{FormatVersion, base64_or_null, hex_array};
use serde::{Deserialize, Serialize};

pub(crate) use check::compare;
pub use check::{ReferenceCheck, ReferenceRejection};
pub use corim::{CorimError, from_corim};
pub use plain::ReferenceError;

/// One launch that is accepted, for a time. As compact JSON it is the blob by which registrations and verdicts name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceValue {
    /// The format's version.
    pub version: FormatVersion<2>,
    /// The name by which it is registered and by which reasons call it.
    pub name: String,
    /// Who must have measured it: `snp`, `tdx`, `simulated` or `sample`.
    pub tee: Tee,
    /// The launch digest; of a trust domain, MRTD. `null` for `sample`, which measures nothing, and for nothing else.
    #[serde(with = "digest_or_null")]
    pub launch_digest: Option<[u8; 48]>,
    /// RTMR0 to RTMR3 of a trust domain; `null` where it is not compared.
    pub rtmrs: [Option<Digest48>; 4],
    /// The least security version of the guest, which SNP's reports, simulated ones and samples have.
    pub min_svn: Option<u32>,
    /// The first second of its validity: seconds since 1970-01-01T00:00:00Z.
    pub not_before: u64,
    /// The last second of its validity, inclusive.
    pub not_after: u64,
    /// Since when it allows nothing any more, and why.
    pub revoked: Option<Revocation>,
    /// Where it is from.
    pub source: Source,
    /// The components behind the digest, of a simulated launch, so that a refusal can name the one that differs.
    #[serde(with = "base64_or_null")]
    pub manifest: Option<Vec<u8>>,
}

/// SHA-384: 96 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest48(#[serde(with = "hex_array")] pub [u8; 48]);

/// Somebody took a reference value back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// From this second on it allows nothing.
    pub at: u64,
    /// Why: shown in verdicts.
    pub reason: String,
}

/// Who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// Whoever registered it.
    Plain,
    /// Who holds a key that the verifier was given.
    Corim {
        /// SHA-384 of the CoRIM within the signature, by which one is withdrawn.
        #[serde(with = "hex_array")]
        corim_sha384: [u8; 48],
        /// The key's thumbprint, SHA-256 of its SubjectPublicKeyInfo.
        #[serde(with = "hex_array")]
        key_sha256: [u8; 32],
    },
}

/// What evidence shows of a launch. It is to be believed only beside an accepted verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Who measured it, as reference values name it.
    pub tee: Tee,
    /// The launch digest; of a trust domain, MRTD. None of a sample.
    pub digest: Option<[u8; 48]>,
    /// RTMR0 to RTMR3, of a trust domain.
    pub rtmrs: Option<[[u8; 48]; 4]>,
    /// The security version of the guest.
    pub svn: Option<u32>,
}

impl ReferenceValue {
    /// Its blob: compact, members in the order of the type.
    #[must_use]
    pub fn blob(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its keys are texts")
    }

    /// Whether it is valid at `now`, and was not revoked by then.
    #[must_use]
    pub fn is_in_force_at(&self, now: u64) -> bool {
        (self.not_before..=self.not_after).contains(&now) && !self.is_revoked_at(now)
    }

    /// Whether it is for this very launch, at whatever time and version.
    #[must_use]
    pub fn is_of(&self, launch: &Launch) -> bool {
        let registers = self.rtmrs.iter().enumerate().all(|(index, wanted)| {
            let found = launch.rtmrs.and_then(|rtmrs| rtmrs.get(index).copied());
            wanted.is_none_or(|wanted| found == Some(wanted.0))
        });
        self.tee == launch.tee && self.launch_digest == launch.digest && registers
    }

    /// Whether it allows this launch, now.
    #[must_use]
    pub fn allows(&self, launch: &Launch, now: u64) -> bool {
        self.is_of(launch) && self.is_in_force_at(now) && !self.asks_more_than(launch)
    }

    fn is_revoked_at(&self, now: u64) -> bool {
        self.revoked.as_ref().is_some_and(|it| now >= it.at)
    }

    /// Whether the launch has too low a security version; one that has none has the lowest.
    fn asks_more_than(&self, launch: &Launch) -> bool {
        self.min_svn
            .is_some_and(|least| launch.svn.unwrap_or(0) < least)
    }
}

mod digest_or_null {
    use super::Digest48;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(
        digest: &Option<[u8; 48]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        digest.map(Digest48).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 48]>, D::Error> {
        let digest = Option::<Digest48>::deserialize(deserializer)?;
        Ok(digest.map(|digest| digest.0))
    }
}
