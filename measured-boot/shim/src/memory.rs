//! Guest memory: the one place that makes references and copies out of addresses.
//!
//! All of it is identity-mapped. Nothing is written above 3 GiB, nor, through here, what the shim lives in
//! (its pages from SECRETS to SHIM_END, the mailbox page); and no reference outlives its closure, so that what
//! is written by address never aliases one.

use core::arch::{asm, global_asm};
use core::ptr::with_exposed_provenance;
use core::ptr::with_exposed_provenance_mut;
use core::slice;

use measured_boot_shim_abi::layout::{
    self, MAILBOX, RAM_END, SECRETS, SHIM_END, STAGING, STAGING_END,
};
use measured_boot_shim_abi::{CpuidPage, LoadTable, MemoryMap, PAGE, Refusal, SecretsPage, Span};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

// What rustc's code calls; there is no libc. Strings instructions are short, and fast where it matters.
global_asm!(
    ".pushsection .text.memory, \"ax\"",
    ".globl memcpy, memmove, memset, memcmp, bcmp",
    "memcpy: mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    "memmove: mov rax, rdi",
    "mov rcx, rdx",
    "mov r8, rdi",
    "sub r8, rsi",
    "cmp r8, rdx",
    "jb 2f",
    "rep movsb",
    "ret",
    "2: lea rdi, [rdi + rdx - 1]",
    "lea rsi, [rsi + rdx - 1]",
    "std",
    "rep movsb",
    "cld",
    "ret",
    "memset: mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    "memcmp:",
    "bcmp: xor eax, eax",
    "xor ecx, ecx",
    "3: cmp rcx, rdx",
    "je 4f",
    "movzx eax, byte ptr [rdi + rcx]",
    "movzx r8d, byte ptr [rsi + rcx]",
    "inc rcx",
    "sub eax, r8d",
    "je 3b",
    "4: ret",
    ".popsection",
);

/// What was placed at a fixed address and never changes.
fn fixed<T: FromBytes + Immutable + KnownLayout + Unaligned>(address: u64) -> &'static T {
    const { assert!(size_of::<T>() == 4096) };
    // SAFETY: the callers below name launch-placed, mapped pages; any bytes are a `T` of alignment 1;
    // nothing writes there ([`own`] keeps this module from it, and the memory is private).
    unsafe { &*with_exposed_provenance(index(address)) }
}

/// The load table.
pub fn load_table() -> &'static LoadTable {
    fixed(layout::LOAD_TABLE)
}

/// The host's memory map.
pub fn memory_map() -> &'static MemoryMap {
    fixed(layout::MEMORY_MAP)
}

/// SNP's CPUID page.
pub fn cpuid_page() -> &'static CpuidPage {
    fixed(layout::CPUID)
}

/// SNP's secrets page.
pub fn secrets_page() -> &'static SecretsPage {
    fixed(layout::SECRETS)
}

/// The kind of guest, as the entry noted it at the stack's far end.
pub fn kind() -> u32 {
    // SAFETY: a mapped, aligned word that the entry wrote; no reference to it exists.
    unsafe { with_exposed_provenance::<u32>(index(layout::STACK)).read_volatile() }
}

/// Changes boot_params.
pub fn change_boot_params<R>(change: impl FnOnce(&mut [u8; 4096]) -> R) -> R {
    // SAFETY: a launch-placed, mapped page; this is the only reference to it, for as long as it lives:
    // `change` cannot call this function, being given no way to, and is called by `boot_params` alone.
    change(unsafe { &mut *with_exposed_provenance_mut(index(layout::BOOT_PARAMS)) })
}

/// Sets memory to zero.
///
/// # Errors
/// [`Refusal::Internal`] for the shim's own memory, and what is no RAM.
pub fn zero(span: Span) -> Result<(), Refusal> {
    let (start, length) = foreign(span)?;
    // SAFETY: RAM that is mapped, private and none of this program's. No Rust reference, since a slice
    // could not begin at address 0.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") length => _,
            inout("rdi") start => _,
            in("al") 0_u8,
            options(nostack, preserves_flags),
        );
    }
    Ok(())
}

/// Lets private memory be read.
///
/// # Errors
/// As [`zero`].
pub fn read<R>(span: Span, read: impl FnOnce(&[u8]) -> R) -> Result<R, Refusal> {
    let (start, length) = sliceable(span)?;
    // SAFETY: RAM that is mapped, private and none of this program's; nothing changes it meanwhile.
    Ok(read(unsafe {
        slice::from_raw_parts(with_exposed_provenance(start), length)
    }))
}

/// Lets private memory be changed.
///
/// # Errors
/// As [`zero`].
pub fn change<R>(span: Span, change: impl FnOnce(&mut [u8]) -> R) -> Result<R, Refusal> {
    let (start, length) = sliceable(span)?;
    // SAFETY: as in `read`; and no other reference to it lives, since all end with their closures and
    // no closure of this program calls this module.
    Ok(change(unsafe {
        slice::from_raw_parts_mut(with_exposed_provenance_mut(start), length)
    }))
}

/// Copies out of the host's staging area. The host may change the source at any time: what was copied
/// must be judged, never the source.
///
/// # Errors
/// As [`zero`], or if the source is not in the staging area.
pub fn copy_from_host(source: u64, destination: Span) -> Result<(), Refusal> {
    let staging = Span::between(STAGING, STAGING_END).ok_or(Refusal::Internal)?;
    let wanted = Span::new(source, destination.length()).ok_or(Refusal::Internal)?;
    if !staging.holds(wanted) {
        return Err(Refusal::Internal);
    }
    let (start, length) = foreign(destination)?;
    // SAFETY: the source is mapped and only read, by an instruction and not by a Rust reference; the
    // destination is RAM that is mapped, private and none of this program's.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") length => _,
            inout("rsi") index(source) => _,
            inout("rdi") start => _,
            options(nostack, preserves_flags),
        );
    }
    Ok(())
}

/// Reads the first and the last byte of each 4 KiB page of a range.
pub fn touch(span: Span) {
    let mut page = span.start();
    while page < span.end() {
        for byte in [page, page + PAGE - 1] {
            // SAFETY: the callers name RAM, which is mapped; any byte is a `u8`, and it is dropped.
            unsafe { with_exposed_provenance::<u8>(index(byte)).read_volatile() };
        }
        page += PAGE;
    }
}

/// A range as pointer and length, if it is RAM that this program does not live in.
fn foreign(span: Span) -> Result<(usize, usize), Refusal> {
    let own = [
        (SECRETS, SHIM_END),
        (MAILBOX, MAILBOX + PAGE),
        (RAM_END, u64::MAX),
    ];
    let mut own = own
        .into_iter()
        .filter_map(|(start, end)| Span::between(start, end));
    if own.any(|own| own.meets(span)) {
        return Err(Refusal::Internal);
    }
    Ok((index(span.start()), index(span.length())))
}

/// The same, where a slice may begin: not at address 0.
fn sliceable(span: Span) -> Result<(usize, usize), Refusal> {
    foreign(span).and_then(|(start, length)| match start {
        0 => Err(Refusal::Internal),
        _ => Ok((start, length)),
    })
}

/// An address or a length of this 64-bit machine.
const fn index(number: u64) -> usize {
    const { assert!(size_of::<usize>() == size_of::<u64>()) };
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the sizes are equal, as asserted"
    )]
    {
        number as usize
    }
}
