//! What others published: a unified kernel image with systemd's stub 252, unsigned and signed.

use measured_boot_uki::{Algorithm, Basis, Boot, Pe, Phase, Uki};
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/measured-boot/uki");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn read(name: &str) -> Option<Vec<u8>> {
    folder().map(|folder| std::fs::read(folder.join(name)).expect("the vector can be read"))
}

/// Phase, bank and value of every line.
fn expected_pcr11() -> Option<Vec<(Phase, Algorithm, String)>> {
    let text = String::from_utf8(read("expected-pcr11-systemd-measure-252.txt")?).expect("text");
    let mut phase = Phase::new("");
    let mut expected = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# PCR[11] Phase <") {
            phase = Phase::new(name.trim_end_matches('>'));
        } else if let Some((bank, value)) = line.strip_prefix("11:").and_then(|l| l.split_once('='))
        {
            let bank = bank.parse().expect("a bank");
            expected.push((phase.clone(), bank, value.to_owned()));
        }
    }
    Some(expected)
}

#[test]
fn pcr11_is_as_systemd_measure_has_it_signed_or_not() {
    let Some(expected) = expected_pcr11() else {
        return;
    };
    assert_eq!(expected.len(), 20);
    for name in ["test-uki.efi", "test-uki-signed.efi"] {
        let file = read(name).expect("beside the values");
        let pe = Pe::read(&file).expect("an image");
        let uki = Uki::of(&pe).expect("with a kernel");
        let rules = uki.stub().rules(None).expect("systemd's stub");
        assert_eq!((rules.version.0, rules.basis), (252, Basis::MagicAndNames));
        let measured = uki.measured(&rules, &Boot::default()).expect("measured");
        for (phase, bank, value) in &expected {
            let found = measured.pcr11(*bank).at(phase).to_string();
            assert_eq!(&found, value, "{name} {phase} {bank}");
        }
    }
}

#[test]
fn authenticode_is_what_firmware_measures_and_what_signing_tools_make() {
    let Some(text) = read("expected-authenticode.txt") else {
        return;
    };
    let text = String::from_utf8(text).expect("text");
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let value = line.expect("the key is there").trim_start_matches('=');
        value.split_whitespace().next().expect("a value").to_owned()
    };
    let file = read("test-uki.efi").expect("beside the values");
    let signed = read("test-uki-signed.efi").expect("beside the values");
    let (pe, signed) = (
        Pe::read(&file).expect("an image"),
        Pe::read(&signed).expect("an image"),
    );
    assert!(pe.certificates().is_none() && signed.certificates().is_some());
    assert_eq!(
        pe.authenticode(Algorithm::Sha256).to_string(),
        value("sha256")
    );
    assert_eq!(
        pe.authenticode(Algorithm::Sha384).to_string(),
        value("sha384")
    );
    let with_signature = signed.authenticode(Algorithm::Sha256);
    assert_eq!(with_signature.to_string(), value("signed_sha256"));
    assert_eq!(
        pe.authenticode_when_signed(Algorithm::Sha256),
        Some(with_signature)
    );
    assert_eq!(signed.authenticode_when_signed(Algorithm::Sha256), None);
}
