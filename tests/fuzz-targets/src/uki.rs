//! Unified kernel images.

use crate::{Bound, Target};
use measured_boot_uki::{Algorithm, Boot, Pe, Phase, Pick, StubVersion, Uki, coverage};
use sha2::{Digest, Sha256};

/// Whatever the stub's version, PCR 11 is what the sections that are said to be measured make of it, and
/// they are measured in one order.
pub const UKI: Target = Target {
    name: "uki",
    // The kernel with the zeros that the file claims, 8 for each byte and 4 MiB beside, in a block that grows.
    bound: Bound {
        factor: 10,
        constant: (4 << 20) + (8 << 10),
    },
    longest: 8 << 10,
    vectors: &["measured-boot/uki"],
    check,
};

/// Zeros that a file only claims are hashed at some cost.
const MOST_ZEROS: usize = 1 << 20;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok(pe) = Pe::read(bytes) else {
        return false;
    };
    let zeros: usize = pe
        .sections()
        .iter()
        .map(|one| pe.content(one).zeros())
        .sum();
    let uki = match bound.holds(bytes, || Uki::of(&pe)) {
        Ok(uki) => uki,
        Err(fault) => {
            assert!(fault.offset <= bytes.len(), "{fault}");
            return false;
        }
    };
    let versions = [None, Some(252), Some(254), Some(257), Some(999)];
    let mut is_measured = false;
    for rules in versions.map(|version| uki.stub().rules(version.map(StubVersion))) {
        let Ok(rules) = rules else {
            continue;
        };
        for boot in boots() {
            let measured = match bound.holds(bytes, || uki.measured(&rules, &boot)) {
                Ok(measured) => measured,
                Err(fault) => {
                    assert!(fault.offset <= bytes.len(), "{fault}");
                    continue;
                }
            };
            bound.holds(bytes, || drop(measured.kernel()));
            drop(coverage(&pe, &measured));
            is_measured = true;
            if zeros <= MOST_ZEROS {
                compare(&measured);
            }
        }
    }
    is_measured
}

fn boots() -> [Boot; 3] {
    let plain = Boot::default();
    let second = Boot {
        profile: 1,
        ..Boot::default()
    };
    let matched = Boot {
        dtbauto: Some(Pick::Nth(0)),
        efifw: Some(Pick::Nth(0)),
        ..Boot::default()
    };
    [plain, second, matched]
}

fn compare(measured: &measured_boot_uki::Measured<'_>) {
    let mut register = [0; 32];
    let mut extend = |bytes: &[u8]| {
        let digest = Sha256::digest(bytes);
        register = Sha256::digest([&register[..], &digest].concat()).into();
    };
    let mut last = None;
    for section in measured.sections() {
        let order = section.kind;
        assert!(last < Some(order), "sections out of order");
        last = Some(order);
        extend(&[section.kind.name().as_bytes(), &[0]].concat());
        extend(&section.content.to_bytes());
    }
    extend(b"enter-initrd");
    let pcr11 = measured.pcr11(Algorithm::Sha256);
    assert_eq!(pcr11.at(&Phase::new("enter-initrd")).as_ref(), register);
}
