//! Refused SEV commands, in words.

use std::io;

use rustix::io::Errno;
use thiserror::Error;
use vmm_kernel_abi::sev::{Command, FirmwareStatus, describe_firmware_error};

/// A command of an SNP launch that failed.
#[derive(Debug, Error)]
pub enum SevError {
    /// The kernel refused it, or the firmware behind the kernel.
    #[error("{}", sentence(*command, source.raw_os_error(), *firmware))]
    Refused {
        /// Which.
        command: Command,
        /// The firmware's status; 0 where it was not asked or is not to blame.
        firmware: u32,
        /// The kernel's error number.
        #[source]
        source: io::Error,
    },
    /// There are fewer bytes than pages that are left.
    #[error("LAUNCH_UPDATE was to read more pages than its source has; report it as a bug")]
    NoSource,
}

impl SevError {
    /// The commands and error numbers that it has words of its own for.
    pub fn explained() -> impl Iterator<Item = (Command, i32)> {
        MEANINGS
            .iter()
            .map(|(command, errno, ..)| (*command, errno.raw_os_error()))
    }

    /// Whether it is the firmware's word on a CPUID page that it would not take (56860 rev 1.58,
    /// SNP_LAUNCH_UPDATE, "CPUID page": INVALID_PARAM).
    #[must_use]
    pub fn is_invalid_parameter(&self) -> bool {
        let status = FirmwareStatus::InvalidParameter as u32;
        matches!(self, Self::Refused { firmware, .. } if *firmware == status)
    }

    /// Whether the kernel asks to be asked again with what is left.
    #[must_use]
    pub fn is_try_again(&self) -> bool {
        matches!(self, Self::Refused { firmware: 0, source, .. }
            if source.raw_os_error() == Some(Errno::AGAIN.raw_os_error()))
    }
}

/// What an error number means at a command that brought no firmware status (Linux 6.12,
/// arch/x86/kvm/svm/sev.c and drivers/crypto/ccp/sev-dev.c), and what to do.
const MEANINGS: [(Command, Errno, &str, &str); 17] = [
    (
        Command::Init2,
        Errno::INVAL,
        "this kernel does not take the VMSA features, or the VM has vCPUs already",
        "report it as a bug, with this host's `cloister host check -o json`",
    ),
    (
        Command::Init2,
        Errno::NOTTY,
        "this host sets no address space identifiers aside for SNP guests",
        "raise the \"SEV-ES ASID space limit\" in the BIOS above 1, and see `cloister host check`",
    ),
    (
        Command::Init2,
        Errno::BUSY,
        "no address space identifier for another SNP guest is free, or the secure processor is dead",
        "stop another guest, raise misc.max (sev_es) of the cgroup, or look at dmesg for `ccp`",
    ),
    (
        Command::Init2,
        Errno::NODEV,
        "the kernel has no secure processor to speak with",
        "load the module ccp and look at dmesg for `ccp` and `SEV-SNP`",
    ),
    (
        Command::Init2,
        Errno::OPNOTSUPP,
        "the secure processor's firmware is too old for SNP",
        "update the SEV firmware (1.51 or newer)",
    ),
    (
        Command::Init2,
        Errno::IO,
        "the secure processor could not be initialised",
        "look at dmesg for `ccp` and `SEV-SNP`",
    ),
    (
        Command::LaunchStart,
        Errno::INVAL,
        "this kernel does not take the guest policy",
        "before Linux 6.17 a policy must allow SMT: write [tee] smt = true, or use a newer kernel",
    ),
    (
        Command::LaunchStart,
        Errno::NOTTY,
        "the secure processor could not make a guest context",
        "look at dmesg for `ccp` and `SEV-SNP`",
    ),
    (
        Command::LaunchStart,
        Errno::BADF,
        "/dev/sev is not the device of the secure processor",
        "see what /dev/sev is",
    ),
    (
        Command::LaunchUpdate,
        Errno::INVAL,
        "the pages are in no memory that can be private, or the kernel does not know their type",
        "report it as a bug",
    ),
    (
        Command::LaunchUpdate,
        Errno::IO,
        "the firmware is not to blame: the pages are not private, or were loaded before, or a signal came, or \
         memory is short, or the secure processor does not answer",
        "look at dmesg for `ccp`, and launch again",
    ),
    (
        Command::LaunchUpdate,
        Errno::FAULT,
        "the kernel cannot read the pages' source",
        "report it as a bug",
    ),
    (
        Command::LaunchFinish,
        Errno::INVAL,
        "the launch is finished already, or half of the ID block is missing, or a debugger is attached",
        "report it as a bug",
    ),
    (
        Command::LaunchFinish,
        Errno::BUSY,
        "a vCPU is being made or runs already",
        "report it as a bug",
    ),
    (
        Command::LaunchFinish,
        Errno::BADF,
        "/dev/sev is not open any more under the number with which the launch began",
        "report it as a bug",
    ),
    (
        Command::LaunchFinish,
        Errno::IO,
        "the secure processor does not answer",
        "look at dmesg for `ccp`, and launch again",
    ),
    (
        Command::EnableReqCerts,
        Errno::INVAL,
        "this kernel hands no certificates to SNP guests (Linux 7.0 does)",
        "go without: remove [tee] certificates; verifiers fetch them",
    ),
];

fn sentence(command: Command, errno: Option<i32>, firmware: u32) -> String {
    let command_name = command.name();
    if let Some(words) = describe_firmware_error(firmware) {
        return format!("{command_name} is refused by the secure processor: {words}");
    }
    let meaning = MEANINGS
        .iter()
        .find(|(of, number, ..)| *of == command && Some(number.raw_os_error()) == errno);
    match meaning {
        Some((_, _, cause, remedy)) => {
            format!("{command_name} is refused by the kernel: {cause}; {remedy}")
        }
        None => format!(
            "{command_name} is refused by the kernel; look at dmesg for `kvm_amd` and `ccp`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(command: Command, errno: Errno, firmware: u32) -> SevError {
        SevError::Refused {
            command,
            firmware,
            source: errno.into(),
        }
    }

    #[test]
    fn firmware_status_goes_before_the_error_number() {
        let said = refused(Command::LaunchStart, Errno::NOTTY, 7).to_string();
        assert!(
            said.contains("LAUNCH_START is refused by the secure processor"),
            "{said}"
        );
        assert!(said.contains("POLICY_FAILURE"), "{said}");
        let said = refused(Command::LaunchStart, Errno::NOTTY, 0).to_string();
        assert!(said.contains("guest context"), "{said}");
    }

    #[test]
    fn every_meaning_is_the_only_one_of_its_command_and_number() {
        for (position, (command, errno, cause, remedy)) in MEANINGS.iter().enumerate() {
            let same =
                |(of, number, ..): &&(Command, Errno, &str, &str)| (of, number) == (command, errno);
            assert_eq!(MEANINGS.iter().filter(same).count(), 1, "row {position}");
            let said = refused(*command, *errno, 0).to_string();
            assert!(said.contains(cause) && said.ends_with(remedy), "{said}");
        }
    }

    #[test]
    fn number_without_a_meaning_names_the_command_and_where_to_look() {
        let said = refused(Command::LaunchFinish, Errno::XDEV, 0).to_string();
        assert!(
            said.contains("LAUNCH_FINISH") && said.contains("dmesg"),
            "{said}"
        );
    }

    #[test]
    fn only_eagain_without_a_firmware_status_is_tried_again() {
        assert!(refused(Command::LaunchUpdate, Errno::AGAIN, 0).is_try_again());
        assert!(!refused(Command::LaunchUpdate, Errno::AGAIN, 0x16).is_try_again());
        assert!(!refused(Command::LaunchUpdate, Errno::INTR, 0).is_try_again());
    }
}
