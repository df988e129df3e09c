//! Makes certificates and revocation lists, right ones and wrong ones, value by value: no library would write the
//! wrong ones.

#![allow(
    dead_code,
    reason = "each test program that includes this uses a part of it"
)]

mod draft;
mod key;
mod write;

pub use draft::{Draft, ListDraft, WITHIN, extension, name, validity};
pub use key::{Key, sha384};
pub use write::{bits, bytes, constructed, integer, number, octets, oid, pem, tlv};
