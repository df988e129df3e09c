//! QEMU's ACPI files: what it hands to firmware by fw_cfg, before any pointer is patched, and what of
//! them can be derived from the tables.
//!
//! Sources: ACPI 6.5, sections 5.2.6 to 5.2.8 (table headers, RSDP, RSDT); QEMU
//! `hw/acpi/bios-linker-loader.c` (the loader's commands) and `hw/i386/acpi-build.c` (their order).

mod loader;
mod tables;

pub use tables::{AcpiFault, AcpiRule, AcpiTable};

/// `etc/acpi/tables`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpiTables<'a> {
    tables: Vec<AcpiTable<'a>>,
}

impl<'a> AcpiTables<'a> {
    /// Reads the tables, which follow one another; zeros may follow the last.
    ///
    /// # Errors
    /// A length cannot be, bytes belong to no table, or there is not exactly one RSDT, DSDT and FADT.
    pub fn read(file: &'a [u8]) -> Result<Self, AcpiFault> {
        tables::read(file).map(|tables| Self { tables })
    }

    /// The tables in the order of the file.
    pub fn tables(&self) -> &[AcpiTable<'a>] {
        &self.tables
    }

    /// `etc/table-loader` as QEMU's q35 machine writes it for these tables.
    ///
    /// # Errors
    /// The tables were patched already, or one of them brings commands that are not known here.
    pub fn loader(&self) -> Result<Vec<u8>, AcpiFault> {
        loader::loader(&self.tables)
    }

    /// `etc/acpi/rsdp`: revision 0, as QEMU's q35 machine writes it, its checksum not yet filled in.
    pub fn rsdp(&self) -> [u8; 20] {
        let mut rsdp = *b"RSD PTR \0BOCHS \0\0\0\0\0";
        rsdp[16..].copy_from_slice(&loader::word(self.one(*b"RSDT").offset));
        rsdp
    }

    /// The table of which reading made sure that there is one.
    fn one(&self, signature: [u8; 4]) -> &AcpiTable<'a> {
        tables::one(&self.tables, signature)
    }
}
