//! The attestation and key-release service: HTTP, store, sessions and the log's sequencer.

