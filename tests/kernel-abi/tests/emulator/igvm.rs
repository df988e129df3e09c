//! IGVM files as launches on the emulator: what we wrap, what is made by hand, what Microsoft's crate made.

#[path = "../../../../measured-boot/igvm/tests/igvm/support/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    reason = "the files made here need not all of it"
)]
mod files;
use std::path::Path;

use crate::support::calculator::{self, POLICY, SIGNED};
use crate::support::{
    assert_in_order, assert_said_hello, hexadecimal, host_with, run, snp_folder, snp_of_igvm,
    td_of_igvm,
};
use files::{Builder, vmsa};
use measured_boot_image::IgvmPlatform;
use tests_kernel_abi::host::{Host, Kind};
use tests_kernel_abi::machine::{Folder, Outcome, shim};
use tests_kernel_abi::trace::Ended;
use vmm_kernel_abi::sev::VMSA_GPA;

/// Where [`vmsa`] starts.
const CODE: u64 = 0x1_0000;

/// Everything that KVM takes, and not by rising address: a large page, pages with and without contents, unmeasured
/// ones, secrets, CPUID and a parameter area.
fn by_hand() -> Builder {
    let mut code = shim();
    code.resize(4096, 0);
    Builder::snp()
        .area(3, 0x2000, &[])
        .page(CODE, 0, &code)
        .page(0x20_0000, 1, &[5; 2 << 20])
        .page(0x4000, 2, &[3; 4096])
        .page(0x9000, 0, &[])
        .page(0x5000, 0, &[])
        .page_of_kind(0x6000, 0, 1, &[])
        .page_of_kind(0x7000, 0, 2, &[])
        .parameter(0x307, 3, 0)
        .parameter(0x30C, 3, 0x1000)
        .insert(0xA000, 3)
}

fn file_by_hand() -> Vec<u8> {
    by_hand().vp_context(VMSA_GPA, 0, &vmsa()).build()
}

/// The same with an ID block for a launch of this digest.
fn with_id_block(digest: [u8; 48]) -> Vec<u8> {
    let (block, auth) = calculator::identity(digest, POLICY, true);
    let file = by_hand().vp_context(VMSA_GPA, 0, &vmsa());
    file.id_block(&block, &auth).build()
}

fn wrapped(platform: IgvmPlatform) -> Option<Vec<u8>> {
    Some(calculator::wrapped(&snp_folder(1, "")?, platform))
}

/// The VMM said why, and started nothing.
fn assert_refused(folder: &Folder, words: &[&str]) {
    let outcome = run(folder, &mut Host::new(Kind::Snp));
    assert_eq!(outcome.ended, Ended::Exited(1), "{outcome:#?}");
    assert!(outcome.event("spawned").is_none());
    for words in words {
        assert!(outcome.error().contains(words), "{words}: {outcome:#?}");
    }
}

fn compared_by(outcome: &Outcome) -> &str {
    outcome.event("measured").unwrap()["compared_by"]
        .as_str()
        .unwrap()
}

#[test]
fn file_has_its_own_digest_and_runs_the_measured_bytes() {
    for file in [wrapped(IgvmPlatform::Snp), Some(file_by_hand())] {
        let Some((file, folder)) = file.and_then(|file| {
            let folder = snp_of_igvm(&file, 1, "")?;
            Some((file, folder))
        }) else {
            return;
        };
        let mut host = Host::new(Kind::Snp);
        let outcome = run(&folder, &mut host);
        assert_said_hello(&outcome);
        let guest = &host.sev_vm().unwrap().guest;
        assert_eq!(guest.digest(), calculator::igvm_digest(&file));
        assert_eq!(hexadecimal(&guest.digest()), outcome.predicted());
        assert_eq!((guest.policy(), guest.has_identity()), (POLICY, false));
        assert_eq!(compared_by(&outcome), "guest-report");
    }
}

#[test]
fn vcpus_beyond_those_of_the_file_are_measured_as_planned() {
    let Some(folder) = wrapped(IgvmPlatform::Snp).and_then(|file| snp_of_igvm(&file, 8, "")) else {
        return;
    };
    let mut host = Host::new(Kind::Snp);
    assert_said_hello(&run(&folder, &mut host));
    let guest = &host.sev_vm().unwrap().guest;
    assert_eq!(guest.digest(), calculator::digest(&folder));
    assert_eq!(guest.vmsas(), 8);
}

#[test]
fn id_block_in_a_file_is_compared_by_the_firmware() {
    let digest = calculator::igvm_digest(&file_by_hand());
    let Some(folder) = snp_of_igvm(&with_id_block(digest), 1, "") else {
        return;
    };
    let mut host = Host::new(Kind::Snp);
    let outcome = run(&folder, &mut host);
    assert_said_hello(&outcome);
    let guest = &host.sev_vm().unwrap().guest;
    assert!(guest.has_identity());
    assert_eq!(guest.digest(), digest);
    assert_eq!(compared_by(&outcome), "id-block");
}

#[test]
fn id_block_of_the_configuration_is_taken_instead_of_the_files() {
    let digest = calculator::igvm_digest(&file_by_hand());
    let Some(folder) = snp_of_igvm(&with_id_block([1; 48]), 1, SIGNED) else {
        return;
    };
    calculator::sign(&folder, digest, POLICY, false);
    let mut host = Host::new(Kind::Snp);
    assert_said_hello(&run(&folder, &mut host));
    assert!(host.sev_vm().unwrap().guest.has_identity());
}

#[test]
fn id_block_of_another_launch_is_refused_before_anything_is_started() {
    let digest = calculator::igvm_digest(&file_by_hand());
    let other = [1; 48];
    for (in_file, lines, words) in [
        (other, "", "boot.igvm: its ID block"),
        (digest, SIGNED, "tee.id_block: it"),
    ] {
        let Some(folder) = snp_of_igvm(&with_id_block(in_file), 1, lines) else {
            return;
        };
        calculator::sign(&folder, other, POLICY, false);
        let both = [words, &hexadecimal(&other), &hexadecimal(&digest)];
        assert_refused(&folder, &both);
    }
}

/// A file of Microsoft's crate igvm 0.5.0; `None`, after saying so, where it is not there.
fn sample() -> Option<Vec<u8>> {
    const NAME: &str = "measured-boot/igvm-crate/sample.igvm";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let file = std::fs::read(root.join(NAME)).ok();
    if file.is_none() {
        println!("skipped: ../shared/vectors/{NAME} is not there");
    }
    file
}

/// Puts `new` where `old` is; nowhere else, and of the same length.
fn replace(file: &mut [u8], old: &[u8], new: &[u8]) {
    let places: Vec<_> = (0..file.len())
        .filter(|at| file[*at..].starts_with(old))
        .collect();
    let [at] = places[..] else {
        panic!("{} places", places.len());
    };
    file[at..at + new.len()].copy_from_slice(new);
}

/// Its vCPU's state, the last page of its data, as KVM makes one.
fn with_vcpu(mut file: Vec<u8>) -> Vec<u8> {
    let at = file.len() - 4096;
    file[at..].copy_from_slice(&vmsa());
    file
}

#[test]
fn file_of_others_that_kvm_would_launch_otherwise_is_refused_by_name() {
    let Some(sample) = sample() else { return };
    let Some(folder) = snp_of_igvm(&sample, 1, "") else {
        return;
    };
    assert_refused(
        &folder,
        &[
            "boot.igvm",
            "cannot be launched here as it says",
            "of a vCPU",
        ],
    );
    folder.write(Folder::IGVM, &with_vcpu(sample));
    assert_refused(&folder, &["boot.igvm", "pages at 0xffffe000", "memory"]);
}

/// What is left of it where its firmware lies in memory and its vCPU starts as KVM lets it: its own pages, in its
/// own order. It has no code that could end the guest: the vCPU's exits are made up.
#[test]
fn file_of_others_moved_to_where_kvm_takes_it_has_its_own_digest() {
    let Some(sample) = sample() else { return };
    let mut file = with_vcpu(sample);
    for (from, to) in [(0xFFFF_E000_u64, 0x30_0000_u64), (0xFFFF_F000, 0x30_1000)] {
        let entry = |gpa: u64| [&gpa.to_le_bytes()[..], &[1, 0, 0, 0]].concat();
        replace(&mut file, &entry(from), &entry(to));
    }
    files::mend_checksum(&mut file);
    let Some(folder) = snp_of_igvm(&file, 1, "") else {
        return;
    };
    let mut host = host_with(Kind::Snp, Vec::new());
    let outcome = run(&folder, &mut host);
    assert_in_order(&outcome);
    let digest = host.sev_vm().unwrap().guest.digest();
    assert_eq!(digest, calculator::igvm_digest(&file));
}

#[test]
fn td_of_a_file_has_the_predicted_mrtd() {
    let Some(file) = wrapped(IgvmPlatform::Tdx) else {
        return;
    };
    let Some(folder) = td_of_igvm(&file) else {
        return;
    };
    let mut host = host_with(Kind::Tdx, Vec::new());
    let outcome = run(&folder, &mut host);
    assert_in_order(&outcome);
    let mrtd = host.tdx_vm().unwrap().td.mrtd().unwrap();
    assert_eq!(mrtd, calculator::digest(&folder));
    assert_eq!(hexadecimal(&mrtd), outcome.predicted());
}
