//! The SNP back end on the emulator: launches that go well.

use crate::support::calculator::{self, POLICY, SIGNED};
use crate::support::{assert_said_hello, hexadecimal, run, shim_of_pages, snp_folder};
use nix::errno::Errno;
use tests_kernel_abi::host::{Host, Kind, Step, Trouble, What};
use vmm_kernel_abi::sev::Command;

const UPDATE: Step = Step::Sev(Some(Command::LaunchUpdate));
const FINISH: Step = Step::Sev(Some(Command::LaunchFinish));

#[test]
fn launch_has_the_calculators_digest_and_runs_the_measured_bytes() {
    for vcpus in [1, 2, 8] {
        let Some(folder) = snp_folder(vcpus, "") else {
            return;
        };
        let mut host = Host::new(Kind::Snp);
        let outcome = run(&folder, &mut host);
        assert_said_hello(&outcome);
        let vm = host.sev_vm().unwrap();
        assert!(vm.is_finished() && !vm.guest.has_identity());
        assert_eq!(vm.guest.digest(), calculator::digest(&folder));
        assert_eq!(hexadecimal(&vm.guest.digest()), outcome.predicted());
        assert_eq!(vm.guest.vmsas(), usize::try_from(vcpus).unwrap());
        assert_eq!(vm.guest.policy(), POLICY);
        let measured = outcome.event("measured").unwrap();
        assert_eq!(measured["compared_by"], "guest-report");
    }
}

#[test]
fn launch_with_an_id_block_is_compared_by_the_firmware() {
    for (vcpus, has_author) in [(1, false), (2, true), (8, true)] {
        let Some(folder) = snp_folder(vcpus, "") else {
            return;
        };
        let digest = calculator::digest(&folder);
        let Some(folder) = snp_folder(vcpus, SIGNED) else {
            return;
        };
        calculator::sign(&folder, digest, POLICY, has_author);
        let mut host = Host::new(Kind::Snp);
        let outcome = run(&folder, &mut host);
        assert_said_hello(&outcome);
        let vm = host.sev_vm().unwrap();
        assert!(vm.guest.has_identity());
        assert_eq!(vm.guest.digest(), digest);
        let measured = outcome.event("measured").unwrap();
        assert_eq!(measured["compared_by"], "id-block");
    }
}

#[test]
fn digest_is_the_same_however_few_pages_the_kernel_does_at_a_time() {
    let mut digests = Vec::new();
    for pages_a_call in [1, 3, u64::MAX] {
        let Some(folder) = snp_folder(1, "") else {
            return;
        };
        folder.write("shim.bin", &shim_of_pages());
        let mut host = Host::new(Kind::Snp);
        host.release.pages_a_call = pages_a_call;
        assert_said_hello(&run(&folder, &mut host));
        let vm = host.sev_vm().unwrap();
        assert!(pages_a_call != 1 || vm.updates == vm.pages);
        assert_eq!(vm.guest.digest(), calculator::digest(&folder));
        digests.push(vm.guest.digest());
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn update_that_is_to_be_tried_again_is_tried_with_what_is_left() {
    let Some(folder) = snp_folder(1, "") else {
        return;
    };
    let mut host = Host::new(Kind::Snp);
    host.trouble = vec![
        Trouble::at(UPDATE, What::Partly(1, Some(Errno::EAGAIN))).times(3),
        Trouble::at(UPDATE, What::Errno(Errno::EAGAIN))
            .after(4)
            .times(9),
    ];
    assert_said_hello(&run(&folder, &mut host));
    assert_eq!(
        host.sev_vm().unwrap().guest.digest(),
        calculator::digest(&folder)
    );
}

#[test]
fn digest_of_the_guests_configuration_is_its_host_data() {
    let Some(folder) = snp_folder(1, "init_data = \"init.toml\"\n") else {
        return;
    };
    folder.write("init.toml", b"abc");
    let mut host = Host::new(Kind::Snp);
    assert_said_hello(&run(&folder, &mut host));
    assert_eq!(
        hexadecimal(&host.sev_vm().unwrap().guest.host_data()),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn steps_go_in_the_kernels_order() {
    let Some(folder) = snp_folder(2, "") else {
        return;
    };
    let mut host = Host::new(Kind::Snp);
    assert_said_hello(&run(&folder, &mut host));
    let first = |step| host.steps.iter().position(|it| *it == step).unwrap();
    let order = [
        Step::CreateVm(4),
        Step::Sev(Some(Command::Init2)),
        Step::Sev(Some(Command::LaunchStart)),
        Step::CreateVcpu,
        UPDATE,
        FINISH,
    ];
    let places = order.map(first);
    assert!(places.is_sorted(), "{places:?}");
    assert!(first(Step::Attributes) < first(UPDATE));
    assert_eq!(host.count(FINISH), 1);
}
