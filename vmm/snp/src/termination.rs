//! Why a guest ended itself: the GHCB protocol's termination request, in words.

use std::fmt;

use measured_boot_shim_abi::{REASON_SET, Refusal};
use vmm_kernel_abi::exit::{EVENT_SEV_TERM, SystemEvent};

/// GHCBInfo of the termination request (56421 rev 2.04, section 2.3.1, "GHCB MSR Protocol").
const TERMINATION: u64 = 0x100;

/// Reason set 0, of the protocol (56421 rev 2.04, "Termination Request").
const PROTOCOL: [&str; 3] = [
    "it asked to be ended, without saying why",
    "it speaks no version of the GHCB protocol that this host speaks",
    "this host does not offer the SEV-SNP features that it needs",
];

/// Reason set 1, of Linux (Linux 6.16, arch/x86/include/asm/sev-common.h).
const LINUX: [&str; 12] = [
    "Linux could not register its GHCB",
    "Linux was refused a page state change",
    "Linux could not validate a page: the host maps it otherwise than it says",
    "Linux does not run at VMPL0",
    "Linux found the CPUID page wrong",
    "Linux was answered no CPUID by the host",
    "Linux found no secrets page",
    "Linux found no SVSM in the secrets page",
    "Linux found an SVSM that gives it VMPL0",
    "Linux found an SVSM whose calling area is not page-aligned",
    "Linux could not set up its secure time stamp counter",
    "Linux could not move the SVSM's calling area",
];

/// What the guest said when it ended itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// The boot shim refused to go on.
    Shim(Refusal),
    /// A reason of a known set, in words.
    Known(&'static str),
    /// A reason that this program has no words for.
    Unknown {
        /// Who numbers it.
        set: u8,
        /// Its number.
        reason: u8,
    },
    /// The guest gave no reason that reaches the host.
    Untold,
}

impl Termination {
    /// Out of KVM's event; `None` if it is another event.
    #[must_use]
    pub fn of(event: &SystemEvent) -> Option<Self> {
        if event.kind != EVENT_SEV_TERM {
            return None;
        }
        let msr = event.data().and_then(<[u64]>::first);
        Some(msr.map_or(Self::Untold, |msr| Self::from_msr(*msr)))
    }

    /// A request by the GHCB itself leaves its address here (Linux 6.12, `sev_handle_vmgexit`).
    fn from_msr(msr: u64) -> Self {
        if msr & 0xfff != TERMINATION {
            return Self::Untold;
        }
        let [_, low, reason, ..] = msr.to_le_bytes();
        let set = low >> 4;
        let words = |list: &[&'static str]| list.get(usize::from(reason)).copied();
        let known = match set {
            0 => words(&PROTOCOL).map(Self::Known),
            1 => words(&LINUX).map(Self::Known),
            REASON_SET => Refusal::from_number(reason).map(Self::Shim),
            _ => None,
        };
        known.unwrap_or(Self::Unknown { set, reason })
    }
}

impl fmt::Display for Termination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shim(refusal) => write!(
                f,
                "the boot shim refused to go on: {} (reason {})",
                refusal.sentence(),
                refusal.number()
            ),
            Self::Known(words) => write!(f, "the guest ended itself: {words}"),
            Self::Unknown { set, reason } => write!(
                f,
                "the guest ended itself for reason {reason} of set {set}, which this program does not know"
            ),
            Self::Untold => f.write_str("the guest ended itself and gave no reason"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(msr: u64) -> String {
        let mut words = [0; 16];
        words[0] = msr;
        let event = SystemEvent {
            kind: EVENT_SEV_TERM,
            ndata: 1,
            words,
        };
        Termination::of(&event).unwrap().to_string()
    }

    #[test]
    fn refusals_of_the_shim_are_told_by_its_own_table() {
        for refusal in Refusal::ALL {
            let msr = 0x100 | u64::from(REASON_SET) << 12 | u64::from(refusal.number()) << 16;
            assert!(said(msr).contains(refusal.sentence()), "{refusal:?}");
        }
    }

    #[test]
    fn reasons_of_linux_and_of_the_protocol_are_told_in_words() {
        assert!(said(0x0002_1100).contains("could not validate a page"));
        assert!(said(0x0002_0100).contains("SEV-SNP features"));
    }

    #[test]
    fn reasons_without_words_are_told_by_number() {
        assert!(said(0x00ff_1100).contains("reason 255 of set 1"));
        assert!(said(0x0001_7100).contains("reason 1 of set 7"));
        assert!(said(0x0000_5100).contains("reason 0 of set 5"));
    }

    #[test]
    fn request_without_its_number_in_the_msr_is_told_as_such() {
        assert!(said(0x8000).ends_with("gave no reason"));
        let event = SystemEvent {
            kind: EVENT_SEV_TERM,
            ndata: 17,
            words: [0x100; 16],
        };
        assert_eq!(Termination::of(&event), Some(Termination::Untold));
    }

    #[test]
    fn event_of_another_kind_is_none_of_these() {
        let event = SystemEvent {
            kind: EVENT_SEV_TERM + 1,
            ndata: 1,
            words: [0x100; 16],
        };
        assert_eq!(Termination::of(&event), None);
    }
}
