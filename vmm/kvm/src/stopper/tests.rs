use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use kvm_bindings::{KVM_MP_STATE_RUNNABLE, kvm_mp_state};

use super::*;
use crate::{Bus, GuestRam, Host, RamLayout, Vcpu, Vm, VmKind};

const COUNTER: u64 = 0x8000;
/// again: inc word [0x8000]; jmp again
const COUNT: [u8; 6] = [0xff, 0x06, 0x00, 0x80, 0xeb, 0xfa];
/// again: cmp word [0x8000], 0; je again; out 1, al
const AWAIT_COUNT: [u8; 9] = [0x83, 0x3e, 0x00, 0x80, 0x00, 0x74, 0xf9, 0xe6, 0x01];

/// Stops at the first port that is written.
struct Ports;

impl Bus for Ports {
    type Stop = u16;

    fn port_read(&self, _: u16, _: &mut [u8]) {}
    fn port_write(&self, port: u16, _: &[u8]) -> ControlFlow<u16> {
        ControlFlow::Break(port)
    }
    fn memory_read(&self, _: u64, _: &mut [u8]) {}
    fn memory_write(&self, _: u64, _: &[u8]) -> ControlFlow<u16> {
        ControlFlow::Continue(())
    }
}

/// vCPUs in real mode, each at its code. `None`, after saying why, where there is no KVM.
fn vcpus(codes: &[&[u8]]) -> Option<(Arc<GuestRam>, Vec<Vcpu>)> {
    let host = match Host::open() {
        Ok(host) => host,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap());
    let vm = Vm::new(&host, VmKind::Plain, Arc::clone(&ram)).unwrap();
    let add = |(index, code)| {
        let vcpu = vm.add_vcpu(index).unwrap();
        let at = 0x1000 * (u64::from(index) + 1);
        ram.write(at, code).unwrap();
        let mut system = vcpu.fd.get_sregs().unwrap();
        (system.cs.base, system.cs.selector) = (0, 0);
        vcpu.fd.set_sregs(&system).unwrap();
        let mut registers = vcpu.fd.get_regs().unwrap();
        registers.rip = at;
        vcpu.fd.set_regs(&registers).unwrap();
        // Nobody starts the second one otherwise.
        let runs = kvm_mp_state {
            mp_state: KVM_MP_STATE_RUNNABLE,
        };
        vcpu.fd.set_mp_state(runs).unwrap();
        vcpu
    };
    let vcpus = (0..).zip(codes.iter().copied()).map(add).collect();
    Some((ram, vcpus))
}

fn count(ram: &GuestRam) -> u16 {
    let mut count = [0; 2];
    ram.read(COUNTER, &mut count).unwrap();
    u16::from_le_bytes(count)
}

#[test]
fn other_vcpu_runs_no_instruction_once_all_are_stopped() {
    let Some((ram, vcpus)) = vcpus(&[&AWAIT_COUNT, &COUNT]) else {
        return;
    };
    let [mut first, mut second] = <[Vcpu; 2]>::try_from(vcpus).ok().unwrap();
    let stopper = Stopper::new(2).unwrap();
    let other = {
        let stopper = stopper.clone();
        thread::spawn(move || {
            let seat = stopper.seat(1).unwrap();
            second.run_until_stopped(&Ports, &seat)
        })
    };
    let seat = stopper.seat(0).unwrap();
    let ended = first.run_until_stopped(&Ports, &seat).unwrap();
    assert_eq!(ended, Some(1));
    stopper.stop().unwrap();
    let counted = count(&ram);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(count(&ram), counted);
    assert_eq!(other.join().unwrap().unwrap(), None);
}

#[test]
fn vcpu_that_comes_after_the_stop_runs_nothing() {
    let Some((ram, mut vcpus)) = vcpus(&[&[0xff, 0x06, 0x00, 0x80, 0xe6, 0x01]]) else {
        return;
    };
    let stopper = Stopper::new(1).unwrap();
    let seat = stopper.seat(0).unwrap();
    stopper.stop().unwrap();
    let ended = vcpus[0].run_until_stopped(&Ports, &seat).unwrap();
    assert_eq!((ended, count(&ram)), (None, 0));
}

/// Whoever stops the vCPUs waits until each is out, and it hears so as it comes out.
#[test]
fn vcpu_is_told_on_its_way_out_that_its_exit_is_nobodys_concern() {
    let stopper = Stopper::new(1).unwrap();
    let seat = stopper.seat(0).unwrap();
    assert!(seat.enter());
    assert!(seat.leave());
    assert!(seat.enter());
    let stopping = thread::spawn(move || stopper.stop());
    while !seat.is_stopped() {
        thread::yield_now();
    }
    thread::sleep(Duration::from_millis(20));
    assert!(!stopping.is_finished());
    assert!(!seat.leave());
    assert_eq!(stopping.join().unwrap(), Ok(()));
    assert!(!seat.enter());
}

#[test]
fn vcpu_that_does_not_come_out_is_named() {
    let stopper = Stopper::new(3).unwrap();
    let seats = [0, 1, 2].map(|vcpu| stopper.seat(vcpu).unwrap());
    assert!(stopper.seat(3).is_none());
    assert!(seats[1].enter());
    assert_eq!(stopper.stop(), Err(Stuck { vcpus: vec![1] }));
}
