//! A unified kernel image: a stub with a kernel and what belongs to it.

use crate::fault::{UkiFault, UkiRule};
use crate::profile::{self, Scope};
use crate::{
    Boot, Measured, MeasuredSection, Pe, Section, Stub, StubRules, UnifiedSection, relocations,
};

/// A PE image that has a kernel.
#[derive(Clone, Debug)]
pub struct Uki<'a> {
    pe: Pe<'a>,
    stub: Stub,
}

impl<'a> Uki<'a> {
    /// The unified kernel image that a PE image is.
    ///
    /// # Errors
    /// It has no kernel.
    pub fn of(pe: &Pe<'a>) -> Result<Self, UkiFault> {
        let kernel = |section: &Section| section.name.as_str() == UnifiedSection::Linux.name();
        if !pe.sections().iter().any(kernel) {
            return Err(UkiRule::NoKernel.at(pe.section_table()));
        }
        Ok(Self {
            pe: pe.clone(),
            stub: Stub::read(pe),
        })
    }

    /// The image.
    pub fn pe(&self) -> &Pe<'a> {
        &self.pe
    }

    /// What the image says about its stub.
    pub fn stub(&self) -> &Stub {
        &self.stub
    }

    /// How many profiles it has; without any there is profile 0 nevertheless.
    pub fn profiles(&self) -> usize {
        profile::starts(self.pe.sections()).len()
    }

    /// The sections that a stub measures in one boot, in its order.
    ///
    /// # Errors
    /// The boot has no kernel, or names a profile or a match that is not there, or does not say which of
    /// several sections the machine matches; or stubs or firmware do not read the sections in one way only.
    pub fn measured(&self, rules: &StubRules, boot: &Boot) -> Result<Measured<'a>, UkiFault> {
        self.check_names(rules)?;
        let scope = Scope::of(&self.pe, rules, boot)?;
        let mut measured = Vec::new();
        for kind in rules.known().iter().copied() {
            let section = scope.find(kind, boot)?;
            let section = section.filter(|_| rules.measures(kind));
            measured.extend(section.and_then(|section| self.measured_section(kind, section)));
        }
        if !matches!(measured.first(), Some(one) if one.kind == UnifiedSection::Linux) {
            return Err(UkiRule::NoKernel.at(self.pe.section_table()));
        }
        let places: Vec<_> = measured.iter().map(|one| one.section).collect();
        relocations::spare(&self.pe, &places)?;
        Ok(Measured::new(measured))
    }

    /// Stubs leave out what is empty.
    fn measured_section(
        &self,
        kind: UnifiedSection,
        section: &Section,
    ) -> Option<MeasuredSection<'a>> {
        let content = self.pe.content(section);
        let section = *section;
        (!content.is_empty()).then_some(MeasuredSection {
            kind,
            section,
            content,
        })
    }

    /// Stubs that know no profiles compare only as many characters as the name has that they look for.
    fn check_names(&self, rules: &StubRules) -> Result<(), UkiFault> {
        if rules.knows(UnifiedSection::Profile) {
            return Ok(());
        }
        for section in self.pe.sections() {
            let name = section.name.as_str();
            let taken = |one: &&UnifiedSection| name != one.name() && name.starts_with(one.name());
            if let Some(taken) = rules.known().iter().find(taken) {
                return Err(UkiRule::NamePrefix(section.name, *taken).at(section.header));
            }
        }
        Ok(())
    }
}
