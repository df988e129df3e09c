//! ECDH-ES on P-256 and P-521, and the key derivation behind it: RFC 7518 section 4.6.

use attestation_evidence::Coordinates;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The key-management algorithm: its whole name goes into the derivation (RFC 7518, 4.6.2).
pub(crate) const ALGORITHM: &str = "ECDH-ES+A256KW";

/// SHA-256 gives all that is asked for in one round.
const DERIVED_LIMIT: usize = 32;

/// A key that wraps the content's key.
pub(crate) type KeyEncryptionKey = Zeroizing<[u8; DERIVED_LIMIT]>;

/// The key-encryption key between one side's secret and the other side's public key, with empty
/// PartyUInfo and PartyVInfo.
pub(crate) fn key_encryption_key(secret: &SecretKey, public: &PublicKey) -> KeyEncryptionKey {
    let shared = secret.diffie_hellman(public);
    concat_kdf(shared.raw_secret_bytes(), ALGORITHM, b"", b"")
}

/// The same on P-521: the derivation takes all 66 bytes of the shared x.
pub(crate) fn key_encryption_key_p521(
    secret: &p521::SecretKey,
    public: &p521::PublicKey,
) -> KeyEncryptionKey {
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
pub(crate) fn point(key: &Coordinates<32>) -> Option<PublicKey> {
    PublicKey::from_sec1_bytes(&uncompressed(key)).ok()
}

/// The point on P-521 of a key from outside; `None` if it is not on the curve.
pub(crate) fn point_p521(key: &Coordinates<66>) -> Option<p521::PublicKey> {
    p521::PublicKey::from_sec1_bytes(&uncompressed(key)).ok()
}

/// SEC 1 section 2.3.3.
fn uncompressed<const N: usize>(key: &Coordinates<N>) -> Vec<u8> {
    [&[4], key.x().as_slice(), key.y()].concat()
}

/// The public half of a secret key.
pub(crate) fn public_half(secret: &SecretKey) -> Coordinates<32> {
    coordinates(secret.public_key().to_sec1_point(false).as_bytes())
}

/// The public half of a secret key on P-521.
pub(crate) fn public_half_p521(secret: &p521::SecretKey) -> Coordinates<66> {
    coordinates(secret.public_key().to_sec1_point(false).as_bytes())
}

fn coordinates<const N: usize>(uncompressed: &[u8]) -> Coordinates<N> {
    let (x, y) = uncompressed[1..].split_at(N);
    let coordinate = |bytes: &[u8]| {
        bytes
            .try_into()
            .expect("an uncompressed point has two coordinates of the curve's length")
    };
    Coordinates::new(coordinate(x), coordinate(y))
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

    /// RFC 5903, section 8.3.
    #[test]
    fn agreement_of_rfc_5903_on_p521_gives_its_secret() {
        let number = |text: &str| {
            let bytes = hex::decode(text).expect("hexadecimal");
            p521::SecretKey::from_slice(&bytes).expect("a secret number")
        };
        let i = number(concat!(
            "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a3",
            "0fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52"
        ));
        let r = number(concat!(
            "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d60",
            "0b343757a3bdbf2a3163e4c2f869cca7458aa4a4effc311f5cb151685eb9"
        ));
        let shared = concat!(
            "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73",
            "ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea"
        );
        for (secret, peer) in [(&i, &r), (&r, &i)] {
            let peer = point_p521(&public_half_p521(peer)).expect("a point of the curve");
            let agreed = secret.diffie_hellman(&peer);
            assert_eq!(hex::encode(agreed.raw_secret_bytes()), shared);
        }
    }

    #[test]
    fn point_off_the_curve_is_refused() {
        assert!(point(&Coordinates::new([2; 32], [3; 32])).is_none());
        assert!(point_p521(&Coordinates::new([0; 66], [1; 66])).is_none());
    }
}
