//! Requests of a guest to make pages private or shared, and their answers.

use tests_kernel_abi::host::{Exit, Host};
use vmm_kernel_abi::exit::{self, map_gpa, offset};

pub const SHARED: u64 = 0;
pub const PRIVATE: u64 = map_gpa::ENCRYPTED;
/// What the last exit left where the answer goes: Linux 6.12 does not clear it.
const STALE: u64 = 0x5a5a_5a5a_5a5a_5a5a;

pub fn hypercall(nr: u64, gpa: u64, pages: u64, attributes: u64) -> Exit {
    let words = [
        (offset::HYPERCALL_NR, nr),
        (offset::HYPERCALL_ARGS, gpa),
        (offset::HYPERCALL_ARGS + 8, pages),
        (offset::HYPERCALL_ARGS + 16, attributes),
        (offset::HYPERCALL_RET, STALE),
        (offset::HYPERCALL_FLAGS, 1),
    ];
    Exit::new(exit::HYPERCALL, &words)
}

pub fn map(gpa: u64, pages: u64, attributes: u64) -> Exit {
    hypercall(exit::HC_MAP_GPA_RANGE, gpa, pages, attributes)
}

/// Each of these exits, which the guest met in this order, got the answer beside it.
pub fn assert_answers(host: &Host, cases: &[(Exit, u64)]) {
    let script = host.script.as_ref().expect("the host had a script");
    for (index, (exit, expected)) in cases.iter().enumerate() {
        let answer = script.answer(index, offset::HYPERCALL_RET);
        assert_eq!(answer, Some(*expected), "{exit:x?}");
    }
}
