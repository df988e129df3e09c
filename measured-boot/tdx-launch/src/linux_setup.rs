//! The Linux kernel as QEMU hands it to firmware: with its setup header filled in.
//!
//! OVMF until edk2-stable202502 loads, and measures, the image with what QEMU wrote into it; later ones
//! take the file as it is. Source: QEMU `hw/i386/x86-common.c` (`x86_load_linux`); Linux
//! `Documentation/arch/x86/boot.rst` (the header).

/// The header's signature and its place.
const SIGNATURE: (usize, [u8; 4]) = (0x202, *b"HdrS");
const PROTOCOL: usize = 0x206;
const TYPE_OF_LOADER: usize = 0x210;
const LOAD_FLAGS: usize = 0x211;
const INITRD_ADDRESS: usize = 0x218;
const INITRD_SIZE: usize = 0x21C;
const HEAP_END: usize = 0x224;
const CMDLINE_ADDRESS: usize = 0x228;
const INITRD_LIMIT: usize = 0x22C;
const EXTENDED_FLAGS: usize = 0x236;
/// QEMU reads so much to find the header in.
const LEAST_BYTES: usize = 0x1000;

const LOADED_HIGH: u8 = 1;
const CAN_USE_HEAP: u8 = 0x80;
/// XLF_CAN_BE_LOADED_ABOVE_4G.
const ABOVE_4G: u16 = 2;
const QEMU: u8 = 0xB0;
/// Where QEMU would put the command line, and that minus the setup code's place and its 0x200 bytes.
const CMDLINE: u32 = 0x2_0000;
const HEAP: u16 = 0xFE00;
/// Memory that q35 keeps free below the end of low memory, for ACPI.
const ACPI_RESERVE: u64 = 0x2_8000;
const SPLIT_FROM: u64 = 0xB000_0000;
const LOW_BYTES: u64 = 0x8000_0000;

/// The kernel with its header as QEMU's q35 machine fills it in for an initrd of so many bytes (0 for
/// none) and so much memory. `None` if this is no bzImage with boot protocol 2.3 or later, or the initrd
/// does not fit: QEMU boots neither this way.
pub fn qemu_patched(kernel: &[u8], initrd_bytes: u64, memory: u64) -> Option<Vec<u8>> {
    if kernel.len() < LEAST_BYTES || kernel[SIGNATURE.0..][..4] != SIGNATURE.1 {
        return None;
    }
    let protocol = u16_at(kernel, PROTOCOL);
    if protocol < 0x203 || kernel[LOAD_FLAGS] & LOADED_HIGH == 0 {
        return None;
    }
    let mut patched = kernel.to_vec();
    patched[TYPE_OF_LOADER] = QEMU;
    patched[LOAD_FLAGS] |= CAN_USE_HEAP;
    put(&mut patched, HEAP_END, &HEAP.to_le_bytes());
    put(&mut patched, CMDLINE_ADDRESS, &CMDLINE.to_le_bytes());
    if initrd_bytes > 0 {
        let limit = initrd_limit(kernel, protocol, memory)?;
        let address = limit.checked_sub(initrd_bytes)? & !0xFFF;
        put(&mut patched, INITRD_ADDRESS, &low_half(address)?);
        put(&mut patched, INITRD_SIZE, &low_half(initrd_bytes)?);
    }
    Some(patched)
}

/// The highest address that an initrd may reach.
fn initrd_limit(kernel: &[u8], protocol: u16, memory: u64) -> Option<u64> {
    let anywhere = protocol >= 0x20C && u16_at(kernel, EXTENDED_FLAGS) & ABOVE_4G != 0;
    let wished = match anywhere {
        true => u64::from(u32::MAX),
        false => {
            u64::from(u16_at(kernel, INITRD_LIMIT))
                | u64::from(u16_at(kernel, INITRD_LIMIT + 2)) << 16
        }
    };
    let low = if memory < SPLIT_FROM {
        memory
    } else {
        LOW_BYTES
    };
    let last = low.checked_sub(ACPI_RESERVE + 1)?;
    Some(wished.min(last))
}

fn low_half(number: u64) -> Option<[u8; 4]> {
    u32::try_from(number).ok().map(u32::to_le_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
