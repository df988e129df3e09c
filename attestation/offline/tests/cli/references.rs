//! `--reference`: which launches are accepted, in each of its forms.

use crate::reference_forms::{of_snp, of_tdx};
use crate::support::{Folder, check, checks, document, error, run_line};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use measured_boot_reference_values as values;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

const REPORT: &str = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z -o json";
const QUOTE: &str = "tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z -o json";
const LAUNCH: &str = "7a1e5c266c0108dbc9bb94fa926951320940915d0aafb42464bd88b579ea158d3e1a0dc39b2c60bd95b9c480cd81841f";
const MRTD: &str = "91eb2b44d141d4ece09f0c75c2c53d247a3c68edd7fafe8a3520c942a604a407de03ae6dc5f87f27428b2538873118b7";
const RTMR0: &str = "44c0197b39157fdd7a4dcc44767f9d6b0bb3977c7a8e347b8492f827fe9d9e5c48aca29b220b80b6a540cf994b9bc9c0";
const RTMR1: &str = "0084452c01668329d4bc06acdf58a7205c26743304509973949e5619bf81a6a7aea8c323c173019b3093d54e579e9378";

/// A reference value as `cloister measure reference` writes it.
fn plain(tee: &str, digest: &str) -> Value {
    json!({
        "version": 1, "name": "demo", "tee": tee, "launch_digest": digest, "manifest": null,
        "not_before": 1_700_000_000, "not_after": 1_800_000_000,
    })
}

fn other(digest: &str) -> String {
    digest.replacen(
        &digest[..1],
        if digest.starts_with('0') { "1" } else { "0" },
        1,
    )
}

/// The verdict with these files of reference values.
fn judged(line: &str, references: &[Value], code: i32) -> Option<Value> {
    let folder = Folder::empty();
    let files: Vec<_> = references
        .iter()
        .enumerate()
        .map(|(number, value)| folder.write(&format!("{number}.json"), value.to_string()))
        .collect();
    let line = format!("{line}{}", " --reference {}".repeat(files.len()));
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    Some(document(&run_line(&line, &files)?, code))
}

#[test]
fn launch_of_a_reference_value_passes_and_the_policy_affirms_what_runs() {
    for (line, tee, digest) in [(REPORT, "snp", LAUNCH), (QUOTE, "tdx", MRTD)] {
        let Some(document) = judged(line, &[plain(tee, digest)], 0) else {
            return;
        };
        assert_eq!(check(&document, "launch_digest").0, "pass");
        assert_eq!(document["appraisal"]["trust_vector"]["executables"], 3);
    }
}

#[test]
fn launch_of_no_reference_value_is_refused() {
    for (line, tee, digest) in [(REPORT, "snp", LAUNCH), (QUOTE, "tdx", MRTD)] {
        let Some(document) = judged(line, &[plain(tee, &other(digest))], 3) else {
            return;
        };
        assert_eq!(checks(&document, "fail"), ["launch_digest"]);
    }
}

#[test]
fn one_of_several_references_will_do() {
    for (line, tee, digest) in [(REPORT, "snp", LAUNCH), (QUOTE, "tdx", MRTD)] {
        let references = [plain(tee, &other(digest)), plain(tee, digest)];
        judged(line, &references, 0);
    }
}

/// A digest of another TEE's launch says nothing of this one, and leaves none that is accepted.
#[test]
fn reference_of_another_tee_allows_nothing() {
    for (line, digest) in [(REPORT, LAUNCH), (QUOTE, MRTD)] {
        let foreign = if line == REPORT { "tdx" } else { "snp" };
        for tee in [foreign, "simulated"] {
            let Some(document) = judged(line, &[plain(tee, digest)], 3) else {
                return;
            };
            assert_eq!(checks(&document, "fail"), ["launch_digest"]);
            assert!(
                document["warnings"].to_string().contains("allows nothing"),
                "{document}"
            );
        }
    }
}

#[test]
fn reference_out_of_its_time_allows_nothing() {
    for (line, tee, digest) in [(REPORT, "snp", LAUNCH), (QUOTE, "tdx", MRTD)] {
        for (member, value) in [("not_after", 1_700_000_001), ("not_before", 1_799_999_999)] {
            let mut reference = plain(tee, digest);
            reference[member] = value.into();
            let Some(document) = judged(line, &[reference], 3) else {
                return;
            };
            let failed = checks(&document, "fail");
            assert!(
                failed == ["reference_validity"] || failed == ["launch_digest"],
                "{failed:?}"
            );
        }
    }
}

/// What `cloister measure snp` and `tdx` print with `-o json`; RTMRs are part of a launch.
#[test]
fn prediction_is_a_reference_with_its_registers() {
    judged(REPORT, &[of_snp(LAUNCH)], 0);
    let tdx = of_tdx(MRTD, [Some(RTMR0), Some(RTMR1)]);
    let Some(document) = judged(QUOTE, std::slice::from_ref(&tdx), 0) else {
        return;
    };
    for name in ["launch_digest", "rtmr0", "rtmr1"] {
        assert_eq!(check(&document, name).0, "pass");
    }
    assert_eq!(check(&document, "rtmr2").0, "not_checked");
    let mut changed = tdx;
    changed["rtmr1"] = other(RTMR1).into();
    let Some(document) = judged(QUOTE, &[changed], 3) else {
        return;
    };
    assert_eq!(checks(&document, "fail"), ["rtmr1"]);
}

/// Two launches, each of which has one register of the quote's: together they make none that is accepted.
#[test]
fn registers_of_different_launches_make_no_launch() {
    let launch = |rtmr0: &str, rtmr1: &str| of_tdx(MRTD, [Some(rtmr0), Some(rtmr1)]);
    let crossed = [launch(RTMR0, &other(RTMR1)), launch(&other(RTMR0), RTMR1)];
    let Some(document) = judged(QUOTE, &crossed, 3) else {
        return;
    };
    assert_eq!(
        checks(&document, "fail").len(),
        1,
        "the one that is nearest is told"
    );
}

#[test]
fn reference_that_is_none_is_unreadable() {
    let folder = Folder::empty();
    let mut without = plain("snp", LAUNCH);
    without.as_object_mut().expect("an object").remove("name");
    let mut more = plain("snp", LAUNCH);
    more["more"] = 1.into();
    let mut version = plain("snp", LAUNCH);
    version["version"] = 2.into();
    let twice = plain("snp", LAUNCH)
        .to_string()
        .replacen('{', "{\"tee\":\"snp\",", 1);
    for text in [
        without.to_string(),
        more.to_string(),
        version.to_string(),
        plain("sgx", LAUNCH).to_string(),
        plain("snp", &LAUNCH[1..]).to_string(),
        twice,
        "{}".to_owned(),
        json!({"tee": "snp", "launch_digest": ""}).to_string(),
    ] {
        let file = folder.write("reference", &text);
        let Some(output) = run_line(&format!("{REPORT} --reference {{}}"), &[&file]) else {
            return;
        };
        let said = error(&output, 1);
        assert!(
            said.contains("--reference") && said.contains(&file),
            "{text}: {said}"
        );
    }
}

/// A signed CoRIM, with the key that signed it and with another.
#[test]
fn signed_reference_allows_only_under_the_key_that_signed_it() {
    let folder = Folder::empty();
    let (key, other) = (Key::new(), Key::new());
    let corim = folder.write("reference.corim", key.signed(None));
    let (key_file, other_file) = (
        folder.write("key.pub", key.pem()),
        folder.write("other.pub", other.pem()),
    );
    let line = format!("{REPORT} --reference {{}}");
    let Some(without) = run_line(&line, &[&corim]) else {
        return;
    };
    assert!(error(&without, 1).contains("--reference-key"));
    let line = format!("{line} --reference-key {{}}");
    let judged = |line: &str, corim: &str, key: &str, code| {
        document(&run_line(line, &[corim, key]).expect("vectors"), code)
    };
    let good = judged(&line, &corim, &key_file, 0);
    assert_eq!(check(&good, "launch_digest").0, "pass");
    let wrong = judged(&line, &corim, &other_file, 3);
    assert_eq!(checks(&wrong, "fail"), ["launch_digest"]);
    assert!(wrong["warnings"].to_string().contains("refused"));
    for at in ["2025-01-01", "2027-01-01"] {
        let expired = judged(&line.replace("2026-01-01", at), &corim, &key_file, 3);
        assert_eq!(checks(&expired, "fail"), ["reference_validity"]);
    }
    let newer = folder.write("svn.corim", key.signed(Some(1)));
    let old = judged(&line, &newer, &key_file, 3);
    assert_eq!(check(&old, "guest_svn").0, "fail");
}

/// Who signs reference values.
struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random);
        let pkcs8 = pkcs8.expect("a key");
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self(key.expect("a key"))
    }

    /// The public half: SubjectPublicKeyInfo of P-384 (RFC 5480).
    fn pem(&self) -> String {
        let head =
            hex::decode("3076301006072a8648ce3d020106052b81040022036200").expect("hexadecimal");
        let spki = STANDARD.encode([&head, self.0.public_key().as_ref()].concat());
        let lines: Vec<_> = spki
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        let spki = lines.join("\n");
        format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n")
    }

    fn signed(&self, min_svn: Option<u32>) -> Vec<u8> {
        let set = values::ReferenceSet {
            workload: values::Workload {
                name: "demo".to_owned(),
                version: None,
            },
            tee: values::Tee::Snp,
            alternatives: vec![values::Alternative {
                vcpus: 1,
                digest: hex::decode(LAUNCH)
                    .expect("hexadecimal")
                    .try_into()
                    .expect("48 bytes"),
                rtmrs: [None; 4],
            }],
            validity: values::Validity {
                not_before: 1_760_000_000,
                not_after: 1_770_000_000,
            },
            min_svn,
            sbom: None,
        };
        let point = self.0.public_key().as_ref().try_into().expect("a point");
        let public = values::VerifyingKey::from_point(point).expect("on the curve");
        let unsigned = set.unsigned("Example Ltd.", &public).expect("a document");
        let signature = self.0.sign(&SystemRandom::new(), &unsigned.to_be_signed());
        let signature = signature.expect("it signs");
        unsigned.signed(signature.as_ref().try_into().expect("96 bytes"))
    }
}
