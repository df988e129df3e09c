//! The encryption against another implementation, and its encoding step by step.

use super::*;
use attestation_evidence::encoding::base64url_decode;

/// The RSA key of RFC 7517, appendix A.2.
const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP\
                 ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY\
                 368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f\
                 M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn key() -> RsaPublicKey {
    let n = base64url_decode(N).expect("base64url");
    RsaPublicKey::new(n, vec![1, 0, 1]).expect("a good key")
}

fn bytes(text: &str) -> [u8; HASH_LENGTH] {
    let bytes = hex::decode(text).expect("hexadecimal");
    bytes.try_into().expect("32 bytes")
}

/// The `encrypted_key` of a JWE that PyPI's jwcrypto 1.6.1 (OpenSSL) made for the key of RFC 7517. Python's integers took its
/// private power, out of which came content key and seed.
#[test]
fn key_that_another_implementation_encrypted_is_encrypted_to_the_same_bytes() {
    let content_key = bytes("786d216e8989b43ea2e71316fc6a03bfa1324e6c444e6859f16c0b6f8acf3f6a");
    let seed = bytes("7e7484a47e822999c3a1f23fe239fa7e5eb89dd90895b0b86eade75a0f3b2da7");
    let expected = "KLx6SW0p0wMBRZ9dbarCzX0XHs0kRUxRQDIcqYFB76TXSxwncrDXOBanO8jD8_zg-oh_Ut3WwbOgNn1RdrIDEFKh0cQ7\
                    xI0RBZzhZnp9K23eoy6svwVB98jCvVP8-jdKr4ojrPl1HpxeweZrDgYl8G3EhDClbtAujAF1AV9OryN9Qllv-rg2vKZm\
                    zxSsZq4aBTj2fycrNzsUWfuzLzRRQZS2JN_8cjDEQhjluc4HHuCqPk1jjkoV-zjr2GVHeZo_mUeYhR8CcNuEvlfg9uAq\
                    0aMor21yqTXBHx-F5VulWYg7WvJk7JVp6QGcT6iROu5nLW_QXhY_hsSMRXntuXViGA";
    let encrypted = encrypt(&key(), &content_key, &seed);
    assert_eq!(encrypted, base64url_decode(expected).expect("base64url"));
}

/// RFC 8017 section 7.1.1: without its masks the encoding is a zero byte, the seed, the empty label's hash, zeros, a one, and
/// the message.
#[test]
fn encoding_without_its_masks_is_that_of_rfc_8017() {
    for length in [256, 257, 1024] {
        let (message, seed) = ([0xA5; HASH_LENGTH], [0x5A; HASH_LENGTH]);
        let mut encoded = encode(&message, &seed, length);
        let (masked_seed, block) = encoded[1..].split_at_mut(HASH_LENGTH);
        mask(masked_seed, block);
        mask(block, masked_seed);
        assert_eq!(masked_seed, seed);
        assert_eq!(block[..HASH_LENGTH], Sha256::digest(b"")[..]);
        let padding = block.len() - 2 * HASH_LENGTH - 1;
        assert!(
            block[HASH_LENGTH..][..padding]
                .iter()
                .all(|byte| *byte == 0)
        );
        assert_eq!(block[HASH_LENGTH + padding], 1);
        assert_eq!(block[HASH_LENGTH + padding + 1..], message);
        assert_eq!((encoded[0], encoded.len()), (0, length));
    }
}

#[test]
fn encryption_differs_with_the_seed_and_is_as_long_as_the_modulus() {
    let one = encrypt(&key(), &[1; HASH_LENGTH], &[2; HASH_LENGTH]);
    let other = encrypt(&key(), &[1; HASH_LENGTH], &[3; HASH_LENGTH]);
    assert_ne!(one, other);
    assert_eq!((one.len(), other.len()), (256, 256));
}
