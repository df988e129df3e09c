//! What can be wrong with the quote itself and its signature.

use super::{OF_THE_QUOTE, Tpm, case};
use crate::tpm::TpmScene;
use attestation_tpm::ExpectedNonce;

pub(super) fn quote() -> Vec<Tpm> {
    const UNREADABLE: (&str, &str) = ("tpm_quote_format", "quote_unreadable");
    let unreadable = |name: &str, tamper: fn(&mut TpmScene)| {
        case(name, UNREADABLE, tamper).silencing(&OF_THE_QUOTE)
    };
    vec![
        unreadable("quote that no TPM made", |s| s.quote.magic = 0),
        unreadable("attestation that is no quote", |s| s.quote.kind = 0x8017),
        unreadable("quote with a signer's name of 67 bytes", |s| {
            s.quote.signer = vec![0; 67]
        }),
        unreadable("quote with extraData of 67 bytes", |s| {
            s.quote.nonce = vec![0; 67]
        }),
        unreadable("quote whose clock is neither safe nor not", |s| {
            s.quote.safe = 2
        }),
        unreadable("quote of one bank twice", |s| {
            let first = s.quote.selections[0].clone();
            s.quote.selections.push(first);
        }),
        unreadable("quote of 17 banks", |s| {
            s.quote.selections = (0..17).map(|id| (id, vec![0; 3])).collect()
        }),
        unreadable("quote with a bitmap of 4 bytes", |s| {
            s.quote.selections[0].1.push(0)
        }),
        unreadable("quote with a digest of 65 bytes", |s| {
            s.quote.digest = vec![0; 65]
        }),
        unreadable("quote with a byte after it", |s| s.quote.trailing = vec![0]),
        unreadable("empty quote that was signed", |s| s.quote.magic = u32::MAX),
        case(
            "quote for another nonce",
            ("tpm_nonce", "nonce_other"),
            |s| {
                s.quote.nonce = b"another".to_vec();
            },
        ),
        case("quote without a nonce", ("tpm_nonce", "nonce_other"), |s| {
            s.quote.nonce.clear()
        }),
        case(
            "quote whose nonce goes on",
            ("tpm_nonce", "nonce_other"),
            |s| s.quote.nonce.push(0),
        ),
        case(
            "quote whose nonce is filled up with something",
            ("tpm_nonce", "nonce_other"),
            |s| {
                s.quote.nonce.resize(64, 0);
                s.quote.nonce[63] = 1;
            },
        ),
        case(
            "another nonce is expected",
            ("tpm_nonce", "nonce_other"),
            |s| {
                s.expected = ExpectedNonce::exactly(b"a nonc").expect("it is short");
            },
        ),
        case(
            "clock that may have gone back",
            ("tpm_clock", "clock_unsafe"),
            |s| s.quote.safe = 0,
        ),
    ]
}

pub(super) fn signature() -> Vec<Tpm> {
    const CHECK: &str = "tpm_signature";
    let invalid =
        |name: &str, tamper: fn(&mut TpmScene)| case(name, (CHECK, "signature_invalid"), tamper);
    let unreadable = |name: &str, tamper: fn(&mut TpmScene)| {
        case(name, (CHECK, "signature_unreadable"), tamper).silencing(&["tpm_pcr_digest"])
    };
    vec![
        invalid("a bit of the signature changed", |s| {
            s.edit_signature = |bytes| bytes[100] ^= 1
        }),
        invalid("signature of one byte", |s| {
            s.edit_signature = |bytes| *bytes = vec![0, 0x14, 0, 0x0B, 0, 1, 7]
        }),
        invalid("signature said to be PSS", |s| {
            s.edit_signature = |bytes| bytes[1] = 0x16
        }),
        invalid("firmware version changed after signing", |s| {
            s.edit_quote = |quote| quote[75] ^= 1
        }),
        invalid("clock changed after signing", |s| {
            s.edit_quote = |quote| quote[58] ^= 1
        }),
        invalid("resets changed after signing", |s| {
            s.edit_quote = |quote| quote[62] ^= 1
        }),
        invalid("signer's name changed after signing", |s| {
            s.edit_quote = |quote| quote[10] ^= 1
        }),
        unreadable("signature of an unknown scheme", |s| {
            s.edit_signature = |bytes| bytes[1] = 0x10
        }),
        unreadable("signature over SHA-1", |s| {
            s.edit_signature = |bytes| bytes[3] = 4
        }),
        unreadable("empty signature", |s| s.edit_signature = Vec::clear),
        unreadable("signature of no bytes", |s| {
            s.edit_signature = |bytes| *bytes = vec![0, 0x14, 0, 0x0B, 0, 0]
        }),
        unreadable("signature of 513 bytes", |s| {
            s.edit_signature = |bytes| *bytes = [&[0, 0x14, 0, 0x0B, 2, 1][..], &[1; 513]].concat();
        }),
        unreadable("signature with a byte after it", |s| {
            s.edit_signature = |bytes| bytes.push(0)
        }),
        unreadable("signature cut short", |s| {
            s.edit_signature = |bytes| bytes.truncate(100)
        }),
    ]
}
