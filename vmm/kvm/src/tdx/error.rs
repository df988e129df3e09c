//! Refused TDX commands, in words.

use std::io;

use rustix::io::Errno;
use thiserror::Error;
use vmm_kernel_abi::tdx::{Command, hw_error};

/// A command of a TDX launch that failed.
#[derive(Debug, Error)]
pub enum TdxError {
    /// The kernel refused it, or the TDX module behind the kernel.
    #[error("{}", sentence(*command, *vcpu, source.raw_os_error(), *hw_error))]
    Refused {
        /// Which.
        command: Command,
        /// On which vCPU; `None` on the VM.
        vcpu: Option<u32>,
        /// The module's status and operand; 0 where it was not asked, is not to blame, or where the kernel
        /// does not tell: it does for the VM's commands only.
        hw_error: u64,
        /// The kernel's error number.
        #[source]
        source: io::Error,
    },
    /// The kernel says that it wrote more than there was room for.
    #[error(
        "KVM says that it wrote {count} CPUID entries where there was room for {room}; report it as a bug of this kernel"
    )]
    Entries {
        /// What it says.
        count: u32,
        /// What it was given.
        room: u32,
    },
    /// There are fewer bytes than pages that are left.
    #[error("INIT_MEM_REGION was to read more pages than its source has; report it as a bug")]
    NoSource,
    /// Memory is filled through a vCPU.
    #[error("INIT_MEM_REGION takes a vCPU, and there is none; report it as a bug")]
    NoVcpu,
}

impl TdxError {
    /// The commands and error numbers that it has words of its own for.
    pub fn explained() -> impl Iterator<Item = (Command, i32)> {
        MEANINGS
            .iter()
            .map(|(command, errno, ..)| (*command, errno.raw_os_error()))
    }

    /// The kernel's error number, if it refused.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { source, .. } => source.raw_os_error(),
            Self::Entries { .. } | Self::NoSource | Self::NoVcpu => None,
        }
    }

    /// Whether there was not room enough for the kernel's answer.
    #[must_use]
    pub fn is_too_small(&self) -> bool {
        self.errno() == Some(Errno::TOOBIG.raw_os_error())
    }

    /// Whether somebody else was in the way (EAGAIN, EBUSY, EINTR): what is left can be asked for again.
    #[must_use]
    pub fn is_contention(&self) -> bool {
        let again =
            [Errno::AGAIN, Errno::BUSY, Errno::INTR].map(|errno| Some(errno.raw_os_error()));
        again.contains(&self.errno())
    }

    /// Whether it is EAGAIN alone: for INIT_VM, whose EBUSY has other reasons, that the processor had no
    /// random numbers left.
    #[must_use]
    pub fn is_no_entropy(&self) -> bool {
        self.errno() == Some(Errno::AGAIN.raw_os_error())
    }
}

/// What the kernel's error number means by itself (Linux 6.16, arch/x86/kvm/vmx/tdx.c; where it is read
/// from its documentation alone, docs/hardware.md says so), and what to do.
#[rustfmt::skip] // a table: one case a line
const MEANINGS: [(Command, Errno, &str, &str); 27] = [
    (Command::Capabilities, Errno::INVAL, "this kernel's KVM does not know the command as it was given", "use Linux 6.16 or newer"),
    (Command::Capabilities, Errno::TOOBIG, "the TDX module has more CPUID entries than any TD may be given", "report it as a bug, with this host's `cloister host check -o json`"),
    (Command::Capabilities, Errno::IO, "the TDX module demands attributes or features that this kernel's KVM lacks", "use a newer kernel, or the module's version that it was made for"),
    (Command::Capabilities, Errno::NOTTY, "this kernel's KVM runs no TDX guests", "load kvm_intel with tdx=1, and see `cloister host check`"),
    (Command::InitVm, Errno::INVAL, "the host does not take the attributes, features or CPUID of this TD", "compare them with `cloister host check`"),
    (Command::InitVm, Errno::AGAIN, "the processor had no random numbers left, however often it was asked", "start fewer guests at once, and try again"),
    (Command::InitVm, Errno::BUSY, "every TD that this host or cgroup may have exists already", "stop another TDX guest, or raise misc.max (tdx) of the cgroup"),
    (Command::InitVm, Errno::NOSPC, "no private key id is free for another TD", "stop another TDX guest, or set aside more TDX keys in the BIOS"),
    (Command::InitVm, Errno::IO, "the TDX module refused, or a processor package has no CPU that is online", "switch a CPU of every package on, and look at dmesg for `tdx`"),
    (Command::InitVm, Errno::TOOBIG, "the TD has more CPUID entries than the kernel takes", "report it as a bug"),
    (Command::InitVm, Errno::NOMEM, "the kernel has no memory for the TD's own pages", "free memory of the host"),
    (Command::InitVcpu, Errno::INVAL, "the vCPU's CPUID lacks x2APIC, or it was initialised before", "use a CPU model with x2APIC"),
    (Command::InitVcpu, Errno::IO, "the TDX module refused", "look at dmesg for `tdx`"),
    (Command::InitVcpu, Errno::NOMEM, "the kernel has no memory for the vCPU's own pages", "free memory of the host"),
    (Command::GetCpuid, Errno::INVAL, "this kernel's KVM does not know the command as it was given", "use Linux 6.16 or newer"),
    (Command::GetCpuid, Errno::TOOBIG, "the TD has more CPUID leaves than any TD may be given", "report it as a bug, with this host's `cloister host check -o json`"),
    (Command::GetCpuid, Errno::IO, "the TDX module does not tell what it answers to CPUID", "look at dmesg for `tdx`"),
    (Command::InitMemRegion, Errno::INVAL, "the pages are not private, not of the TD's memory, or the TD is finished", "report it as a bug"),
    (Command::InitMemRegion, Errno::AGAIN, "the TDX module was busy, however often it was asked", "try again when the host does less"),
    (Command::InitMemRegion, Errno::BUSY, "the TDX module was busy, however often it was asked", "try again when the host does less"),
    (Command::InitMemRegion, Errno::INTR, "signals came again and again", "report it as a bug"),
    (Command::InitMemRegion, Errno::EXIST, "a page was added before", "report it as a bug"),
    (Command::InitMemRegion, Errno::NOMEM, "the kernel has no memory for private pages", "free memory of the host"),
    (Command::InitMemRegion, Errno::IO, "the TDX module refused", "look at dmesg for `tdx`"),
    (Command::FinalizeVm, Errno::INVAL, "the TD is not ready to be finished, or was before", "report it as a bug"),
    (Command::FinalizeVm, Errno::BUSY, "the TDX module was busy, however often it was asked", "try again when the host does less"),
    (Command::FinalizeVm, Errno::IO, "the TDX module refused", "look at dmesg for `tdx`"),
];

fn sentence(command: Command, vcpu: Option<u32>, errno: Option<i32>, hw: u64) -> String {
    let name = command.name();
    let on = vcpu.map_or_else(String::new, |vcpu| format!(" on vCPU {vcpu}"));
    let known = MEANINGS
        .iter()
        .find(|(of, number, ..)| (*of, Some(number.raw_os_error())) == (command, errno));
    let (meaning, remedy) = known.map_or(
        ("the kernel refuses", "look at dmesg for `tdx` and `kvm`"),
        |(_, _, meaning, remedy)| (*meaning, *remedy),
    );
    match hw {
        0 => format!("KVM_TDX_{name}{on}: {meaning}; {remedy}"),
        hw => format!(
            "KVM_TDX_{name}{on}: the TDX module answers {hw:#x}: {}, operand {}; {remedy}",
            status(hw_error::status(hw)),
            operand(hw & 0xffff_ffff)
        ),
    }
}

/// Completion status codes (348551, "Function Completion Status Codes").
fn status(number: u64) -> String {
    let words = match number {
        hw_error::OPERAND_INVALID => "operand invalid",
        hw_error::OPERAND_BUSY => "operand busy",
        hw_error::NO_ENTROPY => "no entropy",
        0x4000_0001 => "the vCPU cannot be recovered",
        0x8000_0003 => "interrupted, can be resumed",
        0x8000_0201 => "the TLB epoch before is busy",
        0xc000_0300 => "page metadata incorrect",
        0x8000_0702 => "vCPU not associated",
        0x8000_0800 => "key generation failed",
        0xc000_0811 => "key state incorrect",
        0xc000_0b00 => "EPT walk failed",
        0xc000_0b0d => "EPT entry state incorrect",
        0xc000_0c02 => "metadata field not readable",
        other => return format!("status {other:#x}"),
    };
    words.to_owned()
}

/// Operand ids (348551, "Function Completion Status Operand IDs").
fn operand(number: u64) -> String {
    let words = match number {
        1 => "RCX",
        2 => "RDX",
        8 => "R8",
        9 => "R9",
        64 => "ATTRIBUTES",
        65 => "XFAM",
        66 => "EXEC_CONTROLS",
        67 => "EPTP_CONTROLS",
        68 => "MAX_VCPUS",
        69 => "CPUID_CONFIG",
        70 => "TSC_FREQUENCY",
        71 => "NUM_L2_VMS",
        72 => "IA32_ARCH_CAPABILITIES_CONFIG",
        128 => "TDR",
        129 => "TDCX",
        130 => "TDVPR",
        144 => "TDCS",
        145 => "TDVPS",
        146 => "the secure EPT",
        147 => "a secure EPT entry",
        169 => "the TD epoch",
        other => return format!("{other:#x}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(command: Command, vcpu: Option<u32>, errno: i32, hw_error: u64) -> TdxError {
        TdxError::Refused {
            command,
            vcpu,
            hw_error,
            source: io::Error::from_raw_os_error(errno),
        }
    }

    #[test]
    fn refusals_say_what_failed_why_and_what_to_do() {
        const INVALID_CPUID: u64 = 0xc000_0100_0000_0045;
        #[rustfmt::skip] // a table: one case a line
        let cases = [
            (refused(Command::InitVm, None, 22, INVALID_CPUID), "KVM_TDX_INIT_VM: the TDX module answers 0xc000010000000045: operand invalid, operand CPUID_CONFIG; compare them"),
            (refused(Command::InitVm, None, 22, 0), "KVM_TDX_INIT_VM: the host does not take the attributes"),
            (refused(Command::InitVm, None, 28, 0), "no private key id is free"),
            (refused(Command::InitVcpu, Some(3), 22, 0), "KVM_TDX_INIT_VCPU on vCPU 3: the vCPU's CPUID lacks x2APIC"),
            (refused(Command::FinalizeVm, None, 5, 0x1234_5678_0000_00ff), "status 0x12345678, operand 0xff; look at dmesg"),
            (refused(Command::GetCpuid, Some(0), 14, 0), "KVM_TDX_GET_CPUID on vCPU 0: the kernel refuses; look at dmesg"),
        ];
        for (error, expected) in cases {
            let said = error.to_string();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn only_contention_is_worth_another_try() {
        for errno in [11, 16, 4] {
            assert!(refused(Command::InitMemRegion, Some(0), errno, 0).is_contention());
        }
        for errno in [5, 7, 12, 14, 17, 22] {
            assert!(!refused(Command::InitMemRegion, Some(0), errno, 0).is_contention());
        }
        assert!(!TdxError::NoSource.is_contention());
        assert!(refused(Command::Capabilities, None, 7, 0).is_too_small());
        assert!(refused(Command::InitVm, None, 11, 0).is_no_entropy());
        assert!(!refused(Command::InitVm, None, 16, 0).is_no_entropy());
    }
}
