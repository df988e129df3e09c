//! The other JSON forms, and what is refused in each.

use crate::builders::*;
use attestation_shapes::{
    DstackEvent, EventLog, Evidence, Fault, HostCertificates, Layer, QuoteSignature, Shape,
    ShapeError, SnpEvidence, TdxEvidence, TpmEvidence,
};
use serde_json::{Value, json};

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn snp_hcl() -> Vec<u8> {
    hcl(&report(), 2)
}

fn tdx_hcl() -> Vec<u8> {
    hcl(&report(), 4)
}

#[test]
fn azures_snp_evidence_is_read_in_each_version() {
    for (value, shape, vek) in [
        (az_snp_0(&snp_hcl()), Shape::AzSnpVtpm0, "pem"),
        (az_snp(1, &snp_hcl()), Shape::AzSnpVtpm1, "vcek"),
        (az_snp(2, &snp_hcl()), Shape::AzSnpVtpm2, "vcek"),
    ] {
        let read =
            TpmEvidence::read(&text(&value)).unwrap_or_else(|error| panic!("{shape}: {error}"));
        assert_eq!(read.shape, shape);
        assert_eq!(read.vek.as_deref(), Some(vek.as_bytes()), "{shape}");
        assert_eq!(read.hcl_report, Some(snp_hcl()), "{shape}");
        assert_eq!(read.quote.message, b"msg");
        let signature = QuoteSignature::Bare(b"sig".to_vec());
        assert_eq!(read.quote.signature, signature);
        assert_eq!(read.quote.pcrs.concat(), pcrs().concat(), "{shape}");
        let inside =
            SnpEvidence::read(&text(&value)).unwrap_or_else(|error| panic!("{shape}: {error}"));
        assert_eq!(inside.report.as_slice(), report());
        assert_eq!((inside.shape, inside.vek), (shape, read.vek));
        assert_eq!(inside.hcl_report, Some(snp_hcl()));
        assert!(TdxEvidence::read(&text(&value)).is_err());
    }
}

#[test]
fn azures_tdx_evidence_is_read_in_each_version() {
    for (value, shape) in [
        (az_tdx_0(&tdx_hcl(), &quote()), Shape::AzTdxVtpm0),
        (az_tdx(1, &tdx_hcl(), &quote()), Shape::AzTdxVtpm1),
        (az_tdx(2, &tdx_hcl(), &quote()), Shape::AzTdxVtpm2),
    ] {
        let read =
            TpmEvidence::read(&text(&value)).unwrap_or_else(|error| panic!("{shape}: {error}"));
        assert_eq!((read.shape, read.td_quote), (shape, Some(quote())));
        assert_eq!(read.hcl_report, Some(tdx_hcl()));
        let inside =
            TdxEvidence::read(&text(&value)).unwrap_or_else(|error| panic!("{shape}: {error}"));
        assert_eq!((inside.shape, inside.quote), (shape, quote()));
        assert_eq!(inside.hcl_report, Some(tdx_hcl()));
        let error = SnpEvidence::read(&text(&value)).expect_err("no SNP report");
        let wanted = "SNP report";
        assert_eq!(error, ShapeError::NotInThere { shape, wanted });
    }
}

#[test]
fn attesters_tdx_evidence_is_read_with_and_without_its_log() {
    let value = tdx_attester(&quote(), b"log");
    let read = TdxEvidence::read(&text(&value)).expect("with a log");
    assert_eq!((read.quote, read.shape), (quote(), Shape::TdxAttester));
    assert_eq!(read.event_log, Some(EventLog::Tcg(b"log".to_vec())));
    let value = json!({"quote": base64(&quote()), "cc_eventlog": null, "aa_eventlog": null});
    let read = TdxEvidence::read(&text(&value)).expect("without");
    assert_eq!((read.quote, read.event_log), (quote(), None));
    let value = json!({"quote": base64(&quote())});
    assert!(TdxEvidence::read(&text(&value)).is_ok());
}

fn firmware_event() -> Value {
    let mut event = dstack_event();
    event["imr"] = json!(0);
    event["event_type"] = json!(4);
    event
}

fn second_event() -> Value {
    let mut event = dstack_event();
    event["digest"] = json!("");
    event["version"] = json!(2);
    event["preimage"] = json!("aabb");
    event
}

#[test]
fn dstacks_evidence_is_read_with_its_list_of_events() {
    let events = json!([firmware_event(), dstack_event(), second_event()]);
    let value = dstack(&quote(), &events);
    let read = TdxEvidence::read(&text(&value)).expect("dstack's");
    assert_eq!((read.quote, read.shape), (quote(), Shape::Dstack));
    assert_eq!(read.vm_config.as_deref(), Some("{\"cpu_count\":1}"));
    let event = |rtmr, event_type, digest, version, preimage| DstackEvent {
        rtmr,
        event_type,
        digest,
        event: "app-id".to_owned(),
        payload: vec![1, 2],
        version,
        preimage,
    };
    let own = 0x0800_0001;
    let events = vec![
        event(0, 4, Some([0xAB; 48]), 1, None),
        event(3, own, Some([0xAB; 48]), 1, None),
        event(3, own, None, 2, Some(vec![0xAA, 0xBB])),
    ];
    assert_eq!(read.event_log, Some(EventLog::Dstack(events.clone())));
    let mut list = value;
    list["event_log"] = json!([firmware_event(), dstack_event(), second_event()]);
    let read = TdxEvidence::read(&text(&list)).expect("a list that is not in a text");
    assert_eq!(read.event_log, Some(EventLog::Dstack(events)));
}

#[test]
fn dstacks_evidence_is_read_with_a_prefix_and_without_events() {
    let mut value = dstack(&quote(), &json!([]));
    value["quote"] = json!(format!("0x{}", hex::encode(quote())));
    let read = TdxEvidence::read(&text(&value)).expect("an empty list");
    assert_eq!(read.event_log, Some(EventLog::Dstack(Vec::new())));
    value["event_log"] = json!("");
    value["attestation"] = json!("");
    let read = TdxEvidence::read(&text(&value)).expect("no list");
    assert_eq!((read.quote, read.event_log), (quote(), None));
}

#[test]
fn tpm_attesters_evidence_is_read() {
    let read = TpmEvidence::read(&text(&tpm_attester())).expect("a TPM's");
    assert_eq!(read.shape, Shape::TpmAttester);
    assert_eq!(read.ak_public.as_deref(), Some(&b"ak"[..]));
    assert_eq!(
        read.quote.signature,
        QuoteSignature::Tagged(b"sig".to_vec())
    );
    assert_eq!((read.hcl_report, read.td_quote), (None, None));
}

#[test]
fn evidence_is_read_out_of_a_kbs_envelope_and_out_of_base64() {
    let inner = tdx_attester(&quote(), b"log");
    let wrapped = kbs(&inner);
    let read = TdxEvidence::read(&text(&wrapped)).expect("in an envelope");
    assert_eq!(
        (read.quote, read.layers),
        (quote(), vec![Layer::KbsEvidence])
    );
    let encoded = base64url(&text(&wrapped)).replace('=', "");
    let read = TdxEvidence::read(encoded.as_bytes()).expect("in base64");
    let layers = vec![Layer::Base64, Layer::KbsEvidence];
    assert_eq!((read.quote, read.layers), (quote(), layers));
    let twice = base64(base64(&text(&inner)).as_bytes());
    assert!(TdxEvidence::read(twice.as_bytes()).is_err());
    let nested = TdxEvidence::read(&text(&kbs(&wrapped)));
    let once = ShapeError::UnknownText("KBS evidence in KBS evidence");
    assert_eq!(nested, Err(once));
}

#[test]
fn additional_evidence_that_nobody_judges_is_refused() {
    let mut value = kbs(&tdx_attester(&quote(), b"log"));
    value["additional_evidence"] = json!("{}");
    assert!(Evidence::read(&text(&value)).is_ok());
    value["additional_evidence"] = json!("{\"sample\":{}}");
    let error = Evidence::read(&text(&value));
    assert_eq!(error, Err(ShapeError::AdditionalEvidence));
}

#[test]
fn simulated_evidence_is_refused_by_its_name() {
    let value = json!({
        "attestation_report": base64(&report()),
        "cert_chain": ["AA==", "AA==", "AA=="],
        "manifest": null,
    });
    for value in [value.clone(), kbs(&value)] {
        assert_eq!(SnpEvidence::read(&text(&value)), Err(ShapeError::Simulated));
        assert_eq!(Evidence::read(&text(&value)), Err(ShapeError::Simulated));
    }
}

#[test]
fn member_that_is_there_twice_is_refused_in_the_document_and_in_its_log() {
    let quote = hex::encode(quote());
    let twice = format!(r#"{{"quote":"{quote}","quote":"{quote}","event_log":""}}"#);
    let event = r#"[{\"imr\":0,\"imr\":1}]"#;
    let inside = format!(r#"{{"quote":"{quote}","event_log":"{event}"}}"#);
    for text in [twice, inside] {
        let error = Evidence::read(text.as_bytes()).expect_err("twice");
        assert!(
            error.to_string().contains("a member is there twice"),
            "{error}"
        );
    }
}

/// A change to a document, and what it is refused for.
type Case<'c> = (&'c str, Value, Fault);

fn refused(start: &Value, cases: &[Case<'_>]) {
    assert!(Evidence::read(&text(start)).is_ok(), "{start}");
    for (pointer, value, expected) in cases {
        let mut changed = start.clone();
        *changed.pointer_mut(pointer).expect(pointer) = value.clone();
        match Evidence::read(&text(&changed)) {
            Err(ShapeError::Member { fault, .. }) => assert_eq!(fault, *expected, "{pointer}"),
            other => panic!("{pointer} {value}: {other:?}"),
        }
    }
}

const LENGTH_31: Fault = Fault::Length {
    found: 31,
    wanted: 32,
};
const COUNT_23: Fault = Fault::Count {
    found: 23,
    wanted: 24,
};

#[test]
fn azures_evidence_with_anything_else_in_it_is_refused() {
    let not = Fault::NotA;
    let snp_in = not("an HCL report with an SNP report in it");
    let tdx_in = not("an HCL report with a TD report in it");
    let base64_in = not("base64 in its one spelling");
    let hexadecimal = not("pairs of hexadecimal digits");
    refused(
        &az_snp(2, &snp_hcl()),
        &[
            ("/version", json!(0), not("1 or 2")),
            ("/version", json!(3), Fault::Range(2)),
            ("/version", json!("1"), not("a number")),
            ("/hcl_report", json!(base64url(&tdx_hcl())), snp_in),
            ("/hcl_report", json!(base64url(b"HCLA")), snp_in),
            ("/hcl_report", json!("a"), base64_in),
            ("/hcl_report", json!([1]), not("text")),
            ("/vcek", json!("+_"), base64_in),
            ("/tpm_quote", json!("x"), not("an object")),
            ("/tpm_quote", json!({"x": 1}), Fault::Unknown),
            ("/tpm_quote", json!({"message": ""}), Fault::Missing),
            ("/tpm_quote/message", json!("0"), hexadecimal),
            ("/tpm_quote/signature", json!("0x00"), hexadecimal),
            ("/tpm_quote/pcrs", json!(vec!["00"; 23]), COUNT_23),
            ("/tpm_quote/pcrs/7", json!("00".repeat(31)), LENGTH_31),
            ("/tpm_quote/pcrs/7", json!(7), not("a list of texts")),
        ],
    );
    refused(
        &az_snp_0(&snp_hcl()),
        &[
            ("/report", json!(tdx_hcl()), snp_in),
            ("/report", json!("00"), not("an array of bytes")),
            ("/report/7", json!(256), not("an array of bytes")),
            ("/vcek", json!([1]), not("text")),
            ("/quote", json!({"x": 1}), Fault::Unknown),
            ("/quote/pcrs", json!(vec![vec![0; 32]; 23]), COUNT_23),
            ("/quote/pcrs/7", json!(vec![0; 31]), LENGTH_31),
            (
                "/quote/pcrs/7",
                json!("00"),
                not("a list of arrays of bytes"),
            ),
        ],
    );
    for value in [
        az_tdx(1, &tdx_hcl(), &quote()),
        az_tdx_0(&tdx_hcl(), &quote()),
    ] {
        let wrong = match value["hcl_report"] {
            Value::String(_) => json!(base64url(&snp_hcl())),
            _ => json!(snp_hcl()),
        };
        refused(&value, &[("/hcl_report", wrong, tdx_in)]);
    }
}

#[test]
fn attesters_tdx_evidence_with_anything_else_in_it_is_refused() {
    let not = Fault::NotA;
    refused(
        &json!({"quote": base64(&quote()), "cc_eventlog": "AA==", "aa_eventlog": ""}),
        &[
            ("/quote", json!("AA=A"), not("base64 in its one spelling")),
            ("/quote", json!(null), not("text")),
            (
                "/cc_eventlog",
                json!("A"),
                not("base64 in its one spelling"),
            ),
            ("/cc_eventlog", json!(1), not("text")),
            ("/aa_eventlog", json!(1), not("text")),
        ],
    );
}

#[test]
fn tpm_attesters_evidence_with_anything_else_in_it_is_refused() {
    let not = Fault::NotA;
    refused(
        &tpm_attester(),
        &[
            ("/ak_public", json!("A"), not("base64 in its one spelling")),
            ("/tpm_quote", json!({"x": 1}), Fault::Unknown),
            (
                "/tpm_quote/signature",
                json!("A"),
                not("base64 in its one spelling"),
            ),
            ("/tpm_quote/pcrs", json!(vec!["00"; 23]), COUNT_23),
        ],
    );
}

#[test]
fn dstacks_evidence_with_anything_else_in_it_is_refused() {
    let not = Fault::NotA;
    let hexadecimal = not("pairs of hexadecimal digits");
    let mut start = dstack(&quote(), &json!([]));
    start["attestation"] = json!("");
    let other = Fault::Contradicts("a TDX quote comes without one");
    refused(
        &start,
        &[
            ("/quote", json!("0x0x00"), hexadecimal),
            ("/report_data", json!(1), not("text")),
            ("/vm_config", json!({}), not("text")),
            ("/attestation", json!("00"), other),
            ("/event_log", json!(1), not("a list")),
            ("/event_log", json!([1]), not("a list")),
            ("/event_log", json!("{}"), not("a list")),
            ("/event_log", json!("[1]"), not("a list")),
            ("/event_log", json!("[\"\"]"), not("an object")),
        ],
    );
}

#[test]
fn dstacks_event_with_anything_else_in_it_is_refused() {
    let short = Fault::Length {
        found: 47,
        wanted: 48,
    };
    let none = Fault::Length {
        found: 0,
        wanted: 48,
    };
    for (member, value, expected) in [
        ("imr", json!(4), Fault::Range(3)),
        (
            "event_type",
            json!(1_u64 << 32),
            Fault::Range(u64::from(u32::MAX)),
        ),
        ("digest", json!("00".repeat(47)), short),
        ("event", json!(null), Fault::NotA("text")),
        (
            "event_payload",
            json!("0"),
            Fault::NotA("pairs of hexadecimal digits"),
        ),
        ("version", json!(0), Fault::NotA("1 or 2")),
        ("version", json!(3), Fault::Range(2)),
        (
            "preimage",
            json!("0"),
            Fault::NotA("pairs of hexadecimal digits"),
        ),
        ("more", json!(0), Fault::Unknown),
    ] {
        let mut event = dstack_event();
        event[member] = value.clone();
        assert_eq!(event_fault(&event), expected, "{member} {value}");
    }
    let mut firmware = dstack_event();
    firmware["event_type"] = json!(4);
    firmware["digest"] = json!("");
    assert_eq!(
        event_fault(&firmware),
        none,
        "only dstack's own may lack it"
    );
}

fn event_fault(event: &Value) -> Fault {
    match TdxEvidence::read(&text(&dstack(&quote(), &json!([event])))) {
        Err(ShapeError::Member { fault, .. }) => fault,
        other => panic!("{event}: {other:?}"),
    }
}

#[test]
fn azures_certificates_are_read_and_nothing_beside_them() {
    let whole = json!({
        "vcekCert": "vcek",
        "tcbm": "DB18000000000004",
        "certificateChain": "chain",
        "cacheControl": "86400",
    });
    let read = HostCertificates::read(&text(&whole)).expect("as Azure answers");
    assert_eq!(
        (&read.vcek[..], &read.chain[..]),
        (&b"vcek"[..], &b"chain"[..])
    );
    for (member, value) in [
        ("vcekCert", json!(1)),
        ("tcbm", json!(1)),
        ("more", json!("x")),
    ] {
        let mut changed = whole.clone();
        changed[member] = value;
        assert!(HostCertificates::read(&text(&changed)).is_err(), "{member}");
    }
    assert!(HostCertificates::read(b"[]").is_err());
    assert!(HostCertificates::read(b"\0").is_err());
    let (size, limit) = ((4 << 20) + 1, 4 << 20);
    let large = HostCertificates::read(&vec![b' '; size]);
    assert_eq!(large, Err(ShapeError::TooLarge { size, limit }));
}
