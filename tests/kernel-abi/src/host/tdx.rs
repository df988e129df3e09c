//! KVM_MEMORY_ENCRYPT_OP of a TD: order and errors as in Linux 6.16,
//! Documentation/virt/kvm/x86/intel-tdx.rst.

use std::mem::offset_of;

use nix::errno::Errno;
use vmm_kernel_abi::PAGE_SIZE;
use vmm_kernel_abi::tdx::{
    CALL_INFO_SETUP_EVENT_NOTIFY, Capabilities, Cmd, Command, INIT_MEM_REGION_MEASURE,
    InitMemRegion, InitVm, MAX_CPUID_ENTRIES, hw_error,
};
use zerocopy::{FromBytes, FromZeros as _, IntoBytes as _};

use super::{Host, Machine, Protection, error};
use crate::model::tdx::{Parameters, Platform, Refusal, Td};
use crate::trace::{Call, Memory as _, TraceeMemory};

/// What KVM keeps of a TD.
#[derive(Debug, Default)]
pub struct TdxVm {
    /// The module's side.
    pub td: Td,
    /// Pages that INIT_MEM_REGION did.
    pub pages: u64,
    /// Calls of INIT_MEM_REGION that did pages.
    pub updates: u64,
    /// What vCPUs were given as RCX.
    pub initial_rcx: Vec<u64>,
}

/// A command that failed, with the module's status.
struct Failure(Errno, u64);

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self(errno, 0)
    }
}

const ENTRY: usize = 40;
/// The shared bit of a guest with 48-bit addresses.
const SHARED_BIT: u64 = 1 << 47;

impl Host {
    pub(super) fn tdx_command(&mut self, call: &Call) -> i64 {
        let most = self.release.pages_a_call;
        self.tdx_command_of(call, most)
    }

    /// INIT_MEM_REGION that stops after so many pages.
    pub(super) fn tdx_region(&mut self, call: &Call, pages: u64) -> i64 {
        self.tdx_command_of(call, pages)
    }

    fn tdx_command_of(&mut self, call: &Call, most_pages: u64) -> i64 {
        match self.try_tdx(call, most_pages) {
            Ok(()) => 0,
            Err(Failure(errno, hw_error)) => {
                let at = call.argument() + u64::try_from(offset_of!(Cmd, hw_error)).expect("small");
                // A vCPU's command is never written back.
                let on_vm = self
                    .machine
                    .as_ref()
                    .and_then(|it| it.vcpu_of(call.descriptor()));
                if on_vm.is_none() {
                    let _ = call.memory().write(at, &hw_error.to_le_bytes());
                }
                error(errno)
            }
        }
    }

    fn try_tdx(&mut self, call: &Call, most_pages: u64) -> Result<(), Failure> {
        let memory = call.memory();
        let command: Cmd = read(memory, call.argument())?;
        let platform = self.tdx.clone();
        let machine = self.machine.as_mut().ok_or(Errno::ENOTTY)?;
        let vcpu = machine.vcpu_of(call.descriptor());
        if command.hw_error != 0 {
            return Err(Errno::EINVAL.into());
        }
        match (Command::from_id(command.id), vcpu) {
            (Some(Command::Capabilities), None) => capabilities(memory, &command, &platform),
            (Some(Command::InitVm), None) => machine.tdx_init(memory, &command, &platform),
            (Some(Command::InitVcpu), Some(vcpu)) => machine.tdx_init_vcpu(&command, vcpu),
            (Some(Command::InitMemRegion), Some(vcpu)) => {
                machine.tdx_memory(memory, &command, vcpu, most_pages)
            }
            (Some(Command::GetCpuid), Some(vcpu)) => {
                machine.tdx_cpuid(memory, &command, vcpu, &platform)
            }
            (Some(Command::FinalizeVm), None) => machine.tdx_finalize(),
            _ => Err(Errno::EINVAL.into()),
        }
    }
}

/// Too little room is E2BIG, and nothing is said of how much is needed.
fn capabilities(memory: TraceeMemory, command: &Cmd, platform: &Platform) -> Result<(), Failure> {
    if command.flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let given: Capabilities = read(memory, command.data)?;
    let count = platform.cpuid.len();
    if usize::try_from(given.cpuid_nent).unwrap_or(usize::MAX) < count {
        return Err(Errno::E2BIG.into());
    }
    let mut told = Capabilities::new_zeroed();
    told.supported_attrs = platform.attributes;
    told.supported_xfam = platform.xfam;
    told.user_tdvmcallinfo_1_r11 = CALL_INFO_SETUP_EVENT_NOTIFY;
    // What the first kernels left of their heap there.
    told.reserved = [0x5a5a_5a5a_5a5a_5a5a; 250];
    told.cpuid_nent = u32::try_from(count).expect("a few");
    let mut bytes = told.as_bytes().to_vec();
    for (leaf, subleaf, registers) in &platform.cpuid {
        let index = if *subleaf == u32::MAX { 0 } else { *subleaf };
        let flags = u32::from(*subleaf != u32::MAX);
        let words = [*leaf, index, flags].into_iter().chain(*registers);
        bytes.extend(words.chain([0; 3]).flat_map(u32::to_le_bytes));
    }
    Ok(memory
        .write(command.data, &bytes)
        .map_err(|_| Errno::EFAULT)?)
}

impl Machine {
    fn td(&mut self) -> Result<&mut TdxVm, Errno> {
        match &mut self.vm.protection {
            Protection::Tdx(vm) => Ok(vm),
            Protection::Snp(_) => Err(Errno::ENOTTY),
        }
    }

    fn tdx_init(
        &mut self,
        memory: TraceeMemory,
        command: &Cmd,
        platform: &Platform,
    ) -> Result<(), Failure> {
        if !self.vcpus.is_empty() {
            return Err(Errno::EBUSY.into());
        }
        let given: InitVm = read(memory, command.data)?;
        if given.cpuid_nent > MAX_CPUID_ENTRIES {
            return Err(Errno::E2BIG.into());
        }
        let is_wrong = command.flags != 0 || given.reserved != [0; 12] || given.cpuid_padding != 0;
        if is_wrong || self.td()?.td.parameters().is_some() {
            return Err(Errno::EINVAL.into());
        }
        let count = usize::try_from(given.cpuid_nent).expect("at most 256");
        let at = command.data + u64::try_from(size_of::<InitVm>()).expect("small");
        let entries = memory
            .vector(at, ENTRY * count)
            .map_err(|_| Errno::EFAULT)?;
        check_cpuid(&entries, platform)?;
        let parameters = Parameters {
            attributes: given.attributes,
            xfam: given.xfam,
            mrconfigid: given.mrconfigid,
            mrowner: given.mrowner,
            mrownerconfig: given.mrownerconfig,
        };
        // KVM looks at both masks before the module does.
        let refused = |_| Failure(Errno::EINVAL, 0);
        self.td()?.td.init(platform, parameters).map_err(refused)
    }

    /// Of a vCPU that is in its TD, which is not finished. Too little room is E2BIG, with the number needed.
    fn tdx_cpuid(
        &mut self,
        memory: TraceeMemory,
        command: &Cmd,
        vcpu: u64,
        platform: &Platform,
    ) -> Result<(), Failure> {
        let is_final = self.td()?.td.mrtd().is_some();
        let state = self.vcpus.get(&vcpu).filter(|vcpu| vcpu.is_in_td);
        let state = state.ok_or(Errno::EINVAL)?;
        if command.flags != 0 || is_final {
            return Err(Errno::EINVAL.into());
        }
        let mut entries = state.cpuid.clone().unwrap_or_default();
        platform.answer(&mut entries);
        let [room, _]: [u32; 2] = read(memory, command.data)?;
        let count = u32::try_from(entries.len() / ENTRY).expect("at most 256");
        let written = memory.write(command.data, &count.to_le_bytes());
        written.map_err(|_| Errno::EFAULT)?;
        if room < count {
            return Err(Errno::E2BIG.into());
        }
        let written = memory.write(command.data + 8, &entries);
        Ok(written.map_err(|_| Errno::EFAULT)?)
    }

    fn tdx_init_vcpu(&mut self, command: &Cmd, vcpu: u64) -> Result<(), Failure> {
        let is_final = self.td()?.td.mrtd().is_some();
        let state = self.vcpus.get_mut(&vcpu).ok_or(Errno::EINVAL)?;
        if command.flags != 0 || state.is_in_td || !state.has_x2apic() || is_final {
            return Err(Errno::EINVAL.into());
        }
        state.is_in_td = true;
        self.td()?.initial_rcx.push(command.data);
        Ok(())
    }

    /// What is left is written back on every return, errors too.
    fn tdx_memory(
        &mut self,
        memory: TraceeMemory,
        command: &Cmd,
        vcpu: u64,
        most_pages: u64,
    ) -> Result<(), Failure> {
        let mut region: InitMemRegion = read(memory, command.data)?;
        let is_in_td = self.vcpus.get(&vcpu).is_some_and(|vcpu| vcpu.is_in_td);
        let end = (region.nr_pages.checked_mul(PAGE_SIZE))
            .and_then(|bytes| region.gpa.checked_add(bytes))
            .ok_or(Errno::EINVAL)?;
        let is_wrong = command.flags & !INIT_MEM_REGION_MEASURE != 0
            || region.nr_pages == 0
            || !(region.gpa | region.source_addr).is_multiple_of(PAGE_SIZE)
            || end > SHARED_BIT
            || self.td()?.td.mrtd().is_some();
        if !is_in_td || is_wrong {
            return Err(Errno::EINVAL.into());
        }
        let mut result = Ok(());
        for _ in 0..region.nr_pages.min(most_pages) {
            result = self.tdx_page(memory, &region, command.flags != 0);
            if result.is_err() {
                break;
            }
            region.source_addr += PAGE_SIZE;
            region.gpa += PAGE_SIZE;
            region.nr_pages -= 1;
        }
        self.td()?.updates += 1;
        let written = memory.write(command.data, region.as_bytes());
        written.map_err(|_| Errno::EFAULT)?;
        // A kernel that stops early says so: a signal came, or somebody else held the page tables.
        match (result, region.nr_pages) {
            (Ok(()), 1..) => Err(Errno::EAGAIN.into()),
            (result, _) => result,
        }
    }

    fn tdx_page(
        &mut self,
        memory: TraceeMemory,
        region: &InitMemRegion,
        is_measured: bool,
    ) -> Result<(), Failure> {
        let mut page = [0; 4096];
        let source = memory.read(region.source_addr, &mut page);
        source.map_err(|_| Errno::EFAULT)?;
        let is_there = self.vm.memory.private_slot(region.gpa).is_some();
        if !is_there || !self.vm.memory.is_private(region.gpa) {
            return Err(Errno::EINVAL.into());
        }
        let vm = self.td()?;
        vm.td.add(region.gpa, &page, is_measured).map_err(refusal)?;
        vm.pages += 1;
        Ok(self.vm.memory.show(&memory, region.gpa, &page)?)
    }

    fn tdx_finalize(&mut self) -> Result<(), Failure> {
        self.td()?.td.finalize().map_err(refusal)
    }
}

/// Every entry must be one that can be configured, with no other bits, and the address width must be there.
fn check_cpuid(entries: &[u8], platform: &Platform) -> Result<(), Failure> {
    const ADDRESS_WIDTHS: u32 = 0x8000_0008;
    let word = |entry: &[u8], at: usize| {
        u32::from_le_bytes(std::array::from_fn(|index| entry[4 * at + index]))
    };
    let mut guest_width = None;
    for entry in entries.chunks_exact(ENTRY) {
        let (leaf, index) = (word(entry, 0), word(entry, 1));
        let masks = platform.cpuid.iter().find(|(of, subleaf, _)| {
            *of == leaf && (*subleaf == index || *subleaf == u32::MAX && index == 0)
        });
        let (.., masks) = masks.ok_or(Errno::EINVAL)?;
        if (0..4).any(|at| word(entry, 3 + at) & !masks[at] != 0) {
            return Err(Failure(Errno::EINVAL, hw_error::OPERAND_INVALID << 32));
        }
        if leaf == ADDRESS_WIDTHS {
            guest_width = Some((word(entry, 3) >> 16) & 0xff);
        }
    }
    match guest_width {
        Some(48 | 52) => Ok(()),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn refusal(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Operand => Failure(Errno::EIO, hw_error::OPERAND_INVALID << 32),
        Refusal::State => Errno::EINVAL.into(),
        Refusal::Page => Errno::EEXIST.into(),
    }
}

fn read<T: FromBytes>(memory: TraceeMemory, at: u64) -> Result<T, Errno> {
    let bytes = memory
        .vector(at, size_of::<T>())
        .map_err(|_| Errno::EFAULT)?;
    T::read_from_bytes(&bytes).map_err(|_| Errno::EFAULT)
}
