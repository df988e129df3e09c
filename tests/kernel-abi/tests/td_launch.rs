//! The TDX back end on the emulator: launches, and every error of every step. The first vCPU does not run: the
//! emulator's plain VM has no TD's way in.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use nix::errno::Errno;
use tests_kernel_abi::host::{Host, Kind, Script, Step, Trouble, What};
use tests_kernel_abi::machine::{Folder, Outcome, TeeLines};
use tests_kernel_abi::trace::Ended;
use vmm_kernel_abi::tdx::{Command, attributes};

const fn tdx(command: Command) -> Step {
    Step::Tdx(Some(command))
}

const CAPABILITIES: Step = tdx(Command::Capabilities);
const INIT_VM: Step = tdx(Command::InitVm);
const INIT_VCPU: Step = tdx(Command::InitVcpu);
const MEMORY: Step = tdx(Command::InitMemRegion);
const FINALIZE: Step = tdx(Command::FinalizeVm);

fn folder(vcpus: u32, lines: &str) -> Option<Folder> {
    let tee = TeeLines(format!("kind = \"tdx\"\n{lines}"));
    let launcher = Path::new(env!("CARGO_BIN_EXE_kernel-abi-launcher"));
    Folder::new(launcher, &tee, "shim", vcpus)
        .inspect_err(|reason| println!("skipped: {reason}"))
        .ok()
}

fn run(folder: &Folder, host: &mut Host) -> Outcome {
    host.script = Some(Script::new(Vec::new()));
    let watched = host.watched();
    folder.run(&watched, host)
}

/// Runs a TD on a host with this trouble.
fn troubled(trouble: Vec<Trouble>) -> Option<(Host, Outcome)> {
    let folder = folder(1, "")?;
    let mut host = Host::new(Kind::Tdx);
    host.trouble = trouble;
    let outcome = run(&folder, &mut host);
    assert_eq!(outcome.left, Vec::<String>::new());
    Some((host, outcome))
}

fn mrtd(host: &Host) -> String {
    let mrtd = host.tdx_vm().unwrap().td.mrtd().unwrap();
    mrtd.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_in_order(outcome: &Outcome) {
    assert_eq!(outcome.ended, Ended::Exited(0), "{outcome:#?}");
    assert_eq!(outcome.left, Vec::<String>::new());
}

#[test]
fn mrtd_is_the_predicted_one_whatever_the_vcpus() {
    let mut digests = Vec::new();
    for vcpus in [1, 2, 8] {
        let Some(folder) = folder(vcpus, "") else {
            return;
        };
        let mut host = Host::new(Kind::Tdx);
        let outcome = run(&folder, &mut host);
        assert_in_order(&outcome);
        assert_eq!(mrtd(&host), outcome.predicted());
        let measured = outcome.event("measured").unwrap();
        assert_eq!(measured["compared_by"], "guest-report");
        assert_eq!(
            host.tdx_vm().unwrap().initial_rcx,
            vec![0; usize::try_from(vcpus).unwrap()]
        );
        digests.push(mrtd(&host));
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn td_has_the_parameters_of_its_configuration() {
    let lines = format!(
        "init_data = \"init.toml\"\nmrowner = \"{}\"\nmrownerconfig = \"{}\"\n",
        "c2".repeat(48),
        "c3".repeat(48)
    );
    let Some(folder) = folder(1, &lines) else {
        return;
    };
    folder.write("init.toml", b"abc");
    let mut host = Host::new(Kind::Tdx);
    assert_in_order(&run(&folder, &mut host));
    let td = &host.tdx_vm().unwrap().td;
    let parameters = td.parameters().unwrap();
    assert_eq!(parameters.attributes, attributes::SEPT_VE_DISABLE);
    // FIPS 180-4's own example for SHA-384.
    assert_eq!(parameters.mrconfigid[..4], [0xcb, 0x00, 0x75, 0x3f]);
    assert_eq!(
        (parameters.mrowner, parameters.mrownerconfig),
        ([0xc2; 48], [0xc3; 48])
    );
}

#[test]
fn steps_go_in_the_kernels_order() {
    let Some((host, outcome)) = troubled(Vec::new()) else {
        return;
    };
    assert_in_order(&outcome);
    let first = |step| host.steps.iter().position(|it| *it == step).unwrap();
    let order = [
        Step::CreateVm(5),
        CAPABILITIES,
        INIT_VM,
        Step::CreateVcpu,
        Step::SetCpuid,
        INIT_VCPU,
        MEMORY,
        FINALIZE,
    ];
    assert!(order.map(first).is_sorted(), "{:?}", host.steps);
    assert!(first(Step::Attributes) < first(MEMORY));
    assert_eq!((host.count(INIT_VM), host.count(FINALIZE)), (1, 1));
}

#[test]
fn errors_that_pass_are_waited_out_and_change_no_digest() {
    let Some((host, outcome)) = troubled(Vec::new()) else {
        return;
    };
    assert_in_order(&outcome);
    let expected = mrtd(&host);
    let partly = |pages, errno| What::Partly(pages, Some(errno));
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        ("too little room twice",   Trouble::at(CAPABILITIES, What::Errno(Errno::E2BIG)).times(2)),
        ("no entropy",              Trouble::at(INIT_VM, What::Errno(Errno::EAGAIN)).times(50)),
        ("memory: busy",            Trouble::at(MEMORY, What::Errno(Errno::EBUSY)).times(9)),
        ("memory: again, advanced", Trouble::at(MEMORY, partly(1, Errno::EAGAIN)).times(3)),
        ("memory: interrupted",     Trouble::at(MEMORY, partly(1, Errno::EINTR)).after(1).times(3)),
        ("end: busy",               Trouble::at(FINALIZE, What::Errno(Errno::EBUSY)).times(9)),
    ];
    for (what, trouble) in cases {
        let (host, outcome) = troubled(vec![trouble]).unwrap();
        assert_in_order(&outcome);
        assert_eq!(mrtd(&host), expected, "{what}");
    }
}

#[test]
fn page_at_a_time_gives_the_same_digest() {
    let Some(folder) = folder(1, "") else { return };
    let mut host = Host::new(Kind::Tdx);
    host.release.pages_a_call = 1;
    let outcome = run(&folder, &mut host);
    assert_in_order(&outcome);
    assert_eq!(mrtd(&host), outcome.predicted());
    let td = host.tdx_vm().unwrap();
    assert_eq!(td.updates, td.pages);
}

#[test]
fn every_error_ends_the_launch_with_its_reason_and_leaves_nothing() {
    use Errno::{E2BIG, EAGAIN, EBUSY, EEXIST, EINTR, EINVAL, EIO, ENOMEM, ENOSPC, ENOTTY};
    const INVALID_CPUID: u64 = 0xc000_0100_0000_0045;
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        (Step::CreateVm(5),   What::Errno(EINVAL),                   "KVM_CREATE_VM of type 5"),
        (Step::EnableCap(121), What::Errno(EINVAL),                  "KVM_CAP_SPLIT_IRQCHIP"),
        (Step::EnableCap(237), What::Errno(EINVAL),                  "X86_APIC_BUS_CYCLES_NS"),
        (CAPABILITIES,        What::Errno(EINVAL),                   "use Linux 6.16 or newer"),
        (CAPABILITIES,        What::Errno(E2BIG),                    "more CPUID entries than any TD may be given"),
        (CAPABILITIES,        What::Errno(EIO),                      "demands attributes or features"),
        (CAPABILITIES,        What::Errno(ENOTTY),                   "load kvm_intel with tdx=1"),
        (INIT_VM,             What::Errno(EINVAL),                   "does not take the attributes, features or CPUID"),
        (INIT_VM,             What::Status(EINVAL, INVALID_CPUID),   "operand invalid, operand CPUID_CONFIG"),
        (INIT_VM,             What::Errno(EAGAIN),                   "INIT_VM was tried 10000 times"),
        (INIT_VM,             What::Errno(EBUSY),                    "raise misc.max (tdx)"),
        (INIT_VM,             What::Errno(ENOSPC),                   "no private key id is free"),
        (INIT_VM,             What::Errno(EIO),                      "switch a CPU of every package on"),
        (INIT_VM,             What::Errno(E2BIG),                    "more CPUID entries than the kernel takes"),
        (Step::Attributes,    What::Errno(ENOMEM),                   "KVM_SET_MEMORY_ATTRIBUTES"),
        (Step::CreateVcpu,    What::Errno(EIO),                      "KVM_CREATE_VCPU"),
        (INIT_VCPU,           What::Errno(EINVAL),                   "KVM_TDX_INIT_VCPU on vCPU 0: the vCPU's CPUID lacks x2APIC"),
        (INIT_VCPU,           What::Errno(EIO),                      "the TDX module refused"),
        (MEMORY,              What::Errno(EINVAL),                   "the pages are not private"),
        (MEMORY,              What::Errno(EAGAIN),                   "INIT_MEM_REGION was tried 1000 times"),
        (MEMORY,              What::Errno(EBUSY),                    "INIT_MEM_REGION was tried 1000 times"),
        (MEMORY,              What::Errno(EINTR),                    "INIT_MEM_REGION was tried 1000 times"),
        (MEMORY,              What::Errno(EEXIST),                   "a page was added before"),
        (MEMORY,              What::Errno(EIO),                      "the TDX module refused"),
        (MEMORY,              What::Partly(1, Some(EIO)),            "the TDX module refused"),
        (MEMORY,              What::Nothing,                         "succeeded 1000 times without filling a page"),
        (FINALIZE,            What::Errno(EBUSY),                    "FINALIZE_VM was tried 1000 times"),
        (FINALIZE,            What::Errno(EINVAL),                   "the TD is not ready to be finished"),
        (FINALIZE,            What::Status(EIO, 0x8000_0200_0000_0080), "operand busy, operand TDR"),
    ];
    for (step, what, said) in cases {
        let Some((host, outcome)) = troubled(vec![Trouble::at(step, what)]) else {
            return;
        };
        assert_eq!(
            outcome.ended,
            Ended::Exited(1),
            "{step:?} {what:?}: {outcome:#?}"
        );
        assert!(
            outcome.error().contains(said),
            "{step:?} {what:?}: {}",
            outcome.error()
        );
        assert_eq!(host.script.unwrap().met(), 0, "nothing runs");
    }
}

#[test]
fn debug_is_refused_where_the_host_has_none_and_never_added_by_itself() {
    let Some(folder) = folder(1, "debug = true\n") else {
        return;
    };
    let mut host = Host::new(Kind::Tdx);
    let outcome = run(&folder, &mut host);
    assert!(
        outcome
            .error()
            .contains("do not give a TD the attribute DEBUG"),
        "{outcome:#?}"
    );
    assert_eq!(host.count(INIT_VM), 0);
    let mut host = Host::new(Kind::Tdx);
    host.tdx.attributes |= attributes::DEBUG;
    assert_in_order(&run(&folder, &mut host));
    let td = &host.tdx_vm().unwrap().td;
    let debug = attributes::SEPT_VE_DISABLE | attributes::DEBUG;
    assert_eq!(td.parameters().unwrap().attributes, debug);
}
