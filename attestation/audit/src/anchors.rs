//! What an auditor trusts: given from outside, never read from the bundle.

use attestation_ledger::VerifyingKey;

/// The roots of everything that [`audit`](crate::audit) concludes.
#[derive(Clone, Copy, Debug)]
pub struct Anchors<'a> {
    /// The key that signs the log's checkpoints.
    pub log_key: &'a VerifyingKey,
    /// The simulated TEEs' root certificates, DER: all that the log's verifier ever was started with.
    /// Each verdict is replayed under the one that it names, and none that names another is believed.
    pub simulated_roots: &'a [&'a [u8]],
}
