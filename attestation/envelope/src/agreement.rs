//! ECDH-ES on P-256 and the key derivation behind it: RFC 7518 section 4.6.

use attestation_evidence::TeePublicKey;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The key-management algorithm: its whole name goes into the derivation (RFC 7518, 4.6.2).
pub(crate) const ALGORITHM: &str = "ECDH-ES+A256KW";

/// SHA-256 gives all that is asked for in one round.
const DERIVED_LIMIT: usize = 32;

/// The key-encryption key between one side's secret and the other side's public key, with empty
/// PartyUInfo and PartyVInfo.
pub(crate) fn key_encryption_key(
    secret: &SecretKey,
    public: &PublicKey,
) -> Zeroizing<[u8; DERIVED_LIMIT]> {
    let shared = secret.diffie_hellman(public);
    concat_kdf(shared.raw_secret_bytes(), ALGORITHM, b"", b"")
}

/// Concat KDF of NIST SP 800-56A with SHA-256, as RFC 7518 section 4.6.2 fills it in.
fn concat_kdf<const N: usize>(
    shared_secret: &[u8],
    algorithm: &str,
    party_u: &[u8],
    party_v: &[u8],
) -> Zeroizing<[u8; N]> {
    const { assert!(N <= DERIVED_LIMIT) };
    let mut hash = Sha256::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(shared_secret);
    for field in [algorithm.as_bytes(), party_u, party_v] {
        hash.update(length(field.len()));
        hash.update(field);
    }
    hash.update(length(8 * N));
    let mut digest = Zeroizing::new([0; DERIVED_LIMIT]);
    hash.finalize_into((&mut *digest).into());
    let mut derived = Zeroizing::new([0; N]);
    derived.copy_from_slice(&digest[..N]);
    derived
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length)
        .expect("algorithm names and party names are short")
        .to_be_bytes()
}

/// The point of a key from outside; `None` if it is not on the curve.
pub(crate) fn point(key: &TeePublicKey) -> Option<PublicKey> {
    let mut uncompressed = [0; 65];
    uncompressed[0] = 4;
    uncompressed[1..33].copy_from_slice(key.x());
    uncompressed[33..].copy_from_slice(key.y());
    PublicKey::from_sec1_bytes(&uncompressed).ok()
}

/// The public half of a secret key.
pub(crate) fn public_half(secret: &SecretKey) -> TeePublicKey {
    let point = secret.public_key().to_sec1_point(false);
    let uncompressed = point.as_bytes();
    let coordinate = |from: usize| {
        uncompressed[from..from + 32]
            .try_into()
            .expect("an uncompressed point has 65 bytes")
    };
    TeePublicKey::from_coordinates(coordinate(1), coordinate(33))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7518, appendix C.
    #[test]
    fn concat_kdf_of_rfc_7518_appendix_c_gives_its_key() {
        let shared_secret = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49,
            110, 163, 218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let key = concat_kdf::<16>(&shared_secret, "A128GCM", b"Alice", b"Bob");
        let expected = [
            86, 170, 141, 234, 248, 35, 109, 32, 92, 34, 40, 205, 113, 167, 16, 26,
        ];
        assert_eq!(*key, expected);
    }

    #[test]
    fn point_off_the_curve_is_refused() {
        assert!(point(&TeePublicKey::from_coordinates([2; 32], [3; 32])).is_none());
    }
}
