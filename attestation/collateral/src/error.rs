//! Why there is no certificate and no collateral.

use std::path::PathBuf;

use attestation_certificates::{Older, rfc3339};
use thiserror::Error;

use crate::{AddressError, Vendor};

/// A question has no answer: who was asked for what, what came of it, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the fields are what the text names")]
pub enum CollateralError {
    /// The vendor knows no such thing.
    #[error(
        "{vendor} has nothing at {address} (HTTP {status}): is {what} right? It is asked again later at the earliest"
    )]
    Missing {
        vendor: Vendor,
        what: String,
        address: String,
        status: u16,
    },
    /// The vendor asks for patience.
    #[error("{vendor} is asked too often, or is not available: {address} answered HTTP {status}")]
    Busy {
        vendor: Vendor,
        address: String,
        status: u16,
        /// How many seconds it wants to be left alone, if it says so.
        after: Option<u64>,
    },
    /// Another answer than those that are known.
    #[error("{vendor}: {address} answered HTTP {status}, which is no answer to this question")]
    Status {
        vendor: Vendor,
        address: String,
        status: u16,
    },
    /// No connection, or none that could be trusted.
    #[error(
        "{vendor} cannot be reached at {address}: {why}. Check the network, the address and the CA file; or import what another machine exported"
    )]
    Unreachable {
        vendor: Vendor,
        address: String,
        why: String,
    },
    /// A connection, and no whole answer.
    #[error("{vendor}: {address} gave no whole answer: {why}")]
    Cut {
        vendor: Vendor,
        address: String,
        why: String,
    },
    /// The answer took too long.
    #[error("{vendor}: no answer to {address} in the time that there was")]
    TooSlow { vendor: Vendor, address: String },
    /// The answer is not what was asked for, or nobody vouches for it. It is not kept.
    #[error("{what} from {source_name} is not used: {why}")]
    Unproven {
        what: String,
        source_name: String,
        why: Unproven,
    },
    /// The answer is older than what was seen.
    #[error(
        "{what} from {source_name} is {older}. It is not kept: whoever keeps the newer one back hides what it revokes"
    )]
    Older {
        what: String,
        source_name: String,
        older: Older,
    },
    /// It was asked for lately, in vain.
    #[error("{vendor} is not asked for {what} for another {seconds} s, since: {because}")]
    BackingOff {
        vendor: Vendor,
        what: String,
        seconds: u64,
        because: String,
    },
    /// Too many new names in a short time.
    #[error(
        "{vendor} is not asked for {what} yet: too much that evidence named was asked for lately. Try again in {seconds} s"
    )]
    Budget {
        vendor: Vendor,
        what: String,
        seconds: u64,
    },
    /// Somebody else asks for it, and takes too long.
    #[error("{what} is being asked for, and did not come in the time that there was")]
    Waited { what: String },
    /// Nobody is asked, and it is not there.
    #[error(
        "{what} is not kept here, and nobody is asked: import it (`cloister collateral import`) from a machine that may ask {vendor}"
    )]
    Offline { vendor: Vendor, what: String },
    /// AMD gives no VLEK out.
    #[error(
        "the report is signed by a VLEK, which the cloud provider gives out and AMD does not: it has to come with the evidence"
    )]
    Vlek,
    /// Nobody knows whose key it is.
    #[error(
        "the report masks its chip id, so that nobody can be asked for the VCEK: it has to come with the evidence"
    )]
    MaskedChip,
    /// A chip id longer than its product's.
    #[error("the chip id has bytes behind the {length} that {product} has")]
    ChipId {
        product: &'static str,
        length: usize,
    },
    /// The quote does not say what to ask for.
    #[error(
        "the quote brings no readable PCK certificate, so that nobody can tell its FMSPC and CA"
    )]
    NoPck,
    /// The pieces are proven one by one, and not together.
    #[error("the collateral of FMSPC {fmspc} does not hold together: {why}")]
    Set { fmspc: String, why: String },
    /// The directory.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

/// Why an answer is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the fields are what the text names")]
pub enum Unproven {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is not genuine: {0}")]
    NotGenuine(String),
    #[error("it is about something else: {0}")]
    OtherSubject(String),
    #[error("it is valid from {} on", rfc3339(*.0))]
    NotYetValid(u64),
    #[error("its last second was {}", rfc3339(*.0))]
    Expired(u64),
}

/// The directory cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the fields are what the text names")]
pub enum ShelfError {
    #[error("{} cannot be {doing}: {why}", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        why: String,
    },
    #[error(
        "{} may be read or written by others (mode {mode:03o}), or is another user's: make it this user's alone (chmod 700)",
        path.display()
    )]
    Open { path: PathBuf, mode: u32 },
    #[error(
        "{} holds other files and is no directory of collateral: name an empty one, or one that is not there yet",
        path.display()
    )]
    Foreign { path: PathBuf },
    #[error(
        "{} remembers what was seen, and is gone or damaged ({why}): bring it back from a copy, or begin a new directory and import what is trusted",
        path.display()
    )]
    Account { path: PathBuf, why: String },
    #[error(
        "{} was begun with {begun}, and this run has {now}: keep a directory for each",
        path.display()
    )]
    Other {
        path: PathBuf,
        begun: String,
        now: String,
    },
    #[error("another run has held {} for {seconds} seconds: end that one first", path.display())]
    Held { path: PathBuf, seconds: u64 },
}

/// What is kept cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the fields are what the text names")]
pub enum OpenError {
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error("the CA file {} cannot be used: {why}", path.display())]
    CaFile { path: PathBuf, why: String },
    #[error(
        "this machine has no file of certificate authorities at any of the usual places: name one (--ca-file)"
    )]
    NoCaFile,
    #[error(transparent)]
    Address(#[from] AddressError),
}
