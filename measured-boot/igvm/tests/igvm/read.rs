//! What is read of an IGVM file.

use crate::support::{Builder, mend_checksum};
use measured_boot_igvm::{DirectiveKind, Igvm, PageDataKind, PlatformKind};
use std::path::Path;

#[test]
fn sample_is_read_as_it_was_made() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/measured-boot/igvm-crate");
    let Ok(file) = std::fs::read(folder.join("sample.igvm")) else {
        return println!("skipped: {} is not there", folder.display());
    };
    let igvm = Igvm::read(&file).unwrap();
    assert_eq!(igvm.version(), 1);
    let kinds: Vec<_> = igvm.platforms().iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [PlatformKind::SevSnp, PlatformKind::Tdx]);

    let snp = igvm.loading(PlatformKind::SevSnp).unwrap();
    assert_eq!(snp.policy(), Ok(0x30000));
    let offsets: Vec<_> = snp.directives().map(|one| one.offset).collect();
    assert_eq!(offsets, [0x60, 0x80, 0xA0, 0xC0, 0xE0, 0x100, 0x120]);
    let vmsa = std::fs::read(folder.join("vmsa.bin")).unwrap();
    let last = snp.directives().last().unwrap();
    let DirectiveKind::VpContext(context) = &last.kind else {
        panic!("{last:?}");
    };
    assert_eq!((context.gpa, context.vp_index), (0xFFFF_FFFF_F000, 0));
    assert_eq!(context.data.unwrap().bytes, vmsa);
    assert_eq!(
        igvm.loading(PlatformKind::Tdx)
            .unwrap()
            .directives()
            .count(),
        4
    );
}

#[test]
fn both_versions_hold_the_same() {
    let builder = Builder::snp()
        .page(0x1000, 0, &[7; 4096])
        .page_of_kind(0x2000, 0, 2, &[])
        .page(0x20_0000, 1, &[]);
    let (first, second) = (builder.build(), builder.build_v2());
    for (file, version) in [(first, 1), (second, 2)] {
        let igvm = Igvm::read(&file).unwrap();
        assert_eq!(igvm.version(), version);
        let pages: Vec<_> = igvm
            .directives()
            .iter()
            .map(|directive| match directive.kind {
                DirectiveKind::Page(page) => page,
                _ => panic!("{directive:?}"),
            })
            .collect();
        assert_eq!(pages[0].data.unwrap().bytes, [7; 4096]);
        assert_eq!(pages[0].data.unwrap().offset + 4096, file.len());
        assert_eq!(pages[1].kind, PageDataKind::Cpuid);
        let small: Vec<_> = pages[2].small_pages().collect();
        assert_eq!(small.len(), 512);
        assert_eq!(small[511], (0x3F_F000, None));
    }
}

#[test]
fn structure_that_may_be_ignored_is_skipped() {
    let builder = Builder::snp().header(0x8000_0777, &[1, 2, 3]);
    let file = builder.page(0x1000, 0, &[7; 4096]).build();
    assert_eq!(Igvm::read(&file).unwrap().directives().len(), 1);
}

/// Microsoft's igvmgen pads the headers of vCPU states by four digits 0.
#[test]
fn padding_may_be_anything() {
    let mut file = Builder::snp().vp_context(0x1000, 0, &[7; 4096]).build();
    let padding = 24 + 24 + 24 + 8 + 20;
    assert_eq!(file[padding..padding + 4], [0; 4]);
    file[padding..padding + 4].copy_from_slice(b"0000");
    mend_checksum(&mut file);
    let igvm = Igvm::read(&file).unwrap();
    assert!(igvm.loading(PlatformKind::SevSnp).is_ok());
}

#[test]
fn several_pages_share_their_data() {
    let mut file = Builder::snp()
        .page(0x1000, 0, &[7; 4096])
        .page(0x2000, 0, &[8; 4096])
        .build();
    // The second page's data offset becomes the first's.
    let first = 24 + 24 + 24 + 20;
    let offset: [u8; 4] = file[first..first + 4].try_into().unwrap();
    file[first + 32..first + 36].copy_from_slice(&offset);
    mend_checksum(&mut file);
    for directive in Igvm::read(&file).unwrap().directives() {
        let DirectiveKind::Page(page) = &directive.kind else {
            panic!("{directive:?}");
        };
        assert_eq!(page.data.unwrap().bytes, [7; 4096]);
    }
}
