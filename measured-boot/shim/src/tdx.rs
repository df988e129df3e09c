//! What only TDX has: accepting memory, extending measurement registers, and a last word to the host.
//!
//! Source: Intel TDX module 1.5 ABI, 348551; Guest-Hypervisor Communication Interface 1.5, 348552.

use core::arch::asm;

use measured_boot_shim_abi::{Page, Refusal, SENTENCE_BYTES};

use crate::tee::Taken;

const TDG_VP_VMCALL: u64 = 0;
const TDG_VP_INFO: u64 = 1;
const TDG_MR_RTMR_EXTEND: u64 = 2;
const TDG_MEM_PAGE_ACCEPT: u64 = 6;
const REPORT_FATAL_ERROR: u64 = 0x1_0003;
/// RDX, RBX, RSI, RDI and R8 to R15 go to the host.
const SHOWN_REGISTERS: u64 = 0xFFCC;

/// Completion codes, without their details in the lower half.
const SUCCESS: u64 = 0;
const OPERAND_BUSY: u64 = 0x8000_0200;
const OPERAND_BUSY_HOST_PRIORITY: u64 = 0x8000_0204;
const PAGE_ALREADY_ACCEPTED: u64 = 0x0000_0B0A;
const PAGE_SIZE_MISMATCH: u64 = 0xC000_0B0B;

/// How often a busy page or register is tried, which an honest host holds for microseconds, and any host
/// can hold for ever.
const TRIES: u32 = 100_000;
/// PAUSE instructions between two tries, of some 40 to 140 cycles each: half a second for all.
const PAUSES: u32 = 100;

/// Accepts a page that the launch did not place, if it is backed by one of its size. The module zeroes it.
///
/// A page that is accepted already is none that the launch left: the guest ends.
pub fn take(page: Page) -> Result<Taken, Refusal> {
    let (address, level) = match page {
        Page::Small(span) => (span.start(), 0),
        Page::Large(span) => (span.start(), 1),
    };
    match (page, patiently(TDG_MEM_PAGE_ACCEPT, address | level, 0)) {
        (_, SUCCESS) => Ok(Taken::All),
        (_, PAGE_ALREADY_ACCEPTED) => Err(Refusal::AcceptedTwice),
        (Page::Large(_), PAGE_SIZE_MISMATCH) => Ok(Taken::OnlyAsSmall),
        _ => Err(Refusal::Accept),
    }
}

/// As the module wants a digest.
#[repr(C, align(64))]
struct Digest([u8; 48]);

/// Extends a run-time measurement register.
pub fn extend(rtmr: u32, sha384: &[u8; 48]) -> Result<(), Refusal> {
    let digest = Digest(*sha384);
    // The stack's addresses are guest-physical ones.
    let address = (&raw const digest).expose_provenance();
    let address = u64::try_from(address).map_err(|_| Refusal::Internal)?;
    match patiently(TDG_MR_RTMR_EXTEND, address, rtmr.into()) {
        SUCCESS => Ok(()),
        _ => Err(Refusal::RtmrExtend),
    }
}

/// How many processors the TD has.
pub fn processors() -> Result<u32, Refusal> {
    let [code, eighth] = tdcall(TDG_VP_INFO, 0, 0);
    let [a, b, c, d, ..] = eighth.to_le_bytes();
    match code {
        SUCCESS => Ok(u32::from_le_bytes([a, b, c, d])),
        _ => Err(Refusal::Processors),
    }
}

fn patiently(leaf: u64, rcx: u64, rdx: u64) -> u64 {
    let mut code = OPERAND_BUSY;
    for _ in 0..TRIES {
        let [rax, _] = tdcall(leaf, rcx, rdx);
        code = rax >> 32;
        if !matches!(code, OPERAND_BUSY | OPERAND_BUSY_HOST_PRIORITY) {
            break;
        }
        for _ in 0..PAUSES {
            core::hint::spin_loop();
        }
    }
    code
}

/// RAX and R8 after a TDCALL.
fn tdcall(leaf: u64, rcx: u64, rdx: u64) -> [u64; 2] {
    let (rax, r8);
    // SAFETY: the leaves above change private memory only where `take` says, that is in RAM that nobody
    // has used, and read the digest; registers that they may change are declared.
    unsafe {
        asm!(
            ".byte 0x66, 0x0F, 0x01, 0xCC",
            inout("rax") leaf => rax,
            inout("rcx") rcx => _,
            inout("rdx") rdx => _,
            lateout("r8") r8,
            lateout("r9") _,
            lateout("r10") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    [rax, r8]
}

/// Tells the host why the guest ends (TDG.VP.VMCALL<ReportFatalError>), and ends.
pub fn refuse(refusal: Refusal) -> ! {
    let mut text = [0; SENTENCE_BYTES];
    for (place, byte) in text.iter_mut().zip(refusal.sentence().bytes()) {
        *place = byte;
    }
    let mut words = [0; SENTENCE_BYTES / 8];
    for (word, bytes) in words.iter_mut().zip(text.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    // SAFETY: the registers that are shown hold a sentence of this program and its number.
    unsafe {
        asm!(
            "mov rbx, [rax + 16]",
            "mov rdi, [rax + 24]",
            "mov rsi, [rax + 32]",
            "mov r8, [rax + 40]",
            "mov r9, [rax + 48]",
            "mov rdx, [rax + 56]",
            "2: mov eax, {vmcall}",
            ".byte 0x66, 0x0F, 0x01, 0xCC",
            "jmp 2b",
            vmcall = const TDG_VP_VMCALL,
            in("rax") &raw const words,
            in("rcx") SHOWN_REGISTERS,
            in("r10") 0,
            in("r11") REPORT_FATAL_ERROR,
            in("r12") u64::from(refusal.number()),
            in("r13") 0,
            in("r14") words[0],
            in("r15") words[1],
            options(nostack, noreturn),
        );
    }
}
