//! The processor's own word, whatever the kernel makes of it.

use std::arch::x86_64::__cpuid_count;

/// EAX, EBX, ECX, EDX of a leaf; none where the processor has no such leaf.
///
/// Under a hypervisor it is the hypervisor's word.
#[must_use]
pub fn cpuid(leaf: u32, subleaf: u32) -> Option<[u32; 4]> {
    const RANGE: u32 = 0xffff_0000;
    let first = __cpuid_count(leaf & RANGE, 0);
    // A processor without the range answers as for another leaf: its highest leaf is of another range then.
    if first.eax & RANGE != leaf & RANGE || first.eax < leaf {
        return None;
    }
    let words = __cpuid_count(leaf, subleaf);
    Some([words.eax, words.ebx, words.ecx, words.edx])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_is_told_and_leaves_beyond_the_highest_are_not() {
        let [highest, ebx, ecx, edx] = cpuid(0, 0).unwrap();
        let name = [ebx, edx, ecx].map(u32::to_le_bytes).concat();
        assert!(name.is_ascii());
        assert!(cpuid(highest, 0).is_some());
        assert_eq!(cpuid(highest + 1, 0), None);
        assert_eq!(cpuid(0x8fff_ffff, 0), None);
    }
}
