//! Evidence of real machines on Azure, and of a TPM that Trustee's tests have.

use crate::support::{
    NONCE, Sample, assert_accepted, assert_refused_for, codes, limits, limits_with, nonce, read,
    vectors,
};
use attestation_tpm::{
    AkTrust, AttestationKey, ExpectedNonce, HardwareReport, HclReport, PcrTable, Quote, TeeReport,
    TpmCheck, TpmClaims,
};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::path::Path;

const FOLDER: &str = "trustee/deps/verifier/test_data";

/// Every piece with the nonce that its quote binds, in hexadecimal digits.
const AZURE: &[(&str, &str)] = &[
    ("az-snp-vtpm/evidence-v0.json", "6368616c6c656e6765"),
    ("az-snp-vtpm/evidence-v1.json", "6368616c6c656e6765"),
    (
        "az-snp-vtpm/evidence-v2.json",
        "982f5c6e45df0ed3f10b6f60b02f0c8390e281300f3805e2279c16168cd6ae9aa398f647caa2338748cd0fd9f5f819ef",
    ),
    (
        "az-snp-vtpm/evidence-genoa.json",
        "0218488bae25d2509232bf676f1a66a30d7372add909109b36016ef136f2938ca05475f8b46094de6b64270ea35d950f",
    ),
    ("az-tdx-vtpm/evidence-v0.json", "6368616c6c656e6765"),
    ("az-tdx-vtpm/evidence-v1.json", "6368616c6c656e6765"),
];

/// A list of numbers, hexadecimal digits, or base64.
fn bytes(value: &Value) -> Vec<u8> {
    if let Some(list) = value.as_array() {
        let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
        return list
            .iter()
            .map(|value| byte(value).expect("a byte"))
            .collect();
    }
    let text = value.as_str().expect("bytes are a list or text");
    let unpadded = text.trim_end_matches('=');
    hex::decode(text)
        .or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(unpadded))
        .or_else(|_| BASE64_STANDARD.decode(text))
        .expect("hexadecimal digits or base64")
}

fn json_file(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&read(&folder.join(FOLDER).join(name))).expect("JSON")
}

fn quote_of(quote: &Value, bare: bool, hcl_report: Option<Vec<u8>>) -> Sample {
    let pcrs = quote["pcrs"].as_array().expect("PCRs").iter();
    let pcrs: Vec<[u8; 32]> = pcrs
        .map(|pcr| bytes(pcr).try_into().expect("32 bytes"))
        .collect();
    Sample {
        quote: bytes(&quote["message"]),
        signature: bytes(&quote["signature"]),
        bare,
        pcrs: PcrTable::sha256_bank(&pcrs).expect("24 PCRs"),
        sent_ak: None,
        hcl_report,
        event_log: None,
    }
}

fn member<'a>(document: &'a Value, names: [&str; 2]) -> &'a Value {
    let found = names.into_iter().find_map(|name| document.get(name));
    found.expect("one of two names")
}

/// The evidence, and the body of its TD quote.
fn azure(folder: &Path, name: &str) -> (Sample, Option<Vec<u8>>) {
    let document = json_file(folder, name);
    let hcl_report = bytes(member(&document, ["hcl_report", "report"]));
    let quote = member(&document, ["tpm_quote", "quote"]);
    let td_quote = document.get("td_quote").map(bytes);
    let body = td_quote.map(|quote| quote[48..48 + 584].to_vec());
    (quote_of(quote, true, Some(hcl_report)), body)
}

fn snp_report(sample: &Sample) -> [u8; 1184] {
    let report = sample
        .hcl_report
        .as_ref()
        .expect("Azure's evidence has one");
    report[32..32 + 1184].try_into().expect("1184 bytes")
}

/// Runs `test` with every piece, what binds its key, and its nonce.
fn for_each_azure(test: impl Fn(&str, &Sample, AkTrust<'_>, ExpectedNonce)) {
    let Some(folder) = vectors() else { return };
    for (name, expected) in AZURE {
        let expected = ExpectedNonce::from_hex(expected).expect("a nonce");
        let (sample, td_body) = azure(&folder, name);
        let snp = snp_report(&sample);
        let tee = match &td_body {
            Some(body) => TeeReport::Tdx(body),
            None => TeeReport::Snp(&snp),
        };
        test(name, &sample, AkTrust::Tee(tee), expected);
    }
}

#[test]
fn azure_evidence_with_its_own_nonce_is_accepted() {
    for_each_azure(|name, sample, trust, expected| {
        println!("{name}");
        let all = json!((0..24).collect::<Vec<_>>());
        let limits = limits_with("quoted_pcrs", all);
        assert_accepted(&sample.judged(trust, &expected, &limits));
    });
}

#[test]
fn azure_evidence_keeps_to_secure_boot_and_not_to_a_ban_on_consoles() {
    for_each_azure(|_, sample, trust, expected| {
        let secure_boot = limits_with("require_secure_boot", json!(true));
        assert_accepted(&sample.judged(trust, &expected, &secure_boot));
        let no_console = limits_with("allow_console", json!(false));
        assert_refused_for(&sample.judged(trust, &expected, &no_console), "console");
    });
}

#[test]
fn azure_evidence_with_another_nonce_is_refused_and_without_says_so() {
    for_each_azure(|_, sample, trust, _| {
        let other = sample.judged(trust, &nonce(b"challengf"), &limits());
        assert_refused_for(&other, "nonce_other");
        let unbound = sample.judged(trust, &ExpectedNonce::Unbound, &limits());
        assert!(unbound.accepted() && !unbound.passed(TpmCheck::Nonce));
    });
}

#[test]
fn azure_evidence_with_any_byte_of_the_quote_changed_is_refused() {
    for_each_azure(|name, sample, trust, expected| {
        for place in 0..sample.quote.len() {
            let mut changed = sample.clone();
            changed.quote[place] ^= 1;
            let judgement = changed.judged(trust, &expected, &limits());
            assert!(
                codes(&judgement).contains(&"signature_invalid"),
                "{name}: {place}"
            );
        }
    });
}

#[test]
fn azure_evidence_with_any_byte_of_the_signature_changed_is_refused() {
    for_each_azure(|_, sample, trust, expected| {
        for place in 0..sample.signature.len() {
            let mut changed = sample.clone();
            changed.signature[place] ^= 0x80;
            let judgement = changed.judged(trust, &expected, &limits());
            assert_refused_for(&judgement, "signature_invalid");
        }
    });
}

#[test]
fn azure_evidence_with_any_byte_of_the_hcl_report_changed_is_refused() {
    for_each_azure(|name, sample, trust, expected| {
        // Nothing binds the version of a TD report's type, CPUSVN, and the MAC, which its own machine alone can check.
        let free = |place: usize| match trust {
            AkTrust::Tee(TeeReport::Tdx(_)) => {
                let place = place.wrapping_sub(32);
                matches!(place, 2 | 16..32 | 224..256)
            }
            _ => false,
        };
        let report = sample
            .hcl_report
            .as_ref()
            .expect("Azure's evidence has one");
        for place in (0..report.len()).filter(|place| !free(*place)) {
            let mut changed = sample.clone();
            changed.hcl_report.as_mut().expect("it has")[place] ^= 1;
            let judgement = changed.judged(trust, &expected, &limits());
            assert!(!judgement.accepted(), "{name}: {place:#x}");
        }
    });
}

#[test]
fn azure_evidence_with_any_pcr_changed_is_refused() {
    let Some(folder) = vectors() else { return };
    let document = json_file(&folder, "az-snp-vtpm/evidence-v2.json");
    let (sample, _) = azure(&folder, "az-snp-vtpm/evidence-v2.json");
    let snp = snp_report(&sample);
    for place in 0..24 {
        let mut quote = document["tpm_quote"].clone();
        quote["pcrs"][place] = json!("00".repeat(31) + "ff");
        let changed = quote_of(&quote, true, sample.hcl_report.clone());
        let trust = AkTrust::Tee(TeeReport::Snp(&snp));
        let judgement = changed.judged(trust, &ExpectedNonce::Unbound, &limits());
        assert_refused_for(&judgement, "pcr_digest_other");
    }
}

#[test]
fn azure_evidence_with_anothers_hcl_report_is_refused() {
    let Some(folder) = vectors() else { return };
    let (mut sample, _) = azure(&folder, "az-snp-vtpm/evidence-v1.json");
    let (other, _) = azure(&folder, "az-snp-vtpm/evidence-v2.json");
    sample.hcl_report = other.hcl_report;
    let snp = snp_report(&sample);
    let trust = AkTrust::Tee(TeeReport::Snp(&snp));
    let judgement = sample.judged(trust, &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "signature_invalid");
}

#[test]
fn azure_evidence_in_two_files_is_accepted() {
    let Some(folder) = vectors() else { return };
    for tee in ["az-snp-vtpm", "az-tdx-vtpm"] {
        let report = read(&folder.join(FOLDER).join(tee).join("hcl-report.bin"));
        let quote = json_file(&folder, &format!("{tee}/tpm-quote-v1.json"));
        let sample = quote_of(&quote, true, Some(report));
        let td_quote = read(&folder.join(FOLDER).join("az-tdx-vtpm/td-quote.bin"));
        let snp = snp_report(&sample);
        let trust = match tee {
            "az-snp-vtpm" => TeeReport::Snp(&snp),
            _ => TeeReport::Tdx(&td_quote[48..48 + 584]),
        };
        let judgement = sample.judged(AkTrust::Tee(trust), &nonce(NONCE), &limits());
        assert_accepted(&judgement);
    }
}

#[test]
fn quote_of_nine_pcrs_reads_as_such() {
    let Some(folder) = vectors() else { return };
    let message = read(&folder.join(FOLDER).join("az-snp-vtpm/tpm-quote.msg"));
    let quote = Quote::read(&message).expect("a quote");
    let covered: Vec<_> = quote.covered().map(|(_, index)| index).collect();
    assert_eq!(covered, [0, 1, 2, 3, 4, 5, 6, 7, 14]);
    assert_eq!(quote.extra_data, NONCE);
}

#[test]
fn hcl_report_names_its_tee_and_binds_its_runtime_data() {
    let Some(folder) = vectors() else { return };
    for (name, is_snp) in [("az-snp-vtpm", true), ("az-tdx-vtpm", false)] {
        let report = read(&folder.join(FOLDER).join(name).join("hcl-report.bin"));
        let report = HclReport::read(&report).expect("a real one");
        let in_report = match &report.hardware {
            HardwareReport::Snp(report) => report[0x50..0x90].to_vec(),
            HardwareReport::Tdx(report) => report[128..192].to_vec(),
        };
        assert_eq!(matches!(report.hardware, HardwareReport::Snp(_)), is_snp);
        assert_eq!(in_report, report.bound());
    }
}

#[test]
fn claims_of_azure_evidence_say_what_it_says() {
    let Some(folder) = vectors() else { return };
    let (sample, _) = azure(&folder, "az-snp-vtpm/evidence-genoa.json");
    let snp = snp_report(&sample);
    let claims = TpmClaims::of(&sample.evidence(), AkTrust::Tee(TeeReport::Snp(&snp)));
    let claims = serde_json::to_value(&claims).expect("plain data");
    assert_eq!(claims["quote"]["reset_count"], 53);
    assert_eq!(claims["quote"]["firmware_version"], "2020031200120003");
    assert_eq!(claims["quote"]["selection"]["sha256"][23], 23);
    assert_eq!(
        claims["pcrs"]["sha256"]["0"],
        "afd689d0bb1c5f36f023fbaf574135f555a28a10c1f6b938d2a25e70c7783338"
    );
    assert_eq!(
        (&claims["ak"]["trust"], &claims["ak"]["bits"]),
        (&json!("tee"), &json!(2048))
    );
    assert_eq!(
        (&claims["hcl"]["version"], &claims["hcl"]["tee"]),
        (&json!(2), &json!("snp"))
    );
    let configuration = &claims["hcl"]["vm_configuration"];
    assert_eq!(configuration["secure-boot"], true);
    assert_eq!(
        configuration["vmUniqueId"],
        "390CBCF5-6C67-4D9B-98EF-C3F1699CC8FC"
    );
}

fn named(folder: &Path) -> (Sample, AttestationKey) {
    let document = json_file(folder, "tpm_evidence.json");
    let mut sample = quote_of(&document["tpm_quote"], false, None);
    let key = BASE64_STANDARD.decode(document["ak_public"].as_str().expect("text"));
    let key = key.expect("base64");
    sample.sent_ak = Some(key.clone());
    (sample, AttestationKey::from_spki(&key).expect("a key"))
}

#[test]
fn evidence_of_a_plain_tpm_is_accepted_because_its_key_was_named() {
    let Some(folder) = vectors() else { return };
    let (sample, key) = named(&folder);
    let quote = Quote::read(&sample.quote).expect("a quote");
    let expected = ExpectedNonce::exactly(&quote.extra_data).expect("64 bytes");
    let judgement = sample.judged(AkTrust::Named(&key), &expected, &limits());
    assert_accepted(&judgement);
    let record = judgement.record();
    let ak = record.check("tpm_ak").expect("it is listed");
    assert!(ak.reason.contains("named it"), "{}", ak.reason);
    // Its attester fills a digest of SHA-384 up to 64 bytes with zeros.
    let short = nonce(&quote.extra_data[..48]);
    assert_accepted(&sample.judged(AkTrust::Named(&key), &short, &limits()));
}

/// Shielded VMs of 2019 quoted SHA-1's PCRs and signed with SHA-1; a TPM 1.2 has another quote.
#[test]
fn evidence_of_older_tpms_is_refused() {
    let Some(folder) = vectors() else { return };
    let dumps = folder.join("measured-boot/go-eventlog/legacydata");
    let (_, key) = named(&folder);
    for (name, expected) in [
        ("windows_gcp_shielded_vm.json", "signature_unreadable"),
        ("linux_tpm12.json", "quote_unreadable"),
    ] {
        let dump: Value = serde_json::from_slice(&read(&dumps.join(name))).expect("JSON");
        let part = |part: &str| {
            let text = dump["Quote"][part]
                .as_str()
                .or(dump["Static"][part].as_str());
            BASE64_STANDARD
                .decode(text.unwrap_or_default())
                .expect("base64")
        };
        let sample = Sample {
            quote: part("Quote"),
            signature: part("Signature"),
            bare: false,
            pcrs: PcrTable::default(),
            sent_ak: None,
            hcl_report: None,
            event_log: None,
        };
        let unbound = ExpectedNonce::Unbound;
        let judgement = sample.judged(AkTrust::Named(&key), &unbound, &limits());
        assert!(
            codes(&judgement).contains(&expected),
            "{name}: {:?}",
            codes(&judgement)
        );
    }
}
