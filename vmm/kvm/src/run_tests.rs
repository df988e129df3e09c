//! Exits that this host's KVM never makes, put into the page that it shares.

use std::sync::{Arc, Mutex};

use measured_boot_plan::{Segment, VcpuState};
use vmm_kernel_abi::exit::{EXIT_REASON, Hypercall, RUN_BYTES, SystemEvent, offset};
use vmm_kernel_abi::tdx::{call, status};

use super::*;
use crate::confidential::HypercallAnswer;
use crate::{GuestRam, Host, KvmError, RamLayout, Vm, VmKind};

const RIP: u64 = 0x1234;

/// Answers by a fixed rule and remembers what it was asked.
struct Guest {
    answer: ControlFlow<&'static str, HypercallAnswer>,
    certificates: CertificatesAnswer,
    asked: Mutex<Vec<String>>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            answer: ControlFlow::Continue(HypercallAnswer::Done),
            certificates: CertificatesAnswer::Needs { pages: 5 },
            asked: Mutex::default(),
        }
    }
}

impl Guest {
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Confidential for Guest {
    type Stop = &'static str;

    fn convert(&self, _: u32, call: &Hypercall) -> ControlFlow<&'static str, HypercallAnswer> {
        self.note(format!("{} {:x?}", call.nr, &call.args[..3]));
        self.answer
    }
    fn memory_fault(&self, _: u32, fault: &MemoryFault) -> ControlFlow<&'static str> {
        self.note(format!("fault {:x}", fault.gpa));
        ControlFlow::Continue(())
    }
    fn ended(&self, _: u32, event: &SystemEvent) -> &'static str {
        self.note(format!("event {}", event.kind));
        "ended"
    }
    fn tdx_quote(&self, _: u32, gpa: u64, size: u64) -> u64 {
        self.note(format!("quote {gpa:x} {size:x}"));
        status::SUCCESS
    }
    fn tdx_call_info(&self, leaf: u64) -> (u64, [u64; 4]) {
        self.note(format!("info {leaf}"));
        (status::INVALID_OPERAND, [1, 2, 3, 4])
    }
    fn tdx_event_notify(&self, _: u32, vector: u64) -> u64 {
        self.note(format!("notify {vector}"));
        status::RETRY
    }
    fn certificates(&self, _: u32, request: &ReqCerts) -> CertificatesAnswer {
        self.note(format!("certificates {:x} {}", request.gpa, request.npages));
        self.certificates
    }
    fn certificates_fetched(&self, _: u32) {
        self.note("fetched".to_owned());
    }
}

struct Everything(Option<Guest>);

impl Bus for Everything {
    type Stop = &'static str;

    fn port_read(&self, _: u16, _: &mut [u8]) {}
    fn port_write(&self, _: u16, _: &[u8]) -> ControlFlow<&'static str> {
        ControlFlow::Break("port")
    }
    fn memory_read(&self, _: u64, _: &mut [u8]) {}
    fn memory_write(&self, _: u64, _: &[u8]) -> ControlFlow<&'static str> {
        ControlFlow::Continue(())
    }
    fn confidential(&self) -> Option<&dyn Confidential<Stop = &'static str>> {
        self.0.as_ref().map(|guest| guest as _)
    }
}

/// `None`, after saying why, where there is no KVM.
fn vcpu() -> Option<Vcpu> {
    let host = match Host::open() {
        Ok(host) => host,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap());
    let vm = Vm::new(&host, VmKind::Plain, ram).unwrap();
    Some(vm.add_vcpu(0).unwrap())
}

/// As if KVM had left with this reason; `words` are what it wrote.
fn fake(vcpu: &mut Vcpu, reason: u32, words: &[(usize, u64)]) {
    let run = first_bytes(vcpu.fd.get_kvm_run());
    run[offset::HYPERCALL_NR..].fill(0xee);
    run[EXIT_REASON..EXIT_REASON + 4].copy_from_slice(&reason.to_le_bytes());
    for (at, word) in words {
        run[*at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
}

fn word(vcpu: &mut Vcpu, at: usize) -> u64 {
    let run: &[u8; RUN_BYTES] = first_bytes(vcpu.fd.get_kvm_run());
    u64::from_le_bytes(run[at..at + 8].try_into().unwrap())
}

fn handle(vcpu: &mut Vcpu, guest: &Everything) -> Result<ControlFlow<&'static str>, RunError> {
    vcpu.confidential(guest, &mut Faults::default())
}

fn asked(guest: &Everything) -> Vec<String> {
    guest.0.as_ref().unwrap().asked()
}

#[test]
fn hypercall_is_always_answered() {
    let Some(mut vcpu) = vcpu() else { return };
    for (answer, ret) in [(HypercallAnswer::Done, 0), (HypercallAnswer::Invalid, 22)] {
        let guest = Everything(Some(Guest {
            answer: ControlFlow::Continue(answer),
            ..Guest::default()
        }));
        let args = offset::HYPERCALL_ARGS;
        let call = [
            (offset::HYPERCALL_NR, 12),
            (args, 0x1000),
            (args + 8, 2),
            (args + 16, 0x10),
        ];
        fake(&mut vcpu, HYPERCALL, &call);
        assert!(handle(&mut vcpu, &guest).unwrap().is_continue());
        assert_eq!(word(&mut vcpu, offset::HYPERCALL_RET), ret);
        assert_eq!(asked(&guest), ["12 [1000, 2, 10]"]);
    }
}

#[test]
fn hypercall_that_stops_the_vm_stops_it() {
    let Some(mut vcpu) = vcpu() else { return };
    let guest = Everything(Some(Guest {
        answer: ControlFlow::Break("host"),
        ..Guest::default()
    }));
    fake(&mut vcpu, HYPERCALL, &[]);
    let stopped = handle(&mut vcpu, &guest).unwrap();
    assert_eq!(stopped, ControlFlow::Break("host"));
}

#[test]
fn tdx_calls_are_answered_by_their_own_methods() {
    let Some(mut vcpu) = vcpu() else { return };
    let guest = Everything(Some(Guest::default()));
    for (nr, ret, heard) in [
        (call::GET_QUOTE, status::SUCCESS, "quote 5000 2000"),
        (
            call::GET_TD_VM_CALL_INFO,
            status::INVALID_OPERAND,
            "info 20480",
        ),
        (call::SETUP_EVENT_NOTIFY, status::RETRY, "notify 20480"),
    ] {
        let call = [
            (offset::TDX_NR, nr),
            (offset::TDX_FIRST, 0x5000),
            (offset::TDX_QUOTE_SIZE, 0x2000),
        ];
        fake(&mut vcpu, TDX, &call);
        assert!(handle(&mut vcpu, &guest).unwrap().is_continue());
        assert_eq!(word(&mut vcpu, offset::TDX_RET), ret);
        assert_eq!(asked(&guest), [heard]);
        if nr == call::GET_TD_VM_CALL_INFO {
            let r11 = offset::TDX_INFO_R11;
            let registers = [0, 8, 16, 24].map(|at| word(&mut vcpu, r11 + at));
            assert_eq!(registers, [1, 2, 3, 4]);
        }
    }
}

#[test]
fn tdx_call_that_nobody_knows_keeps_the_answer_of_kvm() {
    let Some(mut vcpu) = vcpu() else { return };
    let guest = Everything(Some(Guest::default()));
    let preset = status::SUBFUNC_UNSUPPORTED;
    fake(
        &mut vcpu,
        TDX,
        &[(offset::TDX_NR, 0x10003), (offset::TDX_RET, preset)],
    );
    assert!(handle(&mut vcpu, &guest).unwrap().is_continue());
    assert_eq!(word(&mut vcpu, offset::TDX_RET), preset);
    assert!(asked(&guest).is_empty());
}

#[test]
fn certificates_that_need_more_room_say_how_much() {
    let Some(mut vcpu) = vcpu() else { return };
    let guest = Everything(Some(Guest::default()));
    let request = [(offset::CERTS_GPA, 0x7000), (offset::CERTS_NPAGES, 1)];
    fake(&mut vcpu, SNP_REQ_CERTS, &request);
    assert!(handle(&mut vcpu, &guest).unwrap().is_continue());
    assert_eq!(word(&mut vcpu, offset::CERTS_NPAGES), 5);
    assert_eq!(word(&mut vcpu, offset::CERTS_RET), 28);
    // Nothing was fetched.
    assert_eq!(asked(&guest), ["certificates 7000 1"]);
}

/// KVM_RUN completes the exit and goes no further: the guest's first instruction is not there at all.
#[test]
fn certificates_are_let_go_only_after_kvm_has_completed_the_exit() {
    let Some(mut vcpu) = vcpu() else { return };
    let guest = Everything(Some(Guest {
        certificates: CertificatesAnswer::Done,
        ..Guest::default()
    }));
    fake(&mut vcpu, SNP_REQ_CERTS, &[(offset::CERTS_NPAGES, 9)]);
    assert!(handle(&mut vcpu, &guest).unwrap().is_continue());
    assert_eq!(word(&mut vcpu, offset::CERTS_NPAGES), 9);
    assert_eq!(word(&mut vcpu, offset::CERTS_RET), 0);
    assert_eq!(vcpu.fd.get_kvm_run().immediate_exit, 0);
    assert_eq!(asked(&guest).last().unwrap(), "fetched");
}

#[test]
fn end_of_the_guest_is_told_with_its_event() {
    let Some(mut vcpu) = vcpu() else { return };
    let guest = Everything(Some(Guest::default()));
    fake(
        &mut vcpu,
        SYSTEM_EVENT,
        &[(offset::EVENT_TYPE, 6 | 1 << 32)],
    );
    let stopped = handle(&mut vcpu, &guest).unwrap();
    assert_eq!(stopped, ControlFlow::Break("ended"));
    assert_eq!(asked(&guest), ["event 6"]);
}

#[test]
fn exit_of_a_guest_with_private_memory_is_unexpected_of_any_other() {
    let Some(mut vcpu) = vcpu() else { return };
    for reason in [HYPERCALL, SYSTEM_EVENT, MEMORY_FAULT, TDX, SNP_REQ_CERTS] {
        fake(&mut vcpu, reason, &[]);
        let error = handle(&mut vcpu, &Everything(None)).unwrap_err();
        let named = format!("exit {reason},");
        assert!(error.to_string().contains(&named), "{error}");
    }
}

fn fault(gpa: u64) -> Exit {
    Exit::MemoryFault(MemoryFault {
        flags: 8,
        gpa,
        size: 0x1000,
    })
}

#[test]
fn same_fault_again_and_again_is_an_error_that_names_it() {
    let mut faults = Faults::default();
    for _ in 0..SAME_FAULTS {
        faults.note(3, &fault(0x5000)).unwrap();
    }
    let said = faults.note(3, &fault(0x5000)).unwrap_err().to_string();
    assert!(
        said.contains("vCPU 3 does not get on") && said.contains("0x5000, as private memory"),
        "{said}"
    );
}

#[test]
fn faults_that_get_on_may_be_many() {
    let mut faults = Faults::default();
    for page in 0..1000 {
        faults.note(0, &fault(page % 2 * 0x1000)).unwrap();
    }
    // Anything else in between is a sign of life.
    for _ in 0..1000 {
        faults.note(0, &fault(0x5000)).unwrap();
        faults.note(0, &Exit::Other(2)).unwrap();
    }
}

/// Through KVM_RUN: an exit that KVM knows in between starts the count anew.
#[test]
fn port_access_starts_the_count_of_faults_anew() {
    let Some(mut vcpu) = vcpu() else { return };
    let mut system = vcpu.fd.get_sregs().unwrap();
    system.cs.base = 0;
    system.cs.selector = 0;
    vcpu.fd.set_sregs(&system).unwrap();
    let mut registers = vcpu.fd.get_regs().unwrap();
    registers.rip = 0x1000;
    vcpu.fd.set_regs(&registers).unwrap();
    // out 1, al
    vcpu.memory.ram().write(0x1000, &[0xe6, 0x01]).unwrap();
    let mut faults = Faults::default();
    faults.note(0, &fault(0x5000)).unwrap();
    let everything = Everything(None);
    let next = vcpu.run_once(&everything, || true).unwrap();
    let stopped = vcpu.step(&everything, &mut faults, next).unwrap();
    assert_eq!(stopped, ControlFlow::Break("port"));
    assert_eq!(faults.last, None);
}

#[test]
fn exit_is_not_answered_once_all_vcpus_are_stopped() {
    let Some(mut vcpu) = vcpu() else { return };
    let everything = Everything(None);
    vcpu.fd.set_kvm_immediate_exit(1);
    let next = vcpu.run_once(&everything, || false).unwrap();
    assert!(matches!(next, Next::Stopped));
}

fn blank() -> VcpuState {
    let segment = Segment::default();
    VcpuState {
        es: segment,
        cs: segment,
        ss: segment,
        ds: segment,
        fs: segment,
        gs: segment,
        ldtr: segment,
        tr: segment,
        gdtr: segment,
        idtr: segment,
        cr0: 0,
        cr3: 0,
        cr4: 0,
        efer: 0,
        xcr0: 0,
        dr6: 0,
        dr7: 0,
        pat: 0,
        rflags: 0,
        rip: 0,
        rsp: 0,
        rbp: 0,
        rax: 0,
        rbx: 0,
        rcx: 0,
        rdx: 0,
        rsi: 0,
        rdi: 0,
        r8_to_r15: [0; 8],
        fcw: 0,
        mxcsr: 0,
    }
}

#[test]
fn place_of_a_vcpu_is_not_asked_for_once_its_state_is_protected() {
    let Some(vcpu) = vcpu() else { return };
    let mut registers = vcpu.fd.get_regs().unwrap();
    registers.rip = RIP;
    vcpu.fd.set_regs(&registers).unwrap();
    assert_eq!(vcpu.at().to_string(), " at rip 0x1234");
    vcpu.memory.protect_state();
    assert_eq!(vcpu.at().to_string(), "");
    let protected =
        |done: Result<(), KvmError>| matches!(done, Err(KvmError::Protected { vcpu: 0 }));
    assert!(protected(vcpu.registers().map(drop)));
    assert!(protected(vcpu.set_state(&blank())));
}
