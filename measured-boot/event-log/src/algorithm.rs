//! Hash algorithms by their numbers, and the digests that they make.

use ring::digest::{Algorithm as Ring, Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use sm3::Sm3;
use sm3::digest::{Digest as _, Update};
use std::fmt;

/// A hash algorithm by its number in TCG's *Algorithm Registry* (TPM_ALG_ID).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Algorithm(pub u16);

impl Algorithm {
    /// SHA-1, the only one of logs in the older format.
    pub const SHA1: Self = Self(0x04);
    /// SHA-256.
    pub const SHA256: Self = Self(0x0B);
    /// SHA-384, the one of TDX.
    pub const SHA384: Self = Self(0x0C);
    /// SHA-512.
    pub const SHA512: Self = Self(0x0D);
    /// SM3, the one of Hygon's CSV.
    pub const SM3: Self = Self(0x12);

    /// Its name as `tpm2-tools` spells it; `None` if the number is not known.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x04 => "sha1",
            0x0B => "sha256",
            0x0C => "sha384",
            0x0D => "sha512",
            0x12 => "sm3_256",
            0x27 => "sha3_256",
            0x28 => "sha3_384",
            0x29 => "sha3_512",
            _ => return None,
        })
    }

    /// Bytes in its digests; `None` if the number is not known.
    pub const fn size(self) -> Option<usize> {
        Some(match self.0 {
            0x04 => 20,
            0x0B | 0x12 | 0x27 => 32,
            0x0C | 0x28 => 48,
            0x0D | 0x29 => 64,
            _ => return None,
        })
    }

    /// Whether digests of it are computed here.
    pub fn is_replayed(self) -> bool {
        self == Self::SM3 || self.ring().is_some()
    }

    /// The digest of all parts, one after the other; `None` for one that is not computed here.
    pub fn hash(self, parts: &[&[u8]]) -> Option<Digest> {
        if self == Self::SM3 {
            let mut hash = Sm3::new();
            parts
                .iter()
                .for_each(|part| Update::update(&mut hash, part));
            return Digest::new(&hash.finalize());
        }
        let mut hash = Context::new(self.ring()?);
        parts.iter().for_each(|part| hash.update(part));
        Digest::new(hash.finish().as_ref())
    }

    fn ring(self) -> Option<&'static Ring> {
        Some(match self {
            Self::SHA1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::SHA256 => &SHA256,
            Self::SHA384 => &SHA384,
            Self::SHA512 => &SHA512,
            _ => return None,
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("{:#06x}", self.0)),
        }
    }
}

/// A digest or a register's value: up to 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    bytes: [u8; 64],
    length: u8,
}

impl Digest {
    /// `None` if there are more than 64 bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut digest = Self {
            bytes: [0; 64],
            length: u8::try_from(bytes.len()).ok()?,
        };
        digest.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(digest)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length.into()]
    }
}

impl fmt::Display for Digest {
    /// In lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GM/T 0004-2012, appendix A.1; FIPS 180-4's examples for the others.
    #[test]
    fn hash_of_abc_is_that_of_the_standards() {
        let abc = |algorithm: Algorithm| {
            let digest = algorithm.hash(&[b"a", b"", b"bc"]).expect("computed");
            assert_eq!(Some(digest.as_bytes().len()), algorithm.size());
            digest.to_string()[..16].to_owned()
        };
        assert_eq!(abc(Algorithm::SHA1), "a9993e364706816a");
        assert_eq!(abc(Algorithm::SHA256), "ba7816bf8f01cfea");
        assert_eq!(abc(Algorithm::SHA384), "cb00753f45a35e8b");
        assert_eq!(abc(Algorithm::SHA512), "ddaf35a193617aba");
        assert_eq!(abc(Algorithm::SM3), "66c7f0f462eeedd9");
        assert_eq!(Algorithm(0x27).hash(&[b"abc"]), None);
    }

    #[test]
    fn algorithm_is_replayed_exactly_if_it_hashes() {
        for number in 0..=0x40 {
            let algorithm = Algorithm(number);
            assert_eq!(algorithm.is_replayed(), algorithm.hash(&[]).is_some());
        }
    }
}
