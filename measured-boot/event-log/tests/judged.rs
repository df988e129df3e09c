//! Logs that are well formed and refused all the same, and those that look like them and are not.

mod support;

use measured_boot_event_log::{Algorithm, Covered, EventType, FindingRule, NoteKind, Register};
use support::{
    BOOT_VARIABLE, EFI_ACTION, IPL, Made, NO_ACTION, SEPARATOR, VARIABLE, ZEROS, findings, hash,
    read, variable,
};

const ONES: [u8; 4] = [0xFF; 4];
const ERROR: [u8; 4] = [1, 0, 0, 0];
const S_CRTM_CONTENTS: u32 = 7;

/// A log with one more event, and where that and its data begin.
fn one(made: Made, index: u32, kind: u32, data: &[u8]) -> (Vec<u8>, usize, usize) {
    let mut made = made;
    let at = made.event(index, kind, data);
    let data_at = made.bytes.len() - data.len();
    (made.bytes, at, data_at)
}

#[test]
fn separators_known_for_a_register_are_fine() {
    for pcr in 0..8 {
        assert_eq!(findings(&one(Made::agile(), pcr, SEPARATOR, &ZEROS).0), []);
        assert_eq!(findings(&one(Made::agile(), pcr, SEPARATOR, &ONES).0), []);
        assert_eq!(findings(&one(Made::legacy(), pcr, SEPARATOR, &ZEROS).0), []);
    }
    for pcr in 12..15 {
        assert_eq!(findings(&one(Made::agile(), pcr, SEPARATOR, b"WBCL").0), []);
    }
    for index in [1, 2] {
        assert_eq!(findings(&one(Made::cc(), index, SEPARATOR, &ZEROS).0), []);
    }
}

#[test]
fn separators_unknown_for_a_register_are_refused() {
    let refused = |made: Made, index, data: &[u8]| {
        let (bytes, _, data_at) = one(made, index, SEPARATOR, data);
        assert_eq!(
            findings(&bytes),
            [("separator-value", data_at)],
            "{index} {data:?}"
        );
    };
    for pcr in (0..12).chain(15..24) {
        refused(Made::agile(), pcr, b"WBCL");
    }
    for pcr in 8..24 {
        refused(Made::agile(), pcr, &ZEROS);
        refused(Made::agile(), pcr, &ERROR);
    }
    for index in [3, 4] {
        refused(Made::cc(), index, &ZEROS);
        refused(Made::cc(), index, b"WBCL");
    }
    for data in [&[0; 5][..], &[0; 3], &[], &[2, 0, 0, 0], b"WBCL\0"] {
        refused(Made::agile(), 7, data);
        refused(Made::legacy(), 7, data);
    }
}

#[test]
fn separator_of_an_error_is_refused_by_its_name() {
    for pcr in 0..8 {
        let (bytes, _, data_at) = one(Made::agile(), pcr, SEPARATOR, &ERROR);
        assert_eq!(findings(&bytes), [("separator-error", data_at)]);
    }
}

#[test]
fn second_separator_is_refused_and_names_the_first() {
    for (made, index, data) in [
        (Made::agile(), 7, &ZEROS[..]),
        (Made::agile(), 13, b"WBCL"),
        (Made::legacy(), 4, &ZEROS),
        (Made::cc(), 1, &ZEROS),
    ] {
        let mut made = made;
        let first = made.event(index, SEPARATOR, data);
        made.event(index, IPL, b"between");
        let at = made.event(index, SEPARATOR, data);
        assert_eq!(findings(&made.bytes), [("separator-twice", at)]);
        let log = read(&made.bytes).expect("well formed");
        let rule = log.findings().list()[0].rule;
        assert_eq!(rule, FindingRule::SeparatorTwice { first });
    }
}

#[test]
fn separators_of_different_registers_are_fine() {
    let mut made = Made::agile();
    for pcr in 0..8 {
        made.event(pcr, SEPARATOR, &ZEROS);
    }
    for pcr in 12..15 {
        made.event(pcr, SEPARATOR, b"WBCL");
    }
    assert_eq!(findings(&made.bytes), []);
}

#[test]
fn separator_whose_digest_is_of_something_else_is_refused() {
    let mut made = Made::agile();
    let at = made.measured(7, SEPARATOR, &ONES, &ZEROS);
    assert_eq!(findings(&made.bytes), [("separator-digest", at)]);
    // In one bank alone, too: the others' registers show another log.
    let mut made = Made::agile();
    let at = made.event(7, SEPARATOR, &ZEROS);
    let second_digest = at + 12 + 2 + 20 + 2;
    made.bytes[second_digest..second_digest + 32].copy_from_slice(&hash(0x0B, &ONES));
    assert_eq!(findings(&made.bytes), [("separator-digest", at)]);
    let rule = read(&made.bytes).expect("well formed").findings().list()[0].rule;
    assert_eq!(rule, FindingRule::SeparatorDigest(Algorithm::SHA256));
}

#[test]
fn separator_by_another_name_is_refused_and_counts_as_one() {
    for (made, index, value) in [
        (Made::agile(), 7, &ZEROS[..]),
        (Made::agile(), 4, &ONES),
        (Made::agile(), 13, b"WBCL"),
        (Made::cc(), 1, &ZEROS),
        (Made::legacy(), 7, &ZEROS),
    ] {
        let mut made = made;
        let hidden = made.measured(index, EFI_ACTION, value, b"harmless");
        let name = "separator-under-another-type";
        assert_eq!(findings(&made.bytes), [(name, hidden)]);
        let second = made.event(index, SEPARATOR, value);
        assert_eq!(
            findings(&made.bytes),
            [(name, hidden), ("separator-twice", second)]
        );
    }
}

/// A laptop's firmware measures a FIT entry of four zero bytes so; go-eventlog's `glinux-alex.bin` is its log.
#[test]
fn part_of_the_crtm_that_is_zeros_is_no_hidden_separator() {
    let fit = |made: &mut Made, data| made.measured(0, S_CRTM_CONTENTS, &ZEROS, data);
    let mut made = Made::agile();
    made.event(0, 0x8000_0010, b"HCRTM");
    made.event(0, S_CRTM_CONTENTS, b"another part");
    fit(&mut made, b"FIT Type 0x2D");
    made.event(0, 8, b"version");
    made.event(0, SEPARATOR, &ZEROS);
    assert_eq!(findings(&made.bytes), []);
    // Behind anything else it could be the separator, and so it could with a separator's data.
    let name = "separator-under-another-type";
    let mut made = Made::agile();
    made.event(0, 8, b"version");
    let late = fit(&mut made, b"FIT Type 0x2D");
    assert_eq!(findings(&made.bytes), [(name, late)]);
    let mut made = Made::agile();
    let renamed = fit(&mut made, &ZEROS);
    assert_eq!(findings(&made.bytes), [(name, renamed)]);
    // Nor is there an S-CRTM in other registers.
    let mut made = Made::agile();
    let elsewhere = made.measured(7, S_CRTM_CONTENTS, &ZEROS, b"FIT Type 0x2D");
    assert_eq!(findings(&made.bytes), [(name, elsewhere)]);
}

/// A dynamic launch measures flags into PCR 17 and 18, which are zeros on most machines.
#[test]
fn zeros_where_no_separator_is_known_are_no_hidden_separator() {
    for (pcr, value) in [
        (17, &ZEROS[..]),
        (18, &ZEROS),
        (8, &ONES),
        (13, &ZEROS),
        (7, b"WBCL"),
    ] {
        let mut made = Made::agile();
        made.event(pcr, 0x40C, value);
        assert_eq!(findings(&made.bytes), []);
    }
}

/// A BootOrder of 1 and 0 has the digest of the separator of an error, in seven of the published logs.
#[test]
fn boot_order_of_one_and_zero_is_no_hidden_separator() {
    let mut made = Made::agile();
    made.measured(1, BOOT_VARIABLE, &ERROR, &variable("BootOrder", &ERROR));
    assert_eq!(findings(&made.bytes), []);
}

#[test]
fn startup_locality_is_in_pcr_0_from_the_start() {
    for (locality, ok) in [(0, true), (3, true), (4, true), (1, false), (0xFF, false)] {
        let data = [&b"StartupLocality\0"[..], &[locality]].concat();
        let (bytes, _, data_at) = one(Made::agile(), 0, NO_ACTION, &data);
        let expected = if ok {
            vec![]
        } else {
            vec![("startup-locality", data_at)]
        };
        assert_eq!(findings(&bytes), expected);
        let mut made = Made::agile();
        made.event(0, NO_ACTION, &data);
        made.event(0, 8, b"version");
        let replay = read(&made.bytes).expect("well formed").replay();
        let mut start = [0; 32];
        start[31] = locality;
        let value = Algorithm::SHA256.hash(&[&start, &hash(0x0B, b"version")]);
        assert_eq!(replay.value(Algorithm::SHA256, Register::Pcr(0)), value);
        assert_eq!(replay.startup_locality, Some(locality));
    }
}

#[test]
fn startup_locality_twice_late_or_of_another_length_is_refused() {
    let data = b"StartupLocality\0\x03";
    let mut made = Made::agile();
    made.event(0, NO_ACTION, data);
    let at = made.event(0, NO_ACTION, data);
    assert_eq!(findings(&made.bytes), [("startup-locality-twice", at)]);
    let mut made = Made::agile();
    made.event(0, 8, b"version");
    let at = made.event(0, NO_ACTION, data);
    assert_eq!(findings(&made.bytes), [("startup-locality-late", at)]);
    let (bytes, _, data_at) = one(Made::agile(), 0, NO_ACTION, b"StartupLocality\0\x03\0");
    assert_eq!(findings(&bytes), [("startup-locality", data_at)]);
}

/// A hardware core root of trust measures from locality 4.
#[test]
fn hcrtm_event_starts_pcr_0_at_locality_4() {
    let (bytes, ..) = one(Made::agile(), 0, EventType::EFI_HCRTM_EVENT.0, b"HCRTM");
    let mut start = [0; 32];
    start[31] = 4;
    let value = Algorithm::SHA256.hash(&[&start, &hash(0x0B, b"HCRTM")]);
    let replay = read(&bytes).expect("well formed").replay();
    assert_eq!(replay.value(Algorithm::SHA256, Register::Pcr(0)), value);
}

#[test]
fn measured_event_for_what_cannot_be_extended_is_refused() {
    for index in [0, 5, 23] {
        let (bytes, at, _) = one(Made::cc(), index, IPL, b"text");
        assert_eq!(findings(&bytes), [("register-cannot-be-extended", at)]);
        let replay = read(&bytes).expect("well formed").replay();
        let bank = replay.bank(Algorithm::SHA384).expect("there");
        let zero = |value: &measured_boot_event_log::Digest| value.as_bytes() == [0; 48];
        assert!(bank.registers.len() == 4 && bank.registers.values().all(zero));
        let (bytes, ..) = one(Made::cc(), index, NO_ACTION, b"text");
        assert_eq!(findings(&bytes), []);
    }
}

#[test]
fn no_action_extends_nothing() {
    let (bytes, ..) = one(Made::agile(), 7, NO_ACTION, b"anything");
    let replay = read(&bytes).expect("well formed").replay();
    assert!(replay.banks.iter().all(|bank| bank.registers.is_empty()));
}

#[test]
fn banks_that_contradict_each_other_are_noted() {
    let sha1_at = 12 + 2;
    let sha256_at = sha1_at + 20 + 2;
    for (place, differs) in [(sha1_at, Algorithm::SHA1), (sha256_at, Algorithm::SHA256)] {
        let mut made = Made::agile();
        let at = made.event(7, VARIABLE, &variable("db", b"data"));
        made.bytes[at + place] ^= 1;
        let log = read(&made.bytes).expect("well formed");
        let coverage = log.events[1].coverage();
        assert_eq!(coverage.covered, Covered::All);
        assert_eq!(coverage.differs_in, [differs]);
        let notes = log.notes();
        let mut kinds = notes.list().iter().map(|note| note.kind);
        assert!(kinds.any(|kind| kind == NoteKind::BanksDiffer));
    }
}

/// A hostile log could have a finding with every event.
#[test]
fn findings_beyond_256_are_counted_and_not_kept() {
    let mut made = Made::agile();
    for _ in 0..1000 {
        made.event(7, SEPARATOR, &ZEROS);
    }
    let log = read(&made.bytes).expect("well formed");
    let findings = log.findings();
    assert_eq!((findings.list().len(), findings.total()), (256, 999));
    assert_eq!(findings.more(), 743);
}
