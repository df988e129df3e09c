//! From the guest's first instruction to `shim_main`, and from there to the kernel.

use core::arch::global_asm;

use measured_boot_shim_abi::{TDX_MAGIC, layout};

global_asm!(
    include_str!("entry.s"),
    TDX_MAGIC = const TDX_MAGIC,
    STACK = const layout::STACK,
    STACK_END = const layout::STACK_END,
    PAGE_TABLES = const layout::PAGE_TABLES,
    PAGE_TABLE_PAGES = const layout::PAGE_TABLE_PAGES,
    RAM_END = const layout::RAM_END,
    C_BIT = const layout::C_BIT,
    SECRETS = const layout::SECRETS,
    MAILBOX = const layout::MAILBOX,
    MAILBOX_READY = const layout::MAILBOX_READY,
    options(att_syntax),
);

unsafe extern "C" {
    fn shim_hand_over(entry: u64, boot_params: u64) -> !;
}

/// Enters the kernel; nothing of the shim's stack is left.
pub fn hand_over(entry: u64) -> ! {
    // SAFETY: the load table is measured and judged: `entry` lies in the kernel, whose bytes are the
    // measured ones, and boot_params are complete. Nothing of this program is used any more.
    unsafe { shim_hand_over(entry, layout::BOOT_PARAMS) }
}
