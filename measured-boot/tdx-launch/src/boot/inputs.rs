//! What a prediction of the RTMRs is made of.

use crate::boot::Register;

/// Everything that OVMF and what it boots measure. What is `None` makes the registers unknown that
/// depend on it, and is named.
#[derive(Clone, Debug, Default)]
pub struct BootInputs {
    /// Which firmware's habits.
    pub profile: BootProfile,
    /// SHA-384 of the TD HOB ([`crate::TdHob::digest`]).
    pub td_hob: Option<[u8; 48]>,
    /// SHA-384 of the CFV section's bytes in the firmware file.
    pub configuration_volume: Option<[u8; 48]>,
    /// The Secure Boot variables.
    pub secure_boot: SecureBootVariables,
    /// QEMU's ACPI files.
    pub acpi: AcpiDigests,
    /// The boot variables; `None` for those that OVMF makes itself when QEMU hands it a kernel.
    pub variables: Option<BootVariables>,
    /// What is booted.
    pub boot: Option<Boot>,
    /// Events that come after all others of their register, with their names.
    pub further: Vec<(Register, String, [u8; 48])>,
}

/// In what firmware builds differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BootProfile {
    /// The separator before booting goes once into RTMR0 and once into RTMR1.
    #[default]
    Edk2,
    /// Older EDK II: it goes into RTMR0 twice and not into RTMR1. A log of such a boot has a duplicate
    /// separator, which is refused when read as evidence.
    Edk2DuplicateSeparator,
}

/// A variable that RTMR0 holds with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableName {
    /// Whether Secure Boot is on: one byte, or no such variable at all.
    SecureBoot,
    /// The platform key.
    Pk,
    /// Keys that may change the lists.
    Kek,
    /// What may be started.
    Db,
    /// What must not be.
    Dbx,
}

/// Contents of the Secure Boot variables. One that was not set is taken not to be there, and is measured as
/// if it were empty.
#[derive(Clone, Debug, Default)]
pub struct SecureBootVariables {
    contents: [Option<Vec<u8>>; 5],
}

impl SecureBootVariables {
    /// Sets a variable's contents, without attributes.
    pub fn set(&mut self, name: VariableName, contents: Vec<u8>) {
        self.contents[name.index()] = Some(contents);
    }

    /// A variable's contents, if they were set.
    pub fn contents(&self, name: VariableName) -> Option<&[u8]> {
        self.contents[name.index()].as_deref()
    }
}

impl VariableName {
    /// All, in the order in which they are measured.
    pub const ALL: [Self; 5] = [Self::SecureBoot, Self::Pk, Self::Kek, Self::Db, Self::Dbx];

    /// As UEFI spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SecureBoot => "SecureBoot",
            Self::Pk => "PK",
            Self::Kek => "KEK",
            Self::Db => "db",
            Self::Dbx => "dbx",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::SecureBoot => 0,
            Self::Pk => 1,
            Self::Kek => 2,
            Self::Db => 3,
            Self::Dbx => 4,
        }
    }
}

/// SHA-384 of what QEMU hands over by fw_cfg.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcpiDigests {
    /// Of `etc/table-loader`.
    pub loader: Option<[u8; 48]>,
    /// Of `etc/acpi/rsdp`.
    pub rsdp: Option<[u8; 48]>,
    /// Of `etc/acpi/tables`.
    pub tables: Option<[u8; 48]>,
}

/// Contents of BootOrder and of the options that it lists, in its order.
#[derive(Clone, Debug)]
pub struct BootVariables {
    /// BootOrder.
    pub order: Vec<u8>,
    /// Numbers and contents of the Boot#### variables.
    pub entries: Vec<(u16, Vec<u8>)>,
}

/// How a guest is booted.
#[derive(Clone, Debug)]
pub enum Boot {
    /// QEMU hands a Linux kernel to the firmware (`-kernel`).
    Direct(DirectBoot),
    /// The firmware starts a UKI from a disk.
    Disk(DiskBoot),
}

/// A kernel that QEMU hands over.
#[derive(Clone, Debug)]
pub struct DirectBoot {
    /// Its PE Authenticode hash, SHA-384, of the file as the firmware measures it ([`crate::qemu_patched`]).
    pub kernel: Option<[u8; 48]>,
    /// Its command line, without a NUL.
    pub cmdline: Vec<u8>,
    /// SHA-384 of its initrd; `None` without one.
    pub initrd: Option<[u8; 48]>,
}

/// A UKI on a disk.
#[derive(Clone, Debug)]
pub struct DiskBoot {
    /// SHA-384 of the partition table's event.
    pub partitions: Option<[u8; 48]>,
    /// The images that are started, in order: a boot loader if there is one, the UKI, the kernel in it.
    pub images: Vec<Pe>,
    /// Names and SHA-384 of the contents of the sections that the UKI's stub measures, in its order.
    pub sections: Vec<(String, [u8; 48])>,
}

/// An image that firmware starts.
#[derive(Clone, Debug)]
pub struct Pe {
    /// For people.
    pub name: String,
    /// Its PE Authenticode hash, SHA-384; `None` if it is no PE image, and nothing would start it.
    pub digest: Option<[u8; 48]>,
}
