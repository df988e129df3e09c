//! SEV-SNP commands: KVM_MEMORY_ENCRYPT_OP with the kernel's own structures.
//!
//! Linux 6.12, `arch/x86/kvm/svm/sev.c` and `Documentation/virt/kvm/x86/amd-memory-encryption.rst`. What
//! the commands mean and in which order they go is `vmm-snp`'s to know.

mod error;

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr::from_mut;

pub use error::SevError;
use measured_boot_snp_abi::{IdAuth, IdBlock, PageType};
use rustix::io::Errno;
use vmm_kernel_abi::ioctl::KVM_GET_DEVICE_ATTR;
use vmm_kernel_abi::sev::{
    Command, GROUP, kvm_device_attr, kvm_sev_cmd, kvm_sev_init, kvm_sev_snp_launch_finish,
    kvm_sev_snp_launch_start, kvm_sev_snp_launch_update, page_type,
};
use vmm_sys_util::ioctl::ioctl_with_ref;

use crate::{Host, PageBuffer, Vm};

const PAGE: u64 = 4096;

// The processor's numbers of page types, which plans have, are the kernel's.
const _: () = {
    assert!(PageType::Normal.number() == page_type::NORMAL);
    assert!(PageType::Zero.number() == page_type::ZERO);
    assert!(PageType::Unmeasured.number() == page_type::UNMEASURED);
    assert!(PageType::Secrets.number() == page_type::SECRETS);
    assert!(PageType::Cpuid.number() == page_type::CPUID);
};

/// Pages that are to be encrypted, and how far the kernel has come with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnpUpdate {
    /// Number of the first page that is left.
    pub first_frame: u64,
    /// Pages that are left.
    pub left: u64,
    /// How they are measured.
    pub page_type: PageType,
}

/// What a launch ends with, beside what was loaded.
#[derive(Clone, Copy, Debug)]
pub struct SnpFinish<'a> {
    /// HOST_DATA.
    pub host_data: [u8; 32],
    /// The ID block and what authenticates it.
    pub id: Option<(&'a IdBlock, &'a IdAuth)>,
    /// Whether the authentication has an author key, which the firmware then checks.
    pub has_author: bool,
}

impl Host {
    /// A device attribute of the group KVM_X86_GRP_SEV; `None` where this kernel has no such attribute.
    ///
    /// # Errors
    /// The kernel fails in another way.
    pub fn sev_attribute(&self, attribute: u64) -> Result<Option<u64>, io::Error> {
        let mut value = 0_u64;
        let request = kvm_device_attr {
            flags: 0,
            group: GROUP,
            attr: attribute,
            addr: from_mut(&mut value).addr() as u64,
        };
        // SAFETY: the kernel reads the 24 bytes of `request` and writes the 8 bytes of `value`, which
        // is what attributes of this group are (Documentation/virt/kvm/devices/vm.rst); both outlive
        // the call.
        let answer = unsafe { ioctl_with_ref(&self.kvm, KVM_GET_DEVICE_ATTR.into(), &request) };
        let error = io::Error::last_os_error();
        match (answer, error.raw_os_error()) {
            (0, _) => Ok(Some(value)),
            (_, Some(libc_errno)) if is_missing(libc_errno) => Ok(None),
            _ => Err(error),
        }
    }
}

impl Vm {
    /// INIT2: makes this an SNP VM whose VMSAs have `features`, beside SNP_ACTIVE, which the kernel sets
    /// and does not take.
    ///
    /// # Errors
    /// Kernel or firmware refuse.
    pub fn snp_init(&self, features: u64) -> Result<(), SevError> {
        let mut data = kvm_sev_init {
            vmsa_features: features,
            ..kvm_sev_init::default()
        };
        self.sev_command(Command::Init2, None, Some(&mut data))
    }

    /// ENABLE_REQ_CERTS: an extended report request becomes an exit.
    ///
    /// # Errors
    /// The kernel has no such command, or refuses it.
    pub fn snp_enable_certificates(&self) -> Result<(), SevError> {
        self.sev_command::<()>(Command::EnableReqCerts, None, None)
    }

    /// LAUNCH_START: `sev` must stay open under the same number as long as the VM lives, since the kernel
    /// keeps the number.
    ///
    /// # Errors
    /// Kernel or firmware refuse.
    pub fn snp_start(&self, sev: BorrowedFd<'_>, policy: u64) -> Result<(), SevError> {
        let mut data = kvm_sev_snp_launch_start {
            policy,
            ..kvm_sev_snp_launch_start::default()
        };
        self.sev_command(Command::LaunchStart, Some(sev), Some(&mut data))
    }

    /// LAUNCH_UPDATE, once: encrypts as many pages as the kernel likes of what is left, and takes the
    /// rest of the way down in `update`. The last `update.left` pages of `source` are what is left; the
    /// firmware may write to one that holds CPUID values.
    ///
    /// # Errors
    /// Kernel or firmware refuse, or `source` has fewer pages.
    pub fn snp_update(
        &self,
        sev: BorrowedFd<'_>,
        update: &mut SnpUpdate,
        source: &mut PageBuffer,
    ) -> Result<(), SevError> {
        let mut data = update_data(update, source).ok_or(SevError::NoSource)?;
        let done = self.sev_command(Command::LaunchUpdate, Some(sev), Some(&mut data));
        update.first_frame = data.gfn_start;
        update.left = data.len / PAGE;
        done
    }

    /// LAUNCH_FINISH: measures the VMSA of every vCPU, and closes the launch. Nothing undoes a part of it.
    ///
    /// # Errors
    /// Kernel or firmware refuse; the VM is then of no use.
    pub fn snp_finish(&self, sev: BorrowedFd<'_>, finish: &SnpFinish<'_>) -> Result<(), SevError> {
        let (block, auth) = finish.id.map_or((0, 0), |(block, auth)| {
            let block: *const IdBlock = block;
            let auth: *const IdAuth = auth;
            (block.addr() as u64, auth.addr() as u64)
        });
        let mut data = kvm_sev_snp_launch_finish {
            id_block_uaddr: block,
            id_auth_uaddr: auth,
            id_block_en: finish.id.is_some().into(),
            auth_key_en: (finish.id.is_some() && finish.has_author).into(),
            host_data: finish.host_data,
            ..kvm_sev_snp_launch_finish::default()
        };
        self.sev_command(Command::LaunchFinish, Some(sev), Some(&mut data))?;
        self.protect_state();
        Ok(())
    }

    fn sev_command<T>(
        &self,
        command: Command,
        sev: Option<BorrowedFd<'_>>,
        data: Option<&mut T>,
    ) -> Result<(), SevError> {
        let sev_fd = sev.map_or(0, |sev| sev.as_raw_fd().cast_unsigned());
        let mut call = kvm_sev_cmd {
            id: command.id(),
            data: data.map_or(0, |data| from_mut(data).addr() as u64),
            sev_fd,
            ..kvm_sev_cmd::default()
        };
        // The kernel reads `call`, and as many bytes of `data` as the command's own structure has: every
        // caller above pairs the two (vmm-kernel-abi asserts their sizes). Their addresses are of memory
        // that is lent for this call: a page buffer's, an ID block's 96 and its authentication's 4096
        // bytes, which LAUNCH_FINISH copies.
        self.fd
            .encrypt_op_sev(&mut call)
            .map_err(|source| SevError::Refused {
                command,
                firmware: call.error,
                source: source.into(),
            })
    }
}

/// `None`: the source is too small.
fn update_data(update: &SnpUpdate, source: &mut PageBuffer) -> Option<kvm_sev_snp_launch_update> {
    let len = update.left.checked_mul(PAGE)?;
    // A zero page has no source (Linux 6.12, snp_launch_update).
    let uaddr = match update.page_type {
        PageType::Zero => 0,
        _ => {
            let bytes = source.bytes_mut();
            let done = bytes.len().checked_sub(usize::try_from(len).ok()?)?;
            bytes[done..].as_mut_ptr().addr() as u64
        }
    };
    Some(kvm_sev_snp_launch_update {
        gfn_start: update.first_frame,
        uaddr,
        len,
        type_: update.page_type.number(),
        ..kvm_sev_snp_launch_update::default()
    })
}

/// ENXIO: an attribute that this kernel does not know (`__kvm_x86_dev_get_attr`). An older kernel knows
/// no attribute of `/dev/kvm` (ENOTTY, EINVAL).
fn is_missing(errno: i32) -> bool {
    let missing = [Errno::NXIO, Errno::NOTTY, Errno::INVAL];
    missing.map(Errno::raw_os_error).contains(&errno)
}

#[cfg(test)]
mod tests;
