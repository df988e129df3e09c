//! A guest that takes away what it needs itself: it must end, and nothing else.

use crate::boot::Mode;
use crate::console::line;
use crate::cpu::{self, Hypercall};

const MAP_GPA_RANGE: u64 = 12;
const PRIVATE: u64 = 1 << 4;
const PAGE: u64 = 4096;

/// Where the program lies: `link.ld`.
const PROGRAM: (u64, u64) = (16 << 20, 512);

/// Does it. What comes after that is not up to this program.
pub fn lose(mode: Mode, memory: u64) -> ! {
    let call = Hypercall::of_this_processor();
    let tables = page_tables();
    let (first, pages) = match mode {
        Mode::LosePageTables => (tables, 6),
        Mode::LoseCode => PROGRAM,
        Mode::LoseAll | Mode::Honest | Mode::Hostile | Mode::Leaky => (0, memory / PAGE),
    };
    if mode == Mode::LoseCode {
        // Memory that reads zero is code that adds to what RAX points to, which is 0 after the call: in
        // mapped memory it would do so for a minute.
        unmap_first_2_mib(tables);
    }
    line(format_args!(
        "flipper: {} of {pages} pages from {first:#x}",
        mode.name()
    ));
    let answer = call.call(MAP_GPA_RANGE, [first, pages, PRIVATE]);
    // Without page tables or code it does not come so far.
    line(format_args!("flipper: still here: {answer:#x}"));
    cpu::reset()
}

/// The tables are those that the machine started with, one after another.
fn page_tables() -> u64 {
    let table: u64;
    // SAFETY: it reads a register.
    unsafe { core::arch::asm!("mov {}, cr3", out(reg) table, options(nomem, nostack)) };
    table & !(PAGE - 1)
}

fn unmap_first_2_mib(tables: u64) {
    // PML4 and page directory pointers come first; then the directory of the first GiB.
    let directory = usize::try_from(tables + 2 * PAGE).expect("addresses have 64 bits");
    // SAFETY: the directory is mapped at its address, and this program uses nothing below 16 MiB any
    // more: page tables are reached by the processor, not through themselves. CR3 keeps its value.
    unsafe {
        core::ptr::with_exposed_provenance_mut::<u64>(directory).write_volatile(0);
        core::arch::asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack));
    }
}
