//! Whatever the bytes: no panic, and what is taken lies in the file.

use crate::support::{Parts, sign};
use measured_boot_uki::{Algorithm, Boot, Pe, Phase, Pick, StubVersion, Uki, coverage};
use proptest::prelude::*;

fn base() -> Vec<u8> {
    let parts = Parts::uki()
        .with(".profile", b"ID=a")
        .with(".dtbauto", b"x")
        .with(".reloc", &[0, 0, 0, 0, 8, 0, 0, 0]);
    let mut file = parts.file();
    sign(&mut file, &[b"a signature"]);
    file
}

/// Asks everything that can be asked.
fn ask(file: &[u8]) {
    let Ok(pe) = Pe::read(file) else {
        return;
    };
    let digest = pe.authenticode(Algorithm::Sha256);
    assert_eq!(pe.authenticode(Algorithm::Sha256), digest);
    for section in pe.sections() {
        assert_eq!(pe.content(section).len(), section.virtual_size);
        assert!(section.raw_size == 0 || section.raw().end <= file.len());
    }
    let Ok(uki) = Uki::of(&pe) else {
        return;
    };
    let boot = Boot {
        dtbauto: Some(Pick::Nth(0)),
        ..Boot::default()
    };
    for version in [None, Some(StubVersion(252)), Some(StubVersion(258))] {
        let rules = uki.stub().rules(version);
        let Ok(measured) = rules.and_then(|rules| uki.measured(&rules, &boot)) else {
            continue;
        };
        let register = measured.pcr11(Algorithm::Sha1);
        assert_eq!(register.at(&Phase::new("a")).as_ref().len(), 20);
        assert_eq!(
            measured.kernel().len(),
            measured.sections()[0].content.len()
        );
        for row in coverage(&pe, &measured) {
            assert!(
                row.range.is_none_or(|range| range.end <= file.len()),
                "{}",
                row.what
            );
        }
    }
}

/// Values that arithmetic stumbles over, and any.
fn value() -> impl Strategy<Value = u32> {
    let edges = [
        0,
        1,
        7,
        8,
        511,
        512,
        4096,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fff8,
        0xffff_ffff,
    ];
    prop_oneof![
        proptest::sample::select(edges.to_vec()),
        any::<u32>(),
        0..8192u32
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn spoilt_headers_never_panic(changes in proptest::collection::vec((0..1000usize, value()), 1..6)) {
        let mut file = base();
        for (place, value) in changes {
            file[place..place + 4].copy_from_slice(&value.to_le_bytes());
        }
        ask(&file);
    }

    #[test]
    fn spoilt_section_headers_never_panic(
        changes in proptest::collection::vec((0..9usize, 0..5usize, value()), 1..4),
    ) {
        let mut file = base();
        for (section, word, value) in changes {
            let place = crate::support::SECTION_TABLE + 40 * section + 4 + 4 * word;
            file[place..place + 4].copy_from_slice(&value.to_le_bytes());
        }
        ask(&file);
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0..2000usize) {
        ask(&bytes);
        let mut file = base();
        let end = (at + bytes.len()).min(file.len());
        file.splice(at..end, bytes);
        ask(&file);
    }
}
