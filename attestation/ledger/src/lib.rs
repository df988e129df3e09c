//! The transparency log: entries, RFC 6962 tree, C2SP checkpoints, tiles and proofs, and the audit records in its leaves.

#![forbid(unsafe_code)]
