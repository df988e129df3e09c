//! PAGE_INFO: what the firmware hashes for each page that it adds to a guest.

use crate::PAGE_SIZE;
use std::mem::{offset_of, size_of};
use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Size of [`PageInfo`] in bytes, and the value of its `length` field.
pub const PAGE_INFO_LENGTH: u16 = 0x70;

/// The PAGE_INFO structure (56860 rev 1.58, SNP_LAUNCH_UPDATE, "PAGE_INFO structure").
///
/// The launch digest after a page is SHA-384 over this structure, whose first field is the launch
/// digest before it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PageInfo {
    /// Launch digest before this page; zero for the first.
    pub digest_current: [u8; 48],
    /// SHA-384 of the page for NORMAL and VMSA pages; zero for every other type.
    pub contents: [u8; 48],
    /// Always [`PAGE_INFO_LENGTH`].
    pub length: U16,
    /// A [`PageType`] as its number.
    pub page_type: u8,
    /// Bit 0: the page belongs to an initial migration image.
    pub imi_page: u8,
    /// Permissions of VMPL3; KVM passes zero, which leaves the page to VMPL0.
    pub vmpl3_permissions: u8,
    /// Permissions of VMPL2.
    pub vmpl2_permissions: u8,
    /// Permissions of VMPL1.
    pub vmpl1_permissions: u8,
    /// Must be zero.
    pub reserved: u8,
    /// Guest physical address of the page.
    pub gpa: U64,
}

const _: () = {
    assert!(size_of::<PageInfo>() == PAGE_INFO_LENGTH as usize);
    assert!(offset_of!(PageInfo, contents) == 0x30);
    assert!(offset_of!(PageInfo, length) == 0x60);
    assert!(offset_of!(PageInfo, page_type) == 0x62);
    assert!(offset_of!(PageInfo, imi_page) == 0x63);
    assert!(offset_of!(PageInfo, vmpl1_permissions) == 0x66);
    assert!(offset_of!(PageInfo, gpa) == 0x68);
};

impl PageInfo {
    /// The structure for one page that only VMPL0 may use, as KVM adds them all.
    ///
    /// `contents` is the SHA-384 of the page's 4096 bytes. It is dropped for types that the firmware
    /// measures without contents, so that no caller can get that wrong.
    pub fn new(
        digest_current: [u8; 48],
        page_type: PageType,
        gpa: u64,
        contents: [u8; 48],
    ) -> Self {
        Self {
            digest_current,
            contents: if page_type.measures_contents() {
                contents
            } else {
                [0; 48]
            },
            length: U16::new(PAGE_INFO_LENGTH),
            page_type: page_type.number(),
            imi_page: 0,
            vmpl3_permissions: 0,
            vmpl2_permissions: 0,
            vmpl1_permissions: 0,
            reserved: 0,
            gpa: U64::new(gpa),
        }
    }
}

/// PAGE_TYPE of SNP_LAUNCH_UPDATE (56860 rev 1.58, "Encodings for the PAGE_TYPE field").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PageType {
    /// Data: its contents are measured.
    Normal = 1,
    /// A vCPU's save area: its contents are measured.
    Vmsa = 2,
    /// A page that the firmware zeroes.
    Zero = 3,
    /// Data that is loaded and not measured.
    Unmeasured = 4,
    /// Filled by the firmware with the guest's keys.
    Secrets = 5,
    /// CPUID values that the host proposes and the firmware filters; contents not measured.
    Cpuid = 6,
}

impl PageType {
    /// The encoding's number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The type with this number; `None` for a number that the ABI does not define.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Normal,
            2 => Self::Vmsa,
            3 => Self::Zero,
            4 => Self::Unmeasured,
            5 => Self::Secrets,
            6 => Self::Cpuid,
            _ => return None,
        })
    }

    /// Whether the page's contents enter the launch digest; otherwise only its type and address do.
    pub const fn measures_contents(self) -> bool {
        matches!(self, Self::Normal | Self::Vmsa)
    }
}

const _: () = assert!(PAGE_SIZE == 1 << 12);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_type_number_round_trips() {
        for number in 0..=u8::MAX {
            let known = PageType::from_number(number);
            assert_eq!(known.is_some(), (1..=6).contains(&number));
            assert!(known.is_none_or(|page_type| page_type.number() == number));
        }
    }

    #[test]
    fn page_info_of_cpuid_page_has_zero_contents() {
        let info = PageInfo::new([7; 48], PageType::Cpuid, 0xF000, [9; 48]);
        assert_eq!(info.contents, [0; 48]);
        assert_eq!(
            info.as_bytes()[0x60..],
            [0x70, 0, 6, 0, 0, 0, 0, 0, 0, 0xF0, 0, 0, 0, 0, 0, 0]
        );
    }
}
