//! Events of published logs: what others read of them, what their digests cover, and how we judge them.

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_event_log::{Covered, NoteKind, Register};
use serde_json::Value;
use std::collections::BTreeMap;
use support::{CSV, GO, TPM2, TRUSTEE, all_logs, findings, json, log_bytes, read, vectors};

/// Trustee's reading of six logs: every event but the spec ID's.
#[test]
fn events_equal_those_that_trustee_reads() {
    let Some(folder) = vectors() else { return };
    let names =
        ["", "_ovmf", "_grub", "_grub_gke"].map(|name| format!("{TRUSTEE}/CCEL_data{name}"));
    let mut names = names.to_vec();
    names.push(format!("{TRUSTEE}/CCEL_AAEL_alibabacloud"));
    names.push(CSV.to_owned());
    let mut checked = 0;
    for name in names {
        let bytes = log_bytes(&folder, &name);
        let log = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let theirs = json(&folder, &format!("{name}_out.json"));
        let theirs = theirs["uefi_event_logs"].as_array().expect("events");
        assert_eq!(log.events.len(), theirs.len() + 1, "{name}");
        for (event, theirs) in log.events[1..].iter().zip(theirs) {
            let place = format!("{name} event {}", event.number);
            assert_eq!(u64::from(event.index), theirs["index"], "{place}");
            assert_eq!(event.kind.to_string(), theirs["type_name"], "{place}");
            assert_eq!(
                BASE64_STANDARD.encode(event.data),
                theirs["event"],
                "{place}"
            );
            let digests: Vec<String> = event
                .digests
                .iter()
                .map(|(algorithm, digest)| format!("{algorithm} {}", hex::encode(digest)))
                .collect();
            assert_eq!(digests, trustee_digests(&theirs["digests"]), "{place}");
            let all = |(algorithm, digest): (measured_boot_event_log::Algorithm, &[u8])| {
                let hash = algorithm.hash(&[event.data]).expect("computed");
                hash.as_bytes() == digest
            };
            let whole = event.digests.iter().all(all);
            assert_eq!(whole, theirs["digest_matches_event"], "{place}");
            assert_eq!(whole, event.coverage().covered == Covered::All, "{place}");
            checked += 1;
        }
    }
    assert_eq!(checked, 266);
}

fn trustee_digests(digests: &Value) -> Vec<String> {
    let digest = |digest: &Value| {
        let name = match digest["alg"].as_str().expect("text") {
            "SHA-1" => "sha1",
            "SHA-256" => "sha256",
            "SHA-384" => "sha384",
            "SHA-512" => "sha512",
            _ => "sm3_256",
        };
        format!("{name} {}", digest["digest"].as_str().expect("text"))
    };
    digests
        .as_array()
        .expect("digests")
        .iter()
        .map(digest)
        .collect()
}

/// Which rule holds of how many events of a type, over all logs: a change of any shows here.
#[test]
fn digests_cover_what_was_found_over_all_logs() {
    let Some(folder) = vectors() else { return };
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for name in all_logs() {
        let bytes = log_bytes(&folder, &name);
        let log = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        for event in log.events.iter().filter(|event| event.is_measured()) {
            let coverage = event.coverage();
            assert!(
                coverage.differs_in.is_empty(),
                "{name}: event {}",
                event.number
            );
            let key = (event.kind.to_string(), coverage.covered.name());
            *counts.entry(key).or_default() += 1;
        }
    }
    let ours: Vec<(&str, &str, usize)> = counts
        .iter()
        .map(|((kind, covered), count)| (kind.as_str(), *covered, *count))
        .collect();
    assert_eq!(ours, COVERAGE);
}

const COVERAGE: [(&str, &str, usize); 31] = [
    ("EV_COMPACT_HASH", "all", 4),
    ("EV_CPU_MICROCODE", "nothing", 1),
    ("EV_EFI_ACTION", "all", 74),
    ("EV_EFI_BOOT_SERVICES_APPLICATION", "nothing", 65),
    ("EV_EFI_BOOT_SERVICES_DRIVER", "nothing", 11),
    ("EV_EFI_GPT_EVENT", "all", 27),
    ("EV_EFI_HANDOFF_TABLES", "nothing", 1),
    ("EV_EFI_HANDOFF_TABLES2", "nothing", 11),
    ("EV_EFI_PLATFORM_FIRMWARE_BLOB", "nothing", 13),
    ("EV_EFI_PLATFORM_FIRMWARE_BLOB2", "nothing", 12),
    ("EV_EFI_VARIABLE_AUTHORITY", "all", 33),
    ("EV_EFI_VARIABLE_AUTHORITY", "all-but-last-byte", 7),
    ("EV_EFI_VARIABLE_BOOT", "all", 32),
    ("EV_EFI_VARIABLE_BOOT", "variable-data", 138),
    ("EV_EFI_VARIABLE_DRIVER_CONFIG", "all", 158),
    ("EV_EFI_VARIABLE_DRIVER_CONFIG", "variable-data", 5),
    ("EV_EVENT_TAG", "all", 17),
    ("EV_EVENT_TAG", "nothing", 6),
    ("EV_IPL", "after-prefix", 455),
    ("EV_IPL", "after-prefix-and-nul", 116),
    ("EV_IPL", "all", 2),
    ("EV_IPL", "name-in-8-bits", 6),
    ("EV_IPL", "nothing", 154),
    ("EV_IPL", "text-and-nul", 2),
    ("EV_NONHOST_INFO", "all", 7),
    ("EV_PLATFORM_CONFIG_FLAGS", "nothing", 35),
    ("EV_PLATFORM_CONFIG_FLAGS", "payload", 2),
    ("EV_POST_CODE", "nothing", 10),
    ("EV_SEPARATOR", "all", 184),
    ("EV_S_CRTM_CONTENTS", "nothing", 1),
    ("EV_S_CRTM_VERSION", "all", 20),
];

fn offsets(folder: &std::path::Path, name: &str) -> Vec<usize> {
    let found = findings(&log_bytes(folder, name));
    assert!(
        found.iter().all(|(rule, _)| *rule == "separator-twice"),
        "{name}"
    );
    found.into_iter().map(|(_, offset)| offset).collect()
}

/// Six logs have the separators twice that some builds of EDK II write; no other has anything.
#[test]
fn findings_are_the_duplicate_separators_and_nothing_else() {
    let Some(folder) = vectors() else { return };
    let go = |name: &str| format!("{GO}/eventlogs/ccel/{name}");
    let expected = BTreeMap::from([
        (go("cos-113-intel-tdx-dupe-separator.bin"), vec![0x250C]),
        (
            go("cos-113-intel-tdx-dupe-separator-unpadded.bin"),
            vec![0x250C],
        ),
        (go("CCEL_unpadded.data.bin"), vec![0x67F]),
        (
            go("event_log.bin"),
            vec![0x7DC, 0x822, 0x8AE, 0x8F4, 0x93A, 0x980],
        ),
        (format!("{TRUSTEE}/CCEL_data_grub"), vec![0x203E]),
        (format!("{TRUSTEE}/CCEL_data_ovmf"), vec![0x67E]),
    ]);
    for name in all_logs() {
        let expected = expected.get(&name).cloned().unwrap_or_default();
        assert_eq!(offsets(&folder, &name), expected, "{name}");
    }
}

#[test]
fn other_files_of_the_vectors_are_no_logs() {
    let Some(folder) = vectors() else { return };
    for name in [
        "ek-template-default.bin",
        "get-capability-tpm-prop-fixed.bin",
    ] {
        let bytes = log_bytes(&folder, &format!("{TPM2}/{name}"));
        assert!(read(&bytes).is_err(), "{name}");
    }
}

#[test]
fn oddities_of_published_logs_are_noted() {
    let Some(folder) = vectors() else { return };
    let notes = |name: &str| {
        let bytes = log_bytes(&folder, name);
        let notes = read(&bytes).expect("a log").notes();
        notes
            .list()
            .iter()
            .map(|note| note.kind)
            .collect::<Vec<_>>()
    };
    let vendor = notes(&format!("{TPM2}/specid-vendordata.bin"));
    assert!(
        vendor.contains(&NoteKind::VendorInfoOutside(4)),
        "{vendor:?}"
    );
    let ebs = notes(&format!("{GO}/legacydata/ebs_event_missing_eventlog"));
    assert!(ebs.contains(&NoteKind::NoExitBootServices), "{ebs:?}");
    let few = notes(&format!("{TPM2}/event-uefivar.bin"));
    let missing = |kind: &&NoteKind| matches!(kind, NoteKind::MissingDigests(_, 1));
    assert_eq!(few.iter().filter(missing).count(), 2, "{few:?}");
    let windows = notes(&format!("{GO}/legacydata/option_rom_eventlog"));
    assert!(
        windows.contains(&NoteKind::DigestWithoutAction),
        "{windows:?}"
    );
    let linux = notes(&format!("{GO}/eventlogs/ccel/CCEL_unpadded.data.bin"));
    assert!(linux.contains(&NoteKind::OtherForm), "{linux:?}");
}

#[test]
fn descriptions_say_what_events_say() {
    let Some(folder) = vectors() else { return };
    let bytes = log_bytes(&folder, &format!("{TRUSTEE}/CCEL_data_grub_gke"));
    let log = read(&bytes).expect("a log");
    let says = |number: usize| log.events[number].description();
    assert_eq!(says(5), "SecureBoot: 00");
    assert_eq!(says(9), "dbx: 186 entries, 11936 bytes");
    assert_eq!(says(14), "BootOrder: 0001, 0000");
    assert_eq!(
        says(15),
        "Boot0001: \"UEFI nvme_card-pd\" PciRoot(0x0)/Pci(0x4,0x0)/NVMe(1)"
    );
    assert_eq!(says(21), "\".linux\"");
    assert!(says(19).ends_with("3 partitions: esp, root-x86-64, root-x86-64-verity"));
    assert_eq!(log.events[20].register, Register::Rtmr(1));
    assert_eq!(
        says(33),
        "17078632 bytes from VenMedia(55c5d1f8-04cd-46b5-8a20-e56cbb3052d0)"
    );
}
