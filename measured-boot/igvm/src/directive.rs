//! Directives: what a loader does, one after the other.

use crate::areas::Areas;
use crate::fault::Rule;
use crate::file::Data;
use crate::structure::Structure;
use crate::{IgvmFault, LARGE_PAGE_BYTES, PAGE_BYTES, SnpIdBlock, is_addressable};

/// One thing that a loader does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// Where its header is in the file.
    pub offset: usize,
    /// The platforms that it is for, by their bits; all bits where it does not say.
    pub mask: u32,
    /// What it is.
    pub kind: DirectiveKind<'a>,
    /// Of a parameter, which and where in its area.
    pub parameter: Option<Parameter>,
}

/// Something about the machine that the host writes into a parameter area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// What.
    pub kind: ParameterKind,
    /// Offset of its first byte in the area.
    pub at: u32,
}

/// What a host writes into a parameter area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// The number of vCPUs, a u32.
    VpCount,
    /// The ACPI table of that name.
    Srat,
    /// The ACPI table of that name.
    Madt,
    /// Where devices are.
    MmioRanges,
    /// Where memory is.
    MemoryMap,
    /// The command line.
    CommandLine,
    /// The ACPI table of that name.
    Slit,
    /// The ACPI table of that name.
    Pptt,
    /// A flattened device tree.
    DeviceTree,
    /// What the host says of itself.
    EnvironmentInfo,
}

impl ParameterKind {
    /// The kind of a structure of this type.
    const fn of(structure: u32) -> Option<Self> {
        Some(match structure {
            0x307 => Self::VpCount,
            0x308 => Self::Srat,
            0x309 => Self::Madt,
            0x30A => Self::MmioRanges,
            0x30C => Self::MemoryMap,
            0x30E => Self::CommandLine,
            0x30F => Self::Slit,
            0x310 => Self::Pptt,
            0x312 => Self::DeviceTree,
            0x313 => Self::EnvironmentInfo,
            _ => return None,
        })
    }

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VpCount => "the number of vCPUs",
            Self::Srat => "an ACPI SRAT",
            Self::Madt => "an ACPI MADT",
            Self::MmioRanges => "ranges of devices",
            Self::MemoryMap => "a memory map",
            Self::CommandLine => "a command line",
            Self::Slit => "an ACPI SLIT",
            Self::Pptt => "an ACPI PPTT",
            Self::DeviceTree => "a device tree",
            Self::EnvironmentInfo => "what the host says of itself",
        }
    }
}

/// What a loader does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectiveKind<'a> {
    /// Adds a page.
    Page(PageData<'a>),
    /// Adds a parameter area, which the host has filled in.
    Insert(ParameterInsert<'a>),
    /// Sets a vCPU's state.
    VpContext(VpContext<'a>),
    /// Writes something about the machine into a parameter area: its index.
    Parameter(u32),
    /// Checks the launch against the owner's ID block.
    SnpIdBlock(SnpIdBlock<'a>),
    /// Nothing that a launch is measured by: memory to be there, or to be shared.
    Other,
}

/// Bytes and where they are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// From the file's start.
    pub offset: usize,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// A page of 4 KiB or 2 MiB (IGVM_VHS_PAGE_DATA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageData<'a> {
    /// Its guest physical address, a multiple of its size.
    pub gpa: u64,
    /// Whether it has 2 MiB.
    pub is_large: bool,
    /// Whether it is added without its contents being measured.
    pub is_unmeasured: bool,
    /// Whether the host sees it; it is not measured at all then.
    pub is_shared: bool,
    /// What kind of page it is.
    pub kind: PageDataKind,
    /// Its contents, as many bytes as it has; `None` for zeros.
    pub data: Option<Placed<'a>>,
}

/// The kinds of pages (IgvmPageDataType).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageDataKind {
    /// 0: contents.
    Normal,
    /// 1: the secrets page of SEV-SNP.
    Secrets,
    /// 2: the CPUID page of SEV-SNP.
    Cpuid,
    /// 3: the CPUID page of SEV-SNP for the extended states.
    CpuidXf,
}

/// Pages that the host has filled in (IGVM_VHS_PARAMETER_INSERT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterInsert<'a> {
    /// Guest physical address of the first.
    pub gpa: u64,
    /// The area's index.
    pub area: u32,
    /// The area's size, a multiple of 4096.
    pub bytes: u64,
    /// What the area holds before the host writes, as many bytes; `None` for zeros.
    pub data: Option<Placed<'a>>,
}

/// The state in which a vCPU starts (IGVM_VHS_VP_CONTEXT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VpContext<'a> {
    /// Where SEV-ES and SEV-SNP lay it, a multiple of 4096.
    pub gpa: u64,
    /// Which vCPU's.
    pub vp_index: u16,
    /// The 4096 bytes in the file, a VMSA for SEV-ES and SEV-SNP; `None` where the file has no whole page
    /// there, which is right for VSM alone.
    pub data: Option<Placed<'a>>,
}

impl<'a> PageData<'a> {
    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        if self.is_large {
            LARGE_PAGE_BYTES
        } else {
            PAGE_BYTES
        }
    }

    /// Its pages of 4096 bytes, in order: address and contents, `None` for zeros.
    pub fn small_pages(&self) -> impl Iterator<Item = (u64, Option<&'a [u8]>)> + use<'a> {
        let data = self.data;
        let (gpa, count) = (self.gpa, self.bytes() / PAGE_BYTES);
        let mut chunks = data.map(|data| data.bytes.chunks(4096));
        (0..count).map(move |index| {
            let page = chunks.as_mut().and_then(Iterator::next);
            (gpa + index * PAGE_BYTES, page)
        })
    }
}

/// Reads what is not a parameter area.
pub(crate) fn read<'a>(
    structure: &Structure<'a>,
    areas: &Areas<'a>,
    data: &Data<'a>,
) -> Result<Directive<'a>, IgvmFault> {
    let mut parameter = None;
    let (mask, kind) = match structure.kind {
        0x302 => page(structure, data)?,
        0x303 => insert(structure, areas)?,
        0x304 => vp_context(structure, data)?,
        0x305 => required_memory(structure)?,
        0x30B => id_block(structure)?,
        0x30D => error_range(structure)?,
        0x311 => (structure.body.clone().u32()?, DirectiveKind::Other),
        number => {
            let (area, at) = areas.of_parameter(structure)?;
            parameter = ParameterKind::of(number).map(|kind| Parameter { kind, at });
            (u32::MAX, DirectiveKind::Parameter(area))
        }
    };
    Ok(Directive {
        offset: structure.offset,
        mask,
        kind,
        parameter,
    })
}

type Read<'a> = (u32, DirectiveKind<'a>);

fn page<'a>(structure: &Structure<'a>, data: &Data<'a>) -> Result<Read<'a>, IgvmFault> {
    let mut body = structure.body;
    let at = body.offset();
    let (gpa, mask, file_offset) = (body.u64()?, body.u32()?, body.u32()?);
    let (flags, kind, reserved) = (body.u32()?, body.u16()?, body.u16()?);
    if flags & !7 != 0 {
        return Err(Rule::Flags(flags).at(at + 16));
    }
    if reserved != 0 {
        return Err(Rule::Reserved.at(at + 22));
    }
    let kind = match kind {
        0 => PageDataKind::Normal,
        1 => PageDataKind::Secrets,
        2 => PageDataKind::Cpuid,
        3 => PageDataKind::CpuidXf,
        _ => return Err(Rule::PageDataType(kind).at(at + 20)),
    };
    let is_large = flags & 1 != 0;
    let bytes = if is_large {
        LARGE_PAGE_BYTES
    } else {
        PAGE_BYTES
    };
    refuse_misplaced(gpa, bytes, bytes, at)?;
    let page = PageData {
        gpa,
        is_large,
        is_unmeasured: flags & 2 != 0,
        is_shared: flags & 4 != 0,
        kind,
        data: data.take(file_offset, bytes, at + 12)?,
    };
    Ok((mask, DirectiveKind::Page(page)))
}

fn insert<'a>(structure: &Structure<'a>, areas: &Areas<'a>) -> Result<Read<'a>, IgvmFault> {
    let mut body = structure.body;
    let at = body.offset();
    let (gpa, mask, area) = (body.u64()?, body.u32()?, body.u32()?);
    let (bytes, data) = areas.area(area, at + 12)?;
    refuse_misplaced(gpa, PAGE_BYTES, bytes, at)?;
    let insert = ParameterInsert {
        gpa,
        area,
        bytes,
        data,
    };
    Ok((mask, DirectiveKind::Insert(insert)))
}

fn vp_context<'a>(structure: &Structure<'a>, data: &Data<'a>) -> Result<Read<'a>, IgvmFault> {
    let mut body = structure.body;
    let at = body.offset();
    let (gpa, mask, file_offset) = (body.u64()?, body.u32()?, body.u32()?);
    let (vp_index, reserved) = (body.u16()?, body.u16()?);
    if reserved != 0 {
        return Err(Rule::Reserved.at(at + 18));
    }
    refuse_misplaced(gpa, PAGE_BYTES, PAGE_BYTES, at)?;
    let context = VpContext {
        gpa,
        vp_index,
        data: data.page_if_there(file_offset, at + 12)?,
    };
    Ok((mask, DirectiveKind::VpContext(context)))
}

fn required_memory<'a>(structure: &Structure<'_>) -> Result<Read<'a>, IgvmFault> {
    let mut body = structure.body;
    let at = body.offset();
    let (gpa, mask, bytes) = (body.u64()?, body.u32()?, body.u32()?);
    let (flags, reserved) = (body.u32()?, body.u32()?);
    refuse_misplaced(gpa, PAGE_BYTES, bytes.into(), at)?;
    if flags & !1 != 0 {
        return Err(Rule::Flags(flags).at(at + 16));
    }
    if reserved != 0 {
        return Err(Rule::Reserved.at(at + 20));
    }
    Ok((mask, DirectiveKind::Other))
}

fn error_range<'a>(structure: &Structure<'_>) -> Result<Read<'a>, IgvmFault> {
    let mut body = structure.body;
    let at = body.offset();
    let (gpa, mask, bytes) = (body.u64()?, body.u32()?, body.u32()?);
    refuse_misplaced(gpa, PAGE_BYTES, bytes.into(), at)?;
    Ok((mask, DirectiveKind::Other))
}

fn id_block<'a>(structure: &Structure<'a>) -> Result<Read<'a>, IgvmFault> {
    let (mask, block) = SnpIdBlock::read(structure)?;
    Ok((mask, DirectiveKind::SnpIdBlock(block)))
}

/// Whether memory at `gpa`, which must be a multiple of `unit`, can be addressed and consists of pages.
fn refuse_misplaced(gpa: u64, unit: u64, bytes: u64, at: usize) -> Result<(), IgvmFault> {
    if !gpa.is_multiple_of(unit) {
        return Err(Rule::GpaUnaligned(gpa).at(at));
    }
    if !bytes.is_multiple_of(PAGE_BYTES) {
        return Err(Rule::SizeUnaligned(bytes).at(at));
    }
    if !is_addressable(gpa, bytes) {
        return Err(Rule::GpaTooHigh { gpa, bytes }.at(at));
    }
    Ok(())
}
