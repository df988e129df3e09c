//! The secrets page judged, without a look at the keys.
//!
//! Sources: 56860 rev 1.58, "Secrets page"; its guest areas as Linux 6.12 uses them
//! (`struct snp_secrets_page`, arch/x86/include/asm/sev.h).

use core::mem::{offset_of, size_of};

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::Refusal;

/// The page at [`layout::SECRETS`](crate::layout::SECRETS), which the firmware fills in.
#[derive(Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SecretsPage {
    /// Version of the layout.
    pub version: U32,
    /// Bit 0: the guest comes from an initial migration image.
    pub flags: U32,
    /// Family, model, stepping, and the firmware's workarounds.
    pub processor: [u8; 24],
    /// VMPCK0 to VMPCK3: the guest's keys. The shim reads none.
    pub keys: [[u8; 32]; 4],
    /// The first guest area: message counters and the AP jump table.
    pub guest_area: [u8; 96],
    /// The firmware's.
    pub tweak_bitmap: [u8; 64],
    /// The second guest area: where an SVSM says that it is there.
    pub svsm: [u8; 32],
    /// The firmware's.
    pub rest: [u8; 4096 - 0x160],
}

const _: () = {
    assert!(size_of::<SecretsPage>() == 4096);
    assert!(offset_of!(SecretsPage, keys) == 0x20);
    assert!(offset_of!(SecretsPage, guest_area) == 0xA0);
    assert!(offset_of!(SecretsPage, svsm) == 0x140);
};

const FLAG_MIGRATION: u32 = 1;

impl SecretsPage {
    /// Whether the page is a fresh guest's at VMPL 0.
    ///
    /// # Errors
    /// The first of the refusals named `Secrets...` that holds.
    pub fn judge(&self) -> Result<(), Refusal> {
        let faults = [
            (self.version.get() == 0, Refusal::SecretsVersion),
            (
                self.flags.get() & FLAG_MIGRATION != 0,
                Refusal::SecretsMigration,
            ),
            (self.svsm != [0; 32], Refusal::SecretsSvsm),
            (self.guest_area != [0; 96], Refusal::SecretsUsed),
        ];
        let fault = faults.into_iter().find(|(is_so, _)| *is_so);
        fault.map_or(Ok(()), |(_, refusal)| Err(refusal))
    }
}
