//! What a guest without a TEE has: a serial port to say why it ends.

use core::arch::asm;

use measured_boot_shim_abi::Refusal;

/// COM1's transmitter.
const COM1: u16 = 0x3F8;
/// The machine's ACPI RESET_REG.
const RESET_PORT: u16 = 0x602;
const RESET_VALUE: u8 = 1;

/// Says on the serial port why the guest ends, and resets the machine.
pub fn refuse(refusal: Refusal) -> ! {
    let text = ["cloister-shim: ", refusal.sentence(), "\r\n"];
    for byte in text.iter().flat_map(|part| part.bytes()) {
        write(COM1, byte);
    }
    loop {
        write(RESET_PORT, RESET_VALUE);
        // SAFETY: interrupts are off: the processor stops here for ever.
        unsafe { asm!("hlt", options(nomem, nostack)) };
    }
}

fn write(port: u16, byte: u8) {
    // SAFETY: the port is one of the two above, of devices that touch no memory.
    unsafe { asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack)) };
}
