//! Writes, signs, reads and checks reference values as CoRIM.
//!
//! A [`ReferenceSet`] says what reports of a workload may show: one launch for each count of vCPUs, from
//! when to when, from which guest SVN on, and built from what. [`ReferenceSet::unsigned`] makes it a CoRIM
//! with all that is to be signed; [`Signed::open`] takes nothing but what the given key signed and what can
//! be read in one way only.
//!
//! No file, clock or random number is needed here: who calls signs, and says what time it is. The format,
//! field by field, is in `docs/reference-values.md`.
//!
//! Sources: draft-ietf-rats-corim-10, RFC 9052 (COSE_Sign1), RFC 9597 (CWT claims in headers), RFC 8949
//! section 4.2.1 (deterministic CBOR).

#![forbid(unsafe_code)]

mod cbor;
mod comid;
mod cursor;
mod envelope;
mod format;
mod key;
mod open;
mod read;
mod rejection;
mod set;
mod write;

pub use cbor::{CborFault, CborRule, MAX_BYTES, MAX_DEPTH, scan};
pub use envelope::{Signature, Unsigned};
pub use format::PROFILE;
pub use key::{PublicKeyError, VerifyingKey};
pub use open::Signed;
pub use rejection::CorimRejection;
pub use set::{Alternative, ReferenceSet, Sbom, SetFault, Tee, Validity, Workload};
