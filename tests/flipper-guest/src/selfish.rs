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
    let stack = stack_page();
    let (first, pages) = match mode {
        Mode::LosePageTables => (tables, 6),
        Mode::LoseStack => (stack, 1),
        Mode::LoseCode => PROGRAM,
        Mode::LoseAll | Mode::Honest | Mode::Hostile => (0, memory / PAGE),
    };
    line(format_args!(
        "flipper: {} of {pages} pages from {first:#x}",
        mode.name()
    ));
    let answer = call.call(MAP_GPA_RANGE, [first, pages, PRIVATE]);
    // Where the stack is gone, this is the first to find out.
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

/// The physical page that the stack is in now.
fn stack_page() -> u64 {
    const KERNEL_HALF: u64 = 0xffff_ffff_8000_0000;
    let here: u64;
    // SAFETY: it reads a register.
    unsafe { core::arch::asm!("mov {}, rsp", out(reg) here, options(nomem, nostack)) };
    here.wrapping_sub(KERNEL_HALF) & !(PAGE - 1)
}
