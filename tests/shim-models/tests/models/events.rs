//! A host that injects events, and runs the launch's other processors: neither gets anything but a shutdown.

use measured_boot_plan::{Sources, VcpuState};
use measured_boot_shim_abi::layout::{MEMORY_MAP, PARKED, SECRETS, SHIM};
use serde_json::{Value, json};
use tests_shim_models::{Kind, Outcome};

use crate::hostile::trick;
use crate::support::{emulator, initrd, kernel, launch, planned, run, shim};

/// An event of this vector and error code after so many instructions of the 32-bit or 64-bit part.
fn event(mode: u32, after: u64, vector: u32, error: u32) -> Value {
    json!([{ "mode": mode, "after": after, "vector": vector, "error": error }])
}

/// 32-bit: the first instruction, the look at the secrets page (1024 words), the first write of page tables and the
/// last ones; 64-bit: the first ones, and in the middle of everything.
#[test]
fn event_at_any_moment_shuts_an_snp_guest_down() {
    let Some(python) = emulator() else { return };
    let moments = [0, 1, 5, 16, 500, 1043, 1060, 5000, 12_000];
    let moments = moments.map(|after| (32, after)).into_iter();
    let moments = moments.chain([0, 1, 2, 1000].map(|after| (64, after)));
    for (mode, after) in moments {
        for (vector, error) in [(13, 0), (2, 0)] {
            let mut launch = launch(Kind::Snp, 1);
            trick(&mut launch, "events", event(mode, after, vector, error));
            let outcome = run(&launch, &python).outcome();
            assert_eq!(
                outcome,
                Outcome::Shutdown,
                "{vector} after {after} of {mode}"
            );
        }
    }
}

/// Twelve of the first million instructions, chosen by a fixed generator, and any vector.
#[test]
fn event_in_the_midst_of_hashing_shuts_an_snp_guest_down() {
    let Some(python) = emulator() else { return };
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..12 {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        let (after, vector) = (state >> 40 & 0xF_FFFF, state >> 32 & 0xFF);
        let mut launch = launch(Kind::Snp, 1);
        let vector = u32::try_from(vector).unwrap();
        trick(&mut launch, "events", event(64, after, vector, 0));
        let outcome = run(&launch, &python).outcome();
        assert_eq!(outcome, Outcome::Shutdown, "{vector} after {after}");
    }
}

/// The models themselves: a table that the host could fill is noticed where the shim leaves it in place.
#[test]
fn shim_that_could_survive_an_event_is_a_violation() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Snp, 1);
    let shim = launch.page(SHIM);
    let lidt = shim
        .windows(3)
        .position(|bytes| bytes == [0x0F, 0x01, 0x1D]);
    let lidt = lidt.unwrap();
    shim[lidt..lidt + 7].fill(0x90);
    trick(&mut launch, "first_table", json!([MEMORY_MAP, 0xFFF]));
    let Outcome::Violation(what) = run(&launch, &python).outcome() else {
        panic!("nobody noticed");
    };
    assert!(what.contains("could be survived"), "{what}");
}

/// The firmware fills in that page, whatever its version: a guest that finds any of it is none without a TEE.
#[test]
fn guest_with_any_word_of_secrets_is_no_plain_one() {
    let Some(python) = emulator() else { return };
    for place in [0, 0x20, 0x9F, 0xFFF] {
        let mut launch = launch(Kind::Snp, 1);
        let page = &mut launch.page(SECRETS)[..4096];
        page.fill(0);
        page[place] = 1;
        let outcome = run(&launch, &python).outcome();
        let is_snp = matches!(outcome, Outcome::Entered | Outcome::Refused { .. });
        assert!(is_snp, "{place:#x}: {outcome:?}");
    }
}

/// What the models need of a vCPU's state.
fn state(vcpu: &VcpuState) -> Value {
    json!({
        "cr0": vcpu.cr0,
        "cs_base": vcpu.cs.base,
        "rip": vcpu.rip,
        "rsp": vcpu.rsp,
        "idtr_base": vcpu.idtr.base,
        "idtr_limit": vcpu.idtr.limit,
    })
}

/// The launch measured a state for each processor, and the host may run it whenever it likes.
#[test]
fn parked_processor_that_the_host_runs_halts_and_takes_no_event() {
    let Some(python) = emulator() else { return };
    let (kernel, initrd) = (kernel(), initrd());
    let sources = Sources {
        kernel: &kernel,
        initrd: &initrd,
        shim: shim(),
        ..Sources::default()
    };
    let plan = planned("snp", 2, &sources);
    let mut launch = launch(Kind::Snp, 2);
    let vectors = [1, 2, 3, 6, 8, 13, 18, 29, 0x80, 0xFF];
    let parked =
        vectors.map(|vector| json!({ "state": state(&plan.vcpus.0[1]), "vector": vector }));
    trick(&mut launch, "parked", json!(parked));
    let ended = run(&launch, &python);
    assert_eq!(ended.outcome(), Outcome::Entered);
    assert_eq!(ended.parked.len(), vectors.len());
    for parked in &ended.parked {
        assert!(parked.shut_down && !parked.changed, "{parked:x?}");
        let is_in_loop = |address: &u64| (PARKED..PARKED + 4).contains(address);
        assert!(parked.reached.iter().all(is_in_loop), "{parked:x?}");
    }
}
