//! What the boot protocol wants in low memory: boot_params, page tables and a GDT.
//!
//! Source: Linux, Documentation/arch/x86/boot.rst (protocol 2.15, "64-bit Boot Protocol") and
//! zero-page.rst.

use crate::Gpa;
use measured_boot_shim_abi::layout::{self, LEGACY, LEGACY_END};
use std::mem::{offset_of, size_of};
use std::ops::Range;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromZeros, Immutable, IntoBytes, KnownLayout};

const E820_RAM: u32 = 1;
const E820_RESERVED: u32 = 2;

/// What boot_params tells the kernel.
pub(crate) struct BootInput {
    /// `None`: the boot shim fills in e820.
    pub(crate) ram: Option<[Range<u64>; 2]>,
    pub(crate) cmdline: Gpa,
    pub(crate) cmdline_length: u32,
    pub(crate) initrd: Gpa,
    pub(crate) initrd_length: u32,
    /// `None`: there are no ACPI tables.
    pub(crate) rsdp: Option<Gpa>,
}

/// `struct boot_params`, the fields that a 64-bit entry into a vmlinux uses.
#[derive(FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct BootParams {
    before_rsdp: [u8; 0x70],
    acpi_rsdp_addr: U64,
    before_e820_entries: [u8; 0x170],
    e820_entries: u8,
    before_setup_header: [u8; 8],
    setup_header: SetupHeader,
    after_setup_header: [u8; 0x2D0 - 0x268],
    e820_table: [E820Entry; 128],
    after_e820_table: [u8; 4096 - 0x2D0 - 128 * 20],
}

/// `struct setup_header`.
#[derive(FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetupHeader {
    setup_sects: u8,
    root_flags: U16,
    syssize: U32,
    ram_size: U16,
    vid_mode: U16,
    root_dev: U16,
    boot_flag: U16,
    jump: U16,
    header: [u8; 4],
    version: U16,
    realmode_swtch: U32,
    start_sys_seg: U16,
    kernel_version: U16,
    type_of_loader: u8,
    loadflags: u8,
    setup_move_size: U16,
    code32_start: U32,
    ramdisk_image: U32,
    ramdisk_size: U32,
    bootsect_kludge: U32,
    heap_end_ptr: U16,
    ext_loader_ver: u8,
    ext_loader_type: u8,
    cmd_line_ptr: U32,
    initrd_addr_max: U32,
    kernel_alignment: U32,
    relocatable_kernel: u8,
    min_alignment: u8,
    xloadflags: U16,
    cmdline_size: U32,
    hardware_subarch: U32,
    hardware_subarch_data: U64,
    payload_offset: U32,
    payload_length: U32,
    setup_data: U64,
    pref_address: U64,
    init_size: U32,
    handover_offset: U32,
}

/// `struct boot_e820_entry`.
#[derive(FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct E820Entry {
    address: U64,
    size: U64,
    kind: U32,
}

const _: () = {
    assert!(size_of::<BootParams>() == 4096);
    assert!(offset_of!(BootParams, acpi_rsdp_addr) == 0x070);
    assert!(offset_of!(BootParams, e820_entries) == 0x1E8);
    assert!(offset_of!(BootParams, setup_header) == 0x1F1);
    assert!(offset_of!(BootParams, e820_table) == 0x2D0);
    assert!(0x1F1 + offset_of!(SetupHeader, boot_flag) == 0x1FE);
    assert!(0x1F1 + offset_of!(SetupHeader, header) == 0x202);
    assert!(0x1F1 + offset_of!(SetupHeader, type_of_loader) == 0x210);
    assert!(0x1F1 + offset_of!(SetupHeader, ramdisk_image) == 0x218);
    assert!(0x1F1 + offset_of!(SetupHeader, cmd_line_ptr) == 0x228);
    assert!(0x1F1 + offset_of!(SetupHeader, kernel_alignment) == 0x230);
    assert!(0x1F1 + offset_of!(SetupHeader, xloadflags) == 0x236);
    assert!(0x1F1 + size_of::<SetupHeader>() == 0x268);
};

/// The page of boot_params.
pub(crate) fn boot_params(input: &BootInput) -> Vec<u8> {
    let low = |address: Gpa| {
        U32::new(u32::try_from(address.get()).expect("all of this is placed below 4 GiB"))
    };
    let mut params = BootParams::new_zeroed();
    params.acpi_rsdp_addr = U64::new(input.rsdp.map_or(0, Gpa::get));
    let header = &mut params.setup_header;
    header.boot_flag = U16::new(0xAA55);
    header.header = *b"HdrS";
    header.version = U16::new(0x020F);
    header.type_of_loader = 0xFF; // a boot loader without a number of its own
    header.loadflags = 1; // LOADED_HIGH
    header.ramdisk_image = low(input.initrd);
    header.ramdisk_size = U32::new(input.initrd_length);
    header.cmd_line_ptr = low(input.cmdline);
    header.cmdline_size = U32::new(input.cmdline_length);
    header.initrd_addr_max = U32::new(0x7FFF_FFFF);
    header.kernel_alignment = U32::new(2 << 20);
    header.xloadflags = U16::new(1); // XLF_KERNEL_64
    let e820 = input.ram.iter().flat_map(e820);
    for (place, entry) in params.e820_table.iter_mut().zip(e820) {
        *place = entry;
        params.e820_entries += 1;
    }
    params.as_bytes().to_vec()
}

/// `struct cc_setup_data` at the page's start and `struct cc_blob_sev_info` where it points to: they tell
/// the kernel where SNP's secrets and CPUID pages are (Linux 6.12, arch/x86/include/uapi/asm/setup_data.h,
/// arch/x86/include/asm/sev.h).
pub(crate) fn cc_blob() -> Vec<u8> {
    const SETUP_CC_BLOB: u32 = 7;
    const DATA_BYTES: u32 = 4;
    const PAGE: u32 = 4096;
    let low = |address| u32::try_from(address).expect("the layout lies below 4 GiB");
    let mut page = vec![0; 0x40 + 40];
    let node: [&[u8]; 4] = [
        &0_u64.to_le_bytes(),
        &SETUP_CC_BLOB.to_le_bytes(),
        &DATA_BYTES.to_le_bytes(),
        &low(layout::CC_BLOB_INFO).to_le_bytes(),
    ];
    let info: [&[u8]; 7] = [
        b"AMDE",
        &0_u32.to_le_bytes(), // version and reserved: the kernel looks at neither
        &layout::SECRETS.to_le_bytes(),
        &PAGE.to_le_bytes(),
        &0_u32.to_le_bytes(),
        &layout::CPUID.to_le_bytes(),
        &PAGE.to_le_bytes(),
    ];
    page[..20].copy_from_slice(&node.concat());
    page[0x40..0x40 + 36].copy_from_slice(&info.concat());
    page
}

const _: () = assert!(layout::CC_BLOB_INFO == layout::CC_BLOB + 0x40);

fn e820([low, high]: &[Range<u64>; 2]) -> impl Iterator<Item = E820Entry> + use<> {
    let entry = |(range, kind): (Range<u64>, u32)| E820Entry {
        address: U64::new(range.start),
        size: U64::new(range.end - range.start),
        kind: U32::new(kind),
    };
    let ranges = [
        (low.start..LEGACY, E820_RAM),
        (LEGACY..LEGACY_END, E820_RESERVED),
        (LEGACY_END..low.end, E820_RAM),
        (high.clone(), E820_RAM),
    ];
    let ranges = ranges.into_iter().filter(|(range, _)| !range.is_empty());
    ranges.map(entry)
}

/// Number of pages of [`page_tables`].
pub(crate) const PAGE_TABLE_PAGES: u64 = 6;

/// Page tables at `start` that map the first 4 GiB to themselves in 2 MiB pages: one PML4, one page
/// directory pointer table, four page directories.
pub(crate) fn page_tables(start: Gpa) -> Vec<u8> {
    const PRESENT_WRITABLE: u64 = 0b11;
    const LARGE: u64 = 1 << 7;
    const ENTRIES: u64 = 512;
    let table = |index: u64| (start.get() + index * 4096) | PRESENT_WRITABLE;
    let page = |index: u64| index << 21 | PRESENT_WRITABLE | LARGE;
    let padded = |entries: Vec<u64>| {
        entries
            .into_iter()
            .chain(std::iter::repeat(0))
            .take(512)
            .collect::<Vec<_>>()
    };
    let pml4 = padded(vec![table(1)]);
    let pointers = padded((2..PAGE_TABLE_PAGES).map(table).collect());
    let directories = (0..4 * ENTRIES).map(page);
    pml4.into_iter()
        .chain(pointers)
        .chain(directories)
        .flat_map(u64::to_le_bytes)
        .collect()
}

/// Selector of the code segment: `__BOOT_CS`.
pub(crate) const BOOT_CS: u16 = 0x10;
/// Selector of the data segment: `__BOOT_DS`.
pub(crate) const BOOT_DS: u16 = 0x18;

/// The GDT: two empty descriptors, then flat 64-bit code and flat data at the selectors above.
pub(crate) fn gdt() -> Vec<u8> {
    [0, 0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF_u64]
        .into_iter()
        .flat_map(u64::to_le_bytes)
        .collect()
}
