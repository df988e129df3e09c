//! Which sections are measured, by what is chosen at boot: the profile, and what the machine matches.

use crate::measuring::{NAMES_258, measured, measured_of, refused};
use crate::support::{Parts, SECTION_TABLE};
use measured_boot_uki::{Boot, Pick, UkiRule, UnifiedSection};

fn with_profiles() -> Parts {
    Parts::stub("258.1", NAMES_258)
        .with(".linux", b"kernel")
        .with(".cmdline", b"base")
        .with(".profile", b"ID=a")
        .with(".profile", b"ID=b")
        .with(".cmdline", b"b's")
        .with(".profile", b"ID=c")
        .with(".cmdline", b"")
}

#[test]
fn a_profiles_sections_replace_those_of_the_base() {
    let file = with_profiles().file();
    let boot = |profile| Boot {
        profile,
        ..Boot::default()
    };
    let found = |profile| measured_of(&file, None, &boot(profile)).expect("it can be predicted");
    assert_eq!(
        found(0),
        [".linux=kernel", ".cmdline=base", ".profile=ID=a"]
    );
    assert_eq!(found(1), [".linux=kernel", ".cmdline=b's", ".profile=ID=b"]);
    // An empty section replaces too, and is then not measured.
    assert_eq!(found(2), [".linux=kernel", ".profile=ID=c"]);
    let none = measured_of(&file, None, &boot(3)).expect_err("there are three");
    assert_eq!(none.rule, UkiRule::NoProfile { asked: 3, there: 3 });
}

#[test]
fn without_profiles_there_is_profile_0_alone() {
    let boot = Boot {
        profile: 1,
        ..Boot::default()
    };
    let (_, rule) = refused(&Parts::uki(), &boot);
    assert_eq!(rule, UkiRule::NoProfile { asked: 1, there: 0 });
    // A stub that knows no profiles sees one section twice.
    let fault = measured_of(&with_profiles().file(), Some(252), &Boot::default());
    let rule = fault.expect_err("ambiguous").rule;
    assert_eq!(rule, UkiRule::SectionTwice(UnifiedSection::Cmdline));
}

#[test]
fn more_profiles_than_systemd_takes_are_refused() {
    let base = Parts::stub("258.1", NAMES_258).with(".linux", b"x");
    let many = |count| (0..count).fold(base.clone(), |parts, _| parts.with(".profile", b""));
    assert_eq!(measured(&many(256)), [".linux=x"]);
    assert_eq!(
        refused(&many(257), &Boot::default()),
        (SECTION_TABLE, UkiRule::ProfileCount(257))
    );
}

#[test]
fn what_depends_on_the_machine_has_to_be_chosen() {
    let parts = with_profiles().with(".dtbauto", b"c's");
    let mut parts = parts;
    parts
        .sections
        .insert(2, (".dtbauto".to_owned(), b"base's".to_vec()));
    parts
        .sections
        .insert(2, (".efifw".to_owned(), b"firmware".to_vec()));
    let boot = |dtbauto, efifw| Boot {
        profile: 2,
        dtbauto,
        efifw,
    };
    let found = |dtbauto, efifw| {
        let boot = boot(Some(dtbauto), Some(efifw));
        measured_of(&parts.file(), None, &boot).map_err(|fault| fault.rule)
    };
    let (_, rule) = refused(&parts, &boot(None, Some(Pick::None)));
    assert_eq!(rule, UkiRule::DependsOnMachine(UnifiedSection::DtbAuto, 2));
    let (_, rule) = refused(&parts, &boot(Some(Pick::None), None));
    assert_eq!(rule, UkiRule::DependsOnMachine(UnifiedSection::EfiFw, 1));
    let ours = |more: &[&str]| {
        let all = [".linux=kernel", ".profile=ID=c"].iter().chain(more);
        Ok(all.map(|one| (*one).to_owned()).collect())
    };
    assert_eq!(found(Pick::None, Pick::None), ours(&[]));
    assert_eq!(found(Pick::Nth(0), Pick::None), ours(&[".dtbauto=base's"]));
    assert_eq!(
        found(Pick::Nth(1), Pick::Nth(0)),
        ours(&[".dtbauto=c's", ".efifw=firmware"])
    );
    let rule = UkiRule::NoSuchMatch {
        section: UnifiedSection::DtbAuto,
        asked: 2,
        there: 2,
    };
    assert_eq!(found(Pick::Nth(2), Pick::None), Err(rule));
}
