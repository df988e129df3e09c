//! Which sections are measured, by the stub's version and names.

use crate::measuring::{NAMES_258, measured, measured_of, refused, with_measured};
use crate::support::{NAMES_252, Parts, SECTION_TABLE};
use measured_boot_uki::{
    Algorithm, Basis, Boot, Measured, Pe, Phase, StubVersion, Uki, UkiRule, UnifiedSection,
};

/// Every section that has a meaning, but profiles and what the machine picks, in another order than theirs.
fn everything(stub: Parts) -> Parts {
    let names = UnifiedSection::ALL.into_iter().rev();
    let plain = names.filter(|one| !one.is_matched() && *one != UnifiedSection::Profile);
    plain.fold(stub, |parts, one| parts.with(one.name(), b"x"))
}

#[test]
fn sections_are_measured_in_systemds_order_whatever_the_files() {
    let stub = Parts::stub("258.1", NAMES_258);
    let found = measured(&everything(stub));
    let expected = [
        ".linux=x",
        ".osrel=x",
        ".cmdline=x",
        ".initrd=x",
        ".ucode=x",
        ".splash=x",
        ".dtb=x",
        ".uname=x",
        ".sbat=x",
        ".pcrpkey=x",
        ".hwids=x",
    ];
    assert_eq!(found, expected);
}

#[test]
fn older_stubs_measure_fewer_sections() {
    let file = everything(Parts::stub("258.1", NAMES_258)).file();
    let names = |version| {
        let found =
            measured_of(&file, Some(version), &Boot::default()).expect("it can be predicted");
        let names: Vec<_> = found.iter().map(|one| one.trim_end_matches("=x")).collect();
        names.join(" ")
    };
    let oldest = ".linux .osrel .cmdline .initrd .splash .dtb .pcrpkey";
    assert_eq!(names(252), oldest);
    assert_eq!(names(253), oldest);
    assert_eq!(
        names(254),
        ".linux .osrel .cmdline .initrd .splash .dtb .uname .pcrpkey"
    );
    assert_eq!(
        names(255),
        ".linux .osrel .cmdline .initrd .splash .dtb .uname .sbat .pcrpkey"
    );
    assert_eq!(
        names(256),
        ".linux .osrel .cmdline .initrd .ucode .splash .dtb .uname .sbat .pcrpkey"
    );
    let newest = ".linux .osrel .cmdline .initrd .ucode .splash .dtb .uname .sbat .pcrpkey .hwids";
    assert_eq!(names(257), newest);
    assert_eq!(names(300), newest);
    let fault = measured_of(&file, Some(251), &Boot::default()).expect_err("too old");
    assert_eq!(fault.rule, UkiRule::StubTooOld(251));
}

#[test]
fn the_stubs_own_names_count_more_than_its_version() {
    let names = b".linux\0.osrel\0.cmdline\0.initrd\0.splash\0.dtb\0.uname\0.pcrsig\0.pcrpkey\0";
    let rules = |version: &str, names: &[u8], given: Option<u16>| {
        let file = Parts::stub(version, names).with(".linux", b"x").file();
        let pe = Pe::read(&file).expect("a PE image");
        let uki = Uki::of(&pe).expect("with a kernel");
        let rules = uki.stub().rules(given.map(StubVersion)).expect("a stub's");
        (
            rules.basis,
            rules.differs.clone(),
            rules.measures(UnifiedSection::Uname),
        )
    };
    let uname = vec![UnifiedSection::Uname];
    assert_eq!(
        rules("252.1", names, None),
        (Basis::Names, uname.clone(), true)
    );
    assert_eq!(
        rules("254~rc1", names, None),
        (Basis::MagicAndNames, vec![], true)
    );
    assert_eq!(
        rules("252.1", NAMES_252, None),
        (Basis::MagicAndNames, vec![], false)
    );
    // What is given counts, and the difference is told.
    assert_eq!(
        rules("252.1", names, Some(252)),
        (Basis::Given, uname, false)
    );
    // Names that no stub would have alone say nothing.
    assert_eq!(
        rules("254.1", b".linux\0.uname\0", None),
        (Basis::Magic, vec![], true)
    );
    assert_eq!(
        rules("252.1", b".linux\0.uname\0", None),
        (Basis::Magic, vec![], false)
    );
}

#[test]
fn a_stub_that_is_not_systemds_is_not_predicted_unless_told() {
    let anonymous = Parts {
        sections: Vec::new(),
        trailing: Vec::new(),
    }
    .with(".linux", b"x");
    assert_eq!(
        refused(&anonymous, &Boot::default()),
        (SECTION_TABLE, UkiRule::NoMagic)
    );
    let told = measured_of(&anonymous.file(), Some(252), &Boot::default());
    assert_eq!(told, Ok(vec![".linux=x".to_owned()]));
    for magic in [
        "#### LoaderInfo: systemd-boot 252 ####",
        "#### LoaderInfo: systemd-stub x ####",
        "#### LoaderInfo: systemd-stub 252\x1b ####",
        "#### LoaderInfo: systemd-stub 252",
    ] {
        let other = Parts {
            sections: Vec::new(),
            trailing: Vec::new(),
        };
        let other = other
            .with(".sdmagic", magic.as_bytes())
            .with(".linux", b"x");
        let (_, rule) = refused(&other, &Boot::default());
        assert_eq!(rule, UkiRule::Magic, "{magic}");
    }
    let twice = Parts::uki().with(".sdmagic", b"#### LoaderInfo: systemd-stub 258 ####");
    assert_eq!(refused(&twice, &Boot::default()).1, UkiRule::Magic);
}

#[test]
fn an_image_without_a_kernel_is_none() {
    let file = Parts::stub("252.1", NAMES_252).file();
    let pe = Pe::read(&file).expect("a PE image");
    assert!(Uki::of(&pe).is_err());
    let stub = Parts::stub("252.1", NAMES_252);
    assert_eq!(
        refused(&stub, &Boot::default()),
        (SECTION_TABLE, UkiRule::NoKernel)
    );
    // Stubs take an empty one for absent.
    let empty = stub.with(".linux", b"");
    assert_eq!(
        refused(&empty, &Boot::default()),
        (SECTION_TABLE, UkiRule::NoKernel)
    );
}

#[test]
fn a_section_that_is_there_twice_is_refused() {
    let twice = Parts::uki().with(".cmdline", b"evil");
    let second = SECTION_TABLE + 6 * 40;
    let rule = UkiRule::SectionTwice(UnifiedSection::Cmdline);
    assert_eq!(refused(&twice, &Boot::default()), (second, rule));
    // One that the stub does not look for may be.
    let other = Parts::uki().with(".uname", b"1").with(".uname", b"2");
    assert_eq!(measured(&other), measured(&Parts::uki()));
}

#[test]
fn a_name_that_begins_like_another_is_refused_where_stubs_compare_beginnings() {
    let parts = Parts::uki().with(".dtbauto", b"x");
    let (offset, rule) = refused(&parts, &Boot::default());
    assert_eq!(offset, parts.header(".dtbauto"));
    assert!(
        matches!(rule, UkiRule::NamePrefix(_, UnifiedSection::Dtb)),
        "{rule}"
    );
    let newer = Parts::stub("258.1", NAMES_258)
        .with(".linux", b"x")
        .with(".linux2", b"y");
    assert_eq!(measured(&newer), [".linux=x"]);
}

#[test]
fn phases_are_words_between_colons() {
    let texts = ["", ":", "::", "a", ":a", "a::b:"].map(|text| Phase::new(text).to_string());
    assert_eq!(texts, [":", ":", ":", "a", "a", "a:b"]);
    let file = Parts::uki().file();
    let check = |measured: &Measured| {
        let register = measured.pcr11(Algorithm::Sha256);
        let none = register.at(&Phase::new(":"));
        let hash = Algorithm::Sha256.digest(b"a");
        assert_eq!(
            register.at(&Phase::new("a")),
            Algorithm::Sha256.extend(none, hash)
        );
    };
    with_measured(&file, None, &Boot::default(), check).expect("it can be predicted");
}
