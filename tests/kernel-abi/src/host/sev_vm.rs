//! What KVM keeps of an SNP VM.

use std::collections::BTreeSet;

use crate::model::snp::{Guest, Platform};

/// An SNP VM.
#[derive(Debug)]
pub struct SevVm {
    /// The secure processor's side.
    pub guest: Guest,
    /// INIT2's features, once it was done.
    pub features: Option<u64>,
    /// `/dev/sev` by the number that LAUNCH_START gave, once it was done.
    pub(super) sev_fd: Option<u32>,
    /// Requests for certificates come to the VMM.
    pub certificates: bool,
    /// Pages that LAUNCH_UPDATE did.
    pub pages: u64,
    /// The types of those pages.
    pub page_types: BTreeSet<u8>,
    /// Calls of LAUNCH_UPDATE that did pages.
    pub updates: u64,
    /// LAUNCH_FINISH was done.
    finished: bool,
    /// VMSAs are encrypted: a LAUNCH_FINISH that failed then cannot be done again.
    pub(super) is_sealed: bool,
}

impl SevVm {
    pub(super) fn new(platform: Platform) -> Self {
        Self {
            guest: Guest::new(platform),
            features: None,
            sev_fd: None,
            certificates: false,
            pages: 0,
            page_types: BTreeSet::new(),
            updates: 0,
            finished: false,
            is_sealed: false,
        }
    }

    /// Whether the launch is over.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    pub(super) fn finish(&mut self) {
        self.finished = true;
    }
}
