//! Guests of a few bytes.

/// What the shim writes to COM1 before it powers off.
pub const LINE: &str = "hello from the bytes that were measured\n";

const KERNEL_AT: u64 = 0x100_0000;
/// Where a kernel says that it is, beside where it is loaded.
const KERNEL_HALF: u64 = 0xffff_ffff_8000_0000;

/// A shim that writes [`LINE`] and powers off: flat code, entered in 32-bit protected mode.
///
/// It is independent of where it lies, so it can be entered elsewhere too.
pub fn shim() -> Vec<u8> {
    let mut code = Vec::new();
    for byte in LINE.bytes() {
        code.extend(write_port(0x3f8, byte));
    }
    // S5 of the sleep control register.
    code.extend(write_port(0x600, 0x34));
    // cli; hlt; jmp to the hlt
    code.extend([0xfa, 0xf4, 0xeb, 0xfd]);
    code
}

/// mov dx, port; mov al, value; out dx, al: the same bytes in 32-bit and 64-bit mode.
fn write_port(port: u16, value: u8) -> Vec<u8> {
    let [low, high] = port.to_le_bytes();
    vec![0x66, 0xba, low, high, 0xb0, value, 0xee]
}

/// A kernel file of one segment whose code is the shim's.
pub fn kernel() -> Vec<u8> {
    const CODE_OFFSET: usize = 0x1000;
    let code = shim();
    let length = u64::try_from(code.len()).expect("a few bytes");
    let mut file = elf_header();
    file.extend(program_header(length));
    file.resize(CODE_OFFSET, 0);
    file.extend(code);
    file
}

fn elf_header() -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    // ET_EXEC for x86-64, version 1.
    header.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    for word in [KERNEL_AT, 64, 0] {
        header.extend(u64::to_le_bytes(word));
    }
    // No flags; sizes: 64 for this header, one program header of 56, no sections.
    header.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    header
}

fn program_header(length: u64) -> Vec<u8> {
    // PT_LOAD, readable and executable.
    let mut header = vec![1, 0, 0, 0, 5, 0, 0, 0];
    let seen_at = KERNEL_HALF + KERNEL_AT;
    for word in [0x1000, seen_at, KERNEL_AT, length, length, 0x1000] {
        header.extend(u64::to_le_bytes(word));
    }
    header
}
