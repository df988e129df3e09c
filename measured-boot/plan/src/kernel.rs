//! The kernel file: an uncompressed 64-bit ELF `vmlinux`. It is untrusted: everything that it says
//! about itself is checked before it is used, and nothing is allocated by what it claims.

use crate::content::range;
use crate::{Component, Content, Gpa, PlanError, Region, Source};
use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_EXEC, PT_LOAD};
use elf::endian::LittleEndian;
use elf::segment::ProgramHeader;
use measured_boot_snp_abi::PageType;

/// Below it are the real-mode area, the ACPI tables and what planning puts there.
const LOWEST_KERNEL_ADDRESS: u64 = 1 << 20;
/// `__START_KERNEL_map`: where every x86-64 Linux kernel is linked, and no program is.
const KERNEL_HALF: u64 = 0xFFFF_FFFF_8000_0000;
/// More loadable segments than any kernel has.
const MAX_SEGMENTS: usize = 64;

/// A kernel that can be loaded.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// Physical address of its first instruction.
    pub(crate) entry: Gpa,
    /// First address beyond it, memory that it expects to be zero included.
    pub(crate) end: Gpa,
    /// Its segments by rising address.
    pub(crate) segments: Vec<LoadSegment>,
}

impl Kernel {
    /// Reads the file's headers.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, PlanError> {
        let elf = parse_elf(file)?;
        let mut segments = Vec::new();
        for header in elf.segments().into_iter().flatten() {
            if header.p_type == PT_LOAD && header.p_memsz > 0 {
                segments.push(LoadSegment::new(&header, file)?);
            }
            if segments.len() > MAX_SEGMENTS {
                return Err(malformed(format!(
                    "more than {MAX_SEGMENTS} loadable segments"
                )));
            }
        }
        segments.sort_by_key(|segment| segment.start);
        refuse_overlap(&segments)?;
        let entry = Gpa::new(elf.ehdr.e_entry);
        refuse_programs(&segments, entry)?;
        let end = segments
            .iter()
            .map(|segment| segment.end)
            .max()
            .expect("one holds the entry");
        Ok(Self {
            entry,
            end,
            segments,
        })
    }

    /// Its segments as pages that are handed over, without those that have no bytes in the file.
    pub(crate) fn regions(&self) -> impl Iterator<Item = Region> + '_ {
        let with_bytes = self.segments.iter().filter(|segment| segment.file_size > 0);
        with_bytes.map(LoadSegment::region)
    }
}

fn parse_elf(file: &[u8]) -> Result<ElfBytes<'_, LittleEndian>, PlanError> {
    if file.is_empty() {
        return Err(PlanError::KernelEmpty);
    }
    if is_bz_image(file) {
        return Err(PlanError::KernelCompressed);
    }
    if !file.starts_with(b"\x7FELF") {
        return Err(PlanError::NotAKernel {
            found: "no ELF file",
        });
    }
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file)
        .map_err(|error| malformed(error.to_string()))?;
    if elf.ehdr.class != elf::file::Class::ELF64 || elf.ehdr.e_machine != EM_X86_64 {
        return Err(PlanError::NotAKernel {
            found: "an ELF file for another machine",
        });
    }
    if elf.ehdr.e_type != ET_EXEC {
        return Err(PlanError::NotAKernel {
            found: "a shared object or position-independent program",
        });
    }
    Ok(elf)
}

/// Whether the file has the signatures of Linux's setup header at 0x1FE and 0x202.
fn is_bz_image(file: &[u8]) -> bool {
    file.get(0x1FE..0x200) == Some(&[0x55, 0xAA]) && file.get(0x202..0x206) == Some(b"HdrS")
}

/// A segment that is loaded.
#[derive(Debug)]
pub(crate) struct LoadSegment {
    /// Physical address of its first byte.
    pub(crate) start: Gpa,
    /// First address beyond it.
    pub(crate) end: Gpa,
    virtual_start: u64,
    /// Where its bytes begin in the file.
    pub(crate) offset: u64,
    /// How many bytes the file has of it; the rest is zero.
    pub(crate) file_size: u64,
}

impl LoadSegment {
    fn new(header: &ProgramHeader, file: &[u8]) -> Result<Self, PlanError> {
        let start = Gpa::new(header.p_paddr);
        let refuse = |what: &str| Err(malformed(format!("the segment at {start} {what}")));
        let Some(end) = start.checked_add(header.p_memsz) else {
            return refuse("wraps around the address space");
        };
        if header.p_filesz > header.p_memsz {
            return refuse("has more bytes in the file than in memory");
        }
        if range(file, header.p_offset, header.p_filesz).is_none() {
            return refuse("reaches beyond the end of the file: it is cut off");
        }
        if start.get() < LOWEST_KERNEL_ADDRESS {
            return refuse("lies below 1 MiB, where the boot data goes");
        }
        if !start.is_page_aligned() {
            return refuse("does not start at a page");
        }
        Ok(Self {
            start,
            end,
            virtual_start: header.p_vaddr,
            offset: header.p_offset,
            file_size: header.p_filesz,
        })
    }

    fn region(&self) -> Region {
        Region {
            component: Component::Kernel,
            start: self.start,
            page_type: PageType::Normal,
            content: Content::File {
                source: Source::Kernel,
                offset: self.offset,
                length: self.file_size,
            },
        }
    }
}

/// Segments must not share pages: a page is measured once, with one content.
fn refuse_overlap(segments: &[LoadSegment]) -> Result<(), PlanError> {
    for pair in segments.windows(2) {
        if pair[0].end.get().div_ceil(4096) > pair[1].start.get() / 4096 {
            let (first, second) = (pair[0].start, pair[1].start);
            return Err(malformed(format!(
                "the segments at {first} and {second} overlap"
            )));
        }
    }
    Ok(())
}

fn refuse_programs(segments: &[LoadSegment], entry: Gpa) -> Result<(), PlanError> {
    let holds_entry = |segment: &&LoadSegment| segment.start <= entry && entry < segment.end;
    match segments.iter().find(holds_entry) {
        Some(segment) if segment.virtual_start >= KERNEL_HALF => Ok(()),
        Some(_) => Err(PlanError::NotAKernel {
            found: "a program for user space",
        }),
        None => Err(PlanError::NotAKernel {
            found: "an ELF file whose entry is in no segment",
        }),
    }
}

fn malformed(problem: String) -> PlanError {
    PlanError::KernelMalformed { problem }
}
