//! The SNP back end on the emulator: launches that go well.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use support::{hexadecimal, run, snp_folder};
use tests_kernel_abi::host::{Host, Kind};
use tests_kernel_abi::machine::LINE;
use tests_kernel_abi::trace::Ended;

#[test]
fn launch_has_the_predicted_digest_and_runs_the_measured_bytes() {
    for vcpus in [1, 2, 8] {
        let Some(folder) = snp_folder(vcpus, "") else {
            return;
        };
        let mut host = Host::new(Kind::Snp);
        let outcome = run(&folder, &mut host);
        assert_eq!(
            outcome.ended,
            Ended::Exited(0),
            "{outcome:#?} {:?}",
            host.steps
        );
        assert_eq!(outcome.left, Vec::<String>::new());
        let vm = host.sev_vm().unwrap();
        assert!(vm.is_finished());
        assert_eq!(hexadecimal(&vm.guest.digest()), outcome.predicted());
        assert_eq!(vm.guest.vmsas(), usize::try_from(vcpus).unwrap());
        assert_eq!(outcome.reason(), "guest-poweroff");
        assert_eq!(outcome.console, LINE);
    }
}
