//! Which errors the documents have for which command.
//!
//! SEV-SNP: Linux 6.12 `Documentation/virt/kvm/x86/amd-memory-encryption.rst`, `arch/x86/kvm/svm/sev.c` and
//! `drivers/crypto/ccp/sev-dev.c`. TDX: Linux 6.16 `Documentation/virt/kvm/x86/intel-tdx.rst` and
//! `arch/x86/kvm/vmx/tdx.c`. EFAULT, of an argument that is not mapped, is every command's.

use nix::errno::Errno::{
    self, E2BIG, EAGAIN, EBADF, EBUSY, EEXIST, EFAULT, EINTR, EINVAL, EIO, ENODEV, ENOMEM, ENOSPC,
    ENOTTY, EOPNOTSUPP,
};
use vmm_kernel_abi::sev;
use vmm_kernel_abi::tdx;

use super::Step;

#[rustfmt::skip] // a table: a command a line
const SEV: &[(sev::Command, &[Errno])] = &[
    (sev::Command::Init2,          &[EINVAL, ENOTTY, EBUSY, ENODEV, EIO, EOPNOTSUPP, ENOMEM]),
    (sev::Command::EnableReqCerts, &[EINVAL]),
    (sev::Command::LaunchStart,    &[EINVAL, ENOTTY, EIO, EBADF]),
    (sev::Command::LaunchUpdate,   &[EINVAL, EIO, EAGAIN]),
    (sev::Command::LaunchFinish,   &[EINVAL, ENOTTY, EBUSY, EIO, EBADF]),
];

#[rustfmt::skip] // a table: a command a line
const TDX: &[(tdx::Command, &[Errno])] = &[
    (tdx::Command::Capabilities,  &[EINVAL, E2BIG, EIO, ENOMEM, ENOTTY]),
    (tdx::Command::InitVm,        &[EINVAL, E2BIG, ENOSPC, EBUSY, EAGAIN, EIO, ENOMEM]),
    (tdx::Command::InitVcpu,      &[EINVAL, EIO, ENOMEM]),
    (tdx::Command::GetCpuid,      &[EINVAL, E2BIG, EIO]),
    (tdx::Command::InitMemRegion, &[EINVAL, EINTR, EAGAIN, EBUSY, ENOMEM, EEXIST, EIO]),
    (tdx::Command::FinalizeVm,    &[EINVAL, EBUSY, EIO]),
];

/// Every error of every command of an SNP launch.
pub fn of_sev() -> Vec<(Step, Errno)> {
    each(SEV, |command| Step::Sev(Some(command)))
}

/// Every error of every command of a TD's launch.
pub fn of_tdx() -> Vec<(Step, Errno)> {
    each(TDX, |command| Step::Tdx(Some(command)))
}

fn each<C: Copy>(table: &[(C, &[Errno])], step: fn(C) -> Step) -> Vec<(Step, Errno)> {
    let rows = table.iter().flat_map(|(command, errors)| {
        let all = errors.iter().chain([&EFAULT]);
        all.map(|errno| (step(*command), *errno))
    });
    rows.collect()
}
