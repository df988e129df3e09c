//! The program: the entry of a measured kernel, then [`run`].

#![no_std]
#![no_main]
#![allow(
    dead_code,
    unsafe_code,
    reason = "the modules are a library's, too; a program without an operating system"
)]

mod block;
mod boot;
mod console;
mod counts;
mod cpu;
mod hostile;
mod library;
mod memory;
mod pattern;
mod random;
mod run;
mod selfish;
mod state;
mod virtio;
mod vsock;
mod world;

// Entered as Linux is (64-bit boot protocol): long mode, the first 4 GiB mapped to themselves, no stack,
// no SSE. The program is linked in the kernel's half, as every kernel is, so the tables get that half too:
// PML4[511] is PML4[0], and of the table behind it entry 510 is entry 0.
core::arch::global_asm!(
    ".section .text.start, \"ax\"",
    ".global start",
    "start:",
    "cli",
    "mov rax, cr3",
    "mov rbx, [rax]",
    "mov [rax + 511 * 8], rbx",
    "and rbx, -4096",
    "mov rcx, [rbx]",
    "mov [rbx + 510 * 8], rcx",
    "mov rax, cr0",
    "and eax, ~(1 << 2)",
    "or eax, 1 << 1",
    "mov cr0, rax",
    "mov rax, cr4",
    "or eax, 3 << 9",
    "mov cr4, rax",
    "lea rsp, [rip + stack_end]",
    "mov rax, offset high",
    "jmp rax",
    "high:",
    "mov rsp, offset stack_end",
    "xor ebp, ebp",
    "mov rdi, rsi",
    "call {main}",
    "ud2",
    main = sym main,
);

/// `boot_parameters` is the physical address that RSI held.
extern "C" fn main(boot_parameters: u64) -> ! {
    // SAFETY: this is the one call, on a machine where this program alone runs, entered as Linux is.
    unsafe { run::run(boot_parameters) }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    console::line(format_args!("flipper: FAILED: {info}"));
    cpu::reset()
}
