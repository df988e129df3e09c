//! LAUNCH_UPDATE with every page type that it takes. No plan of an SNP guest has pages of the type ZERO today, so the
//! VMM's own crates launch one that is made here, by the same functions and without its jail.

use std::fs::{File, read_to_string};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::support::{LAUNCHER, calculator, hexadecimal, snp_folder};
use measured_boot_plan::{Component, Content, Gpa, LaunchPlan, Region, plan};
use measured_boot_snp_abi::PageType;
use measured_boot_tdx_launch::predicted_digest;
use tests_kernel_abi::host::{Host, Kind};
use tests_kernel_abi::machine::PATIENCE;
use tests_kernel_abi::trace::{Ended, Program};
use vmm_kernel_abi::sev::page_type;
use vmm_kvm::{GuestRam, RamLayout, Vm, VmKind};
use vmm_launch::{Staging, launch};
use vmm_snp::Snp;

/// The program below, as the test harness names it.
const CHILD: &str = "page_types::child_launches_a_plan_with_zero_pages";
const ZERO_PAGES: u64 = 9;

/// Pages that nothing else of the plan is at.
fn with_zero_pages(mut plan: LaunchPlan) -> LaunchPlan {
    plan.regions.0.push(Region {
        component: Component::Mailbox,
        start: Gpa::new(0x20_0000),
        page_type: PageType::Zero,
        content: Content::Zeros(ZERO_PAGES * 4096),
    });
    plan
}

/// What the other test traces, given a VM's folder: says what it predicts, and launches.
#[test]
#[ignore = "a program of its own, for the test beside it"]
fn child_launches_a_plan_with_zero_pages() {
    let folder = std::env::args().next_back().unwrap();
    calculator::with_inputs_in(Path::new(&folder), |config, sources| {
        let plan = with_zero_pages(plan(config, sources).unwrap());
        let predicted = predicted_digest(&plan, sources);
        println!("predicted {}", hexadecimal(&predicted.0));
        let host = vmm_kvm::Host::open().unwrap();
        let snp = Snp::open(&host, &plan, false).unwrap();
        let ram = Arc::new(GuestRam::new(RamLayout::new(&plan.ram())).unwrap());
        let vm = Vm::new(&host, VmKind::Snp, ram).unwrap();
        let staging = Staging::prepare(&plan, sources, |_| None).unwrap();
        launch(vm, snp, &plan, sources, staging, predicted).unwrap();
    });
}

#[test]
fn every_page_type_is_taken_and_measured_as_the_calculator_does() {
    let Some(folder) = snp_folder(2, "") else {
        return;
    };
    let mut host = Host::new(Kind::Snp);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--include-ignored", "--nocapture", "--exact", CHILD]);
    child.arg(folder.path(""));
    let create = |name: &str| File::create(folder.path(name)).unwrap();
    let program = Program::start(
        Path::new(LAUNCHER),
        &host.watched(),
        &child,
        (create("said"), create("complained")),
    );
    let ended = program.unwrap().run(&mut host, PATIENCE).unwrap();
    let said = read_to_string(folder.path("said")).unwrap();
    let complained = read_to_string(folder.path("complained")).unwrap();
    assert_eq!(ended, Ended::Exited(0), "{said}\n{complained}");
    let vm = host.sev_vm().unwrap();
    assert!(vm.is_finished());
    let all = [
        page_type::NORMAL,
        page_type::ZERO,
        page_type::UNMEASURED,
        page_type::SECRETS,
        page_type::CPUID,
    ];
    let taken: Vec<_> = vm.page_types.iter().copied().collect();
    assert_eq!(taken, all);
    let predicted = format!("predicted {}", hexadecimal(&vm.guest.digest()));
    assert!(said.contains(&predicted), "{predicted}\n{said}");
}
