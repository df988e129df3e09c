//! TDX commands: KVM_MEMORY_ENCRYPT_OP with the kernel's own structures, on the VM and on its vCPUs.
//!
//! Linux 6.16, Documentation/virt/kvm/x86/intel-tdx.rst. Each call here is one call of the kernel; what
//! the commands mean, in which order they go and how often is `vmm-tdx`'s to know. Nothing of it has run on
//! TDX hardware.
//!
//! **Why not by the `tdx` crate (0.1.2).** It was the first choice and suffices for none of the commands; see
//! `vmm_kernel_abi::tdx` for its gaps. Beside them: it retries E2BIG without end, initialises a VM with
//! *every* attribute that the host supports, DEBUG among them where there is DEBUG, and lets the kernel write
//! through shared references. So its structures' bit names are compared with ours in a test, and no more.

mod error;

use std::io;
use std::mem::size_of;

pub use error::TdxError;
use kvm_bindings::{kvm_cpuid_entry2, kvm_enable_cap};
use kvm_ioctls::Cap;
use measured_boot_plan::CpuidEntry;
use vmm_kernel_abi::capability::X86_APIC_BUS_CYCLES_NS;
use vmm_kernel_abi::ioctl::{KVM_GET_TSC_KHZ, KVM_MEMORY_ENCRYPT_OP, KVM_SET_TSC_KHZ};
use vmm_kernel_abi::tdx::{
    Capabilities, Cmd, Command, INIT_MEM_REGION_MEASURE, InitMemRegion, InitVm,
};
use vmm_sys_util::ioctl::{ioctl, ioctl_with_mut_ref, ioctl_with_val};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes};

use crate::cpuid::{to_kvm, to_planned};
use crate::{KvmError, PageBuffer, Vcpu, Vm};

const PAGE: u64 = 4096;

/// A TD's APIC timer runs at 25 MHz (348551, "Virtual APIC Timer"): 40 ns.
const APIC_BUS_CYCLE_NS: u64 = 40;
/// A TD's TSC frequency is a multiple of this (348551, TD_PARAMS, TSC_FREQUENCY).
const TSC_STEP_KHZ: u64 = 25_000;

/// What this host's TDX module and KVM can give a TD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxCapabilities {
    /// Mask of attributes.
    pub attributes: u64,
    /// Mask of extended features.
    pub xfam: u64,
    /// R11 and R12 of GetTdVmCallInfo's leaf 1: what KVM answers itself.
    pub kernel_calls: [u64; 2],
    /// The same: what KVM hands on.
    pub user_calls: [u64; 2],
    /// Masks of the CPUID bits that can be configured.
    pub cpuid: Vec<CpuidEntry>,
}

/// What a TD is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxParameters {
    /// Attributes.
    pub attributes: u64,
    /// Extended features.
    pub xfam: u64,
    /// MRCONFIGID.
    pub mrconfigid: [u8; 48],
    /// MROWNER.
    pub mrowner: [u8; 48],
    /// MROWNERCONFIG.
    pub mrownerconfig: [u8; 48],
    /// CPUID, as far as it can be configured.
    pub cpuid: Vec<CpuidEntry>,
}

/// Private pages that are to be filled, and how far the kernel has come with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdxRegion {
    /// Guest-physical address of the first page that is left.
    pub gpa: u64,
    /// Pages that are left.
    pub left: u64,
}

impl Vm {
    /// The most vCPUs that it may have: of a TD that is fewer than of other VMs, and never more than the host
    /// has processors (Linux 6.16, Documentation/virt/kvm/x86/intel-tdx.rst).
    #[must_use]
    pub fn most_vcpus(&self) -> u32 {
        let most = self.fd.check_extension_int(Cap::MaxVcpus);
        u32::try_from(most).unwrap_or(0)
    }

    /// CAPABILITIES, with room for so many CPUID entries. The error is E2BIG where there are more, and does
    /// not say how many.
    ///
    /// # Errors
    /// The kernel refuses, or there is not room enough.
    pub fn tdx_capabilities(&self, room: u32) -> Result<TdxCapabilities, TdxError> {
        let mut header = Capabilities::new_zeroed();
        header.cpuid_nent = room;
        let mut words = with_entries(&header, room, &[]);
        self.tdx_command(Command::Capabilities, words.as_mut_ptr().addr() as u64)?;
        let (header, entries) = split::<Capabilities>(&words);
        let entries = entries_of(entries, header.cpuid_nent, room)?;
        Ok(TdxCapabilities {
            attributes: header.supported_attrs,
            xfam: header.supported_xfam,
            kernel_calls: [
                header.kernel_tdvmcallinfo_1_r11,
                header.kernel_tdvmcallinfo_1_r12,
            ],
            user_calls: [
                header.user_tdvmcallinfo_1_r11,
                header.user_tdvmcallinfo_1_r12,
            ],
            cpuid: entries,
        })
    }

    /// INIT_VM: makes this a TD, before it has any vCPU.
    ///
    /// # Errors
    /// Kernel or module refuse.
    pub fn tdx_init(&self, parameters: &TdxParameters) -> Result<(), TdxError> {
        let mut words = init_vm_words(parameters);
        self.tdx_command(Command::InitVm, words.as_mut_ptr().addr() as u64)
    }

    /// FINALIZE_VM: closes the measurement. Nothing is added to private memory after it.
    ///
    /// # Errors
    /// Kernel or module refuse; after EBUSY it can be asked again.
    pub fn tdx_finalize(&self) -> Result<(), TdxError> {
        self.tdx_command(Command::FinalizeVm, 0)
    }

    /// Sets the clocks that a TD has: its APIC timer's 25 MHz, and a TSC of a multiple of 25 MHz, where the
    /// host's is none. Before any vCPU.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn tdx_clocks(&self) -> Result<(), KvmError> {
        let bus = kvm_enable_cap {
            cap: X86_APIC_BUS_CYCLES_NS,
            args: [APIC_BUS_CYCLE_NS, 0, 0, 0],
            ..kvm_enable_cap::default()
        };
        self.fd
            .enable_cap(&bus)
            .map_err(KvmError::call("KVM_ENABLE_CAP(X86_APIC_BUS_CYCLES_NS)"))?;
        // SAFETY: the call takes no argument and writes nothing.
        let khz = unsafe { ioctl(&*self.fd, KVM_GET_TSC_KHZ.into()) };
        let khz = u64::try_from(khz).map_err(|_| last_error("KVM_GET_TSC_KHZ"))?;
        let Some(steps) = tsc_to_set(khz) else {
            return Ok(());
        };
        // SAFETY: the call takes a number and writes nothing.
        match unsafe { ioctl_with_val(&*self.fd, KVM_SET_TSC_KHZ.into(), steps) } {
            0 => Ok(()),
            _ => Err(last_error("KVM_SET_TSC_KHZ")),
        }
    }

    fn tdx_command(&self, command: Command, data: u64) -> Result<(), TdxError> {
        let mut call = cmd(command, 0, data);
        // SAFETY: the kernel reads and writes back the 24 bytes of `call`, and behind `data` the command's
        // own structure with as many entries as it says there is room for: every caller above has made both
        // in memory that it owns during the call (vmm-kernel-abi asserts their sizes).
        let answer =
            unsafe { ioctl_with_mut_ref(&self.fd, KVM_MEMORY_ENCRYPT_OP.into(), &mut call) };
        answered(answer, command, None, call.hw_error)
    }
}

impl Vcpu {
    /// INIT_VCPU, with what RCX and R8 hold at first. The vCPU's CPUID must be set before.
    ///
    /// # Errors
    /// Kernel or module refuse.
    pub fn tdx_init(&self, rcx: u64) -> Result<(), TdxError> {
        self.tdx_command(Command::InitVcpu, 0, rcx)
    }

    /// INIT_MEM_REGION, once: copies as many pages as the kernel likes into private memory, **and takes the
    /// rest of the way down in `region`, errors or not**. The last `region.left` pages of `source` are what is
    /// left. Measured contents go into MRTD; of others only the address does.
    ///
    /// # Errors
    /// Kernel or module refuse, or `source` has fewer pages. After EAGAIN, EINTR and EBUSY go on with `region`
    /// as it is then.
    pub fn tdx_init_memory(
        &self,
        region: &mut TdxRegion,
        source: &PageBuffer,
        is_measured: bool,
    ) -> Result<(), TdxError> {
        let mut data = InitMemRegion {
            source_addr: source_of(region, source).ok_or(TdxError::NoSource)?,
            gpa: region.gpa,
            nr_pages: region.left,
        };
        let flags = if is_measured {
            INIT_MEM_REGION_MEASURE
        } else {
            0
        };
        let data_address = (&raw mut data).addr() as u64;
        let done = self.tdx_command(Command::InitMemRegion, flags, data_address);
        region.gpa = data.gpa;
        region.left = data.nr_pages;
        done
    }

    /// GET_CPUID: what the guest will see, with room for so many entries.
    ///
    /// # Errors
    /// Kernel or module refuse, or there is not room enough.
    pub fn tdx_cpuid(&self, room: u32) -> Result<Vec<CpuidEntry>, TdxError> {
        let mut words = with_entries(&[room, 0], room, &[]);
        self.tdx_command(Command::GetCpuid, 0, words.as_mut_ptr().addr() as u64)?;
        let ([count, _], entries) = split::<[u32; 2]>(&words);
        entries_of(entries, count, room)
    }

    fn tdx_command(&self, command: Command, flags: u32, data: u64) -> Result<(), TdxError> {
        let mut call = cmd(command, flags, data);
        // SAFETY: as on the VM. Of INIT_VCPU `data` is no address; INIT_MEM_REGION's holds the address of a
        // page buffer, of which the kernel reads as many pages as it names.
        let answer =
            unsafe { ioctl_with_mut_ref(&self.fd, KVM_MEMORY_ENCRYPT_OP.into(), &mut call) };
        answered(answer, command, Some(self.index), call.hw_error)
    }
}

fn cmd(command: Command, flags: u32, data: u64) -> Cmd {
    Cmd {
        id: command.id(),
        flags,
        data,
        // Anything else is EINVAL.
        hw_error: 0,
    }
}

fn answered(
    answer: i32,
    command: Command,
    vcpu: Option<u32>,
    hw_error: u64,
) -> Result<(), TdxError> {
    match answer {
        0 => Ok(()),
        _ => Err(TdxError::Refused {
            command,
            vcpu,
            hw_error,
            source: io::Error::last_os_error(),
        }),
    }
}

fn last_error(call: &str) -> KvmError {
    KvmError::call(call)(kvm_ioctls::Error::last())
}

/// The next lower frequency that a TD can have; `None` if it has that already.
fn tsc_to_set(khz: u64) -> Option<u64> {
    let wanted = khz - khz % TSC_STEP_KHZ;
    (wanted != khz).then_some(wanted)
}

fn init_vm_words(parameters: &TdxParameters) -> Vec<u64> {
    let count = u32::try_from(parameters.cpuid.len()).unwrap_or(u32::MAX);
    let header = InitVm {
        attributes: parameters.attributes,
        xfam: parameters.xfam,
        mrconfigid: parameters.mrconfigid,
        mrowner: parameters.mrowner,
        mrownerconfig: parameters.mrownerconfig,
        reserved: [0; 12],
        cpuid_nent: count,
        cpuid_padding: 0,
    };
    with_entries(&header, count, &parameters.cpuid)
}

/// `None`: the source has fewer pages than are left.
fn source_of(region: &TdxRegion, source: &PageBuffer) -> Option<u64> {
    let left = usize::try_from(region.left.checked_mul(PAGE)?).ok()?;
    let done = source.bytes().len().checked_sub(left)?;
    Some(source.bytes()[done..].as_ptr().addr() as u64)
}

/// A structure and behind it the entries, with room for `room` of them, as the kernel reads and writes it.
fn with_entries<T: IntoBytes + Immutable>(
    header: &T,
    room: u32,
    entries: &[CpuidEntry],
) -> Vec<u64> {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let bytes = size_of::<T>() + room * size_of::<kvm_cpuid_entry2>();
    let mut words = vec![0; bytes.div_ceil(8)];
    let (start, rest) = words.as_mut_bytes().split_at_mut(size_of::<T>());
    start.copy_from_slice(header.as_bytes());
    let places = rest.chunks_exact_mut(size_of::<kvm_cpuid_entry2>());
    for (place, entry) in places.zip(entries) {
        let kvm_cpuid_entry2 {
            function,
            index,
            flags,
            eax,
            ebx,
            ecx,
            edx,
            ..
        } = to_kvm(entry);
        let entry = [function, index, flags, eax, ebx, ecx, edx, 0, 0, 0];
        place.copy_from_slice(entry.as_bytes());
    }
    words
}

fn split<T: FromBytes>(words: &[u64]) -> (T, &[u8]) {
    T::read_from_prefix(words.as_bytes()).expect("the buffer begins with the structure")
}

/// The entries of which the kernel says that it wrote them.
fn entries_of(bytes: &[u8], count: u32, room: u32) -> Result<Vec<CpuidEntry>, TdxError> {
    if count > room {
        return Err(TdxError::Entries { count, room });
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let entries = bytes
        .chunks_exact(size_of::<kvm_cpuid_entry2>())
        .take(count);
    Ok(entries.filter_map(entry_of).collect())
}

fn entry_of(bytes: &[u8]) -> Option<CpuidEntry> {
    let [function, index, flags, eax, ebx, ecx, edx, ..] =
        <[u32; 10]>::read_from_bytes(bytes).ok()?;
    Some(to_planned(&kvm_cpuid_entry2 {
        function,
        index,
        flags,
        eax,
        ebx,
        ecx,
        edx,
        padding: [0; 3],
    }))
}

#[cfg(test)]
mod tests;
