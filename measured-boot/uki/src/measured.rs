//! What a stub measures into PCR 11, and what the register shows then.

use crate::{Algorithm, Content, Digest, Section, UnifiedSection};
use std::borrow::Cow;
use std::fmt;

/// The sections that one boot measures, in the stub's order.
#[derive(Clone, Debug)]
pub struct Measured<'a> {
    sections: Vec<MeasuredSection<'a>>,
}

/// A section that is measured: first its name, then its content.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredSection<'a> {
    /// Which it is.
    pub kind: UnifiedSection,
    /// Where it is.
    pub section: Section,
    /// What it holds.
    pub content: Content<'a>,
}

impl MeasuredSection<'_> {
    /// The digest that is extended first: of the name and a NUL.
    pub fn name_digest(&self, algorithm: Algorithm) -> Digest {
        algorithm.digest(format!("{}\0", self.kind.name()).as_bytes())
    }
}

impl<'a> Measured<'a> {
    pub(crate) const fn new(sections: Vec<MeasuredSection<'a>>) -> Self {
        Self { sections }
    }

    /// The sections in the order in which they are measured.
    pub fn sections(&self) -> &[MeasuredSection<'a>] {
        &self.sections
    }

    /// The kernel, as the stub hands it to firmware.
    pub fn kernel(&self) -> Cow<'a, [u8]> {
        let kernel = |one: &&MeasuredSection| one.kind == UnifiedSection::Linux;
        let kernel = self.sections.iter().find(kernel);
        kernel
            .expect("no image is measured without")
            .content
            .to_bytes()
    }

    /// PCR 11 in one bank, when the stub has measured everything.
    pub fn pcr11(&self, bank: Algorithm) -> Pcr11 {
        let extend = |value, section: &MeasuredSection| {
            let named = bank.extend(value, section.name_digest(bank));
            bank.extend(named, section.content.digest(bank))
        };
        Pcr11 {
            bank,
            value: self.sections.iter().fold(bank.zeros(), extend),
        }
    }
}

/// PCR 11 in one bank, before user space extends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pcr11 {
    bank: Algorithm,
    value: Digest,
}

impl Pcr11 {
    /// What it shows in a phase of the boot.
    pub fn at(&self, phase: &Phase) -> Digest {
        let words = phase.words.iter();
        words.fold(self.value, |value, word| {
            self.bank.extend(value, self.bank.digest(word.as_bytes()))
        })
    }
}

/// A phase of a boot: the words that have been extended into PCR 11 up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    words: Vec<String>,
}

impl Phase {
    /// The phases of a boot, from the stub's end (no word yet) to the system that is ready.
    pub const STANDARD: [&'static str; 5] = [
        ":",
        "enter-initrd",
        "enter-initrd:leave-initrd",
        "enter-initrd:leave-initrd:sysinit",
        "enter-initrd:leave-initrd:sysinit:ready",
    ];

    /// A phase out of words with colons between them; empty words are left out, as systemd-measure does.
    pub fn new(text: &str) -> Self {
        let words = text.split(':').filter(|word| !word.is_empty());
        Self {
            words: words.map(str::to_owned).collect(),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words.as_slice() {
            [] => f.pad(":"),
            words => f.pad(&words.join(":")),
        }
    }
}
