//! Looks for what makes a log ambiguous.

use crate::finding::Start;
use crate::payload::startup_locality;
use crate::{Algorithm, Capped, Digest, Event, EventType, Finding, FindingRule, Log, Register};
use std::collections::BTreeMap;

const ZEROS: &[u8] = &[0; 4];
const ONES: &[u8] = &[0xFF; 4];
/// Windows' boot manager ends the firmware's part of PCR 12 to 14 by this.
const WINDOWS: &[u8] = b"WBCL";
/// By this firmware says that an error occurred. Its digest is no sign of a hidden separator: it is also that
/// of a BootOrder of 1 and 0, which is common.
const ERROR: &[u8] = &[1, 0, 0, 0];

impl Log<'_> {
    /// All reasons to refuse the log, in the order of its events.
    pub fn findings(&self) -> Capped<Finding> {
        let mut search = Search {
            separators: self.algorithms().flat_map(separators).collect(),
            first_separators: BTreeMap::new(),
            pcr_0_past_crtm: false,
            pcr_0_extended: false,
            locality_seen: false,
            findings: Capped::default(),
        };
        for event in &self.events {
            search.look_at(event);
        }
        search.findings
    }
}

/// What separators are known to be, and its digests.
fn separators(algorithm: Algorithm) -> impl Iterator<Item = (&'static [u8], Algorithm, Digest)> {
    [ZEROS, ONES, WINDOWS]
        .into_iter()
        .filter_map(move |value| Some((value, algorithm, algorithm.hash(&[value])?)))
}

struct Search {
    separators: Vec<(&'static [u8], Algorithm, Digest)>,
    first_separators: BTreeMap<Register, usize>,
    pcr_0_past_crtm: bool,
    pcr_0_extended: bool,
    locality_seen: bool,
    findings: Capped<Finding>,
}

impl Search {
    fn look_at(&mut self, event: &Event<'_>) {
        if !event.is_measured() {
            self.look_at_locality(event);
            return;
        }
        self.pcr_0_extended |= event.register == Register::Pcr(0);
        if !event.register.is_extendable() {
            self.findings.push(FindingRule::NotExtendable.of(event));
        }
        if event.kind == EventType::SEPARATOR {
            self.look_at_value(event);
            self.look_for_another(event);
        } else if self.is_hidden_separator(event) {
            self.findings
                .push(FindingRule::SeparatorHidden(event.kind).of(event));
            self.look_for_another(event);
        }
        self.pcr_0_past_crtm |= event.register == Register::Pcr(0) && !is_of_crtm(event.kind);
    }

    fn look_at_value(&mut self, event: &Event<'_>) {
        let data = event.data;
        if !is_known(event.register, data) {
            let value = FindingRule::SeparatorValue {
                length: data.len(),
                first: Start::of(data),
            };
            let error = data == ERROR && is_of_firmware(event.register);
            let rule = if error {
                FindingRule::SeparatorError
            } else {
                value
            };
            self.findings.push(rule.of_data(event));
        }
        let wrong = event.digests.iter().find(|(algorithm, digest)| {
            let right = algorithm.hash(&[data]);
            right.is_some_and(|right| right.as_bytes() != *digest)
        });
        if let Some((algorithm, _)) = wrong {
            self.findings
                .push(FindingRule::SeparatorDigest(algorithm).of(event));
        }
    }

    fn look_for_another(&mut self, event: &Event<'_>) {
        match self.first_separators.get(&event.register) {
            Some(first) => {
                let first = *first;
                self.findings
                    .push(FindingRule::SeparatorTwice { first }.of(event));
            }
            None => {
                self.first_separators.insert(event.register, event.offset);
            }
        }
    }

    /// Whether the event has the digest of a separator that its register may have. Elsewhere this says nothing:
    /// a dynamic launch measures flags of four zero bytes into PCR 17.
    fn is_hidden_separator(&self, event: &Event<'_>) -> bool {
        let separator = |algorithm, digest: &[u8]| {
            self.separators.iter().any(|(value, other, known)| {
                *other == algorithm && known.as_bytes() == digest && is_known(event.register, value)
            })
        };
        let mut digests = event.digests.iter();
        digests.any(|(algorithm, digest)| separator(algorithm, digest))
            && !self.is_part_of_crtm(event)
    }

    /// Firmware measures parts of the S-CRTM before all else, and a part may be four zero bytes (seen of FIT
    /// entries). A separator called so would have to have all that was measured before it called so, too.
    fn is_part_of_crtm(&self, event: &Event<'_>) -> bool {
        event.register == Register::Pcr(0)
            && event.kind == EventType::S_CRTM_CONTENTS
            && !self.pcr_0_past_crtm
            && !is_known(event.register, event.data)
    }

    fn look_at_locality(&mut self, event: &Event<'_>) {
        let Some(locality) = startup_locality(event.data) else {
            return;
        };
        if event.register != Register::Pcr(0) {
            return;
        }
        if !matches!(locality, [0 | 3 | 4]) {
            self.findings
                .push(FindingRule::StartupLocality.of_data(event));
        }
        if self.locality_seen {
            self.findings
                .push(FindingRule::StartupLocalityTwice.of(event));
        } else if self.pcr_0_extended {
            self.findings
                .push(FindingRule::StartupLocalityLate.of(event));
        }
        self.locality_seen = true;
    }
}

/// Whether PCR 0 may begin by events of this type, before firmware other than the S-CRTM is measured.
fn is_of_crtm(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::EFI_HCRTM_EVENT | EventType::S_CRTM_CONTENTS
    )
}

/// Whether a separator is known to have this value in this register.
fn is_known(register: Register, value: &[u8]) -> bool {
    match register {
        Register::Pcr(12..=14) => value == WINDOWS,
        _ if is_of_firmware(register) => value == ZEROS || value == ONES,
        _ => false,
    }
}

/// Registers that firmware ends with separators (PFP 1.06 §3.3.2.2; UEFI 2.11 §38.4.1 for a TD's).
fn is_of_firmware(register: Register) -> bool {
    matches!(register, Register::Pcr(0..=7) | Register::Rtmr(0 | 1))
}
