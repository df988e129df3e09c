//! All reference values of a relying party, with the digests by which verdicts name them.

use std::sync::Arc;

use attestation_ledger::Digest;

use crate::ReferenceValue;

/// Reference values with the digests of their blobs, which are computed once: values may be large, and every verdict names
/// them all.
#[derive(Debug, Clone, Default)]
pub struct References {
    values: Vec<Arc<ReferenceValue>>,
    digests: Vec<Digest>,
}

impl References {
    /// Of these values, in this order.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = ReferenceValue>) -> Self {
        values.into_iter().map(Arc::new).collect()
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[Arc<ReferenceValue>] {
        &self.values
    }

    /// The digest of each value's blob, in the same order.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }
}

impl FromIterator<Arc<ReferenceValue>> for References {
    fn from_iter<I: IntoIterator<Item = Arc<ReferenceValue>>>(values: I) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        let digests = values.iter().map(|value| Digest::of(&value.blob()));
        Self {
            digests: digests.collect(),
            values,
        }
    }
}
