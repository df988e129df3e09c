//! KVM_MEMORY_ENCRYPT_OP of an SNP VM: order and errors as in Linux 6.12, arch/x86/kvm/svm/sev.c.

use std::mem::offset_of;

use nix::errno::Errno;
use vmm_kernel_abi::PAGE_SIZE;
use vmm_kernel_abi::sev::{
    Command, FirmwareStatus, ID_AUTH_SIZE, ID_BLOCK_SIZE, kvm_sev_cmd as cmd, kvm_sev_init as init,
    kvm_sev_snp_launch_finish as finish, kvm_sev_snp_launch_start as start,
    kvm_sev_snp_launch_update as update, page_type,
};

use super::{Host, Machine, Protection, Release, SevVm, error};
use crate::model::snp::{Finish, Identity};
use crate::trace::{Call, Memory as _, TraceeMemory};

/// A command that failed, with the firmware's status.
struct Failure(Errno, u32);

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self(errno, 0)
    }
}

/// A status of the firmware is EIO to the VMM.
impl From<FirmwareStatus> for Failure {
    fn from(status: FirmwareStatus) -> Self {
        Self(Errno::EIO, status as u32)
    }
}

/// Policy bits that Linux 6.12 takes: versions, SMT, the reserved one, migration agent, debug.
const POLICY_6_12: u64 = 0xf_ffff;
const POLICY_DEMANDED: u64 = 1 << 16 | 1 << 17;

/// A structure in the VMM's memory.
struct Data {
    memory: TraceeMemory,
    at: u64,
}

impl Data {
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Errno> {
        let at = self.at + u64::try_from(at).expect("small");
        self.memory.array(at).map_err(|_| Errno::EFAULT)
    }

    fn long(&self, at: usize) -> Result<u64, Errno> {
        self.array(at).map(u64::from_le_bytes)
    }

    fn word(&self, at: usize) -> Result<u32, Errno> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn half(&self, at: usize) -> Result<u16, Errno> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn byte(&self, at: usize) -> Result<u8, Errno> {
        self.array(at).map(|[byte]| byte)
    }

    fn put(&self, at: usize, bytes: &[u8]) -> Result<(), Errno> {
        let at = self.at + u64::try_from(at).expect("small");
        self.memory.write(at, bytes).map_err(|_| Errno::EFAULT)
    }
}

impl Host {
    pub(super) fn sev_command(&mut self, call: &Call) -> i64 {
        self.sev_command_of(call, self.release.pages_a_call)
    }

    /// LAUNCH_UPDATE that stops after so many pages.
    pub(super) fn sev_update(&mut self, call: &Call, pages: u64) -> i64 {
        self.sev_command_of(call, pages)
    }

    fn sev_command_of(&mut self, call: &Call, most_pages: u64) -> i64 {
        let memory = call.memory();
        let at = call.argument();
        let command = Data { memory, at };
        match self.try_sev(call, &command, most_pages) {
            Ok(()) => 0,
            Err(Failure(errno, status)) => {
                // The command is written back whatever came of it, but for ids that nobody knows.
                if errno != Errno::EPERM {
                    let _ = command.put(offset_of!(cmd, error), &status.to_le_bytes());
                }
                error(errno)
            }
        }
    }

    fn try_sev(&mut self, call: &Call, command: &Data, most_pages: u64) -> Result<(), Failure> {
        let id = command.word(offset_of!(cmd, id))?;
        let sev_fd = command.word(offset_of!(cmd, sev_fd))?;
        let data = Data {
            memory: command.memory,
            at: command.long(offset_of!(cmd, data))?,
        };
        let is_device = |host: &Self, number| host.is_sev_device(call, number);
        let given = is_device(self, sev_fd);
        let kept = self.sev_vm().and_then(|vm| vm.sev_fd);
        let kept = kept.is_some_and(|number| is_device(self, number));
        let release = self.release;
        let machine = self.machine.as_mut().ok_or(Errno::ENOTTY)?;
        // SNP VMs take none of SEV's older commands.
        let id = Command::from_id(id).ok_or(Errno::EPERM)?;
        if id != Command::Init2 && machine.sev()?.features.is_none() {
            return Err(Errno::ENOTTY.into());
        }
        match id {
            Command::Init2 => machine.sev_init(&data, release),
            Command::EnableReqCerts => machine.sev_certificates(release),
            Command::LaunchStart => machine.sev_start(&data, release, given.then_some(sev_fd)),
            Command::LaunchUpdate => machine.sev_update(&data, most_pages),
            Command::LaunchFinish if !kept => Err(Errno::EBADF.into()),
            Command::LaunchFinish => machine.sev_finish(&data),
        }
    }
}

impl Machine {
    fn sev(&mut self) -> Result<&mut SevVm, Errno> {
        match &mut self.vm.protection {
            Protection::Snp(vm) => Ok(vm),
            Protection::Tdx(_) => Err(Errno::ENOTTY),
        }
    }

    fn sev_init(&mut self, data: &Data, release: Release) -> Result<(), Failure> {
        let features = data.long(offset_of!(init, vmsa_features))?;
        let is_wrong = data.word(offset_of!(init, flags))? != 0
            || data.half(offset_of!(init, ghcb_version))? > 2
            || features & !release.vmsa_features != 0;
        let has_vcpus = !self.vcpus.is_empty();
        let vm = self.sev()?;
        if is_wrong || has_vcpus || vm.features.is_some() {
            return Err(Errno::EINVAL.into());
        }
        vm.features = Some(features);
        Ok(())
    }

    fn sev_certificates(&mut self, release: Release) -> Result<(), Failure> {
        if !release.certificates || !self.vcpus.is_empty() {
            return Err(Errno::EINVAL.into());
        }
        self.sev()?.certificates = true;
        Ok(())
    }

    fn sev_start(
        &mut self,
        data: &Data,
        release: Release,
        sev_fd: Option<u32>,
    ) -> Result<(), Failure> {
        let policy = data.long(offset_of!(start, policy))?;
        let flags = data.half(offset_of!(start, flags))?;
        let vm = self.sev()?;
        let demanded = match release.policy_bits {
            // Since then the firmware judges SMT.
            Some(_) => 1 << 17,
            None => POLICY_DEMANDED,
        };
        let taken = release.policy_bits.unwrap_or(POLICY_6_12);
        let is_bad_policy = policy & !taken != 0 || policy & demanded != demanded;
        if vm.sev_fd.is_some() || flags != 0 || is_bad_policy {
            return Err(Errno::EINVAL.into());
        }
        let sev_fd = sev_fd.ok_or(Errno::EBADF)?;
        vm.guest.start(policy)?;
        vm.sev_fd = Some(sev_fd);
        Ok(())
    }

    /// What is done is written back; a failure after the first page is told by the next call only.
    fn sev_update(&mut self, data: &Data, most_pages: u64) -> Result<(), Failure> {
        let mut frame = data.long(offset_of!(update, gfn_start))?;
        let mut source = data.long(offset_of!(update, uaddr))?;
        let mut left = data.long(offset_of!(update, len))?;
        let page_type = data.byte(offset_of!(update, type_))?;
        let is_wrong = data.half(offset_of!(update, flags))? != 0
            || left == 0
            || left % PAGE_SIZE != 0
            || source % PAGE_SIZE != 0
            || !(page_type == page_type::NORMAL
                || (page_type::ZERO..=page_type::CPUID).contains(&page_type));
        let first = frame.checked_mul(PAGE_SIZE).ok_or(Errno::EINVAL)?;
        let slot = self.vm.memory.private_slot(first).ok_or(Errno::EINVAL)?;
        if self.sev()?.sev_fd.is_none() || is_wrong || self.sev()?.is_finished() {
            return Err(Errno::EINVAL.into());
        }
        let in_slot = (slot.gpa + slot.bytes - first) / PAGE_SIZE;
        let pages = (left / PAGE_SIZE).min(in_slot).min(most_pages);
        for done in 0..pages {
            match self.sev_page(data.memory, page_type, frame * PAGE_SIZE, source) {
                Err(failure) if done == 0 => return Err(failure),
                Err(_) => break,
                Ok(()) => {}
            }
            frame += 1;
            left -= PAGE_SIZE;
            if page_type != page_type::ZERO {
                source += PAGE_SIZE;
            }
        }
        self.sev()?.updates += 1;
        data.put(offset_of!(update, gfn_start), &frame.to_le_bytes())?;
        data.put(offset_of!(update, uaddr), &source.to_le_bytes())?;
        Ok(data.put(offset_of!(update, len), &left.to_le_bytes())?)
    }

    /// Every failure but the firmware's is EIO without a status.
    fn sev_page(
        &mut self,
        memory: TraceeMemory,
        page_type: u8,
        gpa: u64,
        source: u64,
    ) -> Result<(), Failure> {
        let unknown = Failure(Errno::EIO, 0);
        let mut page = [0; 4096];
        if page_type != page_type::ZERO && memory.read(source, &mut page).is_err() {
            return Err(unknown);
        }
        if !self.vm.memory.is_private(gpa) {
            return Err(unknown);
        }
        let taken = self.sev()?.guest.update(page_type, gpa, &mut page);
        match taken {
            // A page that was loaded before is the kernel's to notice.
            Err(FirmwareStatus::InvalidPageState) => return Err(unknown),
            Err(status) => {
                if page_type == page_type::CPUID {
                    memory.write(source, &page).map_err(|_| Errno::EFAULT)?;
                }
                return Err(status.into());
            }
            Ok(()) => {}
        }
        self.sev()?.pages += 1;
        self.sev()?.page_types.insert(page_type);
        Ok(self.vm.memory.show(&memory, gpa, &page)?)
    }

    /// The vCPUs' states first; whatever fails afterwards, they are the processor's.
    fn sev_finish(&mut self, data: &Data) -> Result<(), Failure> {
        let wanted = read_finish(data)?;
        let is_late = self.sev()?.is_finished() || self.sev()?.is_sealed;
        if is_late || data.half(offset_of!(finish, flags))? != 0 {
            return Err(Errno::EINVAL.into());
        }
        let features = self.sev()?.features.unwrap_or_default();
        let vmsas: Vec<_> = self
            .vcpus
            .values()
            .map(|vcpu| vcpu.registers.vmsa(features))
            .collect();
        if self
            .vcpus
            .values()
            .any(|vcpu| !vcpu.registers.has_reset_dr7())
        {
            return Err(Errno::EINVAL.into());
        }
        let vm = self.sev()?;
        vm.is_sealed = true;
        for vmsa in &vmsas {
            vm.guest.update_vmsa(vmsa)?;
        }
        vm.guest.finish(&wanted)?;
        vm.finish();
        Ok(())
    }
}

fn read_finish(data: &Data) -> Result<Finish, Errno> {
    let copy = |field: usize, length: u64| {
        let address = data.long(field)?;
        let length = usize::try_from(length).expect("small");
        match address {
            0 => Err(Errno::EINVAL),
            _ => data
                .memory
                .vector(address, length)
                .map_err(|_| Errno::EFAULT),
        }
    };
    let identity = match data.byte(offset_of!(finish, id_block_en))? {
        0 => None,
        _ => {
            let block = copy(offset_of!(finish, id_block_uaddr), ID_BLOCK_SIZE)?;
            let auth = copy(offset_of!(finish, id_auth_uaddr), ID_AUTH_SIZE)?;
            Some(Identity {
                block: block.try_into().expect("96 bytes"),
                auth: auth.into_boxed_slice().try_into().expect("4096 bytes"),
                has_author: data.byte(offset_of!(finish, auth_key_en))? != 0,
            })
        }
    };
    Ok(Finish {
        identity,
        vcek_disabled: data.byte(offset_of!(finish, vcek_disabled))? != 0,
        host_data: data.array(offset_of!(finish, host_data))?,
    })
}
