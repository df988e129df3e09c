//! Digests that are not the planned ones, and what they are found to be of.

use crate::image::Parts;
use crate::plans::Inputs;
use crate::vectors;
use measured_boot_difference::{
    KernelFiles, Launch, OwnPlans, Variant, igvm_variants, ovmf_variants, own_variants, search,
    svsm_variants, vmsa_variants,
};
use measured_boot_digest::{LaunchDigest, Manifest, OneByOne};
use measured_boot_firmware::{Ovmf, Svsm};
use measured_boot_igvm::{Igvm, PlatformKind};
use measured_boot_plan::LaunchPlan;
use measured_boot_snp_launch::{
    CpuSignature, KernelHashes, SnpInputs, SnpLaunch, SvsmInputs, VmmType, ZeroPages,
};

const MILAN: CpuSignature = CpuSignature(0x00A0_0F11);
const ROME: CpuSignature = CpuSignature(0x0083_0F10);
const FILES: KernelFiles<'_> = KernelFiles {
    kernel: b"kernel",
    initrd: b"initrd",
    cmdline: "console=ttyS0",
};

fn inputs(image: &[u8], vcpus: u32) -> SnpInputs<'_> {
    SnpInputs {
        firmware: Ovmf::read(image).expect("an image"),
        firmware_digest: None,
        kernel: Some(KernelHashes::of(FILES.kernel, FILES.initrd, FILES.cmdline)),
        vcpus,
        cpu: MILAN,
        features: 1,
        vmm: VmmType::Qemu,
    }
}

fn digest(inputs: &SnpInputs<'_>) -> LaunchDigest {
    let launch = SnpLaunch::of(inputs).expect("there is such a launch");
    launch.measure(&OneByOne).digest()
}

/// What each fit says of the digest of other inputs, where two vCPUs were planned.
fn found(change: impl FnOnce(&mut SnpInputs<'_>)) -> Vec<Vec<String>> {
    let image = Parts::whole().image();
    let planned = inputs(&image, 2);
    let mut other = planned.clone();
    change(&mut other);
    fits(&planned, digest(&other))
}

fn fits(planned: &SnpInputs<'_>, reported: LaunchDigest) -> Vec<Vec<String>> {
    let launch = Launch::of_snp(&SnpLaunch::of(planned).expect("a launch"), &OneByOne);
    let variants = ovmf_variants(planned, Some(FILES), &launch, &OneByOne);
    let explanation = search(&launch, reported, &variants, Some(planned.vcpus.into()));
    assert!(!explanation.tried.is_cut_short);
    explanation
        .fits
        .iter()
        .map(|fit| {
            let variants = fit
                .variants
                .iter()
                .map(|variant: &&Variant<'_>| variant.says.clone());
            let vcpus = fit.vcpus.map(|count| format!("{count} vCPUs"));
            variants.chain(vcpus).collect()
        })
        .collect()
}

#[test]
fn each_usual_reason_is_found_alone() {
    assert_eq!(found(|inputs| inputs.vcpus = 7), [["7 vCPUs"]]);
    assert_eq!(found(|inputs| inputs.vcpus = 1), [["1 vCPUs"]]);
    assert_eq!(
        found(|inputs| inputs.features = 0x21),
        [["SEV_FEATURES is 0x21 (SNPActive, DebugSwap)"]]
    );
    assert_eq!(
        found(|inputs| inputs.features = 1 | 1 << 9),
        [["SEV_FEATURES is 0x201 (SNPActive, SecureTSC)"]]
    );
    assert_eq!(
        found(|inputs| inputs.cpu = ROME),
        [["RDX is 0x830f10 (EPYC-Rome)"]]
    );
    assert_eq!(
        found(|inputs| inputs.vmm = VmmType::Gce),
        [["the VMM is gce"]]
    );
    assert_eq!(
        found(|inputs| inputs.vmm = VmmType::Ec2),
        [["the VMM is ec2"]]
    );
    assert_eq!(
        found(|inputs| inputs.kernel = None),
        [["the VMM gave the firmware no kernel hashes"]]
    );
    let cmdline = |inputs: &mut SnpInputs<'_>, text: &str| {
        inputs.kernel = Some(KernelHashes::of(FILES.kernel, FILES.initrd, text));
    };
    assert_eq!(
        found(|inputs| cmdline(inputs, "console=ttyS0\n")),
        [["the command line ends with a newline"]]
    );
    assert_eq!(
        found(|inputs| cmdline(inputs, "")),
        [["the command line is empty"]]
    );
    assert_eq!(
        found(|inputs| inputs.kernel = Some(KernelHashes::of(FILES.kernel, b"", FILES.cmdline))),
        [["there is no initrd"]]
    );
}

#[test]
fn pairs_are_found_with_any_number_of_vcpus() {
    assert_eq!(
        found(|inputs| {
            inputs.cpu = ROME;
            inputs.features = 0x21;
            inputs.vcpus = 64;
        }),
        [[
            "SEV_FEATURES is 0x21 (SNPActive, DebugSwap)",
            "RDX is 0x830f10 (EPYC-Rome)",
            "64 vCPUs"
        ]]
    );
    assert_eq!(
        found(|inputs| {
            inputs.vmm = VmmType::Ec2;
            inputs.features = 0x21;
        }),
        [[
            "the VMM is ec2",
            "SEV_FEATURES is 0x21 (SNPActive, DebugSwap)"
        ]]
    );
}

#[test]
fn what_no_known_way_gives_is_not_found() {
    let none: Vec<Vec<String>> = Vec::new();
    assert_eq!(
        found(|inputs| {
            inputs.kernel = Some(KernelHashes::of(b"another", FILES.initrd, FILES.cmdline));
        }),
        none
    );
    let image = Parts::whole().image();
    assert_eq!(fits(&inputs(&image, 2), LaunchDigest([7; 48])), none);
}

/// Three things at once are a guess no more, and the work would have no end.
#[test]
fn three_changes_beside_the_number_of_vcpus_are_not_tried() {
    let none: Vec<Vec<String>> = Vec::new();
    assert_eq!(
        found(|inputs| {
            inputs.vmm = VmmType::Gce;
            inputs.features = 0x21;
            inputs.kernel = None;
        }),
        none
    );
}

/// The digest that the SVSM fixture's authors captured on hardware, before they wrote a model of it.
#[test]
fn digest_of_real_hardware_is_found_from_a_wrong_plan() {
    let fixtures = "sev-snp-measure/fixtures/";
    let (Some(ovmf), Some(image)) = (
        vectors::read(&format!("{fixtures}svsm_ovmf.fd")),
        vectors::read(&format!("{fixtures}svsm.bin")),
    ) else {
        return;
    };
    let firmware = Ovmf::read(&ovmf).expect("an image");
    let vars = Svsm::usual_vars_bytes(&firmware);
    let planned = SvsmInputs {
        svsm: Svsm::below(&image, &firmware, vars).expect("an SVSM"),
        firmware,
        vcpus: 2,
        cpu: MILAN,
        features: 1,
        vmm: VmmType::Qemu,
    };
    let launch = Launch::of_snp(&SnpLaunch::of_svsm(&planned).expect("a launch"), &OneByOne);
    let variants = svsm_variants(&planned, &image, &launch, &OneByOne);
    let seen = "265aed64f2454253f6b19e49e17041ef052dedf964dd8d2740794a06aee3a720c475e3643a1b7e26b9efce7a107bf77f";
    let seen = hex::decode(seen).expect("hexadecimal");
    let seen = LaunchDigest(seen.try_into().expect("48 bytes"));
    let explanation = search(&launch, seen, &variants, Some(2));
    let [fit] = &explanation.fits[..] else {
        panic!("one fit: {:?}", explanation.fits);
    };
    let says: Vec<_> = fit
        .variants
        .iter()
        .map(|variant| &variant.says[..])
        .collect();
    assert_eq!(
        says,
        [
            "MXCSR is 0x0 and FCW 0x0 (Linux before 6.10, EC2 or GCE)",
            "RDX is 0x800f12 (EPYC: Naples)"
        ]
    );
    assert_eq!(fit.vcpus, Some(4));
    let differences: Vec<_> = fit.differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        differences,
        [
            "every vCPU: RDX is 0xa00f11 in A, 0x800f12 in B",
            "every vCPU: MXCSR is 0x1f80 in A, 0x0 in B",
            "the number of vCPUs is 2 in A, 4 in B",
        ]
    );
}

#[test]
fn zero_pages_of_an_igvm_file_are_found() {
    let Some(file) = vectors::read("measured-boot/igvm-crate/sample.igvm") else {
        return;
    };
    let igvm = Igvm::read(&file).expect("a file");
    let loading = igvm.loading(PlatformKind::SevSnp).expect("for SNP");
    let launch = |zero| {
        Launch::of_snp(
            &SnpLaunch::of_igvm(&loading, zero).expect("a launch"),
            &OneByOne,
        )
    };
    let planned = launch(ZeroPages::Normal);
    let variants = igvm_variants(&planned);
    let explanation = search(&planned, launch(ZeroPages::Zero).digest(), &variants, None);
    let says: Vec<_> = explanation.fits[0]
        .variants
        .iter()
        .map(|one| &one.says[..])
        .collect();
    assert_eq!(says, ["pages without data are added as ZERO"]);
    assert_eq!(explanation.tried.vcpus, None);
}

/// What is found of a launch of ours whose configuration, or whose plan, was another.
fn found_of_ours(
    change: impl FnOnce(&mut Inputs),
    further: impl FnOnce(&mut LaunchPlan),
) -> Vec<Vec<String>> {
    let (planned, launched) = (Inputs::changed(|_| ()), Inputs::changed(change));
    let (plan, mut other) = (planned.plan(), launched.plan());
    further(&mut other);
    let reported = Launch::of_plan(&other, &launched.sources(), &OneByOne).digest();
    let launch = Launch::of_plan(&plan, &planned.sources(), &OneByOne);
    let plans = OwnPlans::of(&planned.config, &planned.sources(), &plan);
    let variants = own_variants(&plans, &planned.sources(), &launch, &OneByOne);
    let explanation = search(&launch, reported, &variants, None);
    let says = |fit: &measured_boot_difference::Fit<'_, '_>| {
        fit.variants
            .iter()
            .map(|variant| variant.says.clone())
            .collect()
    };
    explanation.fits.iter().map(says).collect()
}

#[test]
fn launches_of_ours_are_found_by_what_the_configuration_says() {
    let as_planned = |_: &mut LaunchPlan| ();
    assert_eq!(
        found_of_ours(|inputs| inputs.config.cpu.count = 4, as_planned),
        [["the guest has 4 vCPUs"]]
    );
    assert_eq!(
        found_of_ours(
            |inputs| {
                inputs.config.cpu.count = 1;
                inputs.config.memory.mib = 512;
            },
            as_planned
        ),
        [["the guest has 1 vCPU", "the guest has 512 MiB of memory"]]
    );
    assert_eq!(
        found_of_ours(|inputs| inputs.config.vsock = None, as_planned),
        [["the guest has 1 virtio device (disks and vsock), not 2"]]
    );
    assert_eq!(
        found_of_ours(
            |inputs| inputs.config.memory.mib = 1024,
            |plan| plan.sev_features.0 = 0x21
        ),
        [[
            "the guest has 1024 MiB of memory",
            "SEV_FEATURES is 0x21 (SNPActive, DebugSwap)"
        ]]
    );
}

#[test]
fn other_number_of_vcpus_is_found_from_a_manifest() {
    let of = |count| {
        let inputs = Inputs::changed(|inputs| inputs.config.cpu.count = count);
        Manifest::from_plan(&inputs.plan(), &inputs.sources())
    };
    let manifest = of(2);
    let launch = Launch::of_manifest(&manifest);
    assert_eq!(launch.free_vcpus(), Some(2));
    let mut more = launch.clone();
    more.pieces.last_mut().expect("vCPUs").count += 3;
    let variants = vmsa_variants(&launch);
    let explanation = search(&launch, more.digest(), &variants, launch.free_vcpus());
    let vcpus: Vec<_> = explanation.fits.iter().map(|fit| fit.vcpus).collect();
    assert_eq!(vcpus, [Some(5)]);
    assert_eq!(Launch::of_manifest(&of(1)).free_vcpus(), None);
}

/// A file may ask for a million pages, and every variant chains them all again.
#[test]
fn search_over_very_many_pages_ends_and_says_that_it_was_cut_short() {
    let mut parts = Parts::whole();
    parts
        .rows
        .push([0x1000_0000, 0x6000_0000, crate::image::SEC_MEM]);
    let image = parts.image();
    let planned = inputs(&image, 2);
    let launch = Launch::of_snp(&SnpLaunch::of(&planned).expect("a launch"), &OneByOne);
    let variants = ovmf_variants(&planned, Some(FILES), &launch, &OneByOne);
    let explanation = search(&launch, LaunchDigest([7; 48]), &variants, Some(2));
    assert!(explanation.tried.is_cut_short);
    let found = fits_of_many(&planned, &launch, &variants);
    assert_eq!(
        found,
        ["the VMM is gce"],
        "single changes are tried in any case"
    );
}

fn fits_of_many(
    planned: &SnpInputs<'_>,
    launch: &Launch<'_>,
    variants: &[Variant<'_>],
) -> Vec<String> {
    let other = SnpInputs {
        vmm: VmmType::Gce,
        ..planned.clone()
    };
    let explanation = search(launch, digest(&other), variants, Some(2));
    let fit = &explanation.fits[0];
    fit.variants
        .iter()
        .map(|variant| variant.says.clone())
        .collect()
}
