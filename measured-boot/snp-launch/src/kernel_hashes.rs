//! The table by which OVMF checks the kernel that a VMM hands it.

use measured_boot_firmware::Guid;
use ring::digest::{SHA256, digest};

const TABLE: Guid = Guid::new(0x9438_d606, 0x4f22, 0x4cc9, 0xb479_a793_d411_fd21);
const CMDLINE: Guid = Guid::new(0x97d0_2dd8, 0xbd20, 0x4c94, 0xaa78_e771_4d36_ab2a);
const INITRD: Guid = Guid::new(0x44ba_f731, 0x3a2f, 0x4bd7, 0x9af1_41e2_9169_781d);
const KERNEL: Guid = Guid::new(0x4de7_9437, 0xabd2, 0x427f, 0xb835_d5b1_72d2_045b);

const ENTRY_BYTES: u16 = 50;
const TABLE_BYTES: u16 = 168;

/// SHA-256 of what a kernel is booted with (QEMU, `target/i386/sev.c`, `SevHashTable`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelHashes {
    /// Of the command line with the NUL that ends it.
    pub cmdline: [u8; 32],
    /// Of the initrd; of nothing where there is none.
    pub initrd: [u8; 32],
    /// Of the kernel file as it is.
    pub kernel: [u8; 32],
}

impl KernelHashes {
    /// How many bytes the table takes, its padding to 16 included.
    pub const PADDED_BYTES: usize = 176;

    /// Hashes a kernel, its initrd (empty for none) and its command line, without a NUL.
    pub fn of(kernel: &[u8], initrd: &[u8], cmdline: &str) -> Self {
        let with_end = [cmdline.as_bytes(), &[0]].concat();
        Self {
            cmdline: sha256(&with_end),
            initrd: sha256(initrd),
            kernel: sha256(kernel),
        }
    }

    /// The table as OVMF reads it, padded with zeros.
    pub fn table(&self) -> [u8; Self::PADDED_BYTES] {
        let mut table = Vec::with_capacity(Self::PADDED_BYTES);
        table.extend(TABLE.to_bytes());
        table.extend(TABLE_BYTES.to_le_bytes());
        let entries = [
            (CMDLINE, self.cmdline),
            (INITRD, self.initrd),
            (KERNEL, self.kernel),
        ];
        for (guid, hash) in entries {
            table.extend(guid.to_bytes());
            table.extend(ENTRY_BYTES.to_le_bytes());
            table.extend(hash);
        }
        table.resize(Self::PADDED_BYTES, 0);
        table.try_into().expect("it was made that long")
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest(&SHA256, bytes);
    *digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}
