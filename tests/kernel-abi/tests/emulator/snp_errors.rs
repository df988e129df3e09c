//! The SNP back end on the emulator: every step of a launch fails, every command in every way that the documents
//! have, and people read which step, why, and what to do. That no step and no way is forgotten is tested too.

use crate::support::devices::with_devices;
use crate::support::refusal::{Refusal, judge, later, row, steps_without_row, without_row};
use crate::support::{assert_said_hello, certificate_table, run, snp_folder};
use nix::errno::Errno;
use tests_kernel_abi::host::{Host, Kind, Step, Trouble, What, documented};
use tests_kernel_abi::machine::Folder;
use vmm_kernel_abi::sev::{Command, FirmwareStatus};
use vmm_kernel_abi::{capability, ioctl};
use vmm_kvm::SevError;

const CERTIFICATES: Step = Step::Sev(Some(Command::EnableReqCerts));
const INIT2: Step = Step::Sev(Some(Command::Init2));
const START: Step = Step::Sev(Some(Command::LaunchStart));
const UPDATE: Step = Step::Sev(Some(Command::LaunchUpdate));
const FINISH: Step = Step::Sev(Some(Command::LaunchFinish));

const fn status(status: FirmwareStatus) -> What {
    What::Status(Errno::EIO, status as u64)
}

#[rustfmt::skip] // a table: one case a line
const BEFORE_THE_LAUNCH: &[Refusal] = &[
    row(Step::CreateVm(4), What::Errno(Errno::EINVAL), &["KVM_CREATE_VM", "SEV-SNP", "Invalid argument"]),
    row(Step::CreateVm(4), What::Errno(Errno::ENOMEM), &["KVM_CREATE_VM", "SEV-SNP"]),
    row(Step::Other(ioctl::KVM_SET_IDENTITY_MAP_ADDR), What::Errno(Errno::EINVAL), &["KVM_SET_IDENTITY_MAP_ADDR"]),
    row(Step::Other(ioctl::KVM_SET_TSS_ADDR), What::Errno(Errno::EINVAL), &["KVM_SET_TSS_ADDR"]),
    row(Step::Other(ioctl::KVM_CREATE_IRQCHIP), What::Errno(Errno::ENOMEM), &["KVM_CREATE_IRQCHIP", "Cannot allocate memory"]),
    row(Step::EnableCap(capability::EXIT_HYPERCALL), What::Errno(Errno::EINVAL), &["KVM_ENABLE_CAP", "EXIT_HYPERCALL"]),
    row(Step::GuestMemfd, What::Errno(Errno::EMFILE), &["KVM_CREATE_GUEST_MEMFD", "Too many open files"]),
    row(Step::GuestMemfd, What::Errno(Errno::EINVAL), &["KVM_CREATE_GUEST_MEMFD"]),
    row(Step::MemoryRegion, What::Errno(Errno::EINVAL), &["KVM_SET_USER_MEMORY_REGION2", "slot 0"]),
    later(Step::MemoryRegion, 1, What::Errno(Errno::ENOMEM), &["KVM_SET_USER_MEMORY_REGION2", "slot 2"]),
    row(INIT2, What::Errno(Errno::EINVAL), &["INIT2", "VMSA features", "report it"]),
    row(INIT2, What::Errno(Errno::ENOTTY), &["INIT2", "address space identifiers", "BIOS"]),
    row(INIT2, What::Errno(Errno::EBUSY), &["INIT2", "identifier", "stop another guest"]),
    row(INIT2, What::Errno(Errno::ENODEV), &["INIT2", "secure processor", "load the module ccp"]),
    row(INIT2, What::Errno(Errno::EOPNOTSUPP), &["INIT2", "firmware is too old", "update"]),
    row(INIT2, What::Errno(Errno::EIO), &["INIT2", "could not be initialised", "dmesg"]),
    row(INIT2, What::Errno(Errno::ENOMEM), &["INIT2", "Cannot allocate memory"]),
    row(INIT2, status(FirmwareStatus::InvalidPlatformState), &["INIT2", "INVALID_PLATFORM_STATE", "reload"]),
    row(INIT2, What::Errno(Errno::EFAULT), &["INIT2", "Bad address"]),
    row(CERTIFICATES, What::Errno(Errno::EINVAL), &["ENABLE_REQ_CERTS", "Linux 7.0", "remove [tee] certificates"]),
    row(CERTIFICATES, What::Errno(Errno::EFAULT), &["ENABLE_REQ_CERTS", "Bad address"]),
    row(START, What::Errno(Errno::EFAULT), &["LAUNCH_START", "Bad address"]),
    row(START, What::Errno(Errno::EINVAL), &["LAUNCH_START", "guest policy", "SMT"]),
    row(START, What::Errno(Errno::ENOTTY), &["LAUNCH_START", "guest context", "dmesg"]),
    row(START, What::Status(Errno::ENOTTY, 0x17), &["LAUNCH_START", "RESOURCE_LIMIT", "stop another guest"]),
    row(START, What::Errno(Errno::EBADF), &["LAUNCH_START", "/dev/sev"]),
    row(START, status(FirmwareStatus::PolicyFailure), &["LAUNCH_START", "POLICY_FAILURE", "host check"]),
    row(START, status(FirmwareStatus::InvalidAsid), &["LAUNCH_START", "INVALID_ASID", "BIOS"]),
    row(START, What::Status(Errno::EIO, 0x2a), &["LAUNCH_START", "0x2a", "newer"]),
];

#[rustfmt::skip] // a table: one case a line
const IN_THE_LAUNCH: &[Refusal] = &[
    row(Step::Attributes, What::Errno(Errno::ENOMEM), &["KVM_SET_MEMORY_ATTRIBUTES", "private"]),
    row(Step::CreateVcpu, What::Errno(Errno::ENOMEM), &["KVM_CREATE_VCPU 0"]),
    later(Step::CreateVcpu, 1, What::Errno(Errno::EINVAL), &["KVM_CREATE_VCPU 1"]),
    row(Step::SetCpuid, What::Errno(Errno::EINVAL), &["KVM_SET_CPUID2", "vCPU 0"]),
    later(Step::SetCpuid, 1, What::Errno(Errno::EINVAL), &["KVM_SET_CPUID2", "vCPU 1"]),
    row(Step::GetCpuid, What::Errno(Errno::EIO), &["KVM_GET_CPUID2 on vCPU 0"]),
    row(Step::Registers(ioctl::KVM_GET_SREGS), What::Errno(Errno::EINVAL), &["KVM_GET_SREGS on vCPU 0"]),
    row(Step::Registers(ioctl::KVM_SET_SREGS), What::Errno(Errno::EINVAL), &["KVM_SET_SREGS on vCPU 0"]),
    row(Step::Registers(ioctl::KVM_SET_REGS), What::Errno(Errno::EINVAL), &["KVM_SET_REGS on vCPU 0"]),
    row(Step::Registers(ioctl::KVM_SET_MSRS), What::Errno(Errno::EINVAL), &["KVM_SET_MSRS on vCPU 0"]),
    row(Step::Registers(ioctl::KVM_SET_DEBUGREGS), What::Errno(Errno::EINVAL), &["KVM_SET_DEBUGREGS on vCPU 0"]),
    later(Step::Registers(ioctl::KVM_SET_XSAVE), 1, What::Errno(Errno::EINVAL), &["KVM_SET_XSAVE on vCPU 1"]),
    row(UPDATE, What::Errno(Errno::EINVAL), &["LAUNCH_UPDATE", "report it"]),
    row(UPDATE, What::Errno(Errno::EFAULT), &["LAUNCH_UPDATE", "source"]),
    row(UPDATE, What::Errno(Errno::EIO), &["LAUNCH_UPDATE", "firmware is not to blame", "dmesg"]),
    row(UPDATE, What::Errno(Errno::EINTR), &["LAUNCH_UPDATE"]),
    row(UPDATE, status(FirmwareStatus::InvalidPageOwner), &["LAUNCH_UPDATE", "INVALID_PAGE_OWNER"]),
    row(UPDATE, What::Status(Errno::EIO, 0xffff_ffff), &["LAUNCH_UPDATE", "NO_FW_CALL", "dmesg"]),
    later(UPDATE, 2, status(FirmwareStatus::HardwareUnsafe), &["LAUNCH_UPDATE", "HWERROR_UNSAFE", "reboot"]),
    later(UPDATE, 1, What::Nothing, &["encrypt", "does not get on"]),
    later(UPDATE, 1, What::Errno(Errno::EAGAIN), &["encrypt", "does not get on"]),
    row(FINISH, What::Errno(Errno::EFAULT), &["LAUNCH_FINISH", "Bad address"]),
    row(FINISH, What::Errno(Errno::ENOTTY), &["LAUNCH_FINISH", "dmesg"]),
    row(FINISH, What::Errno(Errno::EINVAL), &["LAUNCH_FINISH", "report it"]),
    row(FINISH, What::Errno(Errno::EBUSY), &["LAUNCH_FINISH", "vCPU"]),
    row(FINISH, What::Errno(Errno::EBADF), &["LAUNCH_FINISH", "/dev/sev"]),
    row(FINISH, What::Errno(Errno::EIO), &["LAUNCH_FINISH", "does not answer", "dmesg"]),
    row(FINISH, status(FirmwareStatus::BadSignature), &["LAUNCH_FINISH", "BAD_SIGNATURE", "measure id-block"]),
    row(FINISH, status(FirmwareStatus::BadMeasurement), &["LAUNCH_FINISH", "BAD_MEASUREMENT", "cloister measure"]),
    row(FINISH, status(FirmwareStatus::PolicyFailure), &["LAUNCH_FINISH", "POLICY_FAILURE"]),
    row(FINISH, status(FirmwareStatus::InvalidKey), &["LAUNCH_FINISH", "INVALID_KEY", "VLEK"]),
];

/// When the guest's memory is loaded already, and its devices' processes get what they serve.
#[rustfmt::skip] // a table: one case a line
const AFTER_THE_LAUNCH: &[Refusal] = &[
    row(Step::Other(ioctl::KVM_IRQFD), What::Errno(Errno::EINVAL), &["KVM_IRQFD for interrupt 4"]),
    later(Step::Other(ioctl::KVM_IRQFD), 1, What::Errno(Errno::EBUSY), &["the device in slot 0 does not start", "KVM_IRQFD for interrupt 5"]),
    later(Step::Other(ioctl::KVM_IRQFD), 2, What::Errno(Errno::ENOMEM), &["the device in slot 1 does not start", "KVM_IRQFD for interrupt 6"]),
    row(Step::Other(ioctl::KVM_IOEVENTFD), What::Errno(Errno::ENOSPC), &["the device in slot 0 does not start", "KVM_IOEVENTFD at"]),
];

const ALL: [&[Refusal]; 3] = [BEFORE_THE_LAUNCH, IN_THE_LAUNCH, AFTER_THE_LAUNCH];

/// A guest with everything that a guest can have.
fn fullest_folder() -> Option<Folder> {
    let folder = snp_folder(2, "certificates = \"certificates.bin\"\n")?;
    folder.write("certificates.bin", &certificate_table());
    with_devices(folder)
}

fn newest_host() -> Host {
    let mut host = Host::new(Kind::Snp);
    host.release.certificates = true;
    host
}

fn all_fail(rows: &[Refusal]) {
    let mut wrong = Vec::new();
    for row in rows {
        let Some(folder) = fullest_folder() else {
            return;
        };
        let mut host = newest_host();
        wrong.extend(judge(&folder, &mut host, row).err());
        // What failed once is never done again: nothing undoes half a launch.
        if host.count(FINISH) > 1 {
            wrong.push(format!("{:?}: LAUNCH_FINISH was tried again", row.trouble));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn trouble_before_the_launch_is_told_and_leaves_nothing() {
    all_fail(BEFORE_THE_LAUNCH);
}

#[test]
fn trouble_in_the_launch_is_told_and_leaves_nothing() {
    all_fail(IN_THE_LAUNCH);
}

#[test]
fn trouble_after_the_launch_is_told_and_leaves_no_device() {
    all_fail(AFTER_THE_LAUNCH);
}

#[test]
fn every_error_of_the_documents_and_every_one_with_words_of_its_own_has_a_row() {
    let explained = SevError::explained()
        .map(|(command, errno)| (Step::Sev(Some(command)), Errno::from_raw(errno)));
    let errors: Vec<_> = documented::of_sev().into_iter().chain(explained).collect();
    assert_eq!(without_row(&errors, &ALL), []);
}

#[test]
fn every_step_of_a_launch_has_a_row() {
    let Some(folder) = fullest_folder() else {
        return;
    };
    let mut host = newest_host();
    assert_said_hello(&run(&folder, &mut host));
    assert_eq!(steps_without_row(&host.steps, &ALL), []);
}

#[test]
fn every_status_of_the_firmware_is_told_at_the_end_of_a_launch() {
    for &code in FirmwareStatus::ALL {
        let Some(folder) = snp_folder(1, "") else {
            return;
        };
        let trouble = Trouble::at(FINISH, What::Status(Errno::EIO, code as u64));
        let words: &'static [&'static str] = Box::leak(Box::new([code.name(), code.remedy()]));
        let mut host = Host::new(Kind::Snp);
        judge(&folder, &mut host, &Refusal { trouble, words }).unwrap();
    }
}
