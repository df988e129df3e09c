//! The guest policy in words.

use measured_boot_snp_abi::GuestPolicy;

/// Bits 16 to 25 (56860 rev 1.58, "Guest Policy Structure").
const BITS: [(u32, &str); 9] = [
    (16, "SMT"),
    (18, "MIGRATE_MA"),
    (19, "DEBUG"),
    (20, "SINGLE_SOCKET"),
    (21, "CXL_ALLOW"),
    (22, "MEM_AES_256_XTS"),
    (23, "RAPL_DIS"),
    (24, "CIPHERTEXT_HIDING_DRAM"),
    (25, "PAGE_SWAP_DISABLE"),
];

/// `0x30000 (SMT)`.
pub(crate) fn words(policy: GuestPolicy) -> String {
    let set = |bit: u32| policy.bits() >> bit & 1 == 1;
    let mut names: Vec<String> = BITS
        .iter()
        .filter(|(bit, _)| set(*bit))
        .map(|(_, name)| (*name).to_owned())
        .collect();
    let (major, minor) = policy.minimum_abi();
    if (major, minor) != (0, 0) {
        names.push(format!("ABI at least {major}.{minor}"));
    }
    if !policy.reserved_bits_valid() {
        names.push("reserved bits wrong".to_owned());
    }
    match names.as_slice() {
        [] => policy.to_string(),
        names => format!("{policy} ({})", names.join(", ")),
    }
}

/// What follows from two policies that differ.
pub(crate) fn advice(a: GuestPolicy, b: GuestPolicy) -> Option<&'static str> {
    (a.debug_allowed() != b.debug_allowed()).then_some(
        "with DEBUG the host reads and writes the guest's memory: such a guest keeps no secret",
    )
}
