//! The hash algorithms of TPM banks and of image signatures.

use ring::digest::{self, Context};
use std::fmt;
use std::str::FromStr;

/// A hash algorithm: a bank of a TPM, or the digest of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-1: banks of old TPMs.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384: RTMRs too.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// All of them, the shortest digest first.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its name as systemd-measure writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The digest of bytes.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        Digest::of(&digest::digest(self.implementation(), bytes))
    }

    /// A register that nothing has been extended into.
    pub fn zeros(self) -> Digest {
        Digest {
            bytes: [0; digest::MAX_OUTPUT_LEN],
            length: self.implementation().output_len(),
        }
    }

    /// What a register holds once a digest has been extended into it.
    pub fn extend(self, register: Digest, digest: Digest) -> Digest {
        let mut context = self.context();
        context.update(register.as_ref());
        context.update(digest.as_ref());
        Digest::of(&context.finish())
    }

    pub(crate) fn context(self) -> Context {
        Context::new(self.implementation())
    }

    fn implementation(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|one| one.name() == text);
        known.ok_or_else(|| "sha1, sha256, sha384 and sha512 are known".to_owned())
    }
}

/// A digest, as long as its algorithm makes it. Printed in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    /// Zeros beyond the length.
    bytes: [u8; digest::MAX_OUTPUT_LEN],
    length: usize,
}

impl Digest {
    pub(crate) fn of(digest: &digest::Digest) -> Self {
        let digest = digest.as_ref();
        let mut bytes = [0; digest::MAX_OUTPUT_LEN];
        bytes[..digest.len()].copy_from_slice(digest);
        let length = digest.len();
        Self { bytes, length }
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.as_ref().iter();
        bytes.try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
