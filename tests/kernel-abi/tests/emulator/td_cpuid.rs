//! A TD whose module answers CPUID otherwise than planned, on the emulator: refused before it runs, or adopted and
//! told.

use crate::support::{assert_in_order, host_with, run, tdx_folder};
use tests_kernel_abi::host::{Host, Kind, Step};
use tests_kernel_abi::trace::Ended;
use vmm_kernel_abi::tdx::Command;

/// CMPXCHG16B, of leaf 1's ECX: every model has it.
const FIXED: (u32, [u32; 4]) = (1, [0, 0, 1 << 13, 0]);

fn host() -> Host {
    let mut host = host_with(Kind::Tdx, Vec::new());
    host.tdx.cleared = Some(FIXED);
    host
}

#[test]
fn td_whose_module_gives_another_cpuid_is_refused_before_it_runs() {
    let Some(folder) = tdx_folder(2, "") else {
        return;
    };
    let mut host = host();
    let outcome = run(&folder, &mut host);
    assert_eq!(outcome.ended, Ended::Exited(1), "{outcome:#?}");
    for words in ["the TDX module gives", "leaf 0x1:", "--adopt-cpuid"] {
        assert!(outcome.said.contains(words), "{}", outcome.said);
    }
    assert!(outcome.event("running").is_none());
    assert!(!host.steps.contains(&Step::Run));
    assert_eq!(outcome.left, Vec::<String>::new());
}

#[test]
fn cpuid_of_a_module_is_told_where_it_is_adopted() {
    let Some(folder) = tdx_folder(2, "") else {
        return;
    };
    let mut host = host();
    let outcome = run(&folder.with_adopted_cpuid(), &mut host);
    assert_in_order(&outcome);
    let adopted = outcome.event("cpuid-adopted").unwrap();
    let leaves = adopted["leaves"].as_array().unwrap();
    assert_eq!(leaves.len(), 1, "{leaves:?}");
    assert_eq!(leaves[0]["leaf"], 1);
    let ecx = |which: &str| leaves[0][which][2].as_u64().unwrap();
    assert_eq!(ecx("planned") ^ ecx("adopted"), 1 << 13);
    // Once, of the first vCPU.
    let command = Step::Tdx(Some(Command::GetCpuid));
    assert_eq!(host.count(command), 1);
}
