//! Known ways in which the launch of an IGVM file turns out otherwise.

use super::variant::{Change, Dimension, Registers, Variant};
use super::vcpus::vmsa_variants;
use crate::Launch;
use measured_boot_snp_abi::PageType;

/// The known ways in which a launch of an IGVM file turns out otherwise.
pub fn igvm_variants<'a>(planned: &Launch<'a>) -> Vec<Variant<'a>> {
    let mut variants = vmsa_variants(planned);
    let variant = |dimension, says: &str, advice, change| Variant {
        dimension,
        says: says.to_owned(),
        advice,
        change,
    };
    let (normal, zero) = (PageType::Normal, PageType::Zero);
    variants.extend([
        variant(
            Dimension::ZeroPages,
            "pages without data are added as ZERO",
            Some("pass --zero-pages zero: GCE does so"),
            Change::PageType("zeros", normal, zero),
        ),
        variant(
            Dimension::ZeroPages,
            "pages without data are added as NORMAL pages of zeros",
            Some("pass --zero-pages normal: QEMU does so"),
            Change::PageType("zeros", zero, normal),
        ),
        variant(
            Dimension::Loading,
            "of each parameter area the first page alone is measured",
            Some("igvmmeasure counts so; no loader does"),
            Change::FirstPage("parameters"),
        ),
        variant(
            Dimension::Loading,
            "VMSAs are measured last and at 0xfffffffff000, whatever the file says",
            Some("KVM does so: have the file say the same"),
            Change::VmsasLast,
        ),
        variant(
            Dimension::Loading,
            "CR0 is 0x11, 0x31 without bit 5 (NE)",
            Some("igvmmeasure takes 0x31 alone for KVM; Linux leaves bit 5 as the VMM sets it"),
            Change::Registers(Registers::Cr0(0x11)),
        ),
        variant(
            Dimension::Loading,
            "CR0 is 0x10, 0x30 without bit 5 (NE)",
            Some("igvmmeasure takes 0x30 alone for KVM; Linux leaves bit 5 as the VMM sets it"),
            Change::Registers(Registers::Cr0(0x10)),
        ),
    ]);
    variants
}
