//! The CPUID page judged. Its contents are not measured: the firmware refuses what is dangerous for the
//! processor, the shim what is dangerous for the guest.
//!
//! Sources: 56860 rev 1.58, "CPUID page"; APM volume 3, 24594 rev 3.36, appendix E.

use core::mem::{offset_of, size_of};

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::Refusal;
use crate::layout::{C_BIT, HIGH_RAM_END};

/// Most functions.
pub const MAX_CPUID_FUNCTIONS: usize = 64;

/// Bits of an address that all RAM which a map may have needs.
const RAM_BITS: u8 = 39;
const _: () = assert!(HIGH_RAM_END == 1 << RAM_BITS);

/// The page at [`layout::CPUID`](crate::layout::CPUID).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CpuidPage {
    /// Functions in use.
    pub count: U32,
    /// Zero.
    pub reserved: [u8; 12],
    /// The functions.
    pub functions: [CpuidFunction; MAX_CPUID_FUNCTIONS],
    /// Zero: no format names it, the firmware leaves it as it came, and the page is private memory.
    pub padding: [u8; 1008],
}

/// One leaf, or one subleaf.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CpuidFunction {
    /// The leaf.
    pub leaf: U32,
    /// The subleaf.
    pub subleaf: U32,
    /// XCR0, for leaf 0xD.
    pub xcr0: U64,
    /// XSS, for leaf 0xD.
    pub xss: U64,
    /// EAX of the answer.
    pub eax: U32,
    /// EBX of the answer.
    pub ebx: U32,
    /// ECX of the answer.
    pub ecx: U32,
    /// EDX of the answer.
    pub edx: U32,
    /// Zero.
    pub reserved: U64,
}

const _: () = {
    assert!(size_of::<CpuidPage>() == 4096);
    assert!(size_of::<CpuidFunction>() == 48);
    assert!(offset_of!(CpuidPage, functions) == 16);
    assert!(offset_of!(CpuidFunction, eax) == 24);
};

const VENDOR: u32 = 0;
const FEATURES: u32 = 1;
const STRUCTURED_FEATURES: u32 = 7;
const XSAVE: u32 = 0xD;
const HYPERVISOR: u32 = 0x4000_0000;
const HYPERVISOR_END: u32 = 0x4FFF_FFFF;
const EXTENDED: u32 = 0x8000_0000;
const EXTENDED_FEATURES: u32 = 0x8000_0001;
const ADDRESS_SIZES: u32 = 0x8000_0008;
const ENCRYPTION: u32 = 0x8000_001F;

const ECX_RDRAND: u32 = 1 << 30;
const EDX_LONG_MODE: u32 = 1 << 29;
const EDX_NX: u32 = 1 << 20;
const EAX_SEV: u32 = 1 << 1;
const EAX_SEV_ES: u32 = 1 << 3;
const EAX_SEV_SNP: u32 = 1 << 4;
const EBX_C_BIT: u32 = 0x3F;

const AMD: [&[u8; 4]; 3] = [b"Auth", b"enti", b"cAMD"];
const KVM: [&[u8; 4]; 3] = [b"KVMK", b"VMKV", b"M\0\0\0"];

impl CpuidPage {
    /// Whether a guest may believe the page.
    ///
    /// # Errors
    /// The first of the refusals named `Cpuid...` that holds.
    pub fn judge(&self) -> Result<(), Refusal> {
        let (functions, unused) = usize::try_from(self.count.get())
            .ok()
            .filter(|count| *count > 0)
            .and_then(|count| self.functions.split_at_checked(count))
            .ok_or(Refusal::CpuidCount)?;
        let mut zeros = [&self.reserved[..], unused.as_bytes(), &self.padding].into_iter();
        let is_zero = zeros.all(|bytes| bytes.iter().all(|byte| *byte == 0));
        let mut reserved = functions.iter().map(|function| function.reserved.get());
        require(
            is_zero && reserved.all(|reserved| reserved == 0),
            Refusal::CpuidReserved,
        )?;
        judge_keys(functions)?;
        Functions(functions).judge()
    }
}

fn require(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal) }
}

/// XCR0 and XSS tell subleaves of leaf 0xD apart, and nothing is there twice for a kernel, which takes the
/// first entry of its leaf and, where it looks at that, of its subleaf.
fn judge_keys(functions: &[CpuidFunction]) -> Result<(), Refusal> {
    for (index, function) in functions.iter().enumerate() {
        let is_plain = function.xcr0.get() == 0 && function.xss.get() == 0;
        require(
            is_plain || function.leaf.get() == XSAVE,
            Refusal::CpuidXsave,
        )?;
        let is_named = function.has_subleaves() || function.subleaf.get() == 0;
        require(is_named, Refusal::CpuidDuplicate)?;
        let mut before = functions.iter().take(index);
        let is_new = before.all(|other| other.key() != function.key());
        require(is_new, Refusal::CpuidDuplicate)?;
    }
    Ok(())
}

impl CpuidFunction {
    /// What tells entries apart for a kernel: of leaf 0xD, XCR0 and XSS of the first two subleaves alone
    /// (Linux 6.12, arch/x86/coco/sev/shared.c, `snp_cpuid_get_validated_func`).
    const fn key(&self) -> [u64; 4] {
        let (xcr0, xss) = match self.subleaf.get() {
            0 | 1 => (self.xcr0.get(), self.xss.get()),
            _ => (0, 0),
        };
        [self.leaf.get() as u64, self.subleaf.get() as u64, xcr0, xss]
    }

    /// Whether a kernel looks at the subleaf (Linux 6.12, arch/x86/include/asm/cpuid.h,
    /// `cpuid_function_is_indexed`).
    const fn has_subleaves(&self) -> bool {
        matches!(
            self.leaf.get(),
            4 | 7 | 0xB | 0xD | 0xF | 0x10 | 0x12 | 0x14 | 0x17 | 0x18 | 0x1D
                ..=0x1F | 0x24 | 0x8000_001D
        )
    }

    /// Whether EBX, ECX and EDX spell this, in the order `registers`.
    fn spells(&self, words: [&[u8; 4]; 3], registers: [U32; 3]) -> bool {
        words.map(|word| u32::from_le_bytes(*word)) == registers.map(U32::get)
    }
}

struct Functions<'a>(&'a [CpuidFunction]);

impl Functions<'_> {
    fn judge(&self) -> Result<(), Refusal> {
        self.leaf(STRUCTURED_FEATURES)?;
        self.leaf(EXTENDED)?;
        let vendor = self.leaf(VENDOR)?;
        let is_amd = vendor.spells(AMD, [vendor.ebx, vendor.edx, vendor.ecx]);
        require(is_amd, Refusal::CpuidVendor)?;
        let has = |register: U32, bits: u32| register.get() & bits == bits;
        let extended = self.leaf(EXTENDED_FEATURES)?;
        require(
            has(extended.edx, EDX_LONG_MODE | EDX_NX),
            Refusal::CpuidLongMode,
        )?;
        let features = self.leaf(FEATURES)?;
        require(has(features.ecx, ECX_RDRAND), Refusal::CpuidRdrand)?;
        let encryption = self.leaf(ENCRYPTION)?;
        let is_snp = has(encryption.eax, EAX_SEV | EAX_SEV_ES | EAX_SEV_SNP);
        require(is_snp, Refusal::CpuidSnp)?;
        require(
            encryption.ebx.get() & EBX_C_BIT == C_BIT,
            Refusal::CpuidCBit,
        )?;
        let [width, ..] = self.leaf(ADDRESS_SIZES)?.eax.get().to_le_bytes();
        require((RAM_BITS..=52).contains(&width), Refusal::CpuidWidth)?;
        self.judge_hypervisor()
    }

    /// The leaf with subleaf 0, or the first one.
    fn leaf(&self, leaf: u32) -> Result<&CpuidFunction, Refusal> {
        let mut all = self.0.iter();
        all.find(|function| function.leaf.get() == leaf && function.subleaf.get() == 0)
            .ok_or(Refusal::CpuidLeafMissing)
    }

    /// A guest takes a hypervisor's leaves as promises of that hypervisor: KVM's or none.
    fn judge_hypervisor(&self) -> Result<(), Refusal> {
        let is_hypervisor = |function: &&CpuidFunction| {
            (HYPERVISOR..=HYPERVISOR_END).contains(&function.leaf.get())
        };
        if !self.0.iter().any(|function| is_hypervisor(&function)) {
            return Ok(());
        }
        let name = self
            .leaf(HYPERVISOR)
            .map_err(|_| Refusal::CpuidHypervisor)?;
        let is_kvm = name.spells(KVM, [name.ebx, name.ecx, name.edx]);
        let is_known = |function: &CpuidFunction| {
            !is_hypervisor(&function) || matches!(function.leaf.get() & 0xFFF_FFFF, 0 | 1 | 0x10)
        };
        require(
            is_kvm && self.0.iter().all(is_known),
            Refusal::CpuidHypervisor,
        )
    }
}
