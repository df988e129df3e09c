//! What TPMs sign.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use attestation_tpm::Quote;

/// Written again it is the same bytes; an error names a place in the file.
pub const TPM_QUOTE: Target = Target {
    name: "tpm_quote",
    // At most 16 banks, and three texts of at most 66 bytes.
    bound: Bound {
        factor: 0,
        constant: 4 << 10,
    },
    longest: 1 << 10,
    vectors: &["trustee/deps/verifier/test_data/az-snp-vtpm"],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    match bound.holds(bytes, || Quote::read(bytes)) {
        Ok(quote) => {
            assert_eq!(written(&quote), bytes);
            true
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
            is_plain(&error.to_string());
            false
        }
    }
}

fn written(quote: &Quote) -> Vec<u8> {
    let mut bytes = 0xFF54_4347_u32.to_be_bytes().to_vec();
    bytes.extend(0x8018_u16.to_be_bytes());
    sized(&mut bytes, &quote.qualified_signer);
    sized(&mut bytes, &quote.extra_data);
    bytes.extend(quote.clock.clock.to_be_bytes());
    bytes.extend(quote.clock.reset_count.to_be_bytes());
    bytes.extend(quote.clock.restart_count.to_be_bytes());
    bytes.push(u8::from(quote.clock.safe));
    bytes.extend(quote.firmware_version.to_be_bytes());
    let count = u32::try_from(quote.selections.len()).expect("few");
    bytes.extend(count.to_be_bytes());
    for selection in &quote.selections {
        bytes.extend(selection.algorithm.0.to_be_bytes());
        bytes.push(3);
        bytes.extend(&selection.pcrs.to_le_bytes()[..3]);
    }
    sized(&mut bytes, &quote.pcr_digest);
    bytes
}

fn sized(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend(u16::try_from(content.len()).expect("short").to_be_bytes());
    bytes.extend(content);
}
