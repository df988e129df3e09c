//! Launch digests of OVMF under an SVSM.

use measured_boot_digest::OneByOne;
use measured_boot_firmware::{Ovmf, Svsm};
use measured_boot_snp_launch::{Contents, LaunchFault, SnpLaunch, SvsmInputs, SvsmNote, VmmType};
use std::path::Path;
use std::sync::Arc;

/// Firmware and SVSM of sev-snp-measure's tests, if they are there.
fn images() -> Option<[Vec<u8>; 2]> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/sev-snp-measure/fixtures");
    let read = |name| std::fs::read(folder.join(name)).ok();
    let images = read("svsm_ovmf.fd").zip(read("svsm.bin"));
    if images.is_none() {
        println!("skipped: {} is not there", folder.display());
    }
    images.map(|(firmware, svsm)| [firmware, svsm])
}

fn inputs<'a>([firmware, svsm]: &'a [Vec<u8>; 2], vcpus: u32, vmm: VmmType) -> SvsmInputs<'a> {
    let firmware = Ovmf::read(firmware).expect("firmware");
    let vars_bytes = Svsm::usual_vars_bytes(&firmware);
    assert_eq!(vars_bytes, 540_672);
    SvsmInputs {
        svsm: Svsm::below(svsm, &firmware, vars_bytes).expect("an SVSM"),
        firmware,
        vcpus,
        cpu: "EPYC-v4".parse().expect("a type"),
        features: 0x21,
        vmm,
    }
}

fn digest(inputs: &SvsmInputs<'_>) -> String {
    let launch = SnpLaunch::of_svsm(inputs).expect("a launch");
    launch.measure(&OneByOne).digest().to_string()
}

/// The value in sev-snp-measure's own tests, which ask for features 0x21 and measure 0x1.
#[test]
fn digest_is_the_published_one_and_says_what_no_host_does() {
    let Some(images) = images() else { return };
    let four = inputs(&images, 4, VmmType::Qemu);
    assert_eq!(
        digest(&four),
        "27d154c27b7b359c935e250ec6fee72aa0ae8c1225e3b0e1cf46a9567e938066d7d6f94bbdc4a857818bdb79277a44b2"
    );
    assert_eq!(
        digest(&inputs(&images, 2, VmmType::Qemu)),
        "9b94745036aafddf4f7f8b00c7513abb5b7703178cb95aaa57928bd963d68d3bfcb715d6019b9167ee2517b11b0d9be7"
    );
    let notes = [SvsmNote::FcwAsPublished, SvsmNote::FeaturesIgnored(0x21)];
    assert_eq!(SvsmNote::of(&four), notes);
}

/// The value that the first version of that test had, captured on hardware: neither register is set.
#[test]
fn digest_that_hardware_gave_has_neither_mxcsr_nor_fcw() {
    let Some(images) = images() else { return };
    let launch = SnpLaunch::of_svsm(&inputs(&images, 4, VmmType::Qemu)).unwrap();
    let mut runs = launch.runs().to_vec();
    for run in &mut runs {
        if let Contents::Made(page) = &mut run.contents {
            Arc::make_mut(page)[0x408..0x412].fill(0);
        }
    }
    let digest = SnpLaunch::of_runs(runs).measure(&OneByOne).digest();
    assert_eq!(
        digest.to_string(),
        "265aed64f2454253f6b19e49e17041ef052dedf964dd8d2740794a06aee3a720c475e3643a1b7e26b9efce7a107bf77f"
    );
}

/// Not published by anybody: what KVM sets since Linux 6.10, by its source.
#[test]
fn digest_of_todays_kvm_has_fcw_and_features() {
    let Some(images) = images() else { return };
    let mut launch = inputs(&images, 4, VmmType::Cloister);
    launch.features = 1;
    let four = digest(&launch);
    assert!(
        four.starts_with("a250e27d") && four.ends_with("eafb51de"),
        "{four}"
    );
    launch.vcpus = 2;
    let two = digest(&launch);
    assert!(
        two.starts_with("54f444a0") && two.ends_with("8b755e2c"),
        "{two}"
    );
    assert_eq!(SvsmNote::of(&launch), []);
    launch.features = 0x21;
    assert_ne!(digest(&launch), two);
}

#[test]
fn svsm_in_a_cloud_is_refused() {
    let Some(images) = images() else { return };
    for vmm in [VmmType::Ec2, VmmType::Gce] {
        let fault = SnpLaunch::of_svsm(&inputs(&images, 1, vmm)).unwrap_err();
        assert_eq!(fault, LaunchFault::SvsmVmm(vmm));
    }
    let none = SvsmInputs {
        vcpus: 0,
        ..inputs(&images, 1, VmmType::Qemu)
    };
    assert_eq!(
        SnpLaunch::of_svsm(&none).unwrap_err(),
        LaunchFault::Vcpus(0)
    );
}
