//! RSA-OAEP with SHA-256 for the label and the mask, and an empty label: RFC 8017 section 7.1, RFC 7518 section 4.3.
//!
//! Encryption alone. The content key is the secret here: the padding has no branch on it, and the power is taken in Montgomery form
//! in a time that the exponent and the modulus decide, which are public.

use attestation_evidence::RsaPublicKey;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const HASH_LENGTH: usize = 32;
/// An exponent has 32 bits at most.
const EXPONENT_BITS: u32 = 32;

/// RSAES-OAEP-ENCRYPT of a content key: as many bytes as the modulus has.
pub(crate) fn encrypt(
    recipient: &RsaPublicKey,
    message: &[u8; HASH_LENGTH],
    seed: &[u8; HASH_LENGTH],
) -> Vec<u8> {
    let encoded = encode(message, seed, recipient.n().len());
    power(recipient, &encoded)
}

/// EME-OAEP encoding, of the modulus's length: steps 2a to 2i of section 7.1.1.
fn encode(
    message: &[u8; HASH_LENGTH],
    seed: &[u8; HASH_LENGTH],
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let mut encoded = Zeroizing::new(vec![0; length]);
    let (masked_seed, block) = encoded[1..].split_at_mut(HASH_LENGTH);
    let one = block.len() - message.len() - 1;
    block[..HASH_LENGTH].copy_from_slice(&Sha256::digest(b""));
    block[one] = 1;
    block[one + 1..].copy_from_slice(message);
    mask(block, seed);
    masked_seed.copy_from_slice(seed);
    mask(masked_seed, block);
    encoded
}

/// Adds MGF1 of a seed (appendix B.2.1) to as many bytes as there are.
fn mask(bytes: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(bytes.chunks_mut(HASH_LENGTH)) {
        let mut hash = Sha256::new();
        hash.update(seed);
        hash.update(counter.to_be_bytes());
        let mut digest = Zeroizing::new([0; HASH_LENGTH]);
        hash.finalize_into((&mut *digest).into());
        for (byte, mask) in chunk.iter_mut().zip(digest.iter()) {
            *byte ^= mask;
        }
    }
}

/// RSAEP (section 5.1.1): the encoded message begins with a zero byte and the modulus does not, so that it is below it.
fn power(recipient: &RsaPublicKey, message: &[u8]) -> Vec<u8> {
    let n = BoxedUint::from_be_slice_vartime(recipient.n());
    let message = BoxedUint::from_be_slice(message, n.bits_precision())
        .expect("the message is as long as the modulus");
    let e = BoxedUint::from_be_slice_vartime(recipient.e());
    let n = Odd::new(n).expect("the modulus of an RSA public key is odd");
    let params = BoxedMontyParams::new_vartime(n);
    let message = Zeroizing::new(BoxedMontyForm::new(message, &params));
    let power = message.pow_bounded_exp(&e, EXPONENT_BITS).retrieve();
    let bytes = power.to_be_bytes();
    bytes[bytes.len() - recipient.n().len()..].to_vec()
}

#[cfg(test)]
mod tests;
