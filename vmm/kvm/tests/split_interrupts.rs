//! An I/O APIC in user space, on `/dev/kvm`: a real-mode guest writes its registers, a device signals, and
//! the guest's handler runs.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;

use measured_boot_plan::{Segment, VcpuState};
use vmm_ioapic::{IoApic, Routes};
use vmm_kvm::{Bus, Controllers, GuestRam, Host, Message, RamLayout, Vm, VmKind};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

const IO_APIC: u64 = 0xfec0_0000;
const LOCAL_APIC: u64 = 0xfee0_0000;
/// The pin that signals.
const PIN: u8 = 5;
const VECTOR: u8 = 0x31;

const CODE: u64 = 0x1000;
const HANDLER: u16 = 0x2000;
/// What the guest says at this port: 1, ready for a signal; 2, in the handler.
const PORT: u8 = 0x80;
const READY: u8 = 1;
const INTERRUPTED: u8 = 2;

/// `mov dword ds:[offset], value` in 16-bit code; DS is the I/O APIC.
fn store(offset: u16, value: u32) -> Vec<u8> {
    let mut code = vec![0x66, 0xc7, 0x06];
    code.extend(offset.to_le_bytes());
    code.extend(value.to_le_bytes());
    code
}

/// The same by ES, which is the local APIC.
fn store_local(offset: u16, value: u32) -> Vec<u8> {
    let mut code = vec![0x26];
    code.extend(store(offset, value));
    code
}

fn say(what: u8) -> Vec<u8> {
    vec![0xb0, what, 0xe6, PORT]
}

/// Writes a redirection, upper half first.
fn redirect(entry: u64) -> Vec<u8> {
    let register = 0x10 + 2 * u32::from(PIN);
    let half = |shift: u32| u32::try_from(entry >> shift & 0xffff_ffff).unwrap();
    [
        store(0x00, register + 1),
        store(0x10, half(32)),
        store(0x00, register),
        store(0x10, half(0)),
    ]
    .concat()
}

/// The guest's bus: an I/O APIC whose routes KVM gets, and a device that signals whenever the guest is ready.
struct Machine {
    vm: Vm,
    apic: RefCell<IoApic>,
    signal: EventFd,
    heard: RefCell<Vec<u8>>,
    /// Stops when the guest has said so many words.
    words: usize,
}

impl Bus for Machine {
    type Stop = ();

    fn port_read(&self, _port: u16, data: &mut [u8]) {
        data.fill(0xff);
    }

    fn port_write(&self, _port: u16, data: &[u8]) -> ControlFlow<()> {
        let mut heard = self.heard.borrow_mut();
        heard.extend(data);
        if data == [READY] {
            self.signal.write(1).unwrap();
        }
        match heard.len() == self.words {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn memory_read(&self, address: u64, data: &mut [u8]) {
        self.apic.borrow().read(address - IO_APIC, data);
    }

    fn memory_write(&self, address: u64, data: &[u8]) -> ControlFlow<()> {
        let mut apic = self.apic.borrow_mut();
        if apic.write(address - IO_APIC, data) == Routes::Changed {
            let routes = apic.routes().map(|(pin, msi)| {
                let message = Message {
                    address: msi.address.into(),
                    data: msi.data,
                };
                (pin, message)
            });
            self.vm.route_interrupts(routes).unwrap();
        }
        ControlFlow::Continue(())
    }
}

/// Real mode at [`CODE`], with DS and ES far away.
fn state() -> VcpuState {
    let at = |base, attributes| Segment {
        selector: 0,
        attributes,
        limit: 0xffff,
        base,
    };
    VcpuState {
        es: at(LOCAL_APIC, 0x93),
        cs: at(0, 0x9b),
        ss: at(0, 0x93),
        ds: at(IO_APIC, 0x93),
        fs: at(0, 0x93),
        gs: at(0, 0x93),
        ldtr: at(0, 0x82),
        tr: at(0, 0x8b),
        gdtr: at(0, 0),
        idtr: Segment {
            limit: 0x3ff,
            ..at(0, 0)
        },
        cr0: 0x10,
        cr3: 0,
        cr4: 0,
        efer: 0,
        xcr0: 1,
        dr6: 0xffff_0ff0,
        dr7: 0x400,
        pat: 0x0007_0406_0007_0406,
        rflags: 2,
        rip: CODE,
        rsp: 0x8000,
        rbp: 0,
        rax: 0,
        rbx: 0,
        rcx: 0,
        rdx: 0,
        rsi: 0,
        rdi: 0,
        r8_to_r15: [0; 8],
        fcw: 0x37f,
        mxcsr: 0x1f80,
    }
}

/// What a guest says that switches its local APIC on and then runs `code`, up to so many words; `None`
/// where there is no KVM.
fn run(code: &[u8], words: usize) -> Option<Vec<u8>> {
    let host = match Host::open() {
        Ok(host) => host,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap());
    let spurious_vector_and_on = store_local(0xf0, 0x1ff);
    // sti; hlt; jmp back to hlt
    let wait = [0xfb, 0xf4, 0xeb, 0xfd];
    ram.write(CODE, &[&spurious_vector_and_on, code, &wait].concat())
        .unwrap();
    let end_of_interrupt = store_local(0xb0, 0);
    let iret = [0xcf];
    let handler = [&say(INTERRUPTED)[..], &end_of_interrupt, &iret].concat();
    ram.write(HANDLER.into(), &handler).unwrap();
    ram.write(u64::from(VECTOR) * 4, &HANDLER.to_le_bytes())
        .unwrap();
    let vm = Vm::with_controllers(&host, VmKind::Plain, Controllers::Split, ram).unwrap();
    let mut vcpu = vm.add_vcpu(0).unwrap();
    vcpu.set_state(&state()).unwrap();
    let signal = EventFd::new(EFD_NONBLOCK).unwrap();
    vm.interrupt_on(&signal, PIN.into()).unwrap();
    let machine = Machine {
        vm,
        apic: RefCell::new(IoApic::new()),
        signal,
        heard: RefCell::default(),
        words,
    };
    vcpu.run(&machine).unwrap();
    Some(machine.heard.into_inner())
}

const UNMASKED: u64 = VECTOR as u64;
const MASKED: u64 = 1 << 16 | UNMASKED;

#[test]
fn signal_reaches_the_guests_handler_through_the_io_apic() {
    let code = [redirect(UNMASKED), say(READY)].concat();
    let Some(heard) = run(&code, 2) else { return };
    assert_eq!(heard, [READY, INTERRUPTED]);
}

#[test]
fn signal_on_a_masked_pin_is_lost_and_the_next_one_is_not() {
    let code = [
        redirect(UNMASKED),
        redirect(MASKED),
        say(READY),
        redirect(UNMASKED),
        // Were the first signal kept, it would come here, before the second.
        vec![0xfb, 0x90, 0x90, 0xfa],
        say(3),
        say(READY),
    ]
    .concat();
    let Some(heard) = run(&code, 4) else { return };
    assert_eq!(heard, [READY, 3, READY, INTERRUPTED]);
}

#[test]
fn message_of_an_interrupt_is_delivered_at_once() {
    let Ok(host) = Host::open() else {
        println!("skipped: no KVM");
        return;
    };
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap());
    let vm = Vm::with_controllers(&host, VmKind::Plain, Controllers::Split, ram).unwrap();
    let _vcpu = vm.add_vcpu(0).unwrap();
    let message = Message {
        address: LOCAL_APIC,
        data: VECTOR.into(),
    };
    vm.interrupt(message).unwrap();
}
