//! What the secure processor would have in a CPUID page instead.
//!
//! When it does not take a page, the firmware writes what it would take over it (AMD 56860 rev 1.58,
//! SNP_LAUNCH_UPDATE, "CPUID page"), and the kernel hands that back (Linux 6.12, `sev_gmem_post_populate`).
//! A host that silently loaded that instead would give the guest another processor than was planned.

use std::fmt;

use measured_boot_snp_abi::{CpuidFunction, CpuidPage};
use zerocopy::FromBytes as _;

/// One leaf that the secure processor would not take as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuidCorrection {
    /// EAX before CPUID.
    pub leaf: u32,
    /// ECX before CPUID.
    pub subleaf: u32,
    /// EAX, EBX, ECX, EDX as planned; `None`: the leaf is only in the firmware's page.
    pub planned: Option<[u32; 4]>,
    /// The same as the firmware would take them; `None`: it would not have the leaf.
    pub accepted: Option<[u32; 4]>,
}

impl fmt::Display for CpuidCorrection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leaf {:#x}.{}: ", self.leaf, self.subleaf)?;
        let (planned, accepted) = match (self.planned, self.accepted) {
            (Some(planned), Some(accepted)) => (planned, accepted),
            (planned, None) => return write!(f, "planned {}, not taken", registers(planned)),
            (None, accepted) => return write!(f, "not planned, demanded {}", registers(accepted)),
        };
        let changed = (0..4).filter(|at| planned[*at] != accepted[*at]);
        let words: Vec<_> = changed
            .map(|at| {
                let name = ["EAX", "EBX", "ECX", "EDX"][at];
                format!(
                    "{name} planned {:08x}, taken {:08x}",
                    planned[at], accepted[at]
                )
            })
            .collect();
        f.write_str(&words.join(", "))
    }
}

fn registers(values: Option<[u32; 4]>) -> String {
    values.map_or_else(String::new, |values| format!("{values:08x?}"))
}

/// The differences between a page as it was planned and as it came back, leaf by leaf; `None` if what
/// came back is no CPUID page.
#[must_use]
pub fn corrections(planned: &[u8], returned: &[u8]) -> Option<Vec<CpuidCorrection>> {
    let planned = CpuidPage::read_from_bytes(planned).ok()?;
    let returned = CpuidPage::read_from_bytes(returned).ok()?;
    let (planned, returned) = (planned.functions()?, returned.functions()?);
    let added = returned
        .iter()
        .filter(|function| find(planned, function).is_none());
    let corrections = planned.iter().chain(added).map(|function| CpuidCorrection {
        leaf: function.eax_in.get(),
        subleaf: function.ecx_in.get(),
        planned: find(planned, function),
        accepted: find(returned, function),
    });
    Some(
        corrections
            .filter(|one| one.planned != one.accepted)
            .collect(),
    )
}

fn find(functions: &[CpuidFunction], wanted: &CpuidFunction) -> Option<[u32; 4]> {
    let input = |one: &CpuidFunction| (one.eax_in, one.ecx_in, one.xcr0_in, one.xss_in);
    let found = functions.iter().find(|one| input(one) == input(wanted))?;
    Some([found.eax, found.ebx, found.ecx, found.edx].map(|register| register.get()))
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes as _;
    use zerocopy::little_endian::U32;

    use super::*;

    fn function(leaf: u32, subleaf: u32, ebx: u32) -> CpuidFunction {
        CpuidFunction {
            eax_in: U32::new(leaf),
            ecx_in: U32::new(subleaf),
            ebx: U32::new(ebx),
            ..CpuidFunction::default()
        }
    }

    fn page(functions: &[CpuidFunction]) -> Vec<u8> {
        CpuidPage::new(functions).unwrap().as_bytes().to_vec()
    }

    #[test]
    fn registers_that_differ_are_named_leaf_by_leaf() {
        let planned = page(&[function(0, 0, 1), function(7, 0, 0x10), function(7, 1, 3)]);
        let returned = page(&[function(0, 0, 1), function(7, 0, 0x11), function(7, 1, 3)]);
        let found = corrections(&planned, &returned).unwrap();
        let said: Vec<_> = found.iter().map(CpuidCorrection::to_string).collect();
        assert_eq!(said, ["leaf 0x7.0: EBX planned 00000010, taken 00000011"]);
    }

    #[test]
    fn leaves_of_one_page_alone_are_told() {
        let planned = page(&[function(1, 0, 1)]);
        let returned = page(&[function(2, 0, 9)]);
        let found = corrections(&planned, &returned).unwrap();
        let said: Vec<_> = found.iter().map(CpuidCorrection::to_string).collect();
        assert!(said[0].starts_with("leaf 0x1.0: planned [") && said[0].ends_with("not taken"));
        assert!(
            said[1].starts_with("leaf 0x2.0: not planned, demanded ["),
            "{said:?}"
        );
    }

    #[test]
    fn page_that_came_back_as_it_was_has_no_corrections() {
        let planned = page(&[function(1, 0, 1)]);
        assert_eq!(corrections(&planned, &planned), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_cpuid_page_is_not_compared() {
        let planned = page(&[function(1, 0, 1)]);
        let mut broken = planned.clone();
        broken[0] = 65;
        assert_eq!(corrections(&planned, &broken), None);
        assert_eq!(corrections(&planned, &planned[..4095]), None);
    }
}
