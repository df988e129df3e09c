//! Which sections of an image one boot uses.

use crate::fault::{UkiFault, UkiRule};
use crate::{Pe, Section, StubRules, UnifiedSection};

const MAX_PROFILES: usize = 256;

/// What is chosen at boot, and is not in the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// Which profile; without profiles there is profile 0 only.
    pub profile: usize,
    /// Which `.dtbauto` section the machine matches.
    pub dtbauto: Option<Pick>,
    /// Which `.efifw` section the machine matches.
    pub efifw: Option<Pick>,
}

/// Which of several sections a machine matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// None: none is measured.
    None,
    /// The one of that number, from 0, in the order of the section table.
    Nth(usize),
}

impl Boot {
    fn pick(&self, section: UnifiedSection) -> Option<Pick> {
        match section {
            UnifiedSection::DtbAuto => self.dtbauto,
            UnifiedSection::EfiFw => self.efifw,
            _ => None,
        }
    }
}

/// The sections that one boot uses: those before the first `.profile`, and those of the profile, which
/// replace them.
pub struct Scope<'p> {
    base: &'p [Section],
    chosen: &'p [Section],
}

impl<'p> Scope<'p> {
    /// The scope of a boot.
    pub fn of(pe: &'p Pe, rules: &StubRules, boot: &Boot) -> Result<Self, UkiFault> {
        let sections = pe.sections();
        let starts = match rules.knows(UnifiedSection::Profile) {
            true => starts(sections),
            false => Vec::new(),
        };
        let (asked, there) = (boot.profile, starts.len());
        if there > MAX_PROFILES {
            return Err(UkiRule::ProfileCount(there).at(pe.section_table()));
        }
        let (base, chosen) = match starts.first() {
            None if asked == 0 => (sections, &sections[..0]),
            Some(first) if asked < there => {
                let end = starts.get(asked + 1).copied();
                let end = end.unwrap_or(sections.len());
                (&sections[..*first], &sections[starts[asked]..end])
            }
            _ => return Err(UkiRule::NoProfile { asked, there }.at(pe.section_table())),
        };
        Ok(Self { base, chosen })
    }

    /// The section that the stub takes for this one.
    pub fn find(
        &self,
        section: UnifiedSection,
        boot: &Boot,
    ) -> Result<Option<&'p Section>, UkiFault> {
        if section.is_matched() {
            return self.matched(section, boot);
        }
        let chosen = only(self.chosen, section)?;
        Ok(chosen.or(only(self.base, section)?))
    }

    /// The section that the stub takes by the machine.
    fn matched(
        &self,
        section: UnifiedSection,
        boot: &Boot,
    ) -> Result<Option<&'p Section>, UkiFault> {
        let all: Vec<_> = named(self.base, section)
            .chain(named(self.chosen, section))
            .collect();
        let Some(first) = all.first() else {
            return Ok(None);
        };
        let there = all.len();
        match boot.pick(section) {
            None => Err(UkiRule::DependsOnMachine(section, there).at(first.header)),
            Some(Pick::None) => Ok(None),
            Some(Pick::Nth(asked)) => {
                let rule = UkiRule::NoSuchMatch {
                    section,
                    asked,
                    there,
                };
                Ok(Some(all.get(asked).ok_or(rule.at(first.header))?))
            }
        }
    }
}

/// Where the profiles begin in the section table.
pub fn starts(sections: &[Section]) -> Vec<usize> {
    let profile = |section: &Section| section.name.as_str() == UnifiedSection::Profile.name();
    (0..sections.len())
        .filter(|index| profile(&sections[*index]))
        .collect()
}

fn named(sections: &[Section], wanted: UnifiedSection) -> impl Iterator<Item = &Section> {
    sections
        .iter()
        .filter(move |section| section.name.as_str() == wanted.name())
}

/// The one section of that name.
fn only(sections: &[Section], wanted: UnifiedSection) -> Result<Option<&Section>, UkiFault> {
    let mut named = named(sections, wanted);
    let first = named.next();
    match named.next() {
        Some(second) => Err(UkiRule::SectionTwice(wanted).at(second.header)),
        None => Ok(first),
    }
}
