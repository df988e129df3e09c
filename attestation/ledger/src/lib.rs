//! The transparency log: entries, RFC 6962 tree, C2SP checkpoints, tiles and proofs, and the audit records in its leaves.
//!
//! Nothing here does I/O or makes random numbers. A store keeps the node hashes and answers through
//! [`NodeReader`]; the log key's seed comes in as bytes. One append, in the store's own transaction:
//!
//! ```
//! use attestation_ledger::{Hash, LogProof, MemoryNodes, SigningKey, TreeHead};
//! use attestation_ledger::{append, inclusion_proof, root};
//!
//! let key = SigningKey::from_seed("example.com/log", &[7; 32])?;
//! let mut nodes = MemoryNodes::default();
//!
//! let index = 0;
//! let entry = b"an entry";
//! for (node, hash) in append(&nodes, index, Hash::leaf(entry))? {
//!     nodes.insert(node, hash);
//! }
//! let head = TreeHead { size: index + 1, root: root(&nodes, index + 1)? };
//! let proof = LogProof {
//!     extra: Some(entry.to_vec()),
//!     index,
//!     path: inclusion_proof(&nodes, index, head.size)?,
//!     checkpoint: head.sign(&key),
//! };
//! assert_eq!(LogProof::parse(&proof.to_string())?.verify(entry, &key.verifying_key())?, head);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Formats: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-tiles,
//! c2sp.org/tlog-proof@v1, RFC 6962 section 2.1 (hashing), RFC 9162 sections 2.1.3 and 2.1.4
//! (verification). Every parser refuses trailing data and any second spelling of the same value, so
//! that one text means one thing and one thing has one text.

#![forbid(unsafe_code)]

mod bundle;
mod checkpoint;
mod hash;
mod key;
mod log_proof;
mod note;
mod proof;
mod record;
mod succession;
mod text;
mod tile;
mod tree;

pub use bundle::{BLOB_DIRECTORY, BundleError, BundleWriter, CHECKPOINT_FILE, blob_path};
pub use checkpoint::{CheckpointError, TreeHead};
pub use hash::{Digest, DigestError, Hash};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use log_proof::{LogProof, LogProofError};
pub use note::{NoteError, SignedNote, sign_note};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use record::{
    AuditRecord, Entry, EntryError, KeyEvent, MAX_ENTRY_BYTES, Outcome, RecordVersion,
    RecordedDocument, RecordedInput, RecordedLaunch, RecordedPolicy, RecordedRejection,
    RecordedRelease, RecordedRoots, RecordedVerdict, Registered, Registration,
};
pub use succession::{Succession, SuccessionError};
pub use tile::{
    Tile, TileError, TileKind, decode_entry_bundle, encode_entry_bundle, encode_hash_tile, tiles,
};
pub use tree::{
    MemoryNodes, Node, NodeReader, TreeError, append, consistency_proof, inclusion_proof, root,
};
