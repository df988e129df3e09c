//! Jail and tracer live together: the simulated launch, stopped at its calls and answered by nobody but the
//! real kernel.

#![allow(missing_docs, reason = "a test")]

use std::path::Path;

use tests_kernel_abi::machine::{Folder, TeeLines};
use tests_kernel_abi::trace::{Call, Ended, Enter, Kernel, Leave, Watched};
use vmm_kernel_abi::ioctl::{KVM_CHECK_EXTENSION, KVM_CREATE_VCPU, KVM_CREATE_VM, KVM_RUN};

const LAUNCHER: &str = env!("CARGO_BIN_EXE_kernel-abi-launcher");

/// Lets all pass and counts.
#[derive(Default)]
struct Counting {
    entered: usize,
    left: usize,
    vcpus: usize,
}

impl Kernel for Counting {
    fn enter(&mut self, call: &Call) -> Enter {
        self.entered += 1;
        if call.request() == Some(KVM_CREATE_VCPU) {
            self.vcpus += 1;
        }
        match self.entered % 2 {
            0 => Enter::Pass,
            _ => Enter::Watch,
        }
    }

    fn leave(&mut self, _: &Call, result: i64) -> Leave {
        assert_ne!(result, -38, "ENOSYS: nobody answered");
        self.left += 1;
        Leave::Keep
    }
}

#[test]
fn simulated_launch_runs_under_the_tracer_as_it_does_without() {
    let tee = TeeLines("kind = \"simulated\"\nkeys = \"keys\"".to_owned());
    let folder = match Folder::new(Path::new(LAUNCHER), &tee, "simulated-direct", 2) {
        // Nobody answers in the real KVM's place here.
        Ok(folder) => folder.with_adopted_cpuid(),
        Err(reason) => return println!("skipped: {reason}"),
    };
    folder.make_simulated_keys();
    let watched = Watched {
        ioctls: vec![KVM_CHECK_EXTENSION, KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_RUN],
        calls: vec![],
    };
    let mut counting = Counting::default();
    let outcome = folder.run(&watched, &mut counting);
    assert_eq!(outcome.ended, Ended::Exited(0), "{outcome:#?}");
    assert_eq!(outcome.reason(), "guest-poweroff");
    assert_eq!(outcome.console, tests_kernel_abi::machine::LINE);
    assert_eq!(outcome.left, Vec::<String>::new());
    assert!(counting.vcpus >= 2);
    assert!(counting.left + 2 >= counting.entered / 2);
}
