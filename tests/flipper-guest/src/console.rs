//! COM1, by which the guest says what it did.

use core::fmt::{Arguments, Write};

use crate::cpu::write_port;

const PORT: u16 = 0x3f8;

struct Com1;

impl Write for Com1 {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        text.bytes().for_each(|byte| write_port(PORT, byte));
        Ok(())
    }
}

/// Writes a line. The transmitter is a machine monitor's: it is always empty.
pub fn line(text: Arguments<'_>) {
    // Com1 fails never.
    let _ = Com1.write_fmt(text);
    let _ = Com1.write_str("\n");
}
