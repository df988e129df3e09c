//! The TDX back end on the emulator: every step of a launch fails, every command in every way that the documents
//! have, and people read which step, why, and what to do. That no step and no way is forgotten is tested too.

use crate::support::devices::with_devices;
use crate::support::refusal::{Refusal, judge, later, row, steps_without_row, without_row};
use crate::support::{assert_in_order, host_with, run, tdx_folder};
use nix::errno::Errno::{
    self, E2BIG, EAGAIN, EBUSY, EEXIST, EFAULT, EINTR, EINVAL, EIO, EMFILE, ENOMEM, ENOSPC, ENOTTY,
};
use tests_kernel_abi::host::{Host, Kind, Step, What, documented};
use tests_kernel_abi::machine::Folder;
use vmm_kernel_abi::tdx::Command;
use vmm_kernel_abi::{capability, ioctl};
use vmm_kvm::TdxError;

const fn tdx(command: Command) -> Step {
    Step::Tdx(Some(command))
}

const CAPABILITIES: Step = tdx(Command::Capabilities);
const INIT_VM: Step = tdx(Command::InitVm);
const INIT_VCPU: Step = tdx(Command::InitVcpu);
const GET_CPUID: Step = tdx(Command::GetCpuid);
const MEMORY: Step = tdx(Command::InitMemRegion);
const FINALIZE: Step = tdx(Command::FinalizeVm);
/// TDX_OPERAND_INVALID of CPUID_CONFIG, and TDX_OPERAND_BUSY of TDR.
const INVALID_CPUID: u64 = 0xc000_0100_0000_0045;
const BUSY_TDR: u64 = 0x8000_0200_0000_0080;

#[rustfmt::skip] // a table: one case a line
const BEFORE_THE_FIRST_VCPU: &[Refusal] = &[
    row(Step::CreateVm(5), What::Errno(EINVAL), &["KVM_CREATE_VM of type 5"]),
    row(Step::CreateVm(5), What::Errno(ENOMEM), &["KVM_CREATE_VM of type 5", "Cannot allocate memory"]),
    row(Step::Other(ioctl::KVM_SET_IDENTITY_MAP_ADDR), What::Errno(EINVAL), &["KVM_SET_IDENTITY_MAP_ADDR"]),
    row(Step::Other(ioctl::KVM_SET_TSS_ADDR), What::Errno(EINVAL), &["KVM_SET_TSS_ADDR"]),
    row(Step::EnableCap(capability::SPLIT_IRQCHIP), What::Errno(EINVAL), &["KVM_CAP_SPLIT_IRQCHIP"]),
    row(Step::EnableCap(capability::EXIT_HYPERCALL), What::Errno(EINVAL), &["KVM_CAP_EXIT_HYPERCALL"]),
    row(Step::EnableCap(capability::X86_APIC_BUS_CYCLES_NS), What::Errno(EINVAL), &["X86_APIC_BUS_CYCLES_NS"]),
    row(Step::Other(ioctl::KVM_GET_TSC_KHZ), What::Errno(EIO), &["KVM_GET_TSC_KHZ"]),
    row(Step::Other(ioctl::KVM_SET_TSC_KHZ), What::Errno(EINVAL), &["KVM_SET_TSC_KHZ"]),
    row(Step::GuestMemfd, What::Errno(EMFILE), &["KVM_CREATE_GUEST_MEMFD", "Too many open files"]),
    row(Step::MemoryRegion, What::Errno(EINVAL), &["KVM_SET_USER_MEMORY_REGION2", "slot 0"]),
    later(Step::MemoryRegion, 1, What::Errno(ENOMEM), &["KVM_SET_USER_MEMORY_REGION2", "slot 2"]),
    later(Step::MemoryRegion, 2, What::Errno(ENOMEM), &["KVM_SET_USER_MEMORY_REGION2", "slot 3"]),
    row(Step::Attributes, What::Errno(ENOMEM), &["KVM_SET_MEMORY_ATTRIBUTES"]),
    row(CAPABILITIES, What::Errno(EINVAL), &["use Linux 6.16 or newer"]),
    row(CAPABILITIES, What::Errno(E2BIG), &["more CPUID entries than any TD may be given"]),
    row(CAPABILITIES, What::Errno(EIO), &["demands attributes or features"]),
    row(CAPABILITIES, What::Errno(ENOTTY), &["load kvm_intel with tdx=1"]),
    row(CAPABILITIES, What::Errno(ENOMEM), &["KVM_TDX_CAPABILITIES", "Cannot allocate memory"]),
    row(CAPABILITIES, What::Errno(EFAULT), &["KVM_TDX_CAPABILITIES", "Bad address"]),
    row(INIT_VM, What::Errno(EINVAL), &["does not take the attributes, features or CPUID"]),
    row(INIT_VM, What::Status(EINVAL, INVALID_CPUID), &["operand invalid, operand CPUID_CONFIG"]),
    row(INIT_VM, What::Errno(EAGAIN), &["INIT_VM was tried 10000 times"]),
    row(INIT_VM, What::Errno(EBUSY), &["raise misc.max (tdx)"]),
    row(INIT_VM, What::Errno(ENOSPC), &["no private key id is free"]),
    row(INIT_VM, What::Errno(EIO), &["switch a CPU of every package on"]),
    row(INIT_VM, What::Errno(E2BIG), &["more CPUID entries than the kernel takes"]),
    row(INIT_VM, What::Errno(ENOMEM), &["no memory for the TD's own pages", "free memory"]),
    row(INIT_VM, What::Errno(EFAULT), &["KVM_TDX_INIT_VM", "Bad address"]),
];

#[rustfmt::skip] // a table: one case a line
const FROM_THE_FIRST_VCPU_ON: &[Refusal] = &[
    row(Step::CreateVcpu, What::Errno(EIO), &["KVM_CREATE_VCPU 0"]),
    later(Step::CreateVcpu, 1, What::Errno(E2BIG), &["KVM_CREATE_VCPU 1"]),
    row(Step::SetCpuid, What::Errno(EINVAL), &["KVM_SET_CPUID2 on vCPU 0"]),
    later(Step::SetCpuid, 1, What::Errno(EINVAL), &["KVM_SET_CPUID2 on vCPU 1"]),
    row(INIT_VCPU, What::Errno(EINVAL), &["KVM_TDX_INIT_VCPU on vCPU 0: the vCPU's CPUID lacks x2APIC"]),
    row(INIT_VCPU, What::Errno(EIO), &["KVM_TDX_INIT_VCPU on vCPU 0: the TDX module refused"]),
    later(INIT_VCPU, 1, What::Errno(EIO), &["KVM_TDX_INIT_VCPU on vCPU 1: the TDX module refused"]),
    later(INIT_VCPU, 1, What::Errno(ENOMEM), &["KVM_TDX_INIT_VCPU on vCPU 1", "no memory for the vCPU's own pages"]),
    row(INIT_VCPU, What::Errno(EFAULT), &["KVM_TDX_INIT_VCPU on vCPU 0", "Bad address"]),
    row(GET_CPUID, What::Errno(EINVAL), &["KVM_TDX_GET_CPUID on vCPU 0", "use Linux 6.16 or newer"]),
    row(GET_CPUID, What::Errno(E2BIG), &["KVM_TDX_GET_CPUID on vCPU 0", "more CPUID leaves than any TD may be given"]),
    row(GET_CPUID, What::Errno(EIO), &["KVM_TDX_GET_CPUID on vCPU 0", "does not tell what it answers"]),
    row(GET_CPUID, What::Errno(EFAULT), &["KVM_TDX_GET_CPUID on vCPU 0", "Bad address"]),
    row(MEMORY, What::Errno(EINVAL), &["the pages are not private"]),
    row(MEMORY, What::Errno(EAGAIN), &["INIT_MEM_REGION was tried 1000 times"]),
    row(MEMORY, What::Errno(EBUSY), &["INIT_MEM_REGION was tried 1000 times"]),
    row(MEMORY, What::Errno(EINTR), &["INIT_MEM_REGION was tried 1000 times"]),
    row(MEMORY, What::Errno(EEXIST), &["a page was added before"]),
    row(MEMORY, What::Errno(EIO), &["the TDX module refused"]),
    row(MEMORY, What::Errno(ENOMEM), &["no memory for private pages", "free memory"]),
    row(MEMORY, What::Errno(EFAULT), &["KVM_TDX_INIT_MEM_REGION", "Bad address"]),
    row(MEMORY, What::Partly(1, Some(EIO)), &["the TDX module refused"]),
    row(MEMORY, What::Nothing, &["succeeded 1000 times without filling a page"]),
    row(FINALIZE, What::Errno(EBUSY), &["FINALIZE_VM was tried 1000 times"]),
    row(FINALIZE, What::Errno(EINVAL), &["the TD is not ready to be finished"]),
    row(FINALIZE, What::Errno(EIO), &["FINALIZE_VM: the TDX module refused", "dmesg"]),
    row(FINALIZE, What::Status(EIO, BUSY_TDR), &["operand busy, operand TDR"]),
    row(FINALIZE, What::Errno(EFAULT), &["KVM_TDX_FINALIZE_VM", "Bad address"]),
    row(Step::Other(ioctl::KVM_IRQFD), What::Errno(EINVAL), &["KVM_IRQFD for interrupt 4"]),
    later(Step::Other(ioctl::KVM_IRQFD), 1, What::Errno(EBUSY), &["the device in slot 0 does not start", "KVM_IRQFD for interrupt 5"]),
    row(Step::Other(ioctl::KVM_IOEVENTFD), What::Errno(ENOSPC), &["the device in slot 0 does not start", "KVM_IOEVENTFD at"]),
];

const ALL: [&[Refusal]; 2] = [BEFORE_THE_FIRST_VCPU, FROM_THE_FIRST_VCPU_ON];

/// A TD with everything that a TD can have.
fn fullest_folder() -> Option<Folder> {
    let folder = tdx_folder(2, "quote_service = \"unix:qgs.sock\"\n")?;
    with_devices(folder)
}

fn host() -> Host {
    host_with(Kind::Tdx, Vec::new())
}

fn all_fail(rows: &[Refusal]) {
    let mut wrong = Vec::new();
    for row in rows {
        let Some(folder) = fullest_folder() else {
            return;
        };
        let mut host = host();
        wrong.extend(judge(&folder, &mut host, row).err());
        if host.script.unwrap().met() != 0 {
            wrong.push(format!("{:?}: the guest ran", row.trouble));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn trouble_before_the_first_vcpu_is_told_and_leaves_nothing() {
    all_fail(BEFORE_THE_FIRST_VCPU);
}

#[test]
fn trouble_from_the_first_vcpu_on_is_told_and_leaves_nothing() {
    all_fail(FROM_THE_FIRST_VCPU_ON);
}

#[test]
fn every_error_of_the_documents_and_every_one_with_words_of_its_own_has_a_row() {
    let explained =
        TdxError::explained().map(|(command, errno)| (tdx(command), Errno::from_raw(errno)));
    let errors: Vec<_> = documented::of_tdx().into_iter().chain(explained).collect();
    assert_eq!(without_row(&errors, &ALL), []);
}

#[test]
fn every_step_of_a_launch_has_a_row() {
    let Some(folder) = fullest_folder() else {
        return;
    };
    let mut host = host();
    assert_in_order(&run(&folder, &mut host));
    assert_eq!(steps_without_row(&host.steps, &ALL), []);
    // The next lower multiple of 25 MHz.
    let vm = &host.machine.unwrap().vm;
    assert_eq!((host.tsc_khz, vm.tsc_khz), (2_112_001, Some(2_100_000)));
}

#[test]
fn td_of_more_vcpus_than_kvm_gives_a_td_is_refused() {
    let Some(folder) = tdx_folder(2, "") else {
        return;
    };
    let mut host = host();
    host.most_vcpus = 1;
    let outcome = run(&folder, &mut host);
    let words = "a TD has at most 1 vCPUs on this host, and 2 are planned";
    assert!(outcome.error().contains(words), "{outcome:#?}");
    assert_eq!((host.count(CAPABILITIES), outcome.left), (0, Vec::new()));
}
