//! `tdx`: what is booted, in RTMR1 and RTMR2, and further events.

use super::{Folder, error, event, json, sha384, usage};
use crate::support::{run, vector};
use std::path::Path;

#[test]
fn further_events_are_taken_as_digests_or_files() {
    let folder = Folder::new();
    let firmware = folder.firmware();
    let file = folder.write("event", b"event");
    let digest = sha384(b"event");
    let rtmr3 = |value: &str| {
        let event = format!("rtmr3={value}");
        json(&["--firmware", &firmware, "--event", &event])["rtmr3"].clone()
    };
    assert_eq!(rtmr3(&file), rtmr3(&digest));
    let expected = sha384(&[vec![0; 48], hex::decode(&digest).unwrap()].concat());
    assert_eq!(rtmr3(&digest), expected);
    usage(&["--firmware", &firmware, "--event", "rtmr4=00"]);
    usage(&["--firmware", &firmware, "--event", "rtmr3"]);
}

#[test]
fn sections_of_a_uki_are_measured_as_its_stub_measures_them() {
    let Some(path) = vector("measured-boot/uki/test-uki.efi") else {
        return;
    };
    let folder = Folder::new();
    let path = path.as_str();
    let document = json(&["--firmware", &folder.firmware(), "--uki", path]);
    // PCR 11 in SHA-384 before any phase, by systemd-measure: the same extends, in RTMR2.
    let expected = std::fs::read_to_string(
        Path::new(path).with_file_name("expected-pcr11-systemd-measure-252.txt"),
    )
    .unwrap();
    let rtmr2 = document["rtmr2"].as_str().unwrap();
    assert!(expected.contains(&format!("11:sha384={rtmr2}")), "{rtmr2}");
    let digests =
        std::fs::read_to_string(Path::new(path).with_file_name("expected-authenticode.txt"))
            .unwrap();
    let image = event(&document, "rtmr1", "UKI").as_str().unwrap();
    assert!(digests.contains(image), "{image}");
    // The kernel in it is made up, and the disk unknown.
    let missing = document["missing"]["rtmr1"].as_array().unwrap();
    assert_eq!(missing.len(), 2);
    let disk = folder.write("gpt", b"EFI PART");
    let document = json(&[
        "--firmware",
        &folder.firmware(),
        "--uki",
        path,
        "--gpt",
        &disk,
        "--boot-image",
        path,
    ]);
    assert_eq!(
        *event(&document, "rtmr1", "partition table"),
        sha384(b"EFI PART")
    );
    assert_eq!(
        event(&document, "rtmr1", path),
        event(&document, "rtmr1", "UKI")
    );
}

/// The stub of Debian's systemd: any PE image will do for a kernel that is taken as it is.
fn stub() -> Option<String> {
    vector("measured-boot/uki/linuxx64.efi.stub")
}

#[test]
fn kernel_that_qemu_hands_over_is_measured_with_what_it_is_told() {
    let Some(kernel) = stub() else {
        return;
    };
    let folder = Folder::new();
    let firmware = folder.firmware();
    let initrd = folder.write("initrd", b"initrd");
    let plain = [
        "--firmware",
        &firmware,
        "--kernel",
        &kernel,
        "--append",
        "quiet",
    ];
    let document = json(&plain);
    assert_eq!(document["rtmr1"].as_str().unwrap().len(), 96);
    let options: Vec<u8> = b"quiet\0".iter().flat_map(|byte| [*byte, 0]).collect();
    assert_eq!(*event(&document, "rtmr2", "load options"), sha384(&options));
    let document = json(&[&plain[..], &["--initrd", &initrd]].concat());
    let options: Vec<u8> = b"quiet initrd=initrd\0"
        .iter()
        .flat_map(|byte| [*byte, 0])
        .collect();
    assert_eq!(*event(&document, "rtmr2", "load options"), sha384(&options));
    assert_eq!(*event(&document, "rtmr2", "initrd"), sha384(b"initrd"));
    // This is no bzImage, so QEMU fills in no header.
    let said = error(&[&plain[..], &["--kernel-header", "patched"]].concat());
    assert!(said.contains("no bzImage"), "{said}");
    let patched = ["--initrd", &initrd, "--kernel-header", "patched"];
    let document = json(&[&plain[..], &patched].concat());
    let wanted = "kernel as QEMU hands it over (--memory)";
    assert_eq!(document["missing"]["rtmr1"], serde_json::json!([wanted]));
    let video = [
        "--firmware",
        &firmware,
        "--kernel",
        &kernel,
        "--append",
        "vga=ask",
    ];
    assert_eq!(
        run("tdx", &video).status.code(),
        Some(0),
        "the file as it is has none of it"
    );
    let said = error(&[&video[..], &["--kernel-header", "patched"]].concat());
    assert!(said.contains("vga="), "{said}");
    assert!(usage(&["--firmware", &firmware, "--append", "quiet"]).contains("--kernel"));
    let said = error(&["--firmware", &firmware, "--kernel", &initrd]);
    assert!(said.contains("no PE image"), "{said}");
}
