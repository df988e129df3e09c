//! The boot shim: the first code of a guest, which takes its memory, checks what the host loaded, and
//! enters the kernel.
//!
//! It is measured, so that it stays small; all that it is given comes from the host, so that all of it is
//! judged before it is used, by `measured-boot-shim-abi`. What is left here are the instructions that no
//! library has: PVALIDATE, TDCALL, WRMSR, and the way into 64-bit mode.

#![no_std]
#![no_main]
#![allow(
    unsafe_code,
    reason = "there is no operating system to call: memory is addresses, and the TEE is instructions"
)]

mod boot_params;
mod entry;
mod load;
mod memory;
mod plain;
mod snp;
mod tdx;
mod tee;

use core::panic::PanicInfo;

use measured_boot_shim_abi::{Loads, PAGE, Ram, Refusal, Span};

use crate::tee::Tee;

/// Called by entry.s, once, in 64-bit mode on a stack of its own.
// SAFETY: no other function of this program has this name, and no library is linked that could.
#[unsafe(no_mangle)]
extern "C" fn shim_main() -> ! {
    let tee = Tee::detected();
    match boot(tee) {
        Ok(entry) => entry::hand_over(entry),
        Err(refusal) => tee.refuse(refusal),
    }
}

/// Everything up to the kernel's entry, which it returns.
fn boot(tee: Tee) -> Result<u64, Refusal> {
    let loads = memory::load_table().judge()?;
    let ram = memory::memory_map().judge()?;
    loads.require_in(&ram)?;
    tee.judge_pages()?;
    take_memory(tee, &ram, &loads)?;
    clear(&ram, &loads)?;
    place(tee, &loads)?;
    boot_params::tell_memory(&ram, &loads)?;
    match tee {
        Tee::Plain => {}
        Tee::Snp => boot_params::tell_cc_blob(),
        Tee::Tdx => {
            boot_params::tell_processors(&loads)?;
            boot_params::tell_events(&loads)?;
        }
    }
    Ok(loads.entry())
}

/// Takes all RAM that the launch did not place, each page of it once.
fn take_memory(tee: Tee, ram: &Ram, loads: &Loads<'_>) -> Result<(), Refusal> {
    let mut taken = 0_u64;
    for page in ram.unplaced_pages(loads.ranges()) {
        taken += tee.take(page)?;
    }
    ram.require_taken(loads.ranges(), taken)
}

/// Zeroes what a kernel reads before it writes: what the load table says, and the BIOS's data area, by
/// which Linux would put its real-mode code anywhere.
fn clear(ram: &Ram, loads: &Loads<'_>) -> Result<(), Refusal> {
    let first = Span::new(0, PAGE).filter(|first| ram.holds(*first));
    first
        .into_iter()
        .chain(loads.zeroed())
        .try_for_each(memory::zero)
}

/// Places and records every piece.
fn place(tee: Tee, loads: &Loads<'_>) -> Result<(), Refusal> {
    let mut placed = 0;
    for piece in loads.pieces() {
        load::place(&piece)?;
        tee.record(piece.kind, piece.sha384)?;
        placed += 1;
    }
    loads.require_placed(placed)
}

/// A fault of the shim itself ends the guest like any refusal.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    Tee::detected().refuse(Refusal::Internal)
}
