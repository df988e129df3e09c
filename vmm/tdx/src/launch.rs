//! A launch, call by call.
//!
//! The order is the kernel's (Linux 6.16, Documentation/virt/kvm/x86/intel-tdx.rst): clocks, CAPABILITIES,
//! INIT_VM, memory made private; for each vCPU KVM_CREATE_VCPU, KVM_SET_CPUID2, INIT_VCPU; INIT_MEM_REGION for
//! each region; FINALIZE_VM. Nothing is undone: whatever fails, the VM is given up whole.

use measured_boot_plan::{CpuidEntry, TdParameters};
use measured_boot_snp_abi::PageType;
use thiserror::Error;
use vmm_conversion::{PageRange, RamLayout, Rejection};
use vmm_kernel_abi::tdx::{Command, MAX_CPUID_ENTRIES};
use vmm_kvm::{KvmError, PageBuffer, TdxCapabilities, TdxError, TdxRegion};
use vmm_launch::PageRun;

use crate::calls::Calls;
use crate::capabilities::{self, Refusal};

/// Room for CPUID entries that is asked with first. It doubles up to what INIT_VM takes.
const FIRST_ROOM: u32 = 16;
const _: () = assert!((MAX_CPUID_ENTRIES / FIRST_ROOM).is_power_of_two());
/// How often INIT_VM is asked when the processor has no random numbers: each time it asks the processor
/// itself many times.
pub(crate) const INIT_TRIES: u32 = 10_000;
/// How often a call is made in a row that makes no progress, since something else was in the way.
pub(crate) const BUSY_TRIES: u32 = 1000;
const PAGE: u64 = 4096;

/// Why there is no TD.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// This host does not make it, or nobody should.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// KVM or the TDX module refused a command.
    #[error(transparent)]
    Command(#[from] TdxError),
    /// KVM refused something else.
    #[error(transparent)]
    Kvm(#[from] KvmError),
    /// It was asked often enough.
    #[error("KVM_TDX_{} was tried {tries} times", command.name())]
    Exhausted {
        /// What was asked.
        command: Command,
        /// How often.
        tries: u32,
        /// The last answer.
        #[source]
        source: TdxError,
    },
    /// More vCPUs than a TD has here.
    #[error("a TD has at most {most} vCPUs on this host, and {wanted} are planned; plan fewer")]
    Vcpus {
        /// As planned.
        wanted: u32,
        /// KVM_CAP_MAX_VCPUS of the VM.
        most: u32,
    },
    /// Pages of a type that a TD does not have.
    #[error("a TD has no {page_type:?} pages; the plan was made for another TEE")]
    PageType {
        /// As planned.
        page_type: PageType,
    },
    /// Pages that cannot be.
    #[error("these are no pages of a guest")]
    Pages(#[from] Rejection),
    /// Contents that the pages do not hold.
    #[error("{bytes} bytes do not fit into {pages} pages; report it as a bug")]
    Contents {
        /// Bytes to load.
        bytes: usize,
        /// Pages to load them into.
        pages: u64,
    },
    /// Somebody wants it stopped.
    #[error("the launch was interrupted")]
    Interrupted,
    /// The kernel says that all is well, and does nothing.
    #[error(
        "KVM_TDX_INIT_MEM_REGION succeeded {tries} times without filling a page; report it as a bug of this kernel"
    )]
    NoProgress {
        /// How often.
        tries: u32,
    },
    /// The kernel's word on how far it has come contradicts itself.
    #[error(
        "KVM says that {left} pages from {gpa:#x} are left, which were never asked for; report it as a bug of this kernel"
    )]
    Progress {
        /// Where it is, as it says.
        gpa: u64,
        /// What is left, as it says.
        left: u64,
    },
}

/// What a TD begins with.
pub(crate) struct Beginning<'a> {
    pub(crate) td: &'a TdParameters,
    pub(crate) may_debug: bool,
    pub(crate) cpuid: &'a [CpuidEntry],
    pub(crate) vcpus: u32,
    pub(crate) ram: RamLayout,
}

/// Everything before the first vCPU.
pub(crate) fn begin(
    calls: &mut impl Calls,
    beginning: &Beginning<'_>,
) -> Result<TdxCapabilities, LaunchError> {
    let Beginning {
        td,
        may_debug,
        cpuid,
        vcpus,
        ram,
    } = *beginning;
    let most = calls.most_vcpus();
    if vcpus > most {
        return Err(LaunchError::Vcpus {
            wanted: vcpus,
            most,
        });
    }
    calls.clocks()?;
    let host = ask_capabilities(calls)?;
    let parameters = capabilities::judge(&host, td, may_debug, cpuid)?;
    let asked = (Command::InitVm, INIT_TRIES);
    insist(calls, asked, TdxError::is_no_entropy, |calls| {
        calls.init_vm(&parameters)
    })?;
    for pages in ram.pieces() {
        if calls.is_interrupted() {
            return Err(LaunchError::Interrupted);
        }
        calls.make_private(pages?)?;
    }
    Ok(host)
}

fn ask_capabilities(calls: &mut impl Calls) -> Result<TdxCapabilities, TdxError> {
    let mut room = FIRST_ROOM;
    loop {
        match calls.capabilities(room) {
            Err(error) if error.is_too_small() && room < MAX_CPUID_ENTRIES => {
                room *= 2;
            }
            answer => return answer,
        }
    }
}

/// Fills pages, in this order. Those outside of RAM get memory of their own.
pub(crate) fn load(
    calls: &mut impl Calls,
    run: &PageRun<'_>,
    ram: RamLayout,
) -> Result<(), LaunchError> {
    let is_measured = match run.page_type {
        PageType::Normal | PageType::Zero => true,
        PageType::Unmeasured => false,
        page_type => return Err(LaunchError::PageType { page_type }),
    };
    let pages = PageRange::new(run.gpa, run.count)?;
    let too_many = || LaunchError::Contents {
        bytes: run.bytes.len(),
        pages: run.count,
    };
    if u64::try_from(run.bytes.len()).map_or(true, |bytes| bytes > pages.bytes()) {
        return Err(too_many());
    }
    if !ram.holds(pages) {
        calls.add_private(pages)?;
    }
    run.pieces().try_for_each(|piece| {
        let pages = usize::try_from(piece.count).map_err(|_| too_many())?;
        let buffer = PageBuffer::new(piece.bytes, pages).ok_or_else(too_many)?;
        let region = TdxRegion {
            gpa: piece.gpa,
            left: piece.count,
        };
        fill(calls, region, &buffer, is_measured)
    })
}

/// Until nothing is left. The kernel keeps the count, and adds a page twice if it is asked by another: so it
/// is always asked with what it wrote back, errors or not, and only checked for going forward.
fn fill(
    calls: &mut impl Calls,
    mut region: TdxRegion,
    source: &PageBuffer,
    is_measured: bool,
) -> Result<(), LaunchError> {
    let end = region.gpa + region.left * PAGE;
    let mut tries = 0;
    while region.left > 0 {
        // A signal is one of the things that pass, so it has to be asked for.
        if calls.is_interrupted() {
            return Err(LaunchError::Interrupted);
        }
        let before = region;
        let answer = calls.init_memory(&mut region, source, is_measured);
        check_progress(before, region, end)?;
        tries = if region == before { tries + 1 } else { 0 };
        match answer {
            Ok(()) if tries < BUSY_TRIES => {}
            Ok(()) => return Err(LaunchError::NoProgress { tries }),
            Err(error) if !error.is_contention() => return Err(error.into()),
            Err(_) if tries < BUSY_TRIES => {}
            Err(source) => {
                let command = Command::InitMemRegion;
                return Err(LaunchError::Exhausted {
                    command,
                    tries,
                    source,
                });
            }
        }
    }
    Ok(())
}

fn check_progress(before: TdxRegion, after: TdxRegion, end: u64) -> Result<(), LaunchError> {
    let length = after.left.checked_mul(PAGE);
    let reaches = length.and_then(|length| after.gpa.checked_add(length));
    match after.left <= before.left && reaches == Some(end) {
        true => Ok(()),
        false => Err(LaunchError::Progress {
            gpa: after.gpa,
            left: after.left,
        }),
    }
}

/// Closes the measurement.
pub(crate) fn finish(calls: &mut impl Calls) -> Result<(), LaunchError> {
    let asked = (Command::FinalizeVm, BUSY_TRIES);
    insist(calls, asked, TdxError::is_contention, Calls::finalize)
}

/// Asks again, at most so often in all, as long as the answer is one that passes, and nobody wants the launch
/// stopped.
fn insist<C: Calls>(
    calls: &mut C,
    (command, most): (Command, u32),
    passes: impl Fn(&TdxError) -> bool,
    mut ask: impl FnMut(&mut C) -> Result<(), TdxError>,
) -> Result<(), LaunchError> {
    let mut tries = 1;
    loop {
        match ask(calls) {
            Ok(()) => return Ok(()),
            Err(_) if calls.is_interrupted() => return Err(LaunchError::Interrupted),
            Err(error) if !passes(&error) => return Err(error.into()),
            Err(_) if tries < most => tries += 1,
            Err(source) => {
                return Err(LaunchError::Exhausted {
                    command,
                    tries,
                    source,
                });
            }
        }
    }
}

#[cfg(test)]
#[path = "launch_tests.rs"]
mod tests;
