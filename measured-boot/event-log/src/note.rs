//! What is worth knowing of a log and no reason to refuse it.

use crate::payload::describe;
use crate::{Algorithm, Capped, Coverage, Event, EventType, Log, Register, Registers};
use std::collections::BTreeSet;
use thiserror::Error;

/// One thing worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The event that it is of, by its number and the place of its record in the file; if it is of one.
    pub event: Option<(u32, usize)>,
    /// What.
    pub kind: NoteKind,
}

/// What is worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoteKind {
    /// Its values are not those of a TPM.
    #[error(
        "{0}: measured events without a digest of it: {1}; its values are not what a TPM holds"
    )]
    MissingDigests(Algorithm, usize),
    /// SHA-3, or an algorithm that is not known.
    #[error("{0}: declared, and not replayed here")]
    NotReplayed(Algorithm),
    /// 1 and 2 are known.
    #[error("the spec ID event says that a UINTN has size {0}; 1 and 2 are known")]
    UintnSize(u8),
    /// As some firmware writes it.
    #[error("the vendor's {0} bytes follow the spec ID event and are not in it")]
    VendorInfoOutside(usize),
    /// A PCR that firmware should have ended.
    #[error(
        "{0} has no separator: what firmware and what an operating system measured cannot be told apart"
    )]
    NoSeparator(Register),
    /// It changes no register.
    #[error("an EV_NO_ACTION event with a digest, which goes into no register")]
    DigestWithoutAction,
    /// Nothing is judged by its contents.
    #[error("the data has not the form of its type")]
    OtherForm,
    /// Its banks contradict each other.
    #[error("the digests of different algorithms are not of the same data")]
    BanksDiffer,
    /// The log was taken before the operating system ran, or is cut off between two events.
    #[error("the log ends before the firmware's boot services do: later events are missing")]
    NoExitBootServices,
    /// Where they would begin as ones.
    #[error("PCRs 17 to 22 are replayed as after a dynamic launch, from zeros")]
    DynamicLaunch,
}

impl Log<'_> {
    /// What is worth knowing of the log. Hashes as [`Log::coverage`] does.
    pub fn notes(&self) -> Capped<Note> {
        self.notes_beside(&self.coverage())
    }

    /// The same where the log's coverage is at hand.
    pub fn notes_beside(&self, coverage: &[Coverage]) -> Capped<Note> {
        let mut notes = Capped::default();
        let whole = self.notes_of_the_whole().into_iter();
        notes.extend(whole.map(|kind| Note { event: None, kind }));
        for (event, coverage) in self.events.iter().zip(coverage) {
            let event_at = Some((event.number, event.offset));
            notes.extend(notes_of(event, coverage).map(|kind| Note {
                event: event_at,
                kind,
            }));
        }
        notes
    }

    fn notes_of_the_whole(&self) -> Vec<NoteKind> {
        let replay = self.replay();
        let mut notes = Vec::new();
        let missing = replay.banks.iter().filter(|bank| bank.missing > 0);
        notes.extend(missing.map(|bank| NoteKind::MissingDigests(bank.algorithm, bank.missing)));
        notes.extend(replay.not_replayed.into_iter().map(NoteKind::NotReplayed));
        if let Some(spec_id) = &self.spec_id {
            if !matches!(spec_id.uintn_size, 1 | 2) {
                notes.push(NoteKind::UintnSize(spec_id.uintn_size));
            }
            if spec_id.vendor_info_outside {
                notes.push(NoteKind::VendorInfoOutside(spec_id.vendor_info.len()));
            }
        }
        notes.extend(self.without_separator().map(NoteKind::NoSeparator));
        if self.has_no_exit_boot_services() {
            notes.push(NoteKind::NoExitBootServices);
        }
        let dynamic = |event: &Event<'_>| matches!(event.register, Register::Pcr(17..=22));
        if self
            .events
            .iter()
            .any(|event| event.is_measured() && dynamic(event))
        {
            notes.push(NoteKind::DynamicLaunch);
        }
        notes
    }

    /// Registers of firmware that events go into, and none of them a separator. td-shim writes none.
    fn without_separator(&self) -> impl Iterator<Item = Register> + use<> {
        let measured = self.events.iter().filter(|event| event.is_measured());
        let (with, all) = measured.fold(
            (BTreeSet::new(), BTreeSet::new()),
            |(mut with, mut all), event| {
                if event.kind == EventType::SEPARATOR {
                    with.insert(event.register);
                }
                all.insert(event.register);
                (with, all)
            },
        );
        let firmware =
            |register: &Register| matches!(register, Register::Pcr(0..=7) | Register::Rtmr(0 | 1));
        all.into_iter()
            .filter(move |register| firmware(register) && !with.contains(register))
    }

    /// Whether UEFI firmware has measured actions, and not the last of them.
    fn has_no_exit_boot_services(&self) -> bool {
        let actions = || {
            let all = self.events.iter();
            all.filter(|event| event.kind == EventType::EFI_ACTION)
        };
        let register = match self.registers {
            Registers::Pcr => Register::Pcr(5),
            Registers::Rtmr => Register::Rtmr(1),
        };
        actions().next().is_some()
            && !actions().any(|event| {
                event.register == register && event.data.starts_with(b"Exit Boot Services")
            })
    }
}

fn notes_of(event: &Event<'_>, coverage: &Coverage) -> impl Iterator<Item = NoteKind> + use<> {
    let digest = || event.digests.bytes_of_digests().any(|byte| byte != 0);
    let without_action = !event.is_measured() && digest();
    let other_form = !describe(event.kind, event.data).has_its_form;
    let banks_differ = !coverage.differs_in.is_empty();
    [
        without_action.then_some(NoteKind::DigestWithoutAction),
        other_form.then_some(NoteKind::OtherForm),
        banks_differ.then_some(NoteKind::BanksDiffer),
    ]
    .into_iter()
    .flatten()
}
