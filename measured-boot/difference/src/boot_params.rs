//! Which fields of two `boot_params` pages differ (Linux, `arch/x86/include/uapi/asm/bootparam.h`).

use crate::Difference;
use crate::bytes::{excerpt, number, stretches};

/// Name, offset, width.
#[rustfmt::skip] // a table
const FIELDS: [(&str, usize, usize); 35] = [
    ("acpi_rsdp_addr", 0x070, 8), ("ext_ramdisk_image", 0x0C0, 4), ("ext_ramdisk_size", 0x0C4, 4),
    ("ext_cmd_line_ptr", 0x0C8, 4), ("cc_blob_address", 0x13C, 4), ("e820_entries", 0x1E8, 1),
    ("setup_sects", 0x1F1, 1), ("root_flags", 0x1F2, 2), ("syssize", 0x1F4, 4), ("vid_mode", 0x1FA, 2),
    ("root_dev", 0x1FC, 2), ("boot_flag", 0x1FE, 2), ("jump", 0x200, 2), ("header", 0x202, 4), ("version", 0x206, 2),
    ("type_of_loader", 0x210, 1), ("loadflags", 0x211, 1), ("code32_start", 0x214, 4),
    ("ramdisk_image (where the initrd is)", 0x218, 4), ("ramdisk_size (the initrd's length)", 0x21C, 4),
    ("heap_end_ptr", 0x224, 2), ("cmd_line_ptr", 0x228, 4), ("initrd_addr_max", 0x22C, 4), ("kernel_alignment", 0x230, 4),
    ("relocatable_kernel", 0x234, 1), ("min_alignment", 0x235, 1), ("xloadflags", 0x236, 2),
    ("cmdline_size (the command line's length)", 0x238, 4), ("hardware_subarch", 0x23C, 4), ("payload_offset", 0x248, 4),
    ("payload_length", 0x24C, 4), ("setup_data", 0x250, 8), ("pref_address", 0x258, 8), ("init_size", 0x260, 4),
    ("handover_offset", 0x264, 4),
];

const E820: usize = 0x2D0;
const E820_ENTRY: usize = 20;
const E820_ENTRIES: usize = 128;

/// The fields that differ; entries of the memory map by their number, all else as bytes.
pub(crate) fn fields(a: &[u8], b: &[u8]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (mut rest_a, mut rest_b) = (a.to_vec(), b.to_vec());
    rest_a.resize(4096, 0);
    rest_b.resize(4096, 0);
    for (field, offset, width) in FIELDS {
        let (a, b) = (number(a, offset, width), number(b, offset, width));
        if a != b {
            differences.push(param(field, offset, format!("{a:#x}"), format!("{b:#x}")));
        }
        rest_a[offset..offset + width].fill(0);
        rest_b[offset..offset + width].fill(0);
    }
    for index in 0..E820_ENTRIES {
        let offset = E820 + index * E820_ENTRY;
        let (a, b) = (memory(a, offset), memory(b, offset));
        if a != b {
            differences.push(param("e820_table (the memory map)", offset, a, b));
        }
    }
    let map = E820..E820 + E820_ENTRIES * E820_ENTRY;
    rest_a[map.clone()].fill(0);
    rest_b[map].fill(0);
    for (start, end, _) in stretches(&rest_a, &rest_b, 8) {
        let shown = |bytes: &[u8]| excerpt(bytes, start, end - start);
        let (a, b) = (shown(&rest_a), shown(&rest_b));
        differences.push(param("bytes of no known field", start, a, b));
    }
    differences
}

fn param(field: &'static str, offset: usize, a: String, b: String) -> Difference {
    Difference::BootParam {
        field,
        offset,
        a,
        b,
    }
}

/// An entry of the memory map in words.
fn memory(bytes: &[u8], offset: usize) -> String {
    let (start, size) = (number(bytes, offset, 8), number(bytes, offset + 8, 8));
    let kind = match number(bytes, offset + 16, 4) {
        0 if size == 0 => return "nothing".to_owned(),
        1 => "RAM",
        2 => "reserved",
        3 => "ACPI data",
        4 => "ACPI NVS",
        _ => "of another type",
    };
    let end = start.wrapping_add(size);
    format!("{start:#x} to {end:#x} {kind}")
}
