//! The SNP back end on the emulator: guests that the host or its secure processor does not take. Nothing is
//! injected here: the models refuse by their own rules.

use crate::support::calculator::{self, POLICY, SIGNED};
use crate::support::{assert_said_hello, run, snp_folder, tdx_folder};
use tests_kernel_abi::host::{Host, Kind, Step};
use tests_kernel_abi::machine::{Folder, Outcome};
use tests_kernel_abi::model::snp::{Accepted, Finish, Guest, Identity, Platform, State};
use tests_kernel_abi::trace::Ended;
use vmm_kernel_abi::capability;
use vmm_kernel_abi::sev::{Command, FirmwareStatus};

const FINISH: Step = Step::Sev(Some(Command::LaunchFinish));

/// The guest never ran, nothing is left, and people read these words.
fn assert_refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.ended, Ended::Exited(1), "{outcome:#?}");
    assert!(outcome.event("running").is_none());
    assert_eq!(outcome.left, Vec::<String>::new());
    for words in words {
        assert!(outcome.error().contains(words), "{words}: {outcome:#?}");
    }
}

#[test]
fn cpuid_page_that_is_corrected_is_shown_and_never_loaded() {
    let Some(folder) = snp_folder(1, "") else {
        return;
    };
    let mut host = Host::new(Kind::Snp);
    host.snp.cpuid = Accepted(vec![((0, 0), [0xd, 0x6874_7541, 0x444d_4163, 0x5a5a])]);
    let outcome = run(&folder, &mut host);
    assert_refused(&outcome, &["CPUID", "leaf 0x0.0", "taken 00005a5a"]);
    assert_eq!(host.count(FINISH), 0);
    assert_eq!(host.sev_vm().unwrap().guest.state(), State::Launch);
}

/// A folder with an ID block for its own digest and this policy.
fn signed(policy: u64, has_author: bool) -> Option<Folder> {
    let digest = calculator::digest(&snp_folder(1, "")?);
    let folder = snp_folder(1, SIGNED)?;
    calculator::sign(&folder, digest, policy, has_author);
    Some(folder)
}

#[test]
fn id_block_whose_signatures_are_wrong_is_refused_by_the_firmware() {
    const BLOCK_SIGNATURE: usize = 0x40;
    const KEY_SIGNATURE: usize = 0x680;
    const HIGH_BYTES_OF_R: usize = 0x40 + 48;
    for (has_author, wrong) in [
        (false, BLOCK_SIGNATURE),
        (true, BLOCK_SIGNATURE),
        (true, KEY_SIGNATURE),
        (false, HIGH_BYTES_OF_R),
    ] {
        let Some(folder) = signed(POLICY, has_author) else {
            return;
        };
        let mut auth = std::fs::read(folder.path("id-auth.bin")).unwrap();
        auth[wrong] ^= 1;
        folder.write("id-auth.bin", &auth);
        let outcome = run(&folder, &mut Host::new(Kind::Snp));
        assert_refused(&outcome, &["BAD_SIGNATURE"]);
    }
}

#[test]
fn id_block_of_another_policy_is_refused_before_anything_is_started() {
    let Some(folder) = signed(POLICY | 1 << 19, false) else {
        return;
    };
    let outcome = run(&folder, &mut Host::new(Kind::Snp));
    assert_refused(&outcome, &["id_block", "policy"]);
    assert!(outcome.event("spawned").is_none());
}

/// The VMM never comes so far with an ID block of another launch: this is the model alone.
#[test]
fn firmware_compares_an_id_blocks_digest_and_policy() {
    let finish = |digest, policy| {
        let (block, auth) = calculator::identity(digest, policy, true);
        let mut guest = Guest::new(Platform::default());
        guest.start(POLICY).unwrap();
        guest.finish(&Finish {
            identity: Some(Identity {
                block: block.try_into().unwrap(),
                auth: auth.into_boxed_slice().try_into().unwrap(),
                has_author: true,
            }),
            ..Finish::default()
        })
    };
    assert_eq!(finish([0; 48], POLICY), Ok(()));
    assert_eq!(finish([1; 48], POLICY), Err(FirmwareStatus::BadMeasurement));
    assert_eq!(
        finish([0; 48], POLICY | 1 << 19),
        Err(FirmwareStatus::PolicyFailure)
    );
}

#[test]
fn policy_without_smt_is_refused_by_old_kernels_and_then_by_firmware() {
    let start = Step::Sev(Some(Command::LaunchStart));
    let Some(folder) = snp_folder(1, "smt = false\n") else {
        return;
    };
    let mut old = Host::new(Kind::Snp);
    assert_refused(&run(&folder, &mut old), &["guest policy", "SMT"]);
    assert_eq!(old.count(start), 1);
    for smt in [true, false] {
        let mut new = Host::new(Kind::Snp);
        new.release.policy_bits = Some(0x1ff_ffff);
        new.snp.smt = smt;
        let outcome = run(&folder, &mut new);
        match smt {
            true => assert_refused(&outcome, &["POLICY_FAILURE"]),
            false => assert_said_hello(&outcome),
        }
    }
}

#[test]
fn host_without_snp_refuses_before_anything_is_started() {
    for kind in [Kind::Plain, Kind::Tdx] {
        let Some(folder) = snp_folder(1, "") else {
            return;
        };
        let mut host = Host::new(kind);
        let outcome = run(&folder, &mut host);
        assert_refused(&outcome, &["SEV-SNP", "host check"]);
        assert_eq!(host.count(Step::CreateVm(4)), 0);
        assert!(outcome.event("spawned").is_none());
    }
}

#[test]
fn host_that_lacks_a_capability_names_it() {
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        (capability::VM_TYPES,          "KVM_CAP_VM_TYPES"),
        (capability::GUEST_MEMFD,       "KVM_CAP_GUEST_MEMFD"),
        (capability::MEMORY_ATTRIBUTES, "KVM_CAP_MEMORY_ATTRIBUTES"),
        (capability::USER_MEMORY2,      "KVM_CAP_USER_MEMORY2"),
        (capability::MEMORY_FAULT_INFO, "KVM_CAP_MEMORY_FAULT_INFO"),
        (capability::EXIT_HYPERCALL,    "KVM_CAP_EXIT_HYPERCALL"),
    ];
    for (number, name) in cases {
        for (kind, folder) in [
            (Kind::Snp, snp_folder(1, "")),
            (Kind::Tdx, tdx_folder(1, "")),
        ] {
            let Some(folder) = folder else { return };
            let mut host = Host::new(kind);
            host.lacks = vec![number];
            let outcome = run(&folder, &mut host);
            assert_refused(&outcome, &[name, "host check"]);
            assert!(outcome.event("spawned").is_none());
        }
    }
}

#[test]
fn host_without_the_secure_processors_device_names_it() {
    let Some(folder) = snp_folder(1, "") else {
        return;
    };
    let mut host = Host::new(Kind::Snp);
    host.has_sev_device = false;
    let outcome = run(&folder, &mut host);
    assert_refused(&outcome, &["/dev/sev", "ccp"]);
    assert!(outcome.event("spawned").is_none());
}
