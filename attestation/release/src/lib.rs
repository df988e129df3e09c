//! Wraps a secret to the key that accepted evidence binds, and checks a release's log receipt.

#![forbid(unsafe_code)]
