//! What an event's digest covers of it, found by trying; and what no digest of a log covers at all.

use crate::candidates::candidates;
use crate::{Algorithm, Event, EventType, Log};

/// Which part of an event its digest is of. Whoever relays a log can change the rest without any register
/// showing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Covered {
    /// All of its data.
    All,
    /// A variable, without bytes that follow it in the event.
    Variable,
    /// A variable's contents.
    VariableData,
    /// All but the last byte, as older shims have it.
    AllButLast,
    /// The text after GRUB's prefix.
    AfterPrefix,
    /// The same with one NUL, as older GRUBs have it.
    AfterPrefixAndNul,
    /// The text without the NULs that end it.
    TextWithoutNul,
    /// The data and one NUL that the event lacks.
    TextAndNul,
    /// The name in 8 bits and one NUL, where the event has it in UTF-16: systemd-stub's section names.
    NarrowNameAndNul,
    /// What follows a tag's number and length.
    TagPayload,
    /// What follows a name and a length: td-shim's configuration.
    Payload,
    /// Nothing: the digest is of something that the event only tells of, or of something else altogether.
    Nothing,
    /// Nothing, and the event has not even changed a register: EV_NO_ACTION.
    NotExtended,
    /// Nothing is known: the event has digests of algorithms alone that are not computed here.
    NotComputed,
}

/// What is known of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// What its digest covers in the bank where it covers most.
    pub covered: Covered,
    /// Algorithms whose digest is of something else: the banks of such an event contradict each other.
    pub differs_in: Vec<Algorithm>,
}

/// What no digest of any log covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncovered {
    /// In short.
    pub name: &'static str,
    /// What follows.
    pub says: &'static str,
}

/// What no digest of any log covers, so that a log that replays does not prove it.
pub const UNCOVERED: [Uncovered; 4] = [
    Uncovered {
        name: "type",
        says: "the type of every event: one can be called by another's name",
    },
    Uncovered {
        name: "order-between-registers",
        says: "the order of events of different registers (that within one is covered)",
    },
    Uncovered {
        name: "no-action-events",
        says: "whether and where there are EV_NO_ACTION events, and what they say",
    },
    Uncovered {
        name: "order-of-digests",
        says: "the order of a record's digests, and which algorithms a bank does not show",
    },
];

impl Covered {
    /// In short, for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Variable => "variable",
            Self::VariableData => "variable-data",
            Self::AllButLast => "all-but-last-byte",
            Self::AfterPrefix => "after-prefix",
            Self::AfterPrefixAndNul => "after-prefix-and-nul",
            Self::TextWithoutNul => "text-without-nul",
            Self::TextAndNul => "text-and-nul",
            Self::NarrowNameAndNul => "name-in-8-bits",
            Self::TagPayload => "tag-payload",
            Self::Payload => "payload",
            Self::Nothing => "nothing",
            Self::NotExtended => "not-extended",
            Self::NotComputed => "not-computed",
        }
    }

    /// What of the event's data it leaves out; `None` if nothing that says anything.
    pub const fn leaves_out(self, kind: EventType) -> Option<&'static str> {
        Some(match self {
            Self::All | Self::TextWithoutNul | Self::TextAndNul | Self::NarrowNameAndNul => {
                return None;
            }
            Self::Variable => "the bytes after the variable",
            Self::VariableData => "the variable's name and GUID",
            Self::AllButLast => "the last byte",
            Self::AfterPrefix | Self::AfterPrefixAndNul => "the prefix",
            Self::TagPayload => "the tag's number",
            Self::Payload => "the name and the length",
            Self::Nothing if kind.is_image_load() => {
                "all of it: address, size and device path (the digest is the image's)"
            }
            Self::Nothing => "all of it (the digest is of something else)",
            Self::NotExtended => "all of it (the event goes into no register)",
            Self::NotComputed => "perhaps all of it",
        })
    }
}

impl Log<'_> {
    /// What each event's digests cover, in the order of the events. Hashes each event a few times a bank.
    pub fn coverage(&self) -> Vec<Coverage> {
        self.events.iter().map(Event::coverage).collect()
    }
}

impl Event<'_> {
    /// What its digests cover of it.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage {
            covered: Covered::NotExtended,
            differs_in: Vec::new(),
        };
        if self.is_measured() {
            coverage.covered = Covered::NotComputed;
            for (algorithm, digest) in self.digests.iter() {
                if algorithm.is_replayed() {
                    let covered = self.covered_by(algorithm, digest);
                    coverage.add(algorithm, covered, self);
                }
            }
        }
        coverage
    }

    fn covered_by(&self, algorithm: Algorithm, digest: &[u8]) -> Covered {
        let is = |parts: &[&[u8]]| {
            let hash = algorithm.hash(parts);
            hash.is_some_and(|hash| hash.as_bytes() == digest)
        };
        if is(&[self.data]) {
            return Covered::All;
        }
        candidates(self.kind, self.data)
            .into_iter()
            .find(|candidate| match candidate.and_nul {
                true => is(&[&candidate.bytes, b"\0"]),
                false => is(&[&candidate.bytes]),
            })
            .map_or(Covered::Nothing, |candidate| candidate.covered)
    }
}

impl Coverage {
    /// Adds what a further bank's digest covers. The order of [`Covered`] is that of what covers more.
    fn add(&mut self, algorithm: Algorithm, covered: Covered, event: &Event<'_>) {
        if self.covered == Covered::NotComputed || covered == self.covered {
            self.covered = covered;
        } else if covered < self.covered {
            let earlier = event.digests.iter().map(|(other, _)| other);
            self.differs_in = earlier
                .take_while(|other| *other != algorithm)
                .filter(|other| other.is_replayed())
                .collect();
            self.covered = covered;
        } else {
            self.differs_in.push(algorithm);
        }
    }
}
