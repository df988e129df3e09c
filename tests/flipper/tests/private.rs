//! The two sides of a page, on a KVM that has them: one built with CONFIG_KVM_SW_PROTECTED_VM. Everywhere
//! else the tests say that they are skipped, and one of them takes this program into the lab, where none is.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use measured_boot_plan::{Segment, VcpuState};
use tests_lab::{Backend, Lab, missing, protected_kvm, stock_kernel, write_protected_initramfs};
use vmm_kvm::{
    Bus, Confidential, Converted, GuestRam, Host, Hypercall, HypercallAnswer, KvmError,
    MemoryFault, PageRange, RamError, RamLayout, Rejection, SystemEvent, Vcpu, Visibility, Vm,
    VmKind,
};

const CODE: u64 = 0x1000;
const PAGE: u16 = 0x8000;
const MEMORY: u64 = 0x10_0000;
/// A hole in it, behind which [`PAGE`] begins: its place in the memory files is another than its address.
const HOLE: u64 = 0x4000;

/// Code in real mode that ends with a write to port 1.
#[derive(Default)]
struct Code(Vec<u8>);

impl Code {
    /// mov al, [PAGE]; out 0x11, al
    fn tell(mut self) -> Self {
        let [low, high] = PAGE.to_le_bytes();
        self.0.extend([0xa0, low, high, 0xe6, 0x11]);
        self
    }

    /// mov byte [PAGE], value
    fn write(mut self, value: u8) -> Self {
        let [low, high] = PAGE.to_le_bytes();
        self.0.extend([0xc6, 0x06, low, high, value]);
        self
    }

    /// mov eax, 12; mov ebx, gpa; mov ecx, pages; mov edx, attributes; vmmcall; out 0x12, eax
    fn convert(mut self, gpa: u32, pages: u32, attributes: u32) -> Self {
        for (register, value) in [(0xb8, 12), (0xbb, gpa), (0xb9, pages), (0xba, attributes)] {
            self.0.extend([0x66, register]);
            self.0.extend(value.to_le_bytes());
        }
        self.0.extend(hypercall());
        self.0.extend([0x66, 0xe7, 0x12]);
        self
    }

    /// out 1, al
    fn end(mut self) -> Vec<u8> {
        self.0.extend([0xe6, 0x01]);
        self.0
    }
}

/// vmmcall on AMD, vmcall elsewhere.
fn hypercall() -> [u8; 3] {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    match info.contains("AuthenticAMD") {
        true => [0x0f, 0x01, 0xd9],
        false => [0x0f, 0x01, 0xc1],
    }
}

/// What the guest said, and how its conversions ended.
struct Machine {
    vm: Vm,
    told: Mutex<Vec<u32>>,
    refused: Mutex<Vec<Rejection>>,
    faults: Mutex<Vec<MemoryFault>>,
}

impl Bus for Machine {
    type Stop = Result<(), KvmError>;

    fn port_read(&self, _port: u16, data: &mut [u8]) {
        data.fill(0xff);
    }
    fn port_write(&self, port: u16, data: &[u8]) -> ControlFlow<Self::Stop> {
        if port == 1 {
            return ControlFlow::Break(Ok(()));
        }
        let mut value = [0; 4];
        value[..data.len()].copy_from_slice(data);
        self.told.lock().unwrap().push(u32::from_le_bytes(value));
        ControlFlow::Continue(())
    }
    fn memory_read(&self, _address: u64, data: &mut [u8]) {
        data.fill(0xff);
    }
    fn memory_write(&self, _address: u64, _data: &[u8]) -> ControlFlow<Self::Stop> {
        ControlFlow::Continue(())
    }
    fn confidential(&self) -> Option<&dyn Confidential<Stop = Self::Stop>> {
        Some(self)
    }
}

impl Confidential for Machine {
    type Stop = Result<(), KvmError>;

    fn convert(&self, _: u32, call: &Hypercall) -> ControlFlow<Self::Stop, HypercallAnswer> {
        match self.vm.convert(call) {
            Ok(Converted::Done { .. }) => ControlFlow::Continue(HypercallAnswer::Done),
            Ok(Converted::Refused(rejection)) => {
                self.refused.lock().unwrap().push(rejection);
                ControlFlow::Continue(HypercallAnswer::Invalid)
            }
            Err(error) => ControlFlow::Break(Err(error)),
        }
    }
    fn memory_fault(&self, _: u32, fault: &MemoryFault) -> ControlFlow<Self::Stop> {
        self.faults.lock().unwrap().push(*fault);
        ControlFlow::Continue(())
    }
    fn ended(&self, _: u32, event: &SystemEvent) -> Self::Stop {
        panic!("{event:?}")
    }
}

/// `None`, after saying why, where KVM has no private memory.
fn machine(code: &[u8]) -> Option<(Machine, Vcpu)> {
    let host = match Host::open() {
        Ok(host) => host,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    if let Err(error) = host.supports(VmKind::SoftwareProtected) {
        println!("skipped: {error}");
        return None;
    }
    let ram = Arc::new(GuestRam::new(layout()).unwrap());
    ram.write(CODE, code).unwrap();
    let vm = Vm::new(&host, VmKind::SoftwareProtected, ram).unwrap();
    let vcpu = vm.add_vcpu(0).unwrap();
    vcpu.set_state(&state()).unwrap();
    let machine = Machine {
        vm,
        told: Mutex::default(),
        refused: Mutex::default(),
        faults: Mutex::default(),
    };
    Some((machine, vcpu))
}

/// Real mode, at `CODE`.
fn state() -> VcpuState {
    let data = Segment {
        selector: 0,
        attributes: 0x93,
        limit: 0xffff,
        base: 0,
    };
    let system = |attributes| Segment { attributes, ..data };
    VcpuState {
        es: data,
        cs: system(0x9b),
        ss: data,
        ds: data,
        fs: data,
        gs: data,
        ldtr: system(0x82),
        tr: system(0x8b),
        gdtr: Segment::default(),
        idtr: Segment::default(),
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
        rsp: 0,
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

fn layout() -> RamLayout {
    RamLayout::new(&[0..HOLE, PAGE.into()..MEMORY])
}

fn page() -> PageRange {
    PageRange::new(PAGE.into(), 1).unwrap()
}

/// The first byte of the page as every process sees it that maps the memory.
fn shared_byte(vm: &Vm) -> u8 {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::File::from(vm.ram().file().try_clone_to_owned().unwrap());
    let mut byte = [0xff];
    file.read_exact_at(&mut byte, HOLE).unwrap();
    byte[0]
}

/// Set in the lab, so that nothing there looks for a lab of its own.
const INSIDE: &str = "PRIVATE_MEMORY_LAB";
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn all_of_this_holds_in_the_lab() {
    if std::env::var_os(INSIDE).is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = match lab(folder.path()) {
        Ok(lab) => lab,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    lab.put("/tmp/private", &own, 0o700).unwrap();
    let inside = BTreeMap::from([(INSIDE.to_owned(), "1".to_owned())]);
    let argv = ["/tmp/private", "--test-threads=1", "--nocapture"];
    let mut job = lab.start("private", &argv, &inside).unwrap();
    let code = job.wait(PATIENCE);
    let said: Vec<_> = job.lines().iter().map(|line| line.text.clone()).collect();
    let said = said.join("\n");
    println!("{said}");
    assert_eq!(code.unwrap(), 0);
    assert!(said.contains("test result: ok") && !said.contains("skipped"));
}

/// A lab whose KVM has private memory, or the reason why there is none.
fn lab(folder: &Path) -> Result<Lab, String> {
    if let Some(reason) = missing(Backend::Lab) {
        return Err(reason);
    }
    let own = std::env::current_exe().unwrap();
    let init = own.ancestors().nth(2).unwrap().join("lab-init");
    if !init.exists() {
        return Err("lab-init is not built: cargo build --release".to_owned());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let cache = root.unwrap().join("target/demo/cache");
    let kernel = stock_kernel(&cache).map_err(|error| format!("{error:#}"))?;
    let kvm = protected_kvm(&cache).map_err(|error| format!("{error:#}"))?;
    let initramfs = folder.join("lab.cpio");
    write_protected_initramfs(&kernel, &init, &kvm, &initramfs)
        .map_err(|error| format!("{error:#}"))?;
    let console = folder.join("console.log");
    Ok(Lab::boot(&kernel.join("vmlinux"), &initramfs, &console).expect("the lab boots"))
}

#[test]
fn page_that_changes_sides_starts_empty_each_time() {
    let (there, back) = (0x10, 0);
    let code = Code::default()
        .write(0x55)
        .tell()
        .convert(PAGE.into(), 1, there)
        .tell()
        .write(0x66)
        .tell()
        .convert(PAGE.into(), 1, back)
        .tell()
        .convert(PAGE.into(), 1, there)
        .tell()
        .end();
    let Some((machine, mut vcpu)) = machine(&code) else {
        return;
    };
    vcpu.run(&machine).unwrap().unwrap();
    // Shared 0x55; private nothing, then 0x66; shared nothing; private nothing. Zeros between: done.
    let told = machine.told.lock().unwrap().clone();
    assert_eq!(told, [0x55, 0, 0, 0x66, 0, 0, 0, 0]);
    assert_eq!(machine.vm.ram().private_pages(), 1);
}

#[test]
fn private_page_is_read_by_nobody_but_the_guest() {
    let code = Code::default().write(0x77).tell().end();
    let Some((machine, mut vcpu)) = machine(&code) else {
        return;
    };
    machine.vm.ram().write(PAGE.into(), &[0x55]).unwrap();
    assert_eq!(shared_byte(&machine.vm), 0x55);
    let changed = machine.vm.set_visibility(page(), Visibility::Private);
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(shared_byte(&machine.vm), 0);
    vcpu.run(&machine).unwrap().unwrap();
    assert_eq!(*machine.told.lock().unwrap(), [0x77]);
    assert_eq!(shared_byte(&machine.vm), 0);
    assert!(machine.vm.ram().host_address(PAGE.into(), 1).is_none());
    let write = machine.vm.ram().write(PAGE.into(), &[1]);
    assert!(matches!(write, Err(RamError::Private { .. })));
}

#[test]
fn request_that_is_refused_answers_the_guest_and_changes_nothing() {
    let code = Code::default()
        .convert(0x10_0000, 1, 0x10)
        .convert(PAGE.into(), 0x100, 0x10)
        .convert(PAGE.into(), 1, 0x30)
        .end();
    let Some((machine, mut vcpu)) = machine(&code) else {
        return;
    };
    vcpu.run(&machine).unwrap().unwrap();
    assert_eq!(*machine.told.lock().unwrap(), [22, 22, 22]);
    let refused = machine.refused.lock().unwrap();
    assert!(matches!(
        refused[..],
        [
            Rejection::OutsideMemory { .. },
            Rejection::OutsideMemory { .. },
            Rejection::Attributes { attributes: 0x30 }
        ]
    ));
    assert_eq!(machine.vm.ram().private_pages(), 0);
}

/// As a launch begins, but for the page of the guest's code.
#[test]
fn memory_made_private_before_the_launch_is_empty() {
    let Some((machine, mut vcpu)) = machine(&Code::default().tell().end()) else {
        return;
    };
    let vm = &machine.vm;
    vm.ram().write(PAGE.into(), &[0x55]).unwrap();
    for (start, pages) in [(CODE + 0x1000, 2), (PAGE.into(), 248)] {
        let range = PageRange::new(start, pages).unwrap();
        assert_eq!(
            vm.set_visibility(range, Visibility::Private).unwrap(),
            pages
        );
        assert_eq!(vm.set_visibility(range, Visibility::Private).unwrap(), 0);
    }
    assert_eq!(vm.ram().private_pages(), 250);
    vcpu.run(&machine).unwrap().unwrap();
    assert_eq!(*machine.told.lock().unwrap(), [0]);
}

#[test]
fn pages_outside_memory_are_not_converted() {
    let Some((machine, _)) = machine(&[]) else {
        return;
    };
    let places = [
        (MEMORY, 1),
        (MEMORY - 0x1000, 2),
        (0xc000_0000, 1),
        (HOLE, 1),
        (HOLE - 0x1000, 2),
        (HOLE - 0x1000, 6),
    ];
    for (start, pages) in places {
        let pages = PageRange::new(start, pages).unwrap();
        for to in [Visibility::Private, Visibility::Shared] {
            let converted = machine.vm.set_visibility(pages, to);
            assert!(matches!(converted, Err(KvmError::Place(_))));
        }
    }
    assert_eq!(machine.vm.ram().private_pages(), 0);
}

#[test]
fn private_slot_is_filled_by_nobody_but_the_guest_and_can_be_removed() {
    // mov ax, 0xffff; mov ds, ax: what begins at 0x10 is the end of memory, 0x100000.
    // mov al, [0x10]; out 0x11, al; mov byte [0x10], 7; mov al, [0x10]; out 0x11, al; out 1, al
    let code = [
        0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa0, 0x10, 0x00, 0xe6, 0x11, 0xc6, 0x06, 0x10, 0x00, 7,
        0xa0, 0x10, 0x00, 0xe6, 0x11, 0xe6, 0x01,
    ];
    let Some((machine, mut vcpu)) = machine(&code) else {
        return;
    };
    let vm = &machine.vm;
    let slot = vm.add_private_slot(MEMORY, 0x1000).unwrap();
    assert!(vm.add_private_slot(MEMORY, 0x1000).is_err());
    vm.remove_slot(slot).unwrap();
    vm.add_private_slot(MEMORY, 0x1000).unwrap();
    vcpu.run(&machine).unwrap().unwrap();
    assert_eq!(*machine.told.lock().unwrap(), [0, 7]);
}
