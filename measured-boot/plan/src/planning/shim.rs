//! `shim`: a few measured pages, and everything else in shared memory, to be copied and checked by the
//! boot shim.
//!
//! Nothing that is measured depends on how much memory there is: the initrd follows the kernel, and the
//! memory map is the one page whose contents are not measured.

mod table;

use super::{INITRD_CEILING, LaidOut, Wanted, bytes, cpuid_page};
use crate::acpi::{self, Processors, Tables};
use crate::boot_data::{self, BootInput};
use crate::kernel::Kernel;
use crate::registers;
use crate::{
    Component, Content, Gpa, PlanError, Region, Source, Sources, Staged, TeeKind, VcpuState,
};
use measured_boot_shim_abi::{LARGE_PAGE, MemoryMap, Piece, layout, tdx_reset_page};
use measured_boot_snp_abi::PageType;
use table::TableInput;
pub(super) use table::pieces_of_files;
use zerocopy::IntoBytes;

/// What the kernel is told where there are no ACPI tables: it must not look for any. In front, since what
/// follows a `--` is no kernel's parameter.
const NO_ACPI: &[u8] = b"acpi=off ";

/// Everything that the shim is given, and where it goes.
struct Guest {
    kernel: Kernel,
    initrd: Gpa,
    initrd_length: u64,
    /// With its NUL.
    cmdline: Vec<u8>,
    acpi: Option<Tables>,
}

/// `known` is what an earlier plan's load table says of the same files.
pub(super) fn lay_out(
    wanted: &Wanted,
    sources: &Sources<'_>,
    known: &[Piece],
) -> Result<LaidOut, PlanError> {
    let guest = guest(wanted, sources)?;
    let shim = shim(sources)?;
    let staged = stage(&guest, sources)?;
    let table = table::load_table(&TableInput {
        guest: &guest,
        staged: &staged,
        sources,
        known,
        shim_pages: shim.pages(),
        is_td: wanted.tee == TeeKind::Tdx,
    })?;
    let mut regions = vec![
        bytes(
            Component::MemoryMap,
            Gpa::new(layout::MEMORY_MAP),
            memory_map(wanted),
        )
        .with_type(PageType::Unmeasured),
        bytes(Component::LoadTable, Gpa::new(layout::LOAD_TABLE), table),
        bytes(
            Component::BootParams,
            Gpa::new(layout::BOOT_PARAMS),
            boot_params(&guest),
        ),
        zeros(
            Component::PageTables,
            layout::PAGE_TABLES,
            layout::PAGE_TABLE_PAGES * 4096,
        ),
        zeros(
            Component::Stack,
            layout::STACK,
            layout::STACK_END - layout::STACK,
        ),
        shim,
    ];
    regions.extend(match wanted.tee {
        TeeKind::Tdx => of_td(),
        TeeKind::Simulated | TeeKind::Snp => of_snp(),
    });
    regions.sort_by_key(|region| region.start);
    Ok(LaidOut {
        regions,
        staged,
        vcpus: vcpus(wanted),
        cpuid: match wanted.tee {
            TeeKind::Tdx => wanted.model.entries(wanted.vcpus),
            TeeKind::Simulated | TeeKind::Snp => wanted.model.snp_entries(wanted.vcpus),
        },
    })
}

fn guest(wanted: &Wanted, sources: &Sources<'_>) -> Result<Guest, PlanError> {
    let kernel = Kernel::parse(sources.kernel)?;
    let (end, memory_end) = (kernel.end, wanted.low_end());
    if end > memory_end {
        return Err(PlanError::KernelBeyondMemory { end, memory_end });
    }
    let (initrd, initrd_length) = initrd(sources.initrd, end, memory_end)?;
    Ok(Guest {
        kernel,
        initrd,
        initrd_length,
        cmdline: cmdline(wanted)?,
        acpi: acpi(wanted)?,
    })
}

/// The initrd at the first large page above the kernel.
fn initrd(file: &[u8], kernel_end: Gpa, memory_end: Gpa) -> Result<(Gpa, u64), PlanError> {
    if file.is_empty() {
        return Err(PlanError::InitrdEmpty);
    }
    let ceiling = Gpa::new(memory_end.get().min(INITRD_CEILING));
    let length = u64::try_from(file.len()).expect("usize is at most 64 bits");
    let start = Gpa::new(kernel_end.get().next_multiple_of(LARGE_PAGE));
    let fits = start.checked_add(length).is_some_and(|end| end <= ceiling);
    fits.then_some((start, length))
        .ok_or(PlanError::InitrdDoesNotFit {
            length: file.len(),
            kernel_end,
            ceiling,
        })
}

fn cmdline(wanted: &Wanted) -> Result<Vec<u8>, PlanError> {
    let mut cmdline = wanted.cmdline.clone();
    if !wanted.has_acpi {
        cmdline.splice(..0, NO_ACPI.iter().copied());
    }
    match cmdline.len() - 1 {
        length if length >= super::MAX_CMDLINE => Err(PlanError::CmdlineTooLong { length }),
        _ => Ok(cmdline),
    }
}

fn acpi(wanted: &Wanted) -> Result<Option<Tables>, PlanError> {
    let processors = match wanted.tee {
        TeeKind::Tdx => Processors::OfTd,
        TeeKind::Simulated | TeeKind::Snp => Processors::Enabled(wanted.vcpus),
    };
    if wanted.has_acpi {
        let start = Gpa::new(layout::ACPI);
        return Ok(Some(acpi::tables(start, processors, &wanted.devices)));
    }
    match (wanted.tee, wanted.vcpus, wanted.devices.len()) {
        (TeeKind::Tdx, ..) => Err(PlanError::AcpiForTd),
        (_, 1, 0) => Ok(None),
        (_, 1, _) => Err(PlanError::AcpiForDevices),
        _ => Err(PlanError::AcpiForVcpus),
    }
}

fn shim(sources: &Sources<'_>) -> Result<Region, PlanError> {
    let room = layout::SHIM_END - layout::SHIM;
    let length = u64::try_from(sources.shim.len()).expect("usize is at most 64 bits");
    match length {
        0 => Err(PlanError::ShimEmpty),
        length if length > room => Err(PlanError::ShimTooLong {
            length: sources.shim.len(),
            room,
        }),
        length => Ok(Region {
            component: Component::Shim,
            start: Gpa::new(layout::SHIM),
            page_type: PageType::Normal,
            content: Content::File {
                source: Source::Shim,
                offset: 0,
                length,
            },
        }),
    }
}

fn memory_map(wanted: &Wanted) -> Vec<u8> {
    MemoryMap::of_ram(wanted.memory_bytes).as_bytes().to_vec()
}

fn boot_params(guest: &Guest) -> Vec<u8> {
    boot_data::boot_params(&BootInput {
        ram: None,
        cmdline: Gpa::new(layout::CMDLINE),
        cmdline_length: u32::try_from(guest.cmdline.len()).expect("the length was checked") - 1,
        initrd: guest.initrd,
        initrd_length: u32::try_from(guest.initrd_length).expect("it fits below 2 GiB"),
        rsdp: guest.acpi.as_ref().map(|_| Gpa::new(layout::ACPI)),
    })
}

/// What tells an SNP guest of its processor.
fn of_snp() -> Vec<Region> {
    vec![
        zeros(Component::Secrets, layout::SECRETS, 4096).with_type(PageType::Secrets),
        cpuid_page(Gpa::new(layout::CPUID)),
        bytes(
            Component::CcBlob,
            Gpa::new(layout::CC_BLOB),
            boot_data::cc_blob(),
        ),
    ]
}

/// What a TD's processors start in, and wait in.
fn of_td() -> Vec<Region> {
    let reset = Gpa::new(layout::TDX_RESET_PAGE);
    vec![
        zeros(Component::Mailbox, layout::MAILBOX, 4096),
        bytes(Component::ResetVector, reset, tdx_reset_page().to_vec()),
    ]
}

fn zeros(component: Component, start: u64, length: u64) -> Region {
    Region {
        component,
        start: Gpa::new(start),
        page_type: PageType::Zero,
        content: Content::Zeros(length),
    }
}

impl Region {
    fn with_type(self, page_type: PageType) -> Self {
        Self { page_type, ..self }
    }
}

/// Whole files as they are, each from a page's start on, so that they can be mapped; then what is made here.
fn stage(guest: &Guest, sources: &Sources<'_>) -> Result<Vec<Staged>, PlanError> {
    let file = |source: Source| Content::File {
        source,
        offset: 0,
        length: u64::try_from(source.bytes(sources).len()).expect("usize is at most 64 bits"),
    };
    let acpi = guest
        .acpi
        .as_ref()
        .map(|acpi| Content::Bytes(acpi.bytes.clone()));
    let pieces = [
        Some((Component::Kernel, file(Source::Kernel))),
        Some((Component::Initrd, file(Source::Initrd))),
        Some((Component::Cmdline, Content::Bytes(guest.cmdline.clone()))),
        acpi.map(|tables| (Component::Acpi, tables)),
    ];
    let mut end = layout::STAGING;
    let mut staged = Vec::new();
    for (component, content) in pieces.into_iter().flatten() {
        let start = Gpa::new(end);
        end = end
            .checked_add(content.length().next_multiple_of(4096))
            .expect("files are smaller than the address space");
        staged.push(Staged {
            component,
            start,
            content,
        });
    }
    let (bytes, room) = (end - layout::STAGING, layout::STAGING_END - layout::STAGING);
    if bytes > room {
        Err(PlanError::StagingFull { bytes, room })
    } else {
        Ok(staged)
    }
}

/// The first starts the shim; the others wait in it. A TD's registers are the TDX module's.
fn vcpus(wanted: &Wanted) -> Vec<VcpuState> {
    let others = (1..wanted.vcpus).map(|_| registers::parked_in_shim());
    std::iter::once(registers::at_shim_entry())
        .chain(others)
        .collect()
}
