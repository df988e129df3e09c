//! What only SEV-SNP has: PVALIDATE, and a last word to the host.

use core::arch::asm;

use measured_boot_shim_abi::{Page, REASON_SET, Refusal};

use crate::memory;
use crate::tee::Taken;

/// GHCB MSR (56421 rev 2.04, section 2.3.1).
const MSR_GHCB: u32 = 0xC001_0130;
const TERMINATION_REQUEST: u32 = 0x100;

/// PVALIDATE's return codes (APM volume 3, "PVALIDATE").
const SUCCESS: u32 = 0;
const FAIL_SIZE_MISMATCH: u32 = 6;

/// Validates a page that the launch did not place, if it is backed by one of its size.
///
/// A page that is valid already means that the host maps it twice: the guest ends.
pub fn take(page: Page) -> Result<Taken, Refusal> {
    match (page, pvalidate(page)) {
        (_, (SUCCESS, true)) => return Err(Refusal::ValidatedTwice),
        (_, (SUCCESS, false)) => {}
        (Page::Large(_), (FAIL_SIZE_MISMATCH, _)) => return Ok(Taken::OnlyAsSmall),
        _ => return Err(Refusal::Validate),
    }
    // Evicts stale lines of the shared mapping (CVE-2025-38560), whatever the CPUID page says of
    // COHERENCY_SFW_NO: the host proposes it, and two reads a page are cheap.
    memory::touch(page.span());
    Ok(Taken::All)
}

/// EAX, and the carry flag: whether the page was valid already.
fn pvalidate(page: Page) -> (u32, bool) {
    let (address, size) = match page {
        Page::Small(span) => (span.start(), 0),
        Page::Large(span) => (span.start(), 1),
    };
    let mut code = address;
    let is_unchanged: u8;
    // SAFETY: PVALIDATE changes the RMP's Validated bit of a page of RAM that nothing of this program
    // lies in; its contents are undefined from here on, and nobody has used them.
    unsafe {
        asm!(
            ".byte 0xF2, 0x0F, 0x01, 0xFF",
            "setc {unchanged}",
            unchanged = lateout(reg_byte) is_unchanged,
            inout("rax") code,
            in("ecx") size,
            in("edx") 1,
            options(nostack),
        );
    }
    (low(code), is_unchanged != 0)
}

/// Tells the host why the guest ends (56421 rev 2.04, "Termination Request"), and ends.
pub fn refuse(refusal: Refusal) -> ! {
    let reason = u32::from(refusal.number()) << 16 | u32::from(REASON_SET) << 12;
    loop {
        // SAFETY: the value is a request for termination; nothing of the guest's is told but its reason.
        unsafe {
            asm!(
                "wrmsr",
                ".byte 0xF3, 0x0F, 0x01, 0xD9", // VMGEXIT
                "hlt",
                in("ecx") MSR_GHCB,
                in("eax") reason | TERMINATION_REQUEST,
                in("edx") 0,
                options(nostack),
            );
        }
    }
}

const fn low(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
