//! What an auditor trusts: given from outside, never read from the bundle.

use attestation_ledger::VerifyingKey;

/// The roots of everything that [`audit`](crate::audit) concludes.
#[derive(Clone, Copy, Debug)]
pub struct Anchors<'a> {
    /// The key that signs the log's checkpoints.
    pub log_key: &'a VerifyingKey,
    /// The simulated TEE's root certificate, DER. `None` where no verdict needs it.
    pub simulated_root: Option<&'a [u8]>,
}
