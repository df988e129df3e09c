//! `--ear`: the result as a signed token.

use crate::support::{Folder, document, error, run_line};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

const REPORT: &str = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --at 2026-01-01T00:00:00Z -o json";

/// The header and the claims of a token.
fn parts(token: &str) -> [Value; 2] {
    let part = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let mut texts = token.trim().split('.');
    [(); 2].map(|()| part(texts.next().expect("three parts")))
}

/// Both curves; accepted and refused.
#[test]
fn verdict_is_written_as_a_token_that_the_key_signed() {
    for (curve, algorithm) in [("P-384", "ES384"), ("P-256", "ES256")] {
        let folder = Folder::empty();
        if folder.key_pair("key", curve).is_none() {
            return;
        }
        for (binding, code, status) in [
            ("--no-binding", 0, "affirming"),
            ("--expect-report-data 00", 3, "contraindicated"),
        ] {
            let line = format!("{REPORT} {binding} --ear {{}} --ear-key {{}}");
            let (out, key) = (folder.named("token"), folder.named("key.pem"));
            let Some(output) = run_line(&line, &[&out, &key]) else {
                return;
            };
            let verdict = document(&output, code);
            let token = std::fs::read_to_string(&out).expect("it was written");
            let [header, claims] = parts(&token);
            assert_eq!(header["alg"], algorithm);
            assert_eq!(claims["iat"], 1_767_225_600);
            assert_eq!(claims["submods"]["snp"]["ear_status"], status);
            let policy = &verdict["appraisal"]["policy_digest"];
            assert_eq!(&claims["submods"]["snp"]["cloister_policy_digest"], policy);
            assert!(signed(&folder, &token, algorithm));
            assert!(!signed(&folder, &token.replacen("ey", "ez", 1), algorithm));
        }
        assert_eq!(
            folder.names(),
            ["key.pem", "key.pub", "message", "signature", "token"]
        );
    }
}

/// Whether openssl finds the signature good.
fn signed(folder: &Folder, token: &str, algorithm: &str) -> bool {
    let (message, signature) = token.trim().rsplit_once('.').expect("three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let (r, s) = signature.split_at(signature.len() / 2);
    let numbers = [integer(r), integer(s)].concat();
    let mut der = vec![0x30, u8::try_from(numbers.len()).expect("short")];
    der.extend(numbers);
    folder.write("message", message);
    folder.write("signature", der);
    let digest = if algorithm == "ES384" {
        "-sha384"
    } else {
        "-sha256"
    };
    let verify = [
        "dgst",
        digest,
        "-verify",
        "key.pub",
        "-signature",
        "signature",
        "message",
    ];
    folder.openssl(&verify) == Some(true)
}

/// INTEGER in DER.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).expect("not zero");
    let mut number = bytes[start..].to_vec();
    if number[0] & 0x80 != 0 {
        number.insert(0, 0);
    }
    [vec![2, u8::try_from(number.len()).expect("short")], number].concat()
}

#[test]
fn same_verdict_gives_the_same_token() {
    let folder = Folder::empty();
    if folder.key_pair("key", "P-384").is_none() {
        return;
    }
    let line = format!("{REPORT} --no-binding --ear {{}} --ear-key {{}}");
    let key = folder.named("key.pem");
    let tokens = ["one", "two"].map(|name| {
        run_line(&line, &[&folder.named(name), &key])?;
        std::fs::read_to_string(folder.path(name)).ok()
    });
    assert_eq!(tokens[0], tokens[1]);
}

/// A result that was not signed as asked is none.
#[test]
fn token_that_cannot_be_written_is_an_error_and_no_verdict() {
    let folder = Folder::empty();
    if folder.key_pair("key", "P-384").is_none() {
        return;
    }
    let line = format!("{REPORT} --no-binding --ear {{}} --ear-key {{}}");
    let out = folder.named("no/such/folder/token");
    let Some(output) = run_line(&line, &[&out, &folder.named("key.pem")]) else {
        return;
    };
    let said = error(&output, 1);
    assert!(
        said.contains("--ear") && said.contains("another place"),
        "{said}"
    );
    let Some(public) = run_line(&line, &[&folder.named("token"), &folder.named("key.pub")]) else {
        return;
    };
    assert!(error(&public, 1).contains("not a private key"));
    assert!(!folder.path("token").exists());
}
