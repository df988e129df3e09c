//! Manifests: what they explain, and how hostile ones are refused.

#[path = "../../plan/tests/support/mod.rs"]
mod support;

use measured_boot_digest::{DigestChain, Manifest, ManifestError, components, launch_digest, vmsa};
use measured_boot_plan::{LaunchConfig, Sources, plan};
use measured_boot_snp_abi::{PageType, VMSA_GPA};
use proptest::prelude::*;
use zerocopy::IntoBytes;

struct Inputs {
    config: LaunchConfig,
    kernel: Vec<u8>,
    initrd: Vec<u8>,
}

/// The manifest of the usual launch after a change of its inputs.
fn manifest_of(change: impl FnOnce(&mut Inputs)) -> Manifest {
    let mut inputs = Inputs {
        config: support::config(),
        kernel: support::kernel(),
        initrd: support::initrd(),
    };
    change(&mut inputs);
    let sources = Sources {
        kernel: &inputs.kernel,
        initrd: &inputs.initrd,
        ..Sources::default()
    };
    let plan = plan(&inputs.config, &sources).expect("the plan is possible");
    Manifest::from_plan(&plan, &sources)
}

fn usual() -> Manifest {
    manifest_of(|_| ())
}

#[test]
fn manifest_explains_the_launch_digest() {
    let (kernel, initrd) = (support::kernel(), support::initrd());
    let sources = Sources {
        kernel: &kernel,
        initrd: &initrd,
        ..Sources::default()
    };
    let plan = support::planned(&support::config());
    let manifest = Manifest::from_plan(&plan, &sources);
    assert_eq!(manifest.recompute(), launch_digest(&plan, &sources));
    assert_eq!(manifest.components(), components(&plan, &sources));
    let names: Vec<_> = manifest.components().into_iter().map(|c| c.name).collect();
    assert_eq!(
        names,
        [
            "gdt",
            "boot-params",
            "page-tables",
            "cmdline",
            "acpi",
            "kernel",
            "kernel",
            "initrd",
            "cpuid",
            "vcpu0",
            "vcpu1"
        ]
    );
}

#[test]
fn manifest_round_trips_in_about_fifty_bytes_a_page() {
    let manifest = usual();
    let bytes = manifest.to_bytes();
    assert_eq!(Manifest::from_bytes(&bytes), Ok(manifest.clone()));
    let pages: u64 = manifest
        .components()
        .iter()
        .map(|component| component.pages)
        .sum();
    assert!(bytes.len() as u64 <= 48 * pages + 32 * 11 + 1024);
}

/// What the VMM makes is there in full, so that a difference in it can be named to the field.
#[test]
fn manifest_holds_the_contents_of_what_the_vmm_makes_and_not_of_files() {
    let manifest = Manifest::from_bytes(&usual().to_bytes()).expect("it was just written");
    let told: Vec<_> = manifest
        .parts()
        .filter(|part| part.bytes.is_some())
        .map(|part| part.name.to_owned())
        .collect();
    assert_eq!(
        told,
        ["gdt", "boot-params", "cmdline", "acpi", "vcpu0", "vcpu1"]
    );
    let part = |name: &str| manifest.parts().find(|part| part.name == name);
    let cmdline = part("cmdline").and_then(|part| part.bytes).expect("told");
    assert_eq!(&cmdline[..14], b"console=ttyS0\0");
    assert!(part("kernel").is_some_and(|part| part.bytes.is_none()));
    let plan = support::planned(&support::config());
    let expected = vmsa(&plan.vcpus.0[0], 1);
    let found = part("vcpu0").and_then(|part| part.bytes);
    assert_eq!(found, Some(expected.as_bytes()));
}

/// The same manifest as version 1 has it, with digests alone.
fn without_contents(manifest: &Manifest) -> Vec<u8> {
    let parts: Vec<_> = manifest
        .parts()
        .flat_map(|part| {
            let (pages, copies) = match part.page_type {
                PageType::Vmsa => (1, part.count),
                _ => (part.count, 1),
            };
            let number = |index| match part.name.strip_prefix("vcpu") {
                Some(first) => format!("vcpu{}", first.parse::<u32>().expect("a number") + index),
                None => part.name.to_owned(),
            };
            let digests = part.digests.as_flattened();
            let one = |index: u32| {
                let (name, kind) = (number(index), part.page_type.number());
                crafted(name.as_bytes(), kind, part.gpa, pages, digests)
            };
            (0..copies).map(one).collect::<Vec<_>>()
        })
        .collect();
    joined(&parts)
}

#[test]
fn manifest_of_version_1_is_read_and_explains_the_same_digest() {
    let usual = manifest_of(|inputs| inputs.config.cpu.count = 4);
    let bytes = without_contents(&usual);
    assert_eq!(bytes[4], 1);
    let old = Manifest::from_bytes(&bytes).expect("version 1");
    assert_eq!(old.recompute(), usual.recompute());
    assert_eq!(old.components(), usual.components());
    assert_eq!(old.differing_components(&usual), Vec::<String>::new());
    assert_eq!(old.to_bytes(), bytes);
}

#[test]
fn manifest_of_vcpus_that_start_alike_has_their_page_once() {
    let many = manifest_of(|inputs| inputs.config.cpu.count = 64);
    let bytes = many.to_bytes();
    assert!(bytes.len() < usual().to_bytes().len() + 1024);
    let read = Manifest::from_bytes(&bytes).expect("it was just written");
    assert_eq!(read.recompute(), many.recompute());
    let components = read.components();
    assert_eq!(components.last().map(|c| &c.name[..]), Some("vcpu63"));
    assert_eq!(components.len(), 9 + 64);
}

#[test]
fn manifests_name_the_components_that_differ() {
    let usual = usual();
    let differing = |other: Manifest| usual.differing_components(&other);
    assert_eq!(differing(manifest_of(|_| ())), Vec::<String>::new());
    let changed_text = manifest_of(|inputs| inputs.kernel[0x1000] ^= 1);
    assert_eq!(differing(changed_text), ["kernel"]);
    assert_eq!(
        differing(manifest_of(|inputs| inputs.initrd[9] ^= 1)),
        ["initrd"]
    );
    let cmdline = manifest_of(|inputs| inputs.config.boot.cmdline = "console=ttyS1".into());
    assert_eq!(differing(cmdline), ["cmdline"]);
    assert_eq!(
        differing(manifest_of(|inputs| inputs.config.cpu.count = 3)),
        ["acpi", "vcpu-count"]
    );
    let bigger = manifest_of(|inputs| inputs.config.memory.mib += 1);
    assert_eq!(differing(bigger), ["boot-params", "initrd"]);
    let debug = manifest_of(|inputs| inputs.config.tee.debug = true);
    assert_eq!(
        differing(debug),
        Vec::<String>::new(),
        "the policy is no component"
    );
}

#[test]
fn manifest_cut_anywhere_or_continued_is_refused() {
    let bytes = usual().to_bytes();
    for length in (0..bytes.len()).step_by(7) {
        assert!(
            Manifest::from_bytes(&bytes[..length]).is_err(),
            "{length} bytes"
        );
    }
    let continued = Manifest::from_bytes(&[&bytes[..], &[0]].concat());
    assert_eq!(continued, Err(ManifestError::TrailingBytes));
}

/// A manifest of one component.
fn crafted(name: &[u8], page_type: u8, start: u64, count: u32, contents: &[u8]) -> Vec<u8> {
    let mut bytes = b"CLMF\x01\0\x01\0".to_vec();
    bytes.push(u8::try_from(name.len()).expect("a short name"));
    bytes.extend(name);
    bytes.push(page_type);
    bytes.extend(start.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(contents);
    bytes
}

#[test]
fn manifest_of_a_crafted_component_is_read() {
    assert!(Manifest::from_bytes(&crafted(b"kernel", 1, 0x1000, 2, &[0; 96])).is_ok());
    assert!(Manifest::from_bytes(&crafted(b"vcpu0", 2, 0xFFFF_FFFF_F000, 1, &[0; 48])).is_ok());
    assert!(Manifest::from_bytes(&crafted(b"cpuid", 6, 0x1000, 1, &[])).is_ok());
}

#[test]
fn manifest_that_is_none_is_refused() {
    assert_eq!(Manifest::from_bytes(b""), Err(ManifestError::NotAManifest));
    assert_eq!(
        Manifest::from_bytes(b"CLMX\x01\0\0\0"),
        Err(ManifestError::NotAManifest)
    );
    assert_eq!(
        Manifest::from_bytes(b"CLMF\x03\0\0\0"),
        Err(ManifestError::NotAManifest)
    );
}

#[test]
fn component_name_that_could_forge_a_log_line_is_refused() {
    for name in [&b""[..], b"Kernel", b"a b", b"a\nb", b"\xFF", &[b'a'; 33]] {
        let read = Manifest::from_bytes(&crafted(name, 1, 0x1000, 1, &[0; 48]));
        assert_eq!(read, Err(ManifestError::BadName { position: 0 }));
    }
}

#[test]
fn component_with_impossible_pages_is_refused() {
    for (name, page_type, start, count, digests) in [
        (&b"kernel"[..], 0, 0x1000, 1, 0), // no such page type
        (b"kernel", 7, 0x1000, 1, 0),
        (b"kernel", 3, 0x1000, 1, 0), // a kernel that is not measured
        (b"kernel", 1, 0x1001, 1, 1), // no page address
        (b"kernel", 1, 0x1000, 0, 0), // no pages
        (b"kernel", 1, u64::MAX - 0xFFF, 2, 2), // beyond the address space
        (b"cpuid", 6, 0x1000, 2, 0),  // costs nothing to claim, much to recompute
        (b"cpuid", 6, 0x1000, 1 << 20, 0),
        (b"cpuid", 1, 0x1000, 1, 1),
        (b"secrets", 5, 0x1000, 2, 0),
        (b"secrets", 1, 0x1000, 1, 0),
        (b"stack", 3, 0x1000, 17, 0),
        (b"stack", 4, 0x1000, 1, 0),
        (b"memory-map", 4, 0x1000, 1 << 20, 0),
        (b"igvm", 4, 0x1000, (1 << 15) + 1, 0),
        (b"load-table", 4, 0x1000, 1, 0), // a load table that is not measured
        (b"vcpu0", 2, 0x1000, 1, 1),      // a VMSA elsewhere
        (b"vcpu0", 2, 0xFFFF_FFFF_F000, 2, 2),
    ] {
        let read = Manifest::from_bytes(&crafted(
            name,
            page_type,
            start,
            count,
            &vec![0; digests * 48],
        ));
        assert!(
            matches!(read, Err(ManifestError::BadPages { .. })),
            "{name:?} {page_type} {read:?}"
        );
    }
    let claimed = Manifest::from_bytes(&crafted(b"kernel", 1, 0, u32::MAX, &[0; 48]));
    assert_eq!(
        claimed,
        Err(ManifestError::Truncated),
        "nothing is allocated by a claim"
    );
}

/// A manifest of version 2 with one component, whose contents come last.
fn crafted_two(name: &[u8], page_type: u8, start: u64, count: u32, contents: &[u8]) -> Vec<u8> {
    let mut bytes = crafted(name, page_type, start, count, contents);
    bytes[4] = 2;
    bytes
}

/// 240 vCPUs of one cloud, 4096 of KVM: version 1 had place for some 240.
#[test]
fn manifest_of_4096_vcpus_is_read_and_one_more_is_refused() {
    let of = |count| crafted_two(b"vcpu0", 2, VMSA_GPA, count, &[&[0][..], &[7; 48]].concat());
    let read = Manifest::from_bytes(&of(4096)).expect("as many as KVM allows");
    assert_eq!(read.components().len(), 4096);
    assert_eq!(read.to_bytes(), of(4096));
    let mut chain = DigestChain::new();
    (0..4096).for_each(|_| chain.add(PageType::Vmsa, VMSA_GPA, [7; 48]));
    assert_eq!(read.recompute(), chain.digest());
    for count in [0, 4097, u32::MAX] {
        let refused = Manifest::from_bytes(&of(count));
        assert!(matches!(refused, Err(ManifestError::BadPages { .. })));
    }
    let halves = [of(4096), {
        let other = [&[0][..], &[8; 48]].concat();
        crafted_two(b"vcpu4096", 2, VMSA_GPA, 1, &other)
    }];
    let mut both = joined(&halves);
    both[4] = 2;
    assert!(matches!(
        Manifest::from_bytes(&both),
        Err(ManifestError::BadVcpu { expected: 4096, .. })
    ));
}

#[test]
fn packed_contents_beyond_their_pages_or_of_too_many_are_refused() {
    let packed = |offset: u16, bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).expect("short");
        let mut packed = vec![1, 1, 0];
        packed.extend(offset.to_le_bytes());
        packed.extend(length.to_le_bytes());
        packed.extend(bytes);
        packed
    };
    let read = |count, contents: &[u8]| {
        Manifest::from_bytes(&crafted_two(b"acpi", 1, 0x1000, count, contents))
    };
    assert!(read(1, &packed(4095, &[1])).is_ok());
    assert_eq!(
        read(1, &packed(4096, &[1])),
        Err(ManifestError::BadContents)
    );
    assert_eq!(
        read(1, &packed(4095, &[1, 1])),
        Err(ManifestError::BadContents)
    );
    assert!(read(8, &packed(32767, &[1])).is_ok());
    assert_eq!(read(9, &packed(0, &[1])), Err(ManifestError::BadContents));
    assert_eq!(read(1 << 20, &[1, 0, 0]), Err(ManifestError::BadContents));
    assert_eq!(
        read(1, &[2, 0, 0]),
        Err(ManifestError::BadContents),
        "no such form"
    );
    let many = |count: usize| {
        let one = crafted_two(b"acpi", 1, 0x1000, 8, &packed(0, &[1]));
        let mut bytes = joined(&vec![one; count]);
        bytes[4] = 2;
        Manifest::from_bytes(&bytes)
    };
    assert!(many(8).is_ok());
    assert_eq!(many(9), Err(ManifestError::BadContents), "much from little");
}

/// Else two different manifests would explain the same launch, and one of them would be nobody's.
#[test]
fn manifest_in_another_form_than_its_own_is_refused() {
    let same = Err(ManifestError::NotCanonical);
    let read = |name, kind, start, contents: &[u8]| {
        Manifest::from_bytes(&crafted_two(name, kind, start, 1, contents))
    };
    let digests = [&[0][..], &[7; 48]].concat();
    assert_eq!(
        read(b"kernel", 1, 0x1000, &digests),
        same,
        "version 1 can say it"
    );
    let zeros_at_the_end = [1, 1, 0, 0, 0, 2, 0, 7, 0];
    assert_eq!(read(b"acpi", 1, 0x1000, &zeros_at_the_end), same);
    let two_for_one = [1, 2, 0, 0, 0, 1, 0, 7, 1, 0, 1, 0, 7];
    assert_eq!(read(b"acpi", 1, 0x1000, &two_for_one), same);
    let vcpu = [1, 1, 0, 0, 0, 1, 0, 7];
    let twice = [b"vcpu0", b"vcpu1"].map(|name| crafted_two(name, 2, VMSA_GPA, 1, &vcpu));
    let mut bytes = joined(&twice);
    bytes[4] = 2;
    assert_eq!(Manifest::from_bytes(&bytes), same, "equal vCPUs apart");
}

/// A manifest of these manifests' components.
fn joined(manifests: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(manifests.len()).expect("a few");
    let mut bytes = b"CLMF\x01\0".to_vec();
    bytes.extend(count.to_le_bytes());
    for one in manifests {
        bytes.extend(&one[8..]);
    }
    bytes
}

/// A manifest of this many components, each of one page and with a name of its own.
fn crafted_many(count: u16) -> Vec<u8> {
    let one = |index| crafted(format!("c{index}").as_bytes(), 1, 0x1000, 1, &[0; 48]);
    joined(&(0..count).map(one).collect::<Vec<_>>())
}

/// What a file names page by page is more than a few pages; all of it together takes milliseconds to hash.
#[test]
fn pages_that_cost_nothing_are_bounded_in_all() {
    let of = |counts: &[u32]| {
        let one = |count: &u32| crafted(b"igvm", 4, 0x1000, *count, &[]);
        joined(&counts.iter().map(one).collect::<Vec<_>>())
    };
    for most in [&[1 << 15][..], &[1 << 14, 1 << 14]] {
        assert!(Manifest::from_bytes(&of(most)).is_ok(), "{most:?}");
    }
    let refused = Manifest::from_bytes(&of(&[1 << 14, 1 << 14, 1]));
    assert!(
        matches!(refused, Err(ManifestError::BadPages { .. })),
        "{refused:?}"
    );
}

fn with_vcpus(names: &[&str]) -> Vec<u8> {
    let one = |name: &&str| crafted(name.as_bytes(), 2, 0xFFFF_FFFF_F000, 1, &[0; 48]);
    joined(&names.iter().map(one).collect::<Vec<_>>())
}

/// Else `vcpu0` and `vcpu7` would be two vCPUs of which no difference is told.
#[test]
fn manifest_with_vcpus_not_numbered_in_order_is_refused() {
    assert!(Manifest::from_bytes(&with_vcpus(&["vcpu0", "vcpu1", "vcpu2"])).is_ok());
    for (names, wrong) in [
        (&["vcpu1"][..], 0),
        (&["vcpu"], 0),
        (&["vcpu-count"], 0),
        (&["vcpu00"], 0),
        (&["vcpu0", "vcpu7"], 1),
        (&["vcpu0", "vcpu0"], 1),
        (&["vcpu1", "vcpu0"], 0),
        (&["vcpu0", "vcpu1", "vcpux"], 2),
    ] {
        let refused = ManifestError::BadVcpu {
            name: names[wrong].to_owned(),
            expected: wrong,
        };
        assert_eq!(Manifest::from_bytes(&with_vcpus(names)), Err(refused));
    }
}

#[test]
fn manifest_of_more_components_than_any_launch_has_is_refused() {
    assert!(Manifest::from_bytes(&crafted_many(256)).is_ok());
    assert_eq!(
        Manifest::from_bytes(&crafted_many(257)),
        Err(ManifestError::TooManyComponents { found: 257 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn manifest_with_any_byte_changed_is_refused_or_reads_as_another(at in any::<usize>(), by in 1u8..) {
        let mut bytes = usual().to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= by;
        if let Ok(read) = Manifest::from_bytes(&bytes) {
            prop_assert_ne!(&read, &usual());
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }

    #[test]
    fn manifest_of_any_bytes_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Manifest::from_bytes(&[b"CLMF\x01\0", &bytes[..]].concat());
        let _ = Manifest::from_bytes(&[b"CLMF\x02\0", &bytes[..]].concat());
        let _ = Manifest::from_bytes(&bytes);
    }
}
