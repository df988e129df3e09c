//! Guests of a few bytes.

use measured_boot_tiny_kernel::{Segment, elf};

/// What the shim writes to COM1 before it powers off.
pub const LINE: &str = "hello from the bytes that were measured\n";

const KERNEL_AT: u64 = 0x100_0000;

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
    elf(KERNEL_AT, &[Segment::new(KERNEL_AT, shim())])
}
