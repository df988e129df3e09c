//! TDX quotes alone.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use attestation_tdx::Quote;

/// What is read, dcap-qvl reads too, and finds the same in it.
pub const TDX_QUOTE: Target = Target {
    name: "tdx_quote",
    // Nothing is copied but what has a fixed size.
    bound: Bound {
        factor: 0,
        constant: 4 << 10,
    },
    longest: 8 << 10,
    vectors: &[
        "dcap-qvl-0.7.1/sample",
        "go-tdx-guest/testdata",
        "trustee/deps/verifier/test_data",
        "intel-qvl/sampleData",
    ],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let quote = match bound.holds(bytes, || Quote::read(bytes)) {
        Ok(quote) => quote,
        Err(fault) => {
            is_plain(&fault.to_string());
            return false;
        }
    };
    assert!(bytes.starts_with(quote.signed));
    let padding = bytes.len() - quote.padding;
    assert!(bytes[padding..].iter().all(|byte| *byte == 0));
    compare(&quote, bytes);
    true
}

fn compare(quote: &Quote<'_>, bytes: &[u8]) {
    // It knows fewer sizes of what quoting enclaves add.
    let Ok(other) = dcap_qvl::verify::Quote::parse(bytes) else {
        return;
    };
    assert_eq!(u16::from_le_bytes([bytes[0], bytes[1]]), quote.version);
    assert_eq!(other.header.version, quote.version);
    assert_eq!(other.header.qe_vendor_id, quote.qe_vendor);
    assert_eq!(other.signed_length(), quote.signed.len());
    if let (Some(chain), Ok(theirs)) = (quote.pck_chain, other.raw_cert_chain()) {
        assert_eq!(chain, theirs);
    }
}
