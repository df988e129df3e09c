//! Why a configuration that is understood cannot be launched.

use crate::machine::{MAX_MEMORY_BYTES, MAX_VCPUS, VIRTIO_MMIO_SLOTS};
use crate::planning::{MAX_CMDLINE, MIN_MEMORY_MIB};
use crate::{Gpa, TeeKind};

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The TEE is known, but nothing here can launch it yet.
    #[error("tee.kind: {0} cannot be launched yet; set tee.kind = \"simulated\"")]
    TeeNotLaunchable(TeeKind),
    /// No such CPU model.
    #[error("cpu.model: there is no model \"{name}\"; choose one of: {known}")]
    UnknownCpuModel {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Too few or too many vCPUs.
    #[error("cpu.count: {0} vCPUs are not possible; choose 1 to {MAX_VCPUS}")]
    VcpuCount(u32),
    /// Too little or too much memory.
    #[error("memory.mib: {mib} MiB are not possible; choose {MIN_MEMORY_MIB} to {max}", max = MAX_MEMORY_BYTES >> 20)]
    MemorySize {
        /// What was asked for.
        mib: u64,
    },
    /// The command line does not fit.
    #[error("boot.cmdline: it has {length} bytes and the kernel reads at most {max}; shorten it", max = MAX_CMDLINE - 1)]
    CmdlineTooLong {
        /// Its length.
        length: usize,
    },
    /// The command line holds a character that a kernel cannot be given.
    #[error("boot.cmdline: it holds the control character {character:?}; remove it")]
    CmdlineControlCharacter {
        /// The first one.
        character: char,
    },
    /// There are more devices than interrupts.
    #[error(
        "disk: {count} devices were asked for, disks and vsock together, and there is room for {VIRTIO_MMIO_SLOTS}; remove some"
    )]
    TooManyDevices {
        /// What was asked for.
        count: usize,
    },
    /// The kernel file is empty.
    #[error(
        "boot.kernel: the file is empty; name an uncompressed vmlinux, as `cloister-image kernel` writes it"
    )]
    KernelEmpty,
    /// The kernel is a bzImage.
    #[error(
        "boot.kernel: the file is a compressed kernel (bzImage); extract the vmlinux with `cloister-image kernel` and name that"
    )]
    KernelCompressed,
    /// The kernel is something else.
    #[error(
        "boot.kernel: the file is no kernel: it is {found}; name an uncompressed x86-64 vmlinux, as `cloister-image kernel` writes it"
    )]
    NotAKernel {
        /// What it seems to be.
        found: &'static str,
    },
    /// The kernel's headers contradict themselves or the file.
    #[error(
        "boot.kernel: the file is damaged: {problem}; extract it anew with `cloister-image kernel`"
    )]
    KernelMalformed {
        /// What does not fit.
        problem: String,
    },
    /// The kernel does not fit into memory.
    #[error(
        "boot.kernel: the kernel reaches up to {end} and memory ends at {memory_end}; raise memory.mib"
    )]
    KernelBeyondMemory {
        /// First address beyond the kernel.
        end: Gpa,
        /// First address beyond memory.
        memory_end: Gpa,
    },
    /// The initrd file is empty.
    #[error(
        "boot.initrd: the file is empty; name an initramfs, as `cloister-image initramfs` writes it"
    )]
    InitrdEmpty,
    /// The initrd does not fit above the kernel.
    #[error(
        "boot.initrd: {length} bytes do not fit between the kernel's end at {kernel_end} and {ceiling}; raise memory.mib or shrink the initrd"
    )]
    InitrdDoesNotFit {
        /// The file's length.
        length: usize,
        /// First address beyond the kernel.
        kernel_end: Gpa,
        /// First address that the initrd must not touch.
        ceiling: Gpa,
    },
}
