//! Reads and proves certificates and revocation lists, and remembers the newest seen.

#![forbid(unsafe_code)]
