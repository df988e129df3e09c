//! The bodies that Trustee's clients send: those of the recorded transcript, and those of its administrators' commands, byte for byte.

use attestation_evidence::{Tee, report_data_binding};
use attestation_kbs_protocol::{
    AdminError, AttestRequest, InitData, InitDataError, PolicyId, ReferenceValueError,
    RegisterReferenceValues, SessionRequest, SessionRequestError, SetAttestationPolicy,
    SetResourcePolicy,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

/// The bodies of the recorded requests as text without white space, in the order of the recording.
fn recorded() -> Option<Vec<String>> {
    let transcript = "../../../shared/vectors/kbs-protocol-0.4.0/transcript.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(transcript);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no recorded KBS transcript at {}", path.display());
        return None;
    };
    // The recording has white space, and members in the client's order, which a parsed value would lose.
    let mut in_string = false;
    let keep = |character: &char| {
        in_string ^= *character == '"';
        in_string || !character.is_ascii_whitespace()
    };
    let compact: String = text.chars().filter(keep).collect();
    let requests = compact.split(r#""body":"#).skip(1).step_by(2);
    let body = |rest: &str| rest.split(r#"},"response""#).next().map(str::to_owned);
    requests.map(body).collect()
}

fn session(body: &Value) -> Result<SessionRequest, SessionRequestError> {
    SessionRequest::from_json(body.to_string().as_bytes())
}

#[test]
fn recorded_request_for_a_session_is_read() {
    let Some(bodies) = recorded() else {
        return;
    };
    let request = SessionRequest::from_json(bodies[1].as_bytes()).expect("a request");
    assert_eq!((request.tee(), request.selector()), (Tee::Sample, None));
    assert!(request.additional_tees().is_empty());
    assert_eq!(request.check_selector("strict"), Ok(()));
}

#[test]
fn recorded_attempt_is_read_and_written_byte_for_byte() {
    let Some(bodies) = recorded() else {
        return;
    };
    let attempt = AttestRequest::from_json(bodies[2].as_bytes()).expect("an attempt");
    assert!(attempt.init_data.is_none());
    assert_eq!(serde_json::to_string(&attempt).expect("JSON"), bodies[2]);
    let evidence: Value =
        serde_json::from_str(attempt.tee_evidence.primary_evidence.get()).expect("JSON");
    let bound = report_data_binding(&attempt.runtime_data, "");
    let sent = evidence["report_data"].as_str().expect("text");
    assert_eq!(
        attestation_evidence::encoding::base64_encode(&bound[..48]),
        sent
    );
}

#[test]
fn extra_params_of_any_shape_are_passed_over() {
    for extra_params in [
        json!(""),
        json!(null),
        json!([1]),
        json!(7),
        json!({}),
        json!({"more": {"deep": [1]}}),
    ] {
        let read = session(
            &json!({"version": "0.4.0", "tee": "snp", "extra-params": extra_params, "more": 1}),
        );
        assert_eq!(
            read.map(|request| request.tee()),
            Ok(Tee::Snp),
            "{extra_params}"
        );
    }
    assert!(session(&json!({"version": "0.4.0", "tee": "snp"})).is_ok());
}

#[test]
fn request_of_another_version_or_tee_is_refused() {
    let refused = |version: &str, tee: &str| {
        session(&json!({"version": version, "tee": tee, "extra-params": ""})).expect_err("refused")
    };
    for version in ["0.3.0", "0.4.1", "0.4", "", "v0.4.0"] {
        assert_eq!(
            refused(version, "snp"),
            SessionRequestError::Version,
            "{version}"
        );
    }
    for tee in ["sgx", "SNP", "", "nvidia"] {
        assert!(
            matches!(refused("0.4.0", tee), SessionRequestError::Tee(_)),
            "{tee}"
        );
    }
    let twice = br#"{"version":"0.4.0","tee":"snp","tee":"sample","extra-params":""}"#;
    assert!(matches!(
        SessionRequest::from_json(twice),
        Err(SessionRequestError::Parse(_))
    ));
}

fn with_extra(extra_params: Value) -> Result<SessionRequest, SessionRequestError> {
    session(&json!({"version": "0.4.0", "tee": "snp", "extra-params": extra_params}))
}

#[test]
fn metadata_has_to_be_of_the_claimed_tee() {
    let metadata = |metadata: Value| with_extra(json!({"tee-metadata": metadata}));
    let good = metadata(json!({
        "primary_tee": {"tee": "snp", "metadata": {"any": 1}},
        "additional_tees": [{"tee": "nvidia", "metadata": null}, {"tee": "tpm"}],
    }));
    assert_eq!(
        good.expect("the same TEE").additional_tees(),
        ["nvidia", "tpm"]
    );
    assert!(metadata(json!({"primary_tee": {"tee": "snp"}})).is_ok());
    for other in ["tdx", "SNP", "sample", ""] {
        let read = metadata(json!({"primary_tee": {"tee": other}}));
        assert_eq!(read, Err(SessionRequestError::OtherPrimaryTee), "{other}");
    }
    for shape in [
        json!({}),
        json!("snp"),
        json!({"primary_tee": "snp"}),
        json!({"primary_tee": {"tee": 1}}),
        json!(null),
    ] {
        assert_eq!(
            metadata(shape),
            Err(SessionRequestError::ExtraParams("tee-metadata"))
        );
    }
}

#[test]
fn client_cannot_choose_the_policy_and_is_told_so() {
    let named =
        |name: &str| with_extra(json!({"attestation-policy-selector": name})).expect("a name");
    for name in ["strict", "default", "default_cpu"] {
        assert_eq!(named(name).check_selector("strict"), Ok(()), "{name}");
    }
    assert_eq!(named("lax").selector(), Some("lax"));
    for name in ["lax", "Strict", "strict "] {
        let checked = named(name).check_selector("strict");
        assert_eq!(checked, Err(SessionRequestError::OtherPolicy), "{name}");
    }
    for shape in [
        json!(1),
        json!(["strict"]),
        json!(""),
        json!("s".repeat(129)),
        json!(null),
    ] {
        let read = with_extra(json!({"attestation-policy-selector": shape}));
        assert_eq!(
            read,
            Err(SessionRequestError::ExtraParams(
                "attestation-policy-selector"
            ))
        );
    }
}

const INIT_DATA: &str =
    "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n\"aa.toml\" = \"x\"\n";

/// As kbs-client sends its positional argument.
#[test]
fn init_data_of_the_client_is_read_and_written_byte_for_byte() {
    let sent = r#"{"format":"toml","body":"version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n\"aa.toml\" = \"x\"\n"}"#;
    let init_data: InitData = serde_json::from_str(sent).expect("init data");
    assert_eq!(init_data.body, INIT_DATA);
    assert_eq!(serde_json::to_string(&init_data).expect("JSON"), sent);
    let Some(bodies) = recorded() else {
        return;
    };
    let with = bodies[2].replacen(r#""init-data":null"#, &format!(r#""init-data":{sent}"#), 1);
    let attempt = AttestRequest::from_json(with.as_bytes()).expect("an attempt");
    assert_eq!(attempt.init_data, Some(init_data));
    assert_eq!(serde_json::to_string(&attempt).expect("JSON"), with);
}

fn toml(body: &str) -> InitData {
    InitData {
        format: "toml".to_owned(),
        body: body.to_owned(),
    }
}

/// Computed by Python's hashlib.
#[test]
fn digest_of_init_data_is_over_its_very_bytes_and_fits_the_fields_of_evidence() {
    let read = toml(INIT_DATA).read().expect("init data");
    let sha384 = "cabe8965db13a85166f1fc8ecafc9d85dc31a9718242e7e80fcab0f77457ad919f24fb2842c2eeeeb6ca4ff906a22164";
    assert_eq!(read.digest.to_hex(), sha384);
    assert_eq!(read.data["aa.toml"], "x");
    assert_eq!(read.digest.in_field::<48>(), *read.digest.as_bytes());
    assert_eq!(read.digest.in_field::<32>(), read.digest.as_bytes()[..32]);
    assert_eq!(read.digest.in_pcr(), None);

    let short = toml(&INIT_DATA.replace("sha384", "sha256"))
        .read()
        .expect("init data");
    assert_eq!(
        short.digest.to_hex(),
        "040ca9c9b34b963c759b608550047d613265fa056fb182e1b020bf79bc0f6a95"
    );
    assert_eq!(short.digest.in_field::<32>(), *short.digest.as_bytes());
    let mrconfigid = short.digest.in_field::<48>();
    assert_eq!(
        (&mrconfigid[..32], &mrconfigid[32..]),
        (short.digest.as_bytes(), &[0; 16][..])
    );
    let pcr = short.digest.in_pcr().expect("32 bytes");
    assert_eq!(
        hex(&pcr),
        "5f63dd9b6bf5aa697312189a4a2b42f065e66b770c28a2054e72bd3429c73030"
    );

    let spaced = toml(&format!("{INIT_DATA}\n")).read().expect("init data");
    assert_ne!(spaced.digest, read.digest);
    let long = toml(&INIT_DATA.replace("sha384", "sha512"))
        .read()
        .expect("init data");
    assert_eq!(long.digest.as_bytes().len(), 64);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn init_data_of_another_form_is_refused() {
    let mut json = toml(INIT_DATA);
    json.format = "json".to_owned();
    assert_eq!(json.read(), Err(InitDataError::Format));
    let refused = |from: &str, to: &str| {
        toml(&INIT_DATA.replace(from, to))
            .read()
            .expect_err("refused")
    };
    assert_eq!(refused("sha384", "sha1"), InitDataError::Algorithm);
    assert_eq!(refused("sha384", "SHA384"), InitDataError::Algorithm);
    assert_eq!(refused("0.1.0", "0.2.0"), InitDataError::Version);
    for (from, to) in [
        ("[data]", "more = 1\n[data]"),
        ("[data]", "[data.more]"),
        ("\"x\"", "1"),
        ("algorithm", "algorithms"),
        ("\"aa.toml\" = \"x\"", "a = \"x\"\na = \"y\""),
        ("version", "= version"),
    ] {
        assert_eq!(refused(from, to), InitDataError::Document, "{from} -> {to}");
    }
    let long = format!("{INIT_DATA}# {}", "x".repeat(512 * 1024));
    assert_eq!(toml(&long).read(), Err(InitDataError::TooLong(long.len())));
    for shape in [
        r#"{"format":"toml"}"#,
        r#"{"format":"toml","body":"","more":1}"#,
        r#""text""#,
    ] {
        assert!(serde_json::from_str::<InitData>(shape).is_err(), "{shape}");
    }
}

#[test]
fn attestation_policy_of_the_client_is_read_and_written_byte_for_byte() {
    // kbs-client 0.19 and newer, with and without `--id`.
    for (sent, id) in [
        (
            r#"{"type":"rego","policy_id":"default_cpu","policy":"cGFja2FnZSBwb2xpY3kK"}"#,
            PolicyId::Cpu,
        ),
        (
            r#"{"type":"rego","policy_id":"mine","policy":"cGFja2FnZSBwb2xpY3kK"}"#,
            PolicyId::Other("mine".to_owned()),
        ),
    ] {
        let read = SetAttestationPolicy::from_json(sent.as_bytes()).expect("a policy");
        assert_eq!((&read.id, read.source.as_str()), (&id, "package policy\n"));
        assert_eq!(read.to_json(), sent);
    }
    // Up to 0.18, and Trustee's documents, which have no type.
    for sent in [
        r#"{"type":"rego","policy_id":"default","policy":"cGFja2FnZSBwb2xpY3kK"}"#,
        r#"{"policy_id":"default_cpu","policy":"cGFja2FnZSBwb2xpY3kK"}"#,
    ] {
        let read = SetAttestationPolicy::from_json(sent.as_bytes()).expect("a policy");
        assert_eq!(read.id, PolicyId::Cpu);
    }
}

#[test]
fn resource_policy_of_the_client_is_read_and_written_byte_for_byte() {
    let sent = r#"{"policy":"cGFja2FnZSBwb2xpY3kK"}"#;
    let read = SetResourcePolicy::from_json(sent.as_bytes()).expect("a policy");
    assert_eq!(read.source, "package policy\n");
    assert_eq!(read.to_json(), sent);
}

#[test]
fn policy_of_another_type_id_or_spelling_is_refused() {
    let refused = |member: &str, value: &str| {
        let mut body =
            json!({"type": "rego", "policy_id": "default_cpu", "policy": "cGFja2FnZSBwb2xpY3kK"});
        body[member] = json!(value);
        SetAttestationPolicy::from_json(body.to_string().as_bytes()).expect_err("refused")
    };
    assert_eq!(refused("type", "x"), AdminError::Type);
    for id in ["", "a/b", "../a", "ä", &"a".repeat(65)] {
        assert_eq!(refused("policy_id", id), AdminError::Id, "{id}");
    }
    // Padded, with bits that nobody reads, standard base64, no UTF-8.
    for policy in ["cGFja2FnZQ==", "cGFja2FnZR", "+/+/", "_w", "a"] {
        assert_eq!(refused("policy", policy), AdminError::Policy, "{policy}");
        let body = json!({ "policy": policy }).to_string();
        assert_eq!(
            SetResourcePolicy::from_json(body.as_bytes()),
            Err(AdminError::Policy)
        );
    }
    let long = "AAAA".repeat(256 * 1024 / 3 + 1);
    assert_eq!(refused("policy", &long), AdminError::Policy);
    assert!(matches!(refused("more", ""), AdminError::Parse(_)));
    assert!(matches!(
        SetResourcePolicy::from_json(b"{}"),
        Err(AdminError::Parse(_))
    ));
}

#[test]
fn reference_values_of_the_client_are_read_and_written_byte_for_byte() {
    for (sent, name, value) in [
        (
            r#"{"payload":"eyJzdm4iOlsiMSJdfQ==","type":"sample","version":"0.1.0"}"#,
            "svn",
            json!(["1"]),
        ),
        (
            r#"{"payload":"eyJuIjozfQ==","type":"sample","version":"0.1.0"}"#,
            "n",
            json!(3),
        ),
    ] {
        let read = RegisterReferenceValues::from_json(sent.as_bytes()).expect("a message");
        assert_eq!(read.values().get(name), Some(&value));
        assert_eq!(read.values().len(), 1);
        assert_eq!(read.to_json(), sent);
    }
    let without = br#"{"payload":"eyJuIjozfQ==","type":"sample"}"#;
    assert!(RegisterReferenceValues::from_json(without).is_ok());
}

#[test]
fn reference_values_of_another_form_are_refused() {
    let refused = |payload: &str, kind: &str, version: &str| {
        let body = json!({"payload": payload, "type": kind, "version": version}).to_string();
        RegisterReferenceValues::from_json(body.as_bytes()).expect_err("refused")
    };
    let encoded = |text: &str| attestation_evidence::encoding::base64_encode(text.as_bytes());
    let good = encoded(r#"{"n":3}"#);
    assert_eq!(
        refused(&good, "sample", "0.2.0"),
        ReferenceValueError::Version
    );
    for kind in ["corim", "swid", "in-toto", ""] {
        assert_eq!(refused(&good, kind, "0.1.0"), ReferenceValueError::Type);
    }
    for payload in ["eyJuIjozfQ", "eyJuIjozfQ=", "-_-_"] {
        assert_eq!(
            refused(payload, "sample", "0.1.0"),
            ReferenceValueError::Payload
        );
    }
    assert_eq!(
        refused(&encoded("{}"), "sample", "0.1.0"),
        ReferenceValueError::Names
    );
    assert_eq!(
        refused(&encoded(r#"{"":1}"#), "sample", "0.1.0"),
        ReferenceValueError::Names
    );
    let many: serde_json::Map<String, Value> =
        (0..257).map(|name| (name.to_string(), json!(1))).collect();
    assert_eq!(
        refused(&encoded(&json!(many).to_string()), "sample", "0.1.0"),
        ReferenceValueError::Names
    );
    for text in [r#"{"n":3,"n":4}"#, "[1]", "", r#"{"n":3}x"#] {
        assert!(
            matches!(
                refused(&encoded(text), "sample", "0.1.0"),
                ReferenceValueError::Parse(_)
            ),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
        let _ = SessionRequest::from_json(&bytes);
        let _ = AttestRequest::from_json(&bytes);
        let _ = SetAttestationPolicy::from_json(&bytes);
        let _ = SetResourcePolicy::from_json(&bytes);
        let _ = RegisterReferenceValues::from_json(&bytes);
        prop_assert!(toml(&text).read().is_err());
    }
}
