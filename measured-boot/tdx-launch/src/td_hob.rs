//! The TD HOB: the list in which a VMM describes memory to the firmware, which RTMR0 holds.
//!
//! Sources: UEFI PI 1.8, volume 3, section 5 (the list); EDK II `OvmfPkg/IntelTdx/TdxHelperLib` (what
//! of it is measured: everything before the end mark); QEMU `hw/i386/tdvf-hob.c`, `hw/i386/pc_q35.c`
//! and `target/i386/kvm/tdx.c` (what QEMU writes).

mod list;
mod qemu;

pub use list::{HobFault, HobRule};
pub use qemu::{MemoryRange, QemuHobFault, RangeKind};

use measured_boot_digest::sha384;
use measured_boot_firmware::Tdvf;

/// The bytes of the list that are measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdHob(Vec<u8>);

impl TdHob {
    /// The list that QEMU's q35 machine writes for `memory` bytes of RAM and the sections of a TDVF.
    ///
    /// # Errors
    /// The firmware takes no list, or memory cannot be laid out so.
    pub fn qemu(memory: u64, tdvf: &Tdvf<'_>) -> Result<Self, QemuHobFault> {
        qemu::list(memory, tdvf).map(Self)
    }

    /// A list as it was written by a VMM, with or without its end mark; zeros may follow the mark.
    ///
    /// # Errors
    /// It is no such list.
    pub fn from_list(bytes: &[u8]) -> Result<Self, HobFault> {
        list::measured_part(bytes).map(|part| Self(part.to_vec()))
    }

    /// The ranges of memory in QEMU's list, by address.
    ///
    /// # Errors
    /// As [`TdHob::qemu`].
    pub fn qemu_ranges(memory: u64, tdvf: &Tdvf<'_>) -> Result<Vec<MemoryRange>, QemuHobFault> {
        qemu::ranges(memory, tdvf)
    }

    /// The bytes that are measured.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digest that extends RTMR0.
    pub fn digest(&self) -> [u8; 48] {
        sha384(&self.0)
    }
}
