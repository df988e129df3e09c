//! The SNP back end on the emulator: exits with hostile numbers.

use crate::support::hypercalls::{PRIVATE, SHARED, assert_answers, hypercall, map};
use crate::support::{assert_in_order, host_with, run, snp_folder};
use nix::errno::Errno;
use tests_kernel_abi::host::{Exit, Host, Kind};
use tests_kernel_abi::machine::Outcome;
use vmm_kernel_abi::exit::{self, answer, offset};

/// Memory of the guest.
const END: u64 = 64 << 20;
fn fault(gpa: u64, size: u64, flags: u64) -> Exit {
    let words = [
        (offset::FAULT_FLAGS, flags),
        (offset::FAULT_GPA, gpa),
        (offset::FAULT_SIZE, size),
    ];
    Exit::new(exit::MEMORY_FAULT, &words).failing(Errno::EFAULT)
}

fn event(kind: u64, ndata: u64, data: u64) -> Exit {
    let words = [
        (offset::EVENT_TYPE, kind | ndata << 32),
        (offset::EVENT_DATA, data),
    ];
    Exit::new(exit::SYSTEM_EVENT, &words)
}

fn certificates(gpa: u64, pages: u64) -> Exit {
    let words = [
        (offset::CERTS_GPA, gpa),
        (offset::CERTS_NPAGES, pages),
        (offset::CERTS_RET, 0),
    ];
    Exit::new(exit::SNP_REQ_CERTS, &words)
}

/// A guest that meets these exits.
fn meet(exits: Vec<Exit>) -> Option<(Host, Outcome)> {
    let folder = snp_folder(1, "")?;
    let mut host = host_with(Kind::Snp, exits);
    let outcome = run(&folder, &mut host);
    assert_eq!(outcome.left, Vec::<String>::new());
    Some((host, outcome))
}

#[test]
fn conversion_is_done_or_refused_by_its_numbers() {
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        (map(0x10_0000, 1, SHARED), answer::DONE),
        (map(0x10_0000, 1, SHARED), answer::DONE),
        (map(0x20_0000, 512, SHARED | 1), answer::DONE),
        (map(0x20_0000, 256, PRIVATE | 2), answer::DONE),
        (map(END - 0x1000, 1, SHARED | 15), answer::DONE),
        // Whatever is not pages of memory, with attributes that have a meaning.
        (map(0x10_0000, 0, SHARED), answer::EINVAL),
        (map(0x10_0001, 1, SHARED), answer::EINVAL),
        (map(END - 0x1000, 2, SHARED), answer::EINVAL),
        (map(END, 1, SHARED), answer::EINVAL),
        (map(0xffff_f000, 1, PRIVATE), answer::EINVAL),
        (map(u64::MAX - 0xfff, 1, SHARED), answer::EINVAL),
        (map(0x10_0000, 1 << 52, SHARED), answer::EINVAL),
        (map(0x10_0000, 1 << 63, SHARED), answer::EINVAL),
        (map(0x10_0000, u64::MAX, PRIVATE), answer::EINVAL),
        (map(0x10_0000, 1, PRIVATE | 1 << 5), answer::EINVAL),
        (map(0x10_0000, 1, 1 << 63), answer::EINVAL),
        (map(0x10_0000, 1, u64::MAX), answer::EINVAL),
        (hypercall(11, 0x10_0000, 1, PRIVATE), answer::EINVAL),
        (hypercall(u64::MAX, 0x10_0000, 1, PRIVATE), answer::EINVAL),
    ];
    let exits = cases.iter().map(|(exit, _)| exit.clone()).collect();
    let Some((host, outcome)) = meet(exits) else {
        return;
    };
    assert_in_order(&outcome);
    assert_answers(&host, &cases);
    let memory = &host.machine.as_ref().unwrap().vm.memory;
    let shared = 1 + 256 + 1;
    assert_eq!(memory.private_pages(), (END / 4096) as usize - shared);
    assert!(memory.is_private(0x20_0000) && !memory.is_private(0x30_0000));
    assert!(!memory.is_private(0x10_0000) && !memory.is_private(END - 0x1000));
}

#[test]
fn fault_makes_the_page_what_the_guest_reached_for() {
    let exits = vec![
        fault(0x10_0000, 0x1000, 0),
        fault(0x20_0123, 1, 0),
        fault(0x20_0000, 0x1000, exit::MEMORY_FAULT_PRIVATE),
    ];
    let Some((host, outcome)) = meet(exits) else {
        return;
    };
    assert_in_order(&outcome);
    let memory = &host.machine.as_ref().unwrap().vm.memory;
    assert!(!memory.is_private(0x10_0000));
    assert!(memory.is_private(0x20_0000));
}

#[test]
fn fault_that_nothing_can_be_done_about_ends_the_guest() {
    let cases = [
        fault(END, 0x1000, 0),
        fault(u64::MAX - 0xfff, 0x1000, 0),
        fault(0x10_0000, u64::MAX, 0),
        fault(0x10_0000, 0, 0),
        fault(0x10_0000, 0x1000, 1 << 4),
        fault(0x10_0000, 0x1000, u64::MAX),
    ];
    for case in cases {
        let Some((_, outcome)) = meet(vec![case.clone()]) else {
            return;
        };
        let said = &outcome.said;
        assert_ne!(outcome.reason(), "guest-poweroff", "{case:x?} {said}");
        assert!(said.contains("vCPU 0"), "{case:x?} {said}");
    }
}

#[test]
fn fault_that_comes_again_and_again_ends_the_guest() {
    let Some((host, outcome)) = meet(vec![fault(0x10_0000, 0x1000, 0); 1000]) else {
        return;
    };
    assert!(
        outcome.said.contains("same fault again and again"),
        "{outcome:#?}"
    );
    assert!(host.script.as_ref().unwrap().met() < 100);
}

#[test]
fn guest_that_ends_itself_is_told_with_its_reason() {
    const SEV_TERM: u64 = exit::EVENT_SEV_TERM as u64;
    let cases = [
        (event(SEV_TERM, 1, 0x0002_1100), "could not validate a page"),
        (event(SEV_TERM, 1, 0x0001_5100), "the boot shim refused"),
        (event(SEV_TERM, 1, 0x00ff_f100), "reason 255 of set 15"),
        (event(SEV_TERM, 0, 0x0002_1100), "gave no reason"),
        (event(99, 0, 0), "system event 99"),
    ];
    for (case, words) in cases {
        let Some((_, outcome)) = meet(vec![case]) else {
            return;
        };
        assert_ne!(outcome.reason(), "guest-poweroff");
        assert!(outcome.said.contains(words), "{words}: {outcome:#?}");
    }
}

#[test]
fn exit_that_nobody_knows_ends_the_guest() {
    let Some((_, outcome)) = meet(vec![Exit::new(77, &[])]) else {
        return;
    };
    assert_eq!(outcome.reason(), "vcpu-failed");
    assert!(outcome.said.contains("77"), "{outcome:#?}");
}

/// The vCPU's thread may not even ask for them: its filter would kill it.
#[test]
fn vcpu_that_fails_is_told_without_registers_that_are_the_guests_alone() {
    const KVM_EXIT_SHUTDOWN: u32 = 8;
    let Some((_, outcome)) = meet(vec![Exit::new(KVM_EXIT_SHUTDOWN, &[])]) else {
        return;
    };
    assert_eq!(outcome.reason(), "vcpu-failed", "{outcome:#?}");
    let said = &outcome.said;
    assert!(
        said.contains("vCPU 0 shut down by a triple fault"),
        "{said}"
    );
    assert!(!said.contains("at rip"), "{said}");
}

#[test]
fn certificates_go_to_shared_memory_of_the_guest_and_nowhere_else() {
    let at = 0x10_0000;
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        (certificates(at, 1), answer::DONE, 1),
        (certificates(at, 0), answer::ENOSPC, 1),
        (certificates(at + 0x1000, 1), answer::EIO, 1),
        (certificates(END, 1), answer::EIO, 1),
        (certificates(END - 0x1000, 2), answer::EIO, 2),
        (certificates(at, 1 << 63), answer::EIO, 1 << 63),
        (certificates(u64::MAX - 0xfff, 1), answer::EIO, 1),
    ];
    let Some(folder) = snp_folder(1, "certificates = \"certificates.bin\"\n") else {
        return;
    };
    folder.write("certificates.bin", &crate::support::certificate_table());
    let exits = cases.iter().map(|(exit, ..)| exit.clone());
    let mut host = host_with(
        Kind::Snp,
        [map(at, 1, SHARED)].into_iter().chain(exits).collect(),
    );
    host.release.certificates = true;
    let outcome = run(&folder, &mut host);
    assert_in_order(&outcome);
    assert!(host.sev_vm().unwrap().certificates);
    let script = host.script.as_ref().unwrap();
    for (index, (exit, ret, pages)) in cases.iter().enumerate() {
        let said = |at| script.answer(1 + index, at);
        assert_eq!(said(offset::CERTS_RET), Some(*ret), "{exit:x?}");
        assert_eq!(said(offset::CERTS_NPAGES), Some(*pages), "{exit:x?}");
    }
    // After certificates were handed over, the exit is completed by itself, once.
    assert_eq!(script.completed, 1);
}

#[test]
fn certificates_are_left_out_where_the_kernel_hands_none_over() {
    let Some(folder) = snp_folder(1, "certificates = \"certificates.bin\"\n") else {
        return;
    };
    folder.write("certificates.bin", &crate::support::certificate_table());
    let mut host = Host::new(Kind::Snp);
    let outcome = run(&folder, &mut host);
    crate::support::assert_said_hello(&outcome);
    assert!(!host.sev_vm().unwrap().certificates);
    assert!(outcome.event("certificates-left-out").is_some());
}
