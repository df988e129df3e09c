//! Why a configuration that is understood cannot be launched.

use crate::machine::{MAX_MEMORY_BYTES, MAX_VCPUS, VIRTIO_MMIO_SLOTS};
use crate::planning::{MAX_CMDLINE, MIN_MEMORY_MIB};
use crate::{Gpa, TeeKind};
use measured_boot_snp_abi::GuestPolicy;

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The boot protocol is the simulated TEE's.
    #[error(
        "boot.protocol: no {0} hardware can launch simulated-direct; set boot.protocol = \"shim\""
    )]
    TeeNotLaunchable(TeeKind),
    /// A setting that this TEE knows nothing of.
    #[error("{key}: {kind} has no such thing; remove it, or choose another tee.kind")]
    SettingOfAnotherTee {
        /// The setting.
        key: &'static str,
        /// The TEE.
        kind: TeeKind,
    },
    /// A file that must hold something.
    #[error("{0}: the file is empty; correct the path or make the file")]
    FileEmpty(&'static str),
    /// A file of a fixed format.
    #[error(
        "{key}: the file has {length} bytes and not {wanted}; write it with `cloister measure id-block`"
    )]
    FileLength {
        /// The key that names it.
        key: &'static str,
        /// How long it is.
        length: usize,
        /// How long such a file is.
        wanted: usize,
    },
    /// An ID block of another version.
    #[error(
        "{key}: the ID block has version {version}, and 1 is known; write it with `cloister measure id-block`"
    )]
    IdBlockVersion {
        /// The key that names it, or the IGVM file that holds it.
        key: &'static str,
        /// Its version.
        version: u32,
    },
    /// An ID that hardware takes from an ID block alone.
    #[error(
        "{key}: SEV-SNP takes it from an ID block alone; sign one by `cloister measure id-block` and name it as \
         tee.id_block, or remove {key}"
    )]
    IdWithoutBlock {
        /// The setting.
        key: &'static str,
    },
    /// An ID block for another policy: the firmware would refuse the launch.
    #[error(
        "tee.id_block: it is signed for policy {signed}, and this launch has {planned}; sign one for this policy, \
         or change it: tee.debug and tee.smt, or that of the IGVM file"
    )]
    IdBlockPolicy {
        /// What the block says.
        signed: GuestPolicy,
        /// What the launch would have.
        planned: GuestPolicy,
    },
    /// An IGVM file that cannot be read.
    #[error("boot.igvm: {problem}; make the file anew")]
    IgvmMalformed {
        /// What is wrong.
        problem: String,
    },
    /// An IGVM file that KVM would load otherwise than it says.
    #[error("boot.igvm: the file {what}: it cannot be launched here as it says")]
    IgvmUnsupported {
        /// What it asks for.
        what: String,
    },
    /// An IGVM file whose policy allows debugging, or does not, against the configuration.
    #[error(
        "boot.igvm: its policy {policy} and tee.debug disagree on whether the host may debug the guest; change tee.debug, or the file"
    )]
    IgvmDebug {
        /// The file's policy.
        policy: GuestPolicy,
    },
    /// An IGVM file whose policy allows SMT, against the configuration.
    #[error(
        "boot.igvm: its policy {policy} lets the guest run on hosts with SMT, against tee.smt = false; remove tee.smt, or \
         change the file"
    )]
    IgvmSmt {
        /// The file's policy.
        policy: GuestPolicy,
    },
    /// No boot shim.
    #[error("boot.shim: the file is empty; name the shim that `cargo xtask shim` builds")]
    ShimEmpty,
    /// A boot shim that does not fit.
    #[error("boot.shim: it has {length} bytes and there is room for {room}; is it a boot shim?")]
    ShimTooLong {
        /// Its length.
        length: usize,
        /// What fits.
        room: u64,
    },
    /// More segments than the boot shim takes.
    #[error("boot.kernel: it has {found} segments, more than the {room} that a boot shim takes")]
    TooManySegments {
        /// How many it has.
        found: usize,
        /// How many fit.
        room: usize,
    },
    /// Files that do not fit into the memory that the host shares with the boot shim.
    #[error(
        "boot.initrd: kernel and initrd have {bytes} bytes together with the tables, and there is room for {room}; shrink them"
    )]
    StagingFull {
        /// What they take.
        bytes: u64,
        /// What there is.
        room: u64,
    },
    /// Without ACPI the kernel finds no second processor.
    #[error(
        "boot.acpi: without ACPI tables a guest has one vCPU; set cpu.count = 1, or remove boot.acpi"
    )]
    AcpiForVcpus,
    /// Without ACPI the kernel finds no device.
    #[error(
        "boot.acpi: without ACPI tables a stock kernel finds no virtio device (it is built without \
         CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES); remove [[disk]] and [vsock], or boot.acpi"
    )]
    AcpiForDevices,
    /// A TD has no other way to find its event log and its processors.
    #[error("boot.acpi: a TD needs ACPI tables; remove boot.acpi")]
    AcpiForTd,
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
        "boot.kernel: the kernel reaches up to {end} and memory below 4 GiB ends at {memory_end}; raise memory.mib, up to 3072"
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
        "boot.initrd: {length} bytes do not fit between the kernel's end at {kernel_end} and {ceiling}; raise memory.mib, up to 2048, or shrink the initrd"
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
