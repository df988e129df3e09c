//! What an auditor trusts: given from outside, never read from the bundle.

use attestation_ledger::VerifyingKey;
use measured_boot_reference_values::VerifyingKey as CorimKey;

/// The roots of everything that [`audit`](super::audit) concludes.
#[derive(Clone, Copy, Debug)]
pub struct Anchors<'a> {
    /// The key that signs the log's checkpoints.
    pub log_key: &'a VerifyingKey,
    /// The simulated TEEs' root certificates, DER: all that the log's verifier ever was started with.
    /// Each verdict is replayed under the one that it names, and none that names another is believed.
    pub simulated_roots: &'a [&'a [u8]],
    /// Whether the verifier may have been started for the sample attester's evidence.
    pub allow_sample: bool,
    /// Roots that the verifier may have been given in a vendor's place; none of a verifier for genuine hardware.
    pub vendor_roots: &'a [&'a [u8]],
    /// The keys that may have signed reference values.
    pub corim_keys: &'a [CorimKey],
    /// The key of the log in whose place this one was begun, where somebody pinned that: without it the log's own word for it is
    /// shown, and whoever reads it has to compare.
    pub predecessor_key: Option<&'a VerifyingKey>,
}

impl<'a> Anchors<'a> {
    /// Of a verifier for genuine hardware whose reference values nobody signed.
    #[must_use]
    pub fn hardware_alone(log_key: &'a VerifyingKey) -> Self {
        Self {
            log_key,
            simulated_roots: &[],
            allow_sample: false,
            vendor_roots: &[],
            corim_keys: &[],
            predecessor_key: None,
        }
    }
}
