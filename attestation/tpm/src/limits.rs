//! What a relying party tolerates.

use crate::{Bank, Reference};
use serde::Deserialize;
use std::collections::BTreeSet;

/// What a relying party tolerates in a quote. Nothing has a default: a policy that forgets one is refused when it is
/// read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TpmLimits {
    /// Whether a key that no TEE's report binds is accepted because the relying party named it or its certifier.
    pub allow_without_tee: bool,
    /// The fewest bits of an RSA attestation key's modulus. Fewer than 2048 are never accepted.
    pub min_rsa_bits: u32,
    /// The banks of PCRs that are believed; quotes may cover others too, which count for nothing. An event log has to
    /// explain every one of these that the quote covers.
    pub banks: BTreeSet<Bank>,
    /// The PCRs that a quote has to cover in at least one of these banks.
    pub quoted_pcrs: BTreeSet<u8>,
    /// For a bank and a PCR, the values that it may have. A PCR that is named and not quoted is refused.
    pub pcrs: Reference,
    /// Whether evidence without an event log is refused.
    pub require_event_log: bool,
    /// The PCRs that may hold more than the event log explains, since the operating system goes on extending them.
    pub unlogged_pcrs: BTreeSet<u8>,
    /// Whether the TPM's clock has to be one that never went back (`clockInfo.safe`).
    pub require_safe_clock: bool,
    /// Whether the runtime data has to say that the firmware enforces Secure Boot.
    pub require_secure_boot: bool,
    /// Whether the runtime data may say that the machine has a serial console, or leave open whether it has.
    pub allow_console: bool,
}
