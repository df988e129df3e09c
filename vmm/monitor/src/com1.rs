//! COM1: a 16550 whose output is the console. Nothing is ever typed into it.

use std::io;

use vm_superio::serial::NoEvents;
use vm_superio::{Serial, Trigger};
use vmm_sys_util::eventfd::EventFd;

use crate::console::Console;

/// Registers of a 16550.
pub const PORTS: u16 = 8;

/// Raises the interrupt of COM1 through KVM.
pub struct Interrupt(pub EventFd);

impl Trigger for Interrupt {
    type E = io::Error;

    fn trigger(&self) -> io::Result<()> {
        self.0.write(1)
    }
}

/// The device.
pub struct Com1(Serial<Interrupt, NoEvents, Console>);

impl Com1 {
    /// A 16550 that writes to `console`.
    pub fn new(interrupt: Interrupt, console: Console) -> Self {
        Self(Serial::new(interrupt, console))
    }

    /// A guest's write to register `offset`. Bytes of a string instruction go there one by one.
    pub fn write(&mut self, offset: u8, data: &[u8]) {
        for byte in data {
            // The console loses what it cannot write, and a lost interrupt only delays a guest that
            // polls anyway: neither is worth stopping the guest for.
            let _ = self.0.write(offset, *byte);
        }
    }

    /// A guest's read of register `offset`.
    pub fn read(&mut self, offset: u8, data: &mut [u8]) {
        for byte in data {
            *byte = self.0.read(offset);
        }
    }

    /// Writes what is left in the console.
    pub fn finish(&mut self) {
        self.0.writer_mut().finish();
    }
}
