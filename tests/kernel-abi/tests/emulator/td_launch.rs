//! The TDX back end on the emulator: launches that go well. The first vCPU does not run: the emulator's plain VM
//! has no TD's way in.

use crate::support::{assert_in_order, hexadecimal, host_with, run, shim_of_pages, tdx_folder};
use nix::errno::Errno;
use tests_kernel_abi::host::{Host, Kind, Step, Trouble, What};
use tests_kernel_abi::machine::Outcome;
use vmm_kernel_abi::tdx::{Command, attributes};

const fn tdx(command: Command) -> Step {
    Step::Tdx(Some(command))
}

const CAPABILITIES: Step = tdx(Command::Capabilities);
const INIT_VM: Step = tdx(Command::InitVm);
const INIT_VCPU: Step = tdx(Command::InitVcpu);
const MEMORY: Step = tdx(Command::InitMemRegion);
const FINALIZE: Step = tdx(Command::FinalizeVm);

/// Runs a TD on a host with this trouble.
fn troubled(trouble: Vec<Trouble>) -> Option<(Host, Outcome)> {
    let folder = tdx_folder(1, "")?;
    let mut host = host_with(Kind::Tdx, Vec::new());
    host.trouble = trouble;
    let outcome = run(&folder, &mut host);
    assert_eq!(outcome.left, Vec::<String>::new());
    Some((host, outcome))
}

fn mrtd(host: &Host) -> String {
    hexadecimal(&host.tdx_vm().unwrap().td.mrtd().unwrap())
}

#[test]
fn mrtd_is_the_predicted_one_whatever_the_vcpus() {
    let mut digests = Vec::new();
    for vcpus in [1, 2, 8] {
        let Some(folder) = tdx_folder(vcpus, "") else {
            return;
        };
        let mut host = host_with(Kind::Tdx, Vec::new());
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
    let Some(folder) = tdx_folder(1, &lines) else {
        return;
    };
    folder.write("init.toml", b"abc");
    let mut host = host_with(Kind::Tdx, Vec::new());
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
    let Some(folder) = tdx_folder(1, "") else {
        return;
    };
    folder.write("shim.bin", &shim_of_pages());
    let mut host = host_with(Kind::Tdx, Vec::new());
    host.release.pages_a_call = 1;
    let outcome = run(&folder, &mut host);
    assert_in_order(&outcome);
    assert_eq!(mrtd(&host), outcome.predicted());
    let td = host.tdx_vm().unwrap();
    assert_eq!(td.updates, td.pages);
}

#[test]
fn debug_is_refused_where_the_host_has_none_and_never_added_by_itself() {
    let Some(folder) = tdx_folder(1, "debug = true\n") else {
        return;
    };
    let mut host = host_with(Kind::Tdx, Vec::new());
    let outcome = run(&folder, &mut host);
    assert!(
        outcome
            .error()
            .contains("do not give a TD the attribute DEBUG"),
        "{outcome:#?}"
    );
    assert_eq!(host.count(INIT_VM), 0);
    let mut host = host_with(Kind::Tdx, Vec::new());
    host.tdx.attributes |= attributes::DEBUG;
    assert_in_order(&run(&folder, &mut host));
    let td = &host.tdx_vm().unwrap().td;
    let debug = attributes::SEPT_VE_DISABLE | attributes::DEBUG;
    assert_eq!(td.parameters().unwrap().attributes, debug);
}
