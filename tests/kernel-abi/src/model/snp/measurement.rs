//! The launch digest (56860 rev 1.58, "Page Info", SNP_LAUNCH_UPDATE).

use sha2::{Digest as _, Sha384};

/// The digest of all pages so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement([u8; 48]);

impl Default for Measurement {
    fn default() -> Self {
        Self([0; 48])
    }
}

/// Bytes of PAGE_INFO.
const PAGE_INFO: u16 = 0x70;

impl Measurement {
    /// A page whose contents count.
    pub fn extend_contents(&mut self, page_type: u8, gpa: u64, contents: &[u8; 4096]) {
        self.extend(page_type, gpa, &Sha384::digest(contents).into());
    }

    /// A page of which only type and address count.
    pub fn extend_address(&mut self, page_type: u8, gpa: u64) {
        self.extend(page_type, gpa, &[0; 48]);
    }

    /// The digest.
    pub fn digest(&self) -> [u8; 48] {
        self.0
    }

    fn extend(&mut self, page_type: u8, gpa: u64, contents: &[u8; 48]) {
        let mut info = Sha384::new();
        info.update(self.0);
        info.update(contents);
        info.update(PAGE_INFO.to_le_bytes());
        // Page type, IMI_PAGE, and the permissions of VMPL3, VMPL2 and VMPL1, which KVM leaves zero.
        info.update([page_type, 0, 0, 0, 0, 0]);
        info.update(gpa.to_le_bytes());
        self.0 = info.finalize().into();
    }
}
