//! Where everything lies, by guest-physical address. All of it is measured, directly or by the load table.

use core::ops::Range;

/// SNP's secrets page (page type SECRETS); stays reserved, since Linux reads VMPCK0 from it.
pub const SECRETS: u64 = 0x1000;
/// SNP's CPUID page (page type CPUID); stays reserved.
pub const CPUID: u64 = 0x2000;
/// The host's memory map (page type UNMEASURED): [`MemoryMap`](crate::MemoryMap).
pub const MEMORY_MAP: u64 = 0x3000;
/// The load table (measured): [`LoadTable`](crate::LoadTable).
pub const LOAD_TABLE: u64 = 0x4000;
/// A setup_data node of type SETUP_CC_BLOB, and the blob that it points to at [`CC_BLOB_INFO`]; measured,
/// stays reserved, linked into boot_params by the shim under SNP alone.
pub const CC_BLOB: u64 = 0x5000;
/// `struct cc_blob_sev_info` within the page of [`CC_BLOB`].
pub const CC_BLOB_INFO: u64 = CC_BLOB + 0x40;
/// Linux's boot_params: a measured template; the shim fills in e820 and, under SNP, setup_data.
pub const BOOT_PARAMS: u64 = 0x6000;
/// Six pages for page tables that the shim builds (page type ZERO): PML4, PDPT, four directories.
pub const PAGE_TABLES: u64 = 0x8000;
/// Pages of [`PAGE_TABLES`].
pub const PAGE_TABLE_PAGES: u64 = 6;
/// Two pages of stack (page type ZERO).
pub const STACK: u64 = 0xE000;
/// First byte beyond the stack.
pub const STACK_END: u64 = 0x1_0000;
/// The shim's image (measured); its first byte is the 32-bit entry. It keeps nothing but on its stack: no
/// memory beyond the file has to be zero. In a TD it stays reserved, as do [`PAGE_TABLES`] and
/// [`MAILBOX`]: processors wait in it for the kernel to wake them.
pub const SHIM: u64 = 0x1_0000;
/// Where an SNP guest's other processors start and stay: a loop in the image that takes no event. The
/// guest starts them with states of its own; the host can run the launch's all the same.
pub const PARKED: u64 = SHIM + 0x10;
/// First byte beyond the room for the image.
pub const SHIM_END: u64 = 0x1_C000;
/// Where the command line is copied to.
pub const CMDLINE: u64 = 0x2_0000;
/// TDX: the wake-up mailbox page of ACPI's multiprocessor wakeup structure; stays reserved.
pub const MAILBOX: u64 = 0x8_F000;
/// TDX: where the boot processor tells the others that page tables are there; in the part of the mailbox
/// page that is the firmware's.
pub const MAILBOX_READY: u64 = MAILBOX + 0x800;
/// TDX: the confidential-computing event log; stays reserved as ACPI NVS.
pub const EVENT_LOG: u64 = 0x9_0000;
/// Bytes of [`EVENT_LOG`].
pub const EVENT_LOG_BYTES: u64 = 0x1_0000;
/// First byte of the legacy hole: validated, zeroed, reserved, since TDX kernels scan it.
pub const LEGACY: u64 = 0xA_0000;
/// Where the ACPI tables are copied to, RSDP first.
pub const ACPI: u64 = 0xE_0000;
/// First byte beyond the legacy hole.
pub const LEGACY_END: u64 = 0x10_0000;
/// First address that the host's staging area may have: shared memory, in the hole for devices.
pub const STAGING: u64 = 0xC000_0000;
/// First byte beyond the staging area; virtio-mmio follows.
pub const STAGING_END: u64 = 0xD000_0000;
/// TDX: the page with the reset vector, measured and launch-placed, outside RAM.
pub const TDX_RESET_PAGE: u64 = 0xFFFF_F000;
/// RAM below 4 GiB ends here at the latest. The shim maps what lies below as private, what lies from here
/// to 4 GiB as shared.
pub const RAM_END: u64 = STAGING;
/// RAM goes on here, all of it mapped as private: what our launches and the shim place lies below [`RAM_END`].
pub const HIGH_RAM: u64 = 1 << 32;
/// First byte beyond what one page of page directory pointers maps.
pub const HIGH_RAM_END: u64 = 1 << 39;

/// Where so many bytes of RAM lie: as many as there is room for from address 0 on, the others from
/// [`HIGH_RAM`] on. A range may be empty. What would wrap is left out.
#[must_use]
pub const fn ram(bytes: u64) -> [Range<u64>; 2] {
    let low = if bytes < RAM_END { bytes } else { RAM_END };
    [0..low, HIGH_RAM..HIGH_RAM.saturating_add(bytes - low)]
}

/// The C-bit of every SNP processor so far (Milan, Genoa, Turin); the shim compares the CPUID page's.
pub const C_BIT: u32 = 51;
