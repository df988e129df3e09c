//! The sev crate's report as JSON.

use crate::builders::{Vectors, report, sev_named, sev_whole, snp_attester, without_reserved};
use attestation_shapes::{Fault, Shape, ShapeError, SnpEvidence};
use serde_json::{Value, json};

fn read(report: Value) -> Result<SnpEvidence, ShapeError> {
    SnpEvidence::read(snp_attester(report).to_string().as_bytes())
}

fn of_version(version: u8) -> Vec<u8> {
    let mut report = report();
    report[..4].copy_from_slice(&[version, 0, 0, 0]);
    if version == 2 {
        report[0x188..0x18B].fill(0);
    }
    if version < 5 {
        report[0x1F8..0x208].fill(0);
    }
    report
}

#[test]
fn report_of_the_whole_structure_gives_every_byte_back() {
    let report = report();
    let read = read(sev_whole(&report)).expect("as versions 1 to 5 write it");
    assert_eq!(read.report.as_slice(), report);
    assert_eq!(read.shape, Shape::SnpAttester);
}

#[test]
fn report_of_the_named_structure_gives_every_byte_back_that_is_in_it() {
    for version in [2, 3, 5] {
        for turin in [false, true] {
            let report = without_reserved(&of_version(version), turin);
            let json = sev_named(&report, turin, Vectors::ByVersion);
            let read = read(json).expect("as versions 6.3 to 8 write it");
            assert_eq!(read.report.as_slice(), report, "{version} {turin}");
        }
    }
}

#[test]
fn report_without_mitigation_vectors_gets_zeros_for_them() {
    let report = without_reserved(&of_version(3), false);
    let json = sev_named(&report, false, Vectors::Absent);
    let read = read(json).expect("as versions 6.0 to 6.2 write it");
    assert_eq!(read.report.as_slice(), report);
}

#[test]
fn certificates_come_along_by_the_key_that_the_report_names() {
    for (key_info, vek) in [(0_u8, "vcek"), (1 << 2, "vlek"), (7 << 2, "vcek")] {
        let mut report = report();
        report[0x48] = key_info;
        let read = read(sev_whole(&report)).expect("a report");
        assert_eq!(read.vek.as_deref(), Some(vek.as_bytes()), "{key_info}");
        assert_eq!(read.chain, [&b"ark"[..], b"ask"]);
    }
    let mut alone = snp_attester(sev_whole(&report()));
    alone["cert_chain"] = Value::Null;
    let null = alone.to_string();
    remove(&mut alone, "cert_chain");
    for text in [null, alone.to_string()] {
        let read = SnpEvidence::read(text.as_bytes()).expect("no certificates");
        assert_eq!((read.vek, read.chain.len()), (None, 0));
    }
}

/// A change to a document, and what it is refused for.
type Case = (&'static str, fn(&mut Value), &'static str, Fault);

fn refused(start: &Value, cases: &[Case]) {
    assert!(read(start.clone()).is_ok());
    for (what, change, member, fault) in cases {
        let mut changed = start.clone();
        change(&mut changed);
        let error = read(changed).expect_err(what);
        let form = "snp-attester";
        let (member, fault) = (*member, *fault);
        let expected = ShapeError::Member {
            form,
            member,
            fault,
        };
        assert_eq!(error, expected, "{what}");
    }
}

fn remove(value: &mut Value, member: &str) {
    let members = value.as_object_mut().expect("an object");
    members.remove(member).expect("it was there");
}

#[test]
fn whole_structure_with_anything_else_in_it_is_refused() {
    refused(&sev_whole(&report()), WHOLE_CASES);
}

const fn length(found: usize, wanted: usize) -> Fault {
    Fault::Length { found, wanted }
}

const MIXED: Fault = Fault::Contradicts("one TCB has an FMC and another has none");

const WHOLE_CASES: &[Case] = &[
    (
        "a member more",
        |r| r["more"] = json!(0),
        "attestation_report",
        Fault::Unknown,
    ),
    (
        "a member of the other",
        |r| r["key_info"] = json!(0),
        "attestation_report",
        Fault::Unknown,
    ),
    (
        "a member less",
        |r| remove(r, "vmpl"),
        "vmpl",
        Fault::Missing,
    ),
    (
        "no reserved",
        |r| remove(r, "_reserved_1"),
        "_reserved_1",
        Fault::Missing,
    ),
    (
        "too long",
        |r| r["report_data"] = json!(vec![0; 65]),
        "report_data",
        length(65, 64),
    ),
    (
        "too short",
        |r| r["measurement"] = json!(vec![0; 47]),
        "measurement",
        length(47, 48),
    ),
    (
        "no array",
        |r| r["chip_id"] = json!("00"),
        "chip_id",
        Fault::NotA("an array of bytes"),
    ),
    (
        "no byte",
        |r| r["chip_id"][3] = json!(256),
        "chip_id",
        Fault::NotA("an array of bytes"),
    ),
    (
        "too large",
        |r| r["version"] = json!(1_u64 << 32),
        "version",
        Fault::Range(0xFFFF_FFFF),
    ),
    (
        "a byte too large",
        |r| r["current_build"] = json!(256),
        "current_build",
        Fault::Range(255),
    ),
    (
        "negative",
        |r| r["policy"] = json!(-1),
        "policy",
        Fault::NotA("a number"),
    ),
    (
        "a fraction",
        |r| r["policy"] = json!(1.0),
        "policy",
        Fault::NotA("a number"),
    ),
    (
        "hexadecimal",
        |r| r["policy"] = json!("0x30000"),
        "policy",
        Fault::NotA("a number"),
    ),
    (
        "more in a TCB",
        |r| r["launch_tcb"]["fmc"] = json!(0),
        "launch_tcb",
        Fault::Unknown,
    ),
    (
        "a TCB's reserved",
        |r| r["launch_tcb"]["_reserved"] = json!([0, 0, 0]),
        "_reserved",
        length(3, 4),
    ),
    (
        "more in a signature",
        |r| r["signature"]["t"] = json!(0),
        "signature",
        Fault::Unknown,
    ),
    (
        "a short signature",
        |r| r["signature"]["r"] = json!([1]),
        "r",
        length(1, 72),
    ),
    (
        "its reserved",
        |r| r["signature"]["_reserved"] = json!([1]),
        "_reserved",
        length(1, 368),
    ),
    (
        "no signature",
        |r| r["signature"] = json!([1]),
        "signature",
        Fault::NotA("an object"),
    ),
];

#[test]
fn named_structure_with_anything_else_in_it_is_refused() {
    let report = without_reserved(&of_version(5), true);
    let start = sev_named(&report, true, Vectors::ByVersion);
    refused(&start, NAMED_CASES);
}

const NAMED_CASES: &[Case] = &[
    (
        "a member more",
        |r| r["more"] = json!(0),
        "attestation_report",
        Fault::Unknown,
    ),
    (
        "a reserved member",
        |r| r["_reserved_1"] = json!([]),
        "attestation_report",
        Fault::Unknown,
    ),
    (
        "no key info",
        |r| remove(r, "key_info"),
        "key_info",
        Fault::Missing,
    ),
    (
        "no family",
        |r| remove(r, "cpuid_fam_id"),
        "cpuid_fam_id",
        Fault::Missing,
    ),
    (
        "family too large",
        |r| r["cpuid_fam_id"] = json!(256),
        "cpuid_fam_id",
        Fault::Range(255),
    ),
    (
        "mixed TCBs",
        |r| r["current_tcb"]["fmc"] = Value::Null,
        "current_tcb",
        MIXED,
    ),
    (
        "no FMC member",
        |r| remove(&mut r["launch_tcb"], "fmc"),
        "fmc",
        Fault::Missing,
    ),
    (
        "more in a TCB",
        |r| r["launch_tcb"]["more"] = json!(0),
        "launch_tcb",
        Fault::Unknown,
    ),
    (
        "more in a version",
        |r| r["current"]["patch"] = json!(0),
        "current",
        Fault::Unknown,
    ),
    (
        "less in a version",
        |r| remove(&mut r["committed"], "minor"),
        "minor",
        Fault::Missing,
    ),
    (
        "a vector of text",
        |r| r["launch_mit_vector"] = json!("1"),
        "launch_mit_vector",
        Fault::NotA("a number"),
    ),
    (
        "more in a signature",
        |r| r["signature"]["_reserved"] = json!([]),
        "signature",
        Fault::Unknown,
    ),
];

#[test]
fn certificates_in_no_list_of_theirs_are_refused() {
    let count = Fault::Count {
        found: 17,
        wanted: 16,
    };
    let entry = |kind: &str| json!({"cert_type": kind, "data": [1]});
    for (chain, member, fault) in [
        (json!("x"), "cert_chain", Fault::NotA("a list")),
        (json!([1]), "cert_chain", Fault::NotA("a list")),
        (json!(["x"]), "cert_chain", Fault::NotA("an object")),
        (json!(vec![entry("ARK"); 17]), "cert_chain", count),
        (
            json!([entry("VCEK"), entry("VCEK")]),
            "cert_chain",
            Fault::Twice,
        ),
        (
            json!([entry("ASVK?")]),
            "cert_type",
            Fault::NotA("a kind of certificate"),
        ),
        (
            json!([{"cert_type": {"OTHER": "x", "y": 1}, "data": []}]),
            "cert_type",
            Fault::Unknown,
        ),
        (json!([{"cert_type": "ARK"}]), "data", Fault::Missing),
        (
            json!([{"cert_type": "ARK", "data": "AA=="}]),
            "data",
            Fault::NotA("an array of bytes"),
        ),
        (
            json!([{"cert_type": "ARK", "data": [], "x": 0}]),
            "cert_chain",
            Fault::Unknown,
        ),
    ] {
        let mut evidence = snp_attester(sev_whole(&report()));
        evidence["cert_chain"] = chain.clone();
        let error = SnpEvidence::read(evidence.to_string().as_bytes());
        let form = "snp-attester";
        let expected = ShapeError::Member {
            form,
            member,
            fault,
        };
        assert_eq!(error, Err(expected), "{chain}");
    }
}
