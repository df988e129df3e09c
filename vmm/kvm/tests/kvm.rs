//! What is set is what KVM has: on `/dev/kvm`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};

use measured_boot_plan::{CpuidEntry, Segment, VcpuState};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{Uid, set_thread_res_uid};
use vmm_kvm::{
    Bus, CpuidError, Feature, GuestRam, Host, KvmError, Mapping, PageRange, RamLayout, Vcpu,
    Visibility, Vm, VmKind,
};
use vmm_wire::SystemCallRegisters;

/// `None`, after saying why, where there is no KVM.
fn host() -> Option<Host> {
    match Host::open() {
        Ok(host) => Some(host),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

fn vcpu(host: &Host, code: &[u8]) -> Vcpu {
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap());
    ram.write(0x1000, code).unwrap();
    Vm::new(host, VmKind::Plain, ram)
        .unwrap()
        .add_vcpu(0)
        .unwrap()
}

/// Real mode, at 0x1000, with every register different.
fn state() -> VcpuState {
    let data = Segment {
        selector: 0,
        attributes: 0x93,
        limit: 0xffff,
        base: 0,
    };
    VcpuState {
        es: data,
        cs: Segment {
            attributes: 0x9b,
            ..data
        },
        ss: data,
        ds: data,
        fs: data,
        gs: data,
        ldtr: Segment {
            attributes: 0x82,
            ..data
        },
        tr: Segment {
            attributes: 0x8b,
            ..data
        },
        gdtr: Segment {
            limit: 0x27,
            base: 0x6000,
            ..Segment::default()
        },
        idtr: Segment {
            limit: 0,
            base: 0x7000,
            ..Segment::default()
        },
        cr0: 0x10,
        cr3: 0x8000,
        cr4: 0,
        efer: 0,
        xcr0: 1,
        dr6: 0xffff_0ff0,
        dr7: 0x400,
        pat: 0x0007_0406_0007_0406,
        rflags: 2,
        rip: 0x1000,
        rsp: 1,
        rbp: 2,
        rax: 3,
        rbx: 4,
        rcx: 5,
        rdx: 6,
        rsi: 7,
        rdi: 8,
        r8_to_r15: [9, 10, 11, 12, 13, 14, 15, 16],
        fcw: 0x27f,
        mxcsr: 0x1fa0,
    }
}

#[test]
fn registers_that_were_set_are_read_back() {
    let Some(host) = host() else { return };
    let vcpu = vcpu(&host, &[]);
    vcpu.set_state(&state()).unwrap();
    let read = vcpu.registers().unwrap();
    let general = read.general;
    assert_eq!(
        (general.rsp, general.rbp, general.rax, general.rbx),
        (1, 2, 3, 4)
    );
    assert_eq!(
        (general.rcx, general.rdx, general.rsi, general.rdi),
        (5, 6, 7, 8)
    );
    assert_eq!((general.r8, general.r15, general.rip), (9, 16, 0x1000));
    assert_eq!(
        (read.segments.gdt.base, read.segments.gdt.limit),
        (0x6000, 0x27)
    );
    assert_eq!((read.segments.cs.kind, read.segments.cs.present), (0xb, 1));
    assert_eq!((read.fpu.fcw, read.fpu.mxcsr), (0x27f, 0x1fa0));
    assert_eq!(
        (read.pat, read.xcr0, read.debug.dr7),
        (0x0007_0406_0007_0406, 1, 0x400)
    );
}

/// The calculator of launch digests counts on it.
#[test]
fn registers_that_nobody_sets_have_their_reset_values() {
    let Some(host) = host() else { return };
    let vcpu = vcpu(&host, &[]);
    vcpu.set_state(&state()).unwrap();
    let read = vcpu.registers().unwrap();
    assert_eq!(read.system_calls, SystemCallRegisters::default());
    assert_eq!((read.debug.db, read.control.cr8), ([0; 4], 0));
    // Enabled, and of the first processor.
    assert_eq!(read.control.apic_base, 0xfee0_0900);
}

#[test]
fn system_call_register_that_was_changed_is_read_back() {
    let Some(host) = host() else { return };
    // mov ecx, 0xc0000082; mov eax, 0x1234; xor edx, edx; wrmsr; out 1, al
    let code = [
        0x66, 0xb9, 0x82, 0x00, 0x00, 0xc0, 0x66, 0xb8, 0x34, 0x12, 0x00, 0x00, 0x66, 0x31, 0xd2,
        0x0f, 0x30, 0xe6, 0x01,
    ];
    let mut vcpu = vcpu(&host, &code);
    vcpu.set_state(&state()).unwrap();
    vcpu.run(&Ports::default()).unwrap();
    let read = vcpu.registers().unwrap().system_calls;
    let expected = SystemCallRegisters {
        lstar: 0x1234,
        ..SystemCallRegisters::default()
    };
    assert_eq!(read, expected);
}

#[test]
fn features_that_no_processor_has_are_all_named() {
    let Some(host) = host() else { return };
    // Reserved (AMD APM volume 3, appendix E).
    let wanted = CpuidEntry {
        function: 0x8000_0001,
        index: None,
        eax: 0,
        ebx: 0,
        ecx: 1 << 31 | 1 << 14,
        edx: 0,
    };
    let feature = |bit| Feature {
        leaf: 0x8000_0001,
        register: "ECX",
        bit,
    };
    let missing = vec![feature(14), feature(31)];
    assert_eq!(
        host.check_cpuid(&[wanted]),
        Err(CpuidError::Lacks { missing })
    );
}

/// Collects what a guest writes to ports, and stops at the first write to port 1.
#[derive(Default)]
struct Ports(Mutex<Vec<(u16, Vec<u8>)>>);

impl Bus for Ports {
    type Stop = ();

    fn port_read(&self, _port: u16, data: &mut [u8]) {
        data.fill(0x5a);
    }
    fn port_write(&self, port: u16, data: &[u8]) -> ControlFlow<()> {
        self.0.lock().unwrap().push((port, data.to_vec()));
        if port == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
    fn memory_read(&self, _address: u64, data: &mut [u8]) {
        data.fill(0xff);
    }
    fn memory_write(&self, _address: u64, _data: &[u8]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[test]
fn port_accesses_reach_the_bus_until_it_stops() {
    let Some(host) = host() else { return };
    // in al, 0x10; out 0x11, al; out 1, al
    let mut vcpu = vcpu(&host, &[0xe4, 0x10, 0xe6, 0x11, 0xe6, 0x01]);
    vcpu.set_state(&state()).unwrap();
    let ports = Ports::default();
    vcpu.run(&ports).unwrap();
    assert_eq!(
        *ports.0.lock().unwrap(),
        [(0x11, vec![0x5a]), (1, vec![0x5a])]
    );
}

/// Limits are the process's, but a user is a thread's: this thread becomes one that may have no other.
#[test]
fn vcpu_for_which_kvm_gets_no_thread_is_an_error_that_names_the_limit() {
    let Some(host) = host() else { return };
    if !rustix::process::geteuid().is_root() {
        println!("skipped: another user can be had by root only");
        return;
    }
    let ended = std::thread::spawn(move || {
        // out 1, al
        let mut vcpu = vcpu(&host, &[0xe6, 0x01]);
        vcpu.set_state(&state()).unwrap();
        let before = getrlimit(Resource::Nproc);
        let none = Rlimit {
            current: Some(0),
            ..before
        };
        setrlimit(Resource::Nproc, none).unwrap();
        let nobody = Uid::from_raw(65534);
        set_thread_res_uid(nobody, nobody, nobody).unwrap();
        let ended = vcpu.run(&Ports::default());
        setrlimit(Resource::Nproc, before).unwrap();
        ended
    });
    match ended.join().unwrap() {
        Ok(()) => println!("skipped: this KVM makes no thread of its own"),
        Err(error) => assert!(error.to_string().contains("RLIMIT_NPROC"), "{error}"),
    }
}

/// mov al, [0x8000]; out 0x11, al; mov byte [0x8000], 1; out 1, al
const READ_AND_WRITE_8000: [u8; 12] = [
    0xa0, 0x00, 0x80, 0xe6, 0x11, 0xc6, 0x06, 0x00, 0x80, 0x01, 0xe6, 0x01,
];

#[test]
fn shared_slot_shows_the_guest_a_file_that_it_cannot_change() {
    let Some(host) = host() else { return };
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[7; 0x1000]).unwrap();
    // The guest's memory ends below: 0x8000 is the slot.
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(0x8000)).unwrap());
    ram.write(0x1000, &READ_AND_WRITE_8000).unwrap();
    let vm = Vm::new(&host, VmKind::Plain, ram).unwrap();
    let mapping = Mapping::of_file(&file, 0x1000).unwrap();
    let slot = vm.add_shared_slot(0x8000, mapping).unwrap();
    let mut vcpu = vm.add_vcpu(0).unwrap();
    for expected in [7, 1] {
        vcpu.set_state(&state()).unwrap();
        let ports = Ports::default();
        vcpu.run(&ports).unwrap();
        assert_eq!(ports.0.lock().unwrap()[0], (0x11, vec![expected]));
    }
    let mut start = [0; 1];
    file.read_exact_at(&mut start, 0).unwrap();
    assert_eq!(start, [7]);
    // Without it the address is nobody's, and the bus reads all ones.
    vm.remove_slot(slot).unwrap();
    vm.remove_slot(slot).unwrap();
    vcpu.set_state(&state()).unwrap();
    let ports = Ports::default();
    vcpu.run(&ports).unwrap();
    assert_eq!(ports.0.lock().unwrap()[0], (0x11, vec![0xff]));
}

#[test]
fn shared_slot_stays_mapped_as_long_as_a_vcpu_runs() {
    let Some(host) = host() else { return };
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(0x8000)).unwrap());
    ram.write(0x1000, &READ_AND_WRITE_8000).unwrap();
    let vm = Vm::new(&host, VmKind::Plain, ram).unwrap();
    vm.add_shared_slot(0x8000, Mapping::holding(&[9]).unwrap())
        .unwrap();
    let mut vcpu = vm.add_vcpu(0).unwrap();
    drop(vm);
    vcpu.set_state(&state()).unwrap();
    let ports = Ports::default();
    vcpu.run(&ports).unwrap();
    assert_eq!(ports.0.lock().unwrap()[0], (0x11, vec![9]));
}

#[test]
fn slot_that_is_not_free_or_not_on_a_page_is_refused() {
    let Some(host) = host() else { return };
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(0x8000)).unwrap());
    let vm = Vm::new(&host, VmKind::Plain, ram).unwrap();
    let mapping = || Mapping::zeroed(0x2000).unwrap();
    for gpa in [0, 0x7000, 0x8800, !0xfff] {
        assert!(vm.add_shared_slot(gpa, mapping()).is_err(), "{gpa:#x}");
    }
    vm.add_shared_slot(0x8000, mapping()).unwrap();
    assert!(vm.add_shared_slot(0x9000, mapping()).is_err());
    vm.add_shared_slot(0xa000, mapping()).unwrap();
}

/// mov al, [0x40000000]; out 0x11, al; mov al, 9; mov [0x40000001], al; out 1, al: 64-bit code.
const READ_AND_WRITE_1_GIB: [u8; 24] = [
    0xa0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0xe6, 0x11, 0xb0, 9, 0xa2, 1, 0, 0, 0x40, 0, 0, 0, 0, 0xe6, 1,
];

/// 64-bit mode, with page tables at 0x8000 that have address 0 where it is, and the 2 MiB at 4 GiB at 1 GiB.
fn with_4_gib_at_1_gib(ram: &GuestRam) -> VcpuState {
    let writable = 3;
    let large = 0x80;
    for (entry, value) in [
        (0x8000, 0x9000 | writable),
        (0x9000, 0xa000 | writable),
        (0x9008, 0xb000 | writable),
        (0xa000, large | writable),
        (0xb000, 1 << 32 | large | writable),
    ] {
        ram.write(entry, &u64::to_le_bytes(value)).unwrap();
    }
    let flat = |attributes| Segment {
        attributes,
        limit: u32::MAX,
        selector: 8,
        base: 0,
    };
    VcpuState {
        cs: flat(0xa9b),
        ss: flat(0xc93),
        ds: flat(0xc93),
        cr0: 0x8000_0011,
        cr3: 0x8000,
        cr4: 0x20,
        efer: 0x500,
        ..state()
    }
}

/// A processor with long mode, and nothing else.
fn long_mode() -> [CpuidEntry; 2] {
    let leaf = |function, eax, edx| CpuidEntry {
        function,
        index: None,
        eax,
        ebx: 0,
        ecx: 0,
        edx,
    };
    [
        leaf(0x8000_0000, 0x8000_0001, 0),
        leaf(0x8000_0001, 0, 1 << 29),
    ]
}

#[test]
fn ram_above_the_hole_has_a_slot_of_its_own_and_the_guest_reads_it_there() {
    const LOW: u64 = 3 << 30;
    const HIGH: u64 = 4 << 30;
    const HIGH_END: u64 = HIGH + (64 << 20);
    let Some(host) = host() else { return };
    let ram = GuestRam::new(RamLayout::new(&[0..LOW, HIGH..HIGH_END])).unwrap();
    let ram = Arc::new(ram);
    ram.write(0x1000, &READ_AND_WRITE_1_GIB).unwrap();
    ram.write(HIGH, &[0x5c]).unwrap();
    let vm = Vm::new(&host, VmKind::Plain, Arc::clone(&ram)).unwrap();
    let mut vcpu = vm.add_vcpu(0).unwrap();
    vcpu.set_cpuid(&long_mode()).unwrap();
    vcpu.set_state(&with_4_gib_at_1_gib(&ram)).unwrap();
    let ports = Ports::default();
    vcpu.run(&ports).unwrap();
    assert_eq!(ports.0.lock().unwrap()[0], (0x11, vec![0x5c]));
    let mut read = [0; 2];
    ram.read(HIGH, &mut read).unwrap();
    assert_eq!(read, [0x5c, 9]);
    // Behind the low part in the file.
    let file = std::fs::File::from(ram.file().try_clone_to_owned().unwrap());
    file.read_exact_at(&mut read, LOW).unwrap();
    assert_eq!(read, [0x5c, 9]);
    // Both ranges are taken to their ends, and nothing between and behind them.
    let page = || Mapping::zeroed(0x1000).unwrap();
    for gpa in [LOW - 0x1000, HIGH, HIGH_END - 0x1000] {
        assert!(vm.add_shared_slot(gpa, page()).is_err(), "{gpa:#x}");
    }
    for gpa in [LOW, HIGH - 0x1000, HIGH_END] {
        assert!(vm.add_shared_slot(gpa, page()).is_ok(), "{gpa:#x}");
    }
}

#[test]
fn plain_vm_has_nothing_private() {
    let Some(host) = host() else { return };
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(0x8000)).unwrap());
    let vm = Vm::new(&host, VmKind::Plain, ram).unwrap();
    assert_eq!(vm.kind(), VmKind::Plain);
    let page = PageRange::new(0x1000, 1).unwrap();
    for to in [Visibility::Private, Visibility::Shared] {
        assert!(matches!(
            vm.set_visibility(page, to),
            Err(KvmError::NoPrivateMemory { .. })
        ));
    }
    assert!(matches!(
        vm.add_private_slot(0x8000, 0x1000),
        Err(KvmError::NoPrivateMemory { .. })
    ));
    assert!(vm.ram().is_shared(0, 0x8000));
}

#[test]
fn kind_that_this_host_lacks_is_refused_by_what_is_missing() {
    let Some(host) = host() else { return };
    host.supports(VmKind::Plain).unwrap();
    for kind in [VmKind::SoftwareProtected, VmKind::Snp, VmKind::Tdx] {
        match host.supports(kind) {
            Ok(()) => println!("skipped: this host makes {} VMs", kind.name()),
            Err(error) => {
                let said = error.to_string();
                let start = format!("this host cannot run {} guests: ", kind.name());
                assert!(said.starts_with(&start), "{said}");
                // Asked all the same, KVM refuses without a word; nothing is left behind.
                let ram = Arc::new(GuestRam::new(RamLayout::from_zero(0x8000)).unwrap());
                assert!(Vm::new(&host, kind, ram).is_err());
            }
        }
    }
}
