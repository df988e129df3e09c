//! A whole file.

use crate::areas::Areas;
use crate::directive::{self, Placed};
use crate::fault::Rule;
use crate::fixed_header::FixedHeader;
use crate::structure::Structure;
use crate::{Directive, IgvmFault, Loading, PAGE_BYTES, Platform, PlatformKind};

/// An IGVM file, read strictly.
#[derive(Clone, Debug)]
pub struct Igvm<'a> {
    version: u32,
    headers_at: usize,
    platforms: Vec<Platform>,
    policies: Vec<Policy>,
    relocations: u32,
    directives: Vec<Directive<'a>>,
}

/// A guest policy (IGVM_VHS_GUEST_POLICY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Where its header is in the file.
    pub offset: usize,
    /// The platforms that it is for, by their bits.
    pub mask: u32,
    /// The policy, as the platform defines it.
    pub policy: u64,
}

impl<'a> Igvm<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// The first rule that the file breaks, and where.
    pub fn read(file: &'a [u8]) -> Result<Self, IgvmFault> {
        let header = FixedHeader::read(file)?;
        let mut igvm = Self {
            version: header.version,
            headers_at: header.variable.start,
            platforms: Vec::new(),
            policies: Vec::new(),
            relocations: 0,
            directives: Vec::new(),
        };
        let data = Data {
            file,
            start: header.variable.end,
        };
        let mut areas = Areas::default();
        let mut structures = header.structures(file);
        while let Some(structure) = structures.next()? {
            igvm.take_up(&structure, &mut areas, &data)?;
        }
        if igvm.platforms.is_empty() {
            return Err(Rule::NoPlatform.at(header.variable.start));
        }
        Ok(igvm)
    }

    fn take_up(
        &mut self,
        structure: &Structure<'a>,
        areas: &mut Areas<'a>,
        data: &Data<'a>,
    ) -> Result<(), IgvmFault> {
        match structure.kind {
            0x001 => self.add_platform(structure),
            0x101 => self.add_policy(structure),
            0x102 | 0x103 => {
                self.relocations |= structure.body.clone().u32()?;
                Ok(())
            }
            0x104 | 0x105 => corim(structure, data),
            0x106 => Ok(()),
            0x301 => areas.declare(structure, data),
            _ => {
                self.directives
                    .push(directive::read(structure, areas, data)?);
                Ok(())
            }
        }
    }

    fn add_platform(&mut self, structure: &Structure<'_>) -> Result<(), IgvmFault> {
        let platform = Platform::read(structure)?;
        let at = structure.body.offset();
        for other in &self.platforms {
            if other.mask == platform.mask {
                return Err(Rule::MaskTwice(platform.mask).at(at));
            }
            if other.kind == platform.kind {
                return Err(Rule::PlatformTwice(platform.kind).at(at + 5));
            }
        }
        self.platforms.push(platform);
        Ok(())
    }

    fn add_policy(&mut self, structure: &Structure<'_>) -> Result<(), IgvmFault> {
        let mut body = structure.body;
        let (policy, mask, reserved) = (body.u64()?, body.u32()?, body.u32()?);
        if reserved != 0 {
            return Err(Rule::Reserved.at(structure.body.offset() + 12));
        }
        if self.policies.iter().any(|other| other.mask & mask != 0) {
            return Err(Rule::PolicyTwice.at(structure.offset));
        }
        self.policies.push(Policy {
            offset: structure.offset,
            mask,
            policy,
        });
        Ok(())
    }

    /// The format's version, 1 or 2.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The platforms that the file is for, in its order.
    pub fn platforms(&self) -> &[Platform] {
        &self.platforms
    }

    /// The guest policies, in the file's order; no two for one platform.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// All directives, in the file's order.
    pub fn directives(&self) -> &[Directive<'a>] {
        &self.directives
    }

    /// What a loader of this platform does.
    ///
    /// # Errors
    /// The file is not for it, or loads something twice or never, or too much.
    pub fn loading(&self, kind: PlatformKind) -> Result<Loading<'_, 'a>, IgvmFault> {
        let platform = self.platforms.iter().find(|one| one.kind == kind);
        let Some(platform) = platform else {
            let names: Vec<_> = self
                .platforms
                .iter()
                .map(|one| one.kind.to_string())
                .collect();
            let rule = Rule::PlatformMissing {
                wanted: kind,
                there: names.join(", "),
            };
            return Err(rule.at(self.headers_at));
        };
        Loading::of(*platform, self)
    }

    pub(crate) fn headers_at(&self) -> usize {
        self.headers_at
    }

    /// Whether a loader may move what is for this platform, by its bit.
    pub(crate) fn is_relocatable(&self, mask: u32) -> bool {
        self.relocations & mask != 0
    }
}

/// A CoRIM document or its signature: bounds alone, since no launch depends on it.
fn corim(structure: &Structure<'_>, data: &Data<'_>) -> Result<(), IgvmFault> {
    let mut body = structure.body;
    let at = body.offset();
    let (_mask, file_offset, bytes, reserved) =
        (body.u32()?, body.u32()?, body.u32()?, body.u32()?);
    if reserved != 0 {
        return Err(Rule::Reserved.at(at + 12));
    }
    data.take(file_offset, bytes.into(), at + 4).map(drop)
}

/// The part of a file that headers point into.
pub(crate) struct Data<'a> {
    file: &'a [u8],
    start: usize,
}

impl<'a> Data<'a> {
    /// These bytes; none where the offset, which `field` holds, is 0.
    pub fn take(
        &self,
        offset: u32,
        bytes: u64,
        field: usize,
    ) -> Result<Option<Placed<'a>>, IgvmFault> {
        let Some(start) = self.start_of(offset, field)? else {
            return Ok(None);
        };
        let outside = Rule::DataOutsideFile { at: offset, bytes };
        let taken = usize::try_from(bytes)
            .ok()
            .and_then(|bytes| self.file.get(start..)?.get(..bytes))
            .ok_or(outside.at(field))?;
        Ok(Some(Placed {
            offset: start,
            bytes: taken,
        }))
    }

    /// The page there, if the file holds all of it.
    pub fn page_if_there(
        &self,
        offset: u32,
        field: usize,
    ) -> Result<Option<Placed<'a>>, IgvmFault> {
        let start = self.start_of(offset, field)?;
        match self.take(offset, PAGE_BYTES, field) {
            Err(_) if start.is_some() => Ok(None),
            taken => taken,
        }
    }

    fn start_of(&self, offset: u32, field: usize) -> Result<Option<usize>, IgvmFault> {
        match usize::try_from(offset) {
            Ok(0) => Ok(None),
            Ok(start) if start >= self.start => Ok(Some(start)),
            _ => Err(Rule::DataInsideHeaders(offset).at(field)),
        }
    }
}
