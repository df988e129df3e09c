//! What a guest finds at ports and at addresses without memory.

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use measured_boot_plan::machine::COM1_PORT;
use vmm_kvm::{Bus, Confidential, KvmError};
use vmm_virtio::{Slot, SlotError};

use crate::com1::{self, Com1};
use crate::confidential::PrivateGuest;
use crate::io_apic::UserIoApic;
use crate::power;

/// Why the guest stops.
#[derive(Debug)]
pub enum Stop {
    /// It powered itself off.
    PowerOff,
    /// It asked for a reset.
    Reset,
    /// A device process failed it.
    Device {
        /// The device's slot.
        slot: usize,
        /// How.
        error: SlotError,
    },
    /// The guest or its processor ended it, and this is what was said.
    Guest(String),
    /// Its memory cannot be what it takes it for.
    Memory(String),
    /// KVM does not take its interrupts' ways.
    Interrupts(KvmError),
}

/// A virtio device in its place.
pub struct Placed {
    /// First address.
    pub base: u64,
    /// Bytes of registers.
    pub size: u64,
    /// The device.
    pub slot: Mutex<Slot>,
}

/// The machine's devices. Whatever is not one of them reads all ones, as on a real bus.
pub struct Machine {
    com1: Mutex<Com1>,
    slots: Vec<Placed>,
    private: Option<PrivateGuest>,
    io_apic: Option<UserIoApic>,
}

impl Machine {
    /// A machine of these devices, for a guest with private memory if `private` answers it.
    pub fn new(com1: Com1, slots: Vec<Placed>, private: Option<PrivateGuest>) -> Self {
        Self {
            com1: Mutex::new(com1),
            slots,
            private,
            io_apic: None,
        }
    }

    /// The same with an I/O APIC, if KVM does not keep it.
    pub fn with_io_apic(self, io_apic: Option<UserIoApic>) -> Self {
        Self { io_apic, ..self }
    }

    /// Writes what is left in the console. A vCPU that is in the middle of writing there may never
    /// come back; its line is then lost.
    pub fn finish(&self) {
        match self.com1.try_lock() {
            Ok(mut com1) => com1.finish(),
            Err(TryLockError::Poisoned(com1)) => com1.into_inner().finish(),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn io_apic(&self, address: u64) -> Option<(&UserIoApic, u64)> {
        let io_apic = self.io_apic.as_ref()?;
        Some((io_apic, io_apic.offset(address)?))
    }

    fn write_io_apic(&self, address: u64, data: &[u8]) -> ControlFlow<Stop> {
        let written = self
            .io_apic(address)
            .map_or(Ok(()), |(io_apic, offset)| io_apic.write(offset, data));
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Stop::Interrupts(error)),
        }
    }

    fn find(&self, address: u64) -> Option<(usize, &Placed, u64)> {
        self.slots.iter().enumerate().find_map(|(index, placed)| {
            let offset = address.checked_sub(placed.base)?;
            (offset < placed.size).then_some((index, placed, offset))
        })
    }
}

impl Bus for Machine {
    type Stop = Stop;

    fn port_read(&self, port: u16, data: &mut [u8]) {
        data.fill(0xff);
        if let Some(register) = com1_register(port) {
            lock(&self.com1).read(register, data);
        } else if let Some(value) = power::read(port) {
            data.fill(value);
        }
    }

    fn port_write(&self, port: u16, data: &[u8]) -> ControlFlow<Stop> {
        if let Some(register) = com1_register(port) {
            lock(&self.com1).write(register, data);
            return ControlFlow::Continue(());
        }
        match data.first().and_then(|value| power::request(port, *value)) {
            Some(power::Request::PowerOff) => ControlFlow::Break(Stop::PowerOff),
            Some(power::Request::Reset) => ControlFlow::Break(Stop::Reset),
            None => ControlFlow::Continue(()),
        }
    }

    fn memory_read(&self, address: u64, data: &mut [u8]) {
        data.fill(0xff);
        if let Some((_, placed, offset)) = self.find(address) {
            lock(&placed.slot).read(offset, data);
        } else if let Some((io_apic, offset)) = self.io_apic(address) {
            io_apic.read(offset, data);
        }
    }

    fn memory_write(&self, address: u64, data: &[u8]) -> ControlFlow<Stop> {
        let Some((slot, placed, offset)) = self.find(address) else {
            return self.write_io_apic(address, data);
        };
        match lock(&placed.slot).write(offset, data) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Stop::Device { slot, error }),
        }
    }

    fn confidential(&self) -> Option<&dyn Confidential<Stop = Stop>> {
        let private = self.private.as_ref()?;
        Some(private)
    }
}

fn com1_register(port: u16) -> Option<u8> {
    let register = port
        .checked_sub(COM1_PORT)
        .filter(|register| *register < com1::PORTS)?;
    u8::try_from(register).ok()
}

/// A poisoned lock cannot be seen: a panic in any thread ends the process.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

    use super::*;
    use crate::arguments::Output;
    use crate::console::Console;

    fn machine() -> Machine {
        let console = Console::open(Path::new("/dev/null"), Output::Text).unwrap();
        let interrupt = com1::Interrupt(EventFd::new(EFD_NONBLOCK).unwrap());
        Machine::new(Com1::new(interrupt, console), Vec::new(), None)
    }

    fn read_port(port: u16) -> u8 {
        let mut data = [0];
        machine().port_read(port, &mut data);
        data[0]
    }

    #[test]
    fn ports_without_a_device_read_all_ones_and_ignore_writes() {
        for port in [0x60, 0x65, 0x70, 0x3f7, 0x400, 0x603, 0xcf8] {
            assert_eq!(read_port(port), 0xff, "port {port:#x}");
            assert!(machine().port_write(port, &[1]).is_continue());
        }
    }

    #[test]
    fn end_does_not_wait_for_a_vcpu_that_writes_to_the_console() {
        let machine = machine();
        let writing = machine.com1.lock().unwrap();
        machine.finish();
        drop(writing);
    }

    #[test]
    fn com1_says_that_its_transmitter_is_empty() {
        assert_eq!(read_port(0x3fd) & 0x60, 0x60);
    }

    #[test]
    fn addresses_without_a_device_read_all_ones_and_ignore_writes() {
        for address in [0xc000_0000, 0xd000_0000, u64::MAX] {
            let mut data = [0; 8];
            machine().memory_read(address, &mut data);
            assert_eq!(data, [0xff; 8], "address {address:#x}");
            assert!(machine().memory_write(address, &[0; 4]).is_continue());
        }
    }

    #[test]
    fn power_registers_stop_the_guest_for_their_own_values_only() {
        let write = |port, data: &[u8]| machine().port_write(port, data);
        assert!(matches!(
            write(0x600, &[0x34]),
            ControlFlow::Break(Stop::PowerOff)
        ));
        assert!(matches!(
            write(0x602, &[1]),
            ControlFlow::Break(Stop::Reset)
        ));
        assert!(write(0x600, &[]).is_continue());
        assert!(write(0x601, &[0x34]).is_continue());
        assert_eq!(
            [read_port(0x600), read_port(0x601), read_port(0x602)],
            [0; 3]
        );
    }
}
