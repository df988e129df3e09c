//! The launches that a relying party accepts.

use crate::Bytes;

/// What reference values say of a TD. An empty list says nothing of that register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TdxReference {
    /// Accepted MRTD, the launch's digest.
    pub mr_tds: Vec<Bytes<48>>,
    /// Accepted RTMR0 to RTMR3.
    pub rtmrs: [Vec<Bytes<48>>; 4],
}
