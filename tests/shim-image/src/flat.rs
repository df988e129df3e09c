//! From an ELF file to the bytes that it loads.

use anyhow::{Context, Result, bail, ensure};
use elf::ElfBytes;
use elf::abi::{PT_DYNAMIC, PT_INTERP, PT_LOAD, SHT_REL, SHT_RELA};
use elf::endian::LittleEndian;
use measured_boot_shim_abi::layout::{SHIM, SHIM_END};

/// The image in an ELF file of the shim.
///
/// # Errors
/// When it is not one segment at the shim's address that starts with the entry, or needs a loader: to
/// relocate it, to zero memory, to find libraries.
pub fn flat(file: &[u8]) -> Result<Vec<u8>> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file)?;
    let segments = elf.segments().context("there are no segments")?;
    if segments
        .iter()
        .any(|one| matches!(one.p_type, PT_DYNAMIC | PT_INTERP))
    {
        bail!("it wants a dynamic linker");
    }
    let mut sections = elf.section_headers().into_iter().flatten();
    if sections.any(|section| matches!(section.sh_type, SHT_REL | SHT_RELA)) {
        bail!("relocations are left");
    }
    let mut loads = segments.iter().filter(|one| one.p_type == PT_LOAD);
    let (Some(segment), None) = (loads.next(), loads.next()) else {
        bail!("it has not one segment to load");
    };
    ensure!(
        segment.p_paddr == SHIM && segment.p_vaddr == SHIM && elf.ehdr.e_entry == SHIM,
        "its entry is not the first byte of a segment at {SHIM:#x}"
    );
    ensure!(
        segment.p_filesz == segment.p_memsz,
        "it wants memory that is zero"
    );
    ensure!(
        segment.p_memsz <= SHIM_END - SHIM,
        "it has {} bytes, {} are allowed",
        segment.p_memsz,
        SHIM_END - SHIM
    );
    Ok(elf.segment_data(&segment)?.to_vec())
}
