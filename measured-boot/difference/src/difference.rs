//! The closed list of what can differ.

mod pages;

pub use pages::{DifferingBytes, PageRange};

use crate::Shown;
use serde::Serialize;

/// One thing in which two launches, images or reports differ. `a` is always the first one's value.
///
/// [`Difference::sentence`] says it in words, [`Difference::advice`] what a person does about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "kebab-case")]
pub enum Difference {
    /// The numbers of vCPUs.
    VcpuCount {
        /// How many.
        a: u64,
        /// How many.
        b: u64,
    },
    /// A register of vCPUs that both have.
    VmsaField {
        /// Which vCPUs: `vcpu0`, or `vcpu1 to vcpu63`.
        vcpus: String,
        /// The register, such as `RDX` or `CS.attributes`.
        field: &'static str,
        /// Its offset in the VMSA.
        offset: usize,
        /// Its value.
        a: String,
        /// Its value.
        b: String,
        /// What the values mean, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    /// Registers of vCPUs, where at least one side has only their digest.
    VmsaUnnamed {
        /// Which vCPUs.
        vcpus: String,
    },
    /// Where the VMSAs are measured.
    VmsaAddress {
        /// Guest physical address.
        a: u64,
        /// Guest physical address.
        b: u64,
    },
    /// Only one of the two has this.
    OnlyIn {
        /// Which of the two.
        side: Side,
        /// What it is.
        component: String,
        /// Guest physical address of its first page.
        gpa: u64,
        /// How many pages.
        pages: u64,
    },
    /// The same pages lie elsewhere.
    Moved {
        /// What they are.
        component: String,
        /// Guest physical address of the first page.
        a: u64,
        /// Guest physical address of the first page.
        b: u64,
    },
    /// One is larger.
    Size {
        /// What.
        component: String,
        /// In bytes, or in pages where bytes are not known.
        a: u64,
        /// In the same.
        b: u64,
        /// `bytes` or `pages`.
        unit: &'static str,
    },
    /// Firmware of another size, which lies elsewhere for it.
    FirmwareSize {
        /// In bytes.
        a: u64,
        /// In bytes.
        b: u64,
    },
    /// How pages are measured.
    PageType {
        /// Which pages.
        component: String,
        /// Guest physical address of the first.
        gpa: u64,
        /// The type's name.
        a: &'static str,
        /// The type's name.
        b: &'static str,
    },
    /// The same pages, measured in another order.
    Order {
        /// Where in the order they part, from 0.
        position: usize,
        /// What comes there.
        a: String,
        /// What comes there.
        b: String,
    },
    /// Pages that differ.
    Pages(PageRange),
    /// The command line.
    Cmdline {
        /// Words that only the first one has.
        only_a: Vec<String>,
        /// Words that only the second one has.
        only_b: Vec<String>,
    },
    /// The same words on the command line, with other blanks or in another order.
    CmdlineSpelling {
        /// All of it.
        a: String,
        /// All of it.
        b: String,
    },
    /// A field of `boot_params`, the page by which Linux learns of its machine.
    BootParam {
        /// The field, as Linux names it.
        field: &'static str,
        /// Its offset in the page.
        offset: usize,
        /// Its value.
        a: String,
        /// Its value.
        b: String,
    },
    /// A field or a stretch of an ACPI table.
    AcpiTable {
        /// The table's signature, with a number where there are several.
        table: String,
        /// The field, or `bytes`.
        field: String,
        /// Its offset in the table.
        offset: usize,
        /// Its value.
        a: String,
        /// Its value.
        b: String,
    },
    /// An ACPI table that only one has.
    AcpiTableOnlyIn {
        /// Which of the two.
        side: Side,
        /// The table's signature, with a number where there are several.
        table: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// What the kernel says of itself.
    KernelBanner {
        /// `Linux version …`
        a: String,
        /// `Linux version …`
        b: String,
    },
    /// A file of an initrd that is a plain cpio archive.
    InitrdFile {
        /// Its path.
        path: String,
        /// `2310 bytes`, `absent`.
        a: String,
        /// `2310 bytes`, `absent`.
        b: String,
    },
    /// A row of the table by which firmware checks the kernel.
    HashRow {
        /// `kernel`, `initrd` or `cmdline`.
        row: &'static str,
        /// SHA-256, in hexadecimal.
        a: String,
        /// SHA-256, in hexadecimal.
        b: String,
        /// What it is the hash of, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    /// Only one of the two hands the firmware a kernel to check.
    KernelHashesOnlyIn {
        /// Which of the two.
        side: Side,
    },
    /// A section that firmware asks a launch for.
    Section {
        /// Its kind, such as `SNP_SEC_MEM`.
        section: String,
        /// Where its row is in the file that has it.
        row_offset: usize,
        /// Its pages: `0x800000 to 0x808fff`, or `absent`.
        a: String,
        /// The same.
        b: String,
    },
    /// The order of the sections' rows, which is that of measuring.
    SectionOrder {
        /// As they follow one another.
        a: String,
        /// As they follow one another.
        b: String,
    },
    /// An entry of the firmware's footer table.
    FooterEntry {
        /// What it is.
        entry: String,
        /// Its data, or `absent`.
        a: String,
        /// Its data, or `absent`.
        b: String,
    },
    /// Bytes of a file in a place that has a name.
    FileRange {
        /// What lies there, such as `firmware volume at 0x84000`.
        region: String,
        /// Offset in the file of the first byte that differs.
        offset: u64,
        /// How many bytes differ, from there to the last one.
        differing: u64,
        /// How many bytes from the first to the last.
        span: u64,
        /// Guest physical address of the first, where the file has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        gpa: Option<u64>,
        /// Up to 16 bytes from the first that differs.
        a: String,
        /// The same.
        b: String,
    },
    /// A value that a report or a file shows, and that is in no launch digest.
    Field {
        /// The field as its specification names it.
        field: &'static str,
        /// What shows it.
        shown: Shown,
        /// Its value.
        a: String,
        /// Its value.
        b: String,
        /// What follows.
        #[serde(skip_serializing_if = "Option::is_none")]
        advice: Option<&'static str>,
    },
    /// A CPUID leaf, which no digest covers.
    CpuidLeaf {
        /// The leaf.
        leaf: u32,
        /// The subleaf, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        subleaf: Option<u32>,
        /// `EAX` to `EDX`, or `all` of a leaf that only one has.
        register: &'static str,
        /// Its value, or `absent`.
        a: String,
        /// Its value, or `absent`.
        b: String,
        /// Names of the features whose bits differ.
        features: Vec<String>,
    },
    /// A launch digest or register.
    Digest {
        /// Its name, such as `launch digest` or `RTMR0`.
        register: String,
        /// In hexadecimal.
        a: String,
        /// In hexadecimal.
        b: String,
    },
    /// An event of a log that stands in the same place and measures something else.
    Event {
        /// The register.
        register: String,
        /// Number of the event in its log, from 0.
        number_a: u32,
        /// The same.
        number_b: u32,
        /// What it is, such as `EV_EFI_VARIABLE_DRIVER_CONFIG dbx`.
        event: String,
        /// What it says.
        a: String,
        /// What it says.
        b: String,
    },
    /// An event that only one log has.
    EventOnlyIn {
        /// Which of the two.
        side: Side,
        /// The register.
        register: String,
        /// Number of the event in its log, from 0.
        number: u32,
        /// What it is.
        event: String,
        /// What it says.
        says: String,
    },
    /// The same digest by another type of event, or beside other data: no digest covers that.
    EventUncovered {
        /// The register.
        register: String,
        /// Number of the event in its log, from 0.
        number_a: u32,
        /// The same.
        number_b: u32,
        /// `type` or `data`.
        what: &'static str,
        /// Its value.
        a: String,
        /// Its value.
        b: String,
    },
    /// The same events in another order.
    EventOrder {
        /// The register.
        register: String,
        /// Number of the first that differs, from 0.
        number_a: u32,
        /// The same.
        number_b: u32,
    },
    /// Something that the readers of this kind of file name in their own words.
    Named {
        /// What it is of: `RTMR0`, `.cmdline`, `directive`.
        place: String,
        /// The whole sentence, in which A and B stand for the two.
        says: String,
        /// What shows it.
        shown: Shown,
        /// What follows.
        #[serde(skip_serializing_if = "Option::is_none")]
        advice: Option<String>,
    },
}

/// One of the two that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}
