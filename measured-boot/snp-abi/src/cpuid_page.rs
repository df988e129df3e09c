//! The CPUID page: values that the host proposes to the guest's early code.

use crate::PAGE_SIZE;
use std::mem::{offset_of, size_of};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Most functions that a CPUID page can hold (56860 rev 1.58, "CPUID page", COUNT_MAX).
pub const CPUID_PAGE_CAPACITY: usize = 64;

/// One CPUID_FUNCTION structure (56860 rev 1.58, "CPUID_FUNCTION structure").
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct CpuidFunction {
    /// EAX before CPUID: the leaf.
    pub eax_in: U32,
    /// ECX before CPUID: the subleaf.
    pub ecx_in: U32,
    /// XCR0 at the time, for leaf 0xD.
    pub xcr0_in: U64,
    /// IA32_XSS at the time, for leaf 0xD.
    pub xss_in: U64,
    /// EAX after CPUID.
    pub eax: U32,
    /// EBX after CPUID.
    pub ebx: U32,
    /// ECX after CPUID.
    pub ecx: U32,
    /// EDX after CPUID.
    pub edx: U32,
    /// Must be zero.
    pub reserved: U64,
}

/// A whole CPUID page: a header, up to 64 functions, and zeros.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CpuidPage {
    /// Number of functions that are filled in.
    pub count: U32,
    /// Must be zero.
    pub reserved_04: U32,
    /// Must be zero.
    pub reserved_08: U64,
    /// The functions, the first `count` of them valid.
    pub functions: [CpuidFunction; CPUID_PAGE_CAPACITY],
    /// Zero up to the page's end.
    pub padding: [u8; 1008],
}

const _: () = {
    assert!(size_of::<CpuidFunction>() == 0x30);
    assert!(offset_of!(CpuidFunction, eax) == 0x18);
    assert!(size_of::<CpuidPage>() == PAGE_SIZE);
    assert!(offset_of!(CpuidPage, functions) == 0x10);
};

impl CpuidPage {
    /// A page of these functions, or `None` if there are more than [`CPUID_PAGE_CAPACITY`].
    pub fn new(functions: &[CpuidFunction]) -> Option<Self> {
        let mut page = Self::new_zeroed();
        page.functions
            .get_mut(..functions.len())?
            .copy_from_slice(functions);
        page.count = U32::new(u32::try_from(functions.len()).ok()?);
        Some(page)
    }

    /// The functions that are filled in; `None` if the count exceeds what the page can hold.
    pub fn functions(&self) -> Option<&[CpuidFunction]> {
        self.functions
            .get(..usize::try_from(self.count.get()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpuid_page_beyond_capacity_is_refused() {
        let function = CpuidFunction::default();
        assert!(CpuidPage::new(&[function; CPUID_PAGE_CAPACITY]).is_some());
        assert!(CpuidPage::new(&[function; CPUID_PAGE_CAPACITY + 1]).is_none());
    }

    #[test]
    fn cpuid_page_with_hostile_count_has_no_functions() {
        let mut page = CpuidPage::new(&[CpuidFunction::default()]).expect("one function fits");
        assert_eq!(page.functions().map(<[_]>::len), Some(1));
        page.count = U32::new(65);
        assert_eq!(page.functions(), None);
    }
}
