//! Which sections the stub of an image measures.
//!
//! That changed with systemd's versions. The stub says its version in `.sdmagic`, and it has the names of
//! the sections that it looks for among its data, which is what it really does: distributions patch stubs.

use crate::fault::{UkiFault, UkiRule};
use crate::{Pe, Section, UnifiedSection};
use std::fmt;

const MAGIC: &str = "#### LoaderInfo: systemd-stub ";
const MAGIC_END: &str = " ####";
/// The first version that measures sections.
const OLDEST: u16 = 252;
/// The last version whose sections are known here.
const NEWEST: u16 = 258;
/// Where compilers put names.
const DATA: [&str; 4] = [".text", ".rodata", ".rdata", ".data"];

/// A version of systemd, such as 252.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StubVersion(pub u16);

impl StubVersion {
    /// The number that a version begins with.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text.find(|digit: char| !digit.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse().ok().map(Self)
    }

    /// Whether its sections are taken to be those of the last version that is known.
    pub const fn is_newer_than_known(self) -> bool {
        self.0 > NEWEST
    }

    /// The sections that stubs of this version know.
    fn sections(self) -> Vec<UnifiedSection> {
        let known = |section: &UnifiedSection| section.since() <= self.0;
        UnifiedSection::ALL.into_iter().filter(known).collect()
    }
}

impl fmt::Display for StubVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What an image says about its stub.
#[derive(Clone, Debug)]
pub struct Stub {
    version: Result<String, UkiFault>,
    names: Option<Vec<UnifiedSection>>,
}

impl Stub {
    pub(crate) fn read(pe: &Pe) -> Self {
        Self {
            version: version(pe),
            names: names(pe),
        }
    }

    /// Its version in full, such as `252.39-1~deb12u2`: printable ASCII without blanks.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref().ok()
    }

    /// The sections that it has the names of, if these can be made out.
    pub fn names(&self) -> Option<&[UnifiedSection]> {
        self.names.as_deref()
    }

    /// Which sections it measures: as the given version does; without one as its names say, and without
    /// these as the version does that it says of itself.
    ///
    /// # Errors
    /// It is not systemd's, or too old to measure anything.
    pub fn rules(&self, given: Option<StubVersion>) -> Result<StubRules, UkiFault> {
        let version = match given {
            Some(version) => version,
            None => self.own_number()?,
        };
        if version.0 < OLDEST {
            return Err(UkiRule::StubTooOld(version.0).at(0));
        }
        let by_version = version.sections();
        let differs = self.names.iter().flat_map(|names| {
            let all = UnifiedSection::ALL.into_iter();
            all.filter(|one| names.contains(one) != by_version.contains(one))
        });
        let differs: Vec<_> = differs.collect();
        let (known, basis) = match (&self.names, given) {
            (_, Some(_)) => (by_version, Basis::Given),
            (Some(names), None) if !differs.is_empty() => (names.clone(), Basis::Names),
            (Some(_), None) => (by_version, Basis::MagicAndNames),
            (None, None) => (by_version, Basis::Magic),
        };
        Ok(StubRules {
            version,
            basis,
            differs,
            known,
        })
    }

    fn own_number(&self) -> Result<StubVersion, UkiFault> {
        let version = self.version.as_deref().map_err(|fault| *fault)?;
        Ok(StubVersion::parse(version).expect("a version begins with its number"))
    }
}

/// Which sections a stub measures, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StubRules {
    /// The version that was given, or that the stub says.
    pub version: StubVersion,
    /// How it is known which sections are measured.
    pub basis: Basis,
    /// The sections about which that version and the stub's own names disagree.
    pub differs: Vec<UnifiedSection>,
    known: Vec<UnifiedSection>,
}

impl StubRules {
    /// Whether the stub looks for a section.
    pub fn knows(&self, section: UnifiedSection) -> bool {
        self.known.contains(&section)
    }

    /// Whether it measures a section that is there and not empty.
    pub fn measures(&self, section: UnifiedSection) -> bool {
        self.knows(section) && section != UnifiedSection::PcrSig
    }

    /// The sections that it looks for, in the order in which it measures them.
    pub fn known(&self) -> &[UnifiedSection] {
        &self.known
    }
}

/// Why these sections are taken to be measured.
impl fmt::Display for StubRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version;
        match self.basis {
            Basis::Given => write!(f, "measured as by {version}, as asked"),
            Basis::Magic => write!(f, "measured as by {version}, which .sdmagic says"),
            Basis::MagicAndNames => write!(
                f,
                "measured as by {version}, which .sdmagic says and the stub's own names bear out"
            ),
            Basis::Names => write!(
                f,
                "measured by the stub's own names, which are not those of {version}, as .sdmagic has it"
            ),
        }
    }
}

/// How it is known which sections a stub measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The version was given.
    Given,
    /// By the version in `.sdmagic`; the stub's names cannot be made out.
    Magic,
    /// By the version in `.sdmagic`; the stub's names are the same.
    MagicAndNames,
    /// By the stub's names, which are not those of the version in `.sdmagic`.
    Names,
}

impl Basis {
    /// In a word, for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Magic => "sdmagic",
            Self::MagicAndNames => "sdmagic-and-names",
            Self::Names => "names",
        }
    }
}

/// The version that `.sdmagic` says.
fn version(pe: &Pe) -> Result<String, UkiFault> {
    let mut named = pe
        .sections()
        .iter()
        .filter(|one| one.name.as_str() == ".sdmagic");
    let section = named
        .next()
        .ok_or(UkiRule::NoMagic.at(pe.section_table()))?;
    let fault = UkiRule::Magic.at(section.raw_offset);
    if named.next().is_some() {
        return Err(fault);
    }
    version_of(pe, section).ok_or(fault)
}

fn version_of(pe: &Pe, section: &Section) -> Option<String> {
    let text = std::str::from_utf8(pe.content(section).bytes()).ok()?;
    let text = text.trim_end_matches('\0');
    let version = text.strip_prefix(MAGIC)?.strip_suffix(MAGIC_END)?;
    let plain = version.bytes().all(|byte| byte.is_ascii_graphic());
    StubVersion::parse(version)?;
    (plain && version.len() <= 64).then(|| version.to_owned())
}

/// The names among the stub's data, if they are a stub's: all of those that the oldest knows.
fn names(pe: &Pe) -> Option<Vec<UnifiedSection>> {
    let data = pe
        .sections()
        .iter()
        .filter(|one| DATA.contains(&one.name.as_str()));
    let mut found = [false; UnifiedSection::ALL.len()];
    for section in data {
        let bytes = pe.content(section).bytes();
        let dots = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        for (dot, _) in dots {
            if let Some(index) = name_at(&bytes[dot..]) {
                found[index] = true;
            }
        }
    }
    let pairs = UnifiedSection::ALL.into_iter().zip(found);
    let names: Vec<_> = pairs
        .filter_map(|(one, found)| found.then_some(one))
        .collect();
    let oldest = StubVersion(OLDEST).sections();
    oldest
        .iter()
        .all(|one| names.contains(one))
        .then_some(names)
}

/// Which name begins here and ends with a NUL.
fn name_at(bytes: &[u8]) -> Option<usize> {
    UnifiedSection::ALL.into_iter().position(|section| {
        let rest = bytes.strip_prefix(section.name().as_bytes());
        rest.is_some_and(|rest| rest.first() == Some(&0))
    })
}
