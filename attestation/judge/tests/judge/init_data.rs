//! What a guest was configured with is what its evidence binds, or the evidence is refused.

use crate::support::{STRICT, asked, codes, failed, judged_with_its_own_launch, reason, vector};
use crate::{snp, tdx};
use attestation_evidence::{SampleEvidence, Tee};
use attestation_judge::test_support::{Scene, offset, policy_with};
use attestation_judge::{Case, SampleTrust, Verdict, judge};
use attestation_verdict::{CheckResult, ExpectedData};
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use serde_json::{Value, json};

const HOST_DATA: std::ops::Range<usize> = offset::HOST_DATA..offset::HOST_DATA + 32;
/// Behind TEE_TCB_SVN, MRSEAM, MRSIGNERSEAM, SEAMATTRIBUTES, TDATTRIBUTES, XFAM and MRTD.
const MR_CONFIG_ID: std::ops::Range<usize> = 184..184 + 48;

const ALGORITHMS: [(&str, &Algorithm); 3] = [
    ("sha256", &SHA256),
    ("sha384", &SHA384),
    ("sha512", &SHA512),
];

fn body(algorithm: &str) -> String {
    format!(
        "version = \"0.1.0\"\nalgorithm = \"{algorithm}\"\n\n[data]\n\
         \"cdh.toml\" = '''\nsocket = \"unix:///run/cdh.sock\"\nsince = 2026-11-23\n'''\n\
         \"policy.rego\" = '''\npackage agent_policy\n\npolicy_data := {{\"containers\": [{{\"image\": \"a\"}}]}}\n'''\n\
         \"note\" = \"as it is\"\n"
    )
}

fn sent(body: &str) -> Option<String> {
    Some(json!({"format": "toml", "body": body}).to_string())
}

/// The digest with zeros behind it, or cut.
fn field<const N: usize>(algorithm: &'static Algorithm, body: &str) -> [u8; N] {
    let mut field = [0; N];
    let digest = digest(algorithm, body.as_bytes());
    let length = digest.as_ref().len().min(N);
    field[..length].copy_from_slice(&digest.as_ref()[..length]);
    field
}

/// A simulated guest that was started with this HOST_DATA and says that it was started with this init data.
fn simulated(host_data: &[u8; 32], init_data: Option<String>) -> Scene {
    Scene::any()
        .with_report(|report| report[HOST_DATA].copy_from_slice(host_data))
        .with_input(|input| input.init_data = init_data)
}

fn document(verdict: &Verdict) -> Value {
    serde_json::from_str(&verdict.document()).expect("JSON")
}

#[track_caller]
fn mismatch_only(case: &Case) {
    let verdict = judge(case);
    assert_eq!(failed(&verdict), ["init_data"]);
    assert_eq!(codes(&verdict)[0], "init_data_mismatch");
    assert!(!verdict.is_accepted());
}

#[test]
fn init_data_that_a_simulated_report_binds_is_accepted_by_each_algorithm() {
    for (name, algorithm) in ALGORITHMS {
        let body = body(name);
        let verdict = simulated(&field(algorithm, &body), sent(&body))
            .input
            .verdict();
        assert!(verdict.accepted().is_some(), "{name}");
        assert_eq!(
            reason(&verdict, "init_data"),
            "its digest is what HOST_DATA holds"
        );
    }
}

#[test]
fn init_data_that_a_simulated_report_does_not_bind_is_refused() {
    let text = body("sha256");
    let right = field(&SHA256, &text);
    let mut last = right;
    last[31] ^= 1;
    // Zeros, too: a guest that was started with none has not got this.
    for host_data in [last, [0; 32], field(&SHA384, &text)] {
        mismatch_only(&simulated(&host_data, sent(&text)).input.case());
    }
    let other = sent(&format!("{text}\n"));
    let scene = simulated(&right, other);
    let told = reason(&scene.input.verdict(), "init_data");
    assert!(told.starts_with("HOST_DATA is "), "{told}");
    mismatch_only(&scene.input.case());
}

#[test]
fn guest_that_sends_no_init_data_is_asked_for_none() {
    let scene = simulated(&[7; 32], None);
    let verdict = scene.input.verdict();
    assert!(verdict.accepted().is_some());
    assert_eq!(reason(&verdict, "init_data"), "there is none");
    let claims = &document(&verdict)["claims"];
    assert!(claims.get("init_data").is_none() && claims.get("init_data_claims").is_none());
}

#[test]
fn init_data_of_an_snp_guest_is_held_to_host_data() {
    for (name, algorithm) in ALGORITHMS {
        let body = body(name);
        let bound: [u8; 32] = field(algorithm, &body);
        let mut case = snp::case_with(|report| report[HOST_DATA].copy_from_slice(&bound));
        case.exchange.init_data = sent(&body);
        let verdict = judge(&case);
        assert!(verdict.is_accepted(), "{:?}", verdict.record().rejections);
        case.exchange.init_data = sent(&format!("{body}#"));
        mismatch_only(&case);
    }
    let mut unbound = snp::case_with(|_| ());
    unbound.exchange.init_data = sent(&body("sha256"));
    mismatch_only(&unbound);
}

#[test]
fn init_data_of_a_trust_domain_is_held_to_mrconfigid() {
    for (name, algorithm) in ALGORITHMS {
        let body = body(name);
        let bound: [u8; 48] = field(algorithm, &body);
        let case = tdx::case_with(|td| td[MR_CONFIG_ID].copy_from_slice(&bound));
        let mut case = tdx::with(case, &[|_| ()]);
        case.exchange.init_data = sent(&body);
        let verdict = judge(&case);
        assert!(verdict.is_accepted(), "{:?}", verdict.record().rejections);
        assert_eq!(
            reason(&verdict, "init_data"),
            "its digest is what MRCONFIGID holds"
        );
        case.exchange.init_data = sent(&format!("{body}#"));
        mismatch_only(&case);
    }
    // A shorter digest fills the field up with zeros, and with nothing else.
    let body = body("sha256");
    let mut filled: [u8; 48] = field(&SHA256, &body);
    filled[47] = 1;
    let case = tdx::case_with(|td| td[MR_CONFIG_ID].copy_from_slice(&filled));
    let mut case = tdx::with(case, &[|_| ()]);
    case.exchange.init_data = sent(&body);
    mismatch_only(&case);
}

/// Real evidence, which was made without it.
#[test]
fn init_data_of_an_azure_guest_is_held_to_the_quoted_pcr() {
    let file = "trustee/deps/verifier/test_data/az-snp-vtpm/evidence-v2.json";
    let Some(evidence) = vector(file) else { return };
    let mut case = asked(
        Tee::AzSnpVtpm,
        &evidence,
        ExpectedData::Unbound,
        1_767_225_600,
    );
    for (algorithm, code) in [
        ("sha256", "init_data_mismatch"),
        ("sha384", "init_data_digest_length"),
    ] {
        case.exchange.init_data = sent(&body(algorithm));
        let verdict = judged_with_its_own_launch(case.clone());
        assert_eq!(failed(&verdict), ["init_data"]);
        assert_eq!(codes(&verdict)[0], code);
        assert!(!verdict.is_accepted());
    }
}

#[test]
fn init_data_beside_a_sample_is_refused_since_nothing_binds_it() {
    let mut scene = Scene::any();
    let ExpectedData::Exactly(bound) = scene.input.case().exchange.expected() else {
        panic!("a session binds");
    };
    scene.input.tee = Tee::Sample;
    scene.input.trust.sample = SampleTrust::Allowed;
    scene.input.policy = include_str!("../../../../policies/appraisal/sample.rego").to_owned();
    scene.input.references[0].tee = Tee::Sample;
    scene.input.references[0].launch_digest = None;
    let evidence = SampleEvidence {
        report_data: bound.to_vec(),
        svn: "1".to_owned(),
    };
    scene.input.primary_evidence = evidence.to_json();
    assert!(scene.input.verdict().accepted().is_some());
    scene.input.init_data = sent(&body("sha256"));
    let verdict = scene.input.verdict();
    assert_eq!(failed(&verdict)[0], "init_data");
    assert_eq!(codes(&verdict)[0], "init_data_unbound");
    assert!(!verdict.is_accepted());
}

#[test]
fn init_data_that_cannot_be_read_is_refused_by_its_fault() {
    let good = body("sha256");
    let long = format!("{good}# {}", "a".repeat(512 * 1024));
    let rows: [(Option<String>, &str); 9] = [
        (Some("{}".to_owned()), "init_data_unreadable"),
        (Some("null".to_owned()), "init_data_unreadable"),
        (
            Some(json!({"format": "toml", "body": good, "more": 1}).to_string()),
            "init_data_unreadable",
        ),
        (
            Some(json!({"format": "json", "body": good}).to_string()),
            "init_data_format",
        ),
        (sent(&long), "init_data_too_long"),
        (sent("version = \"0.1.0\""), "init_data_document"),
        (sent(&good.replace("0.1.0", "0.2.0")), "init_data_version"),
        (sent(&good.replace("sha256", "sha1")), "init_data_algorithm"),
        (
            sent(&good.replace("sha256", "SHA256")),
            "init_data_algorithm",
        ),
    ];
    for (init_data, code) in rows {
        // Bound or not: what cannot be read says nothing.
        let bound = field(&SHA256, init_data.as_deref().unwrap_or_default());
        let verdict = simulated(&bound, init_data).input.verdict();
        assert_eq!(failed(&verdict)[0], "init_data", "{code}");
        assert_eq!(codes(&verdict)[0], code);
        assert!(verdict.accepted().is_none() && !verdict.is_accepted());
    }
}

#[test]
fn init_data_beside_unreadable_evidence_is_compared_with_nothing() {
    let no_report = simulated(&[0; 32], sent(&body("sha256")))
        .with_evidence(|evidence| evidence.attestation_report.truncate(64));
    let no_evidence = simulated(&[0; 32], sent(&body("sha256")))
        .with_input(|input| input.primary_evidence = "{}".to_owned());
    for scene in [no_report, no_evidence] {
        let verdict = scene.input.verdict();
        let record = verdict.record();
        let check = record.check("init_data").expect("it is listed");
        assert_eq!(check.result, CheckResult::NotChecked);
        assert!(!verdict.is_accepted());
    }
}

#[test]
fn claims_have_the_digest_and_what_init_data_says_where_it_is_bound_and_only_there() {
    let text = body("sha384");
    let bound = field(&SHA384, &text);
    let claims = &document(&simulated(&bound, sent(&text)).input.verdict())["claims"];
    let hex = hex::encode(digest(&SHA384, text.as_bytes()));
    assert_eq!(claims["init_data"], hex);
    assert_eq!(
        claims["init_data_claims"],
        json!({
            "cdh.toml": {"socket": "unix:///run/cdh.sock", "since": "2026-11-23"},
            "agent_policy_claims": {"containers": [{"image": "a"}]},
            "note": "as it is",
        })
    );
    let refused = document(&simulated(&[1; 32], sent(&text)).input.verdict());
    let claims = &refused["claims"];
    assert!(claims.get("init_data").is_none() && claims.get("init_data_claims").is_none());
}

#[test]
fn claims_of_init_data_that_is_too_large_to_be_shown_are_its_digest_alone() {
    let of = |data: &str| format!("version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n{data}");
    let nested = |depth: usize| {
        format!(
            "\"aa.toml\" = \"a = {}{}\"",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let many = |names: usize| {
        let rows = (0..names).map(|name| format!("n{name} = \"{}\"\n", "a".repeat(1000)));
        rows.collect::<String>()
    };
    for (data, shown) in [
        (format!("a = \"{}\"", "a".repeat(16 * 1024)), true),
        (format!("a = \"{}\"", "a".repeat(16 * 1024 + 1)), false),
        (format!("{} = \"\"", "a".repeat(16 * 1024 + 1)), false),
        (many(32), true),
        (many(33), false),
        (nested(11), true),
        (nested(12), false),
    ] {
        let body = of(&data);
        let verdict = simulated(&field(&SHA256, &body), sent(&body))
            .input
            .verdict();
        assert!(
            verdict.accepted().is_some(),
            "{:?}",
            verdict.record().rejections
        );
        let claims = &document(&verdict)["claims"];
        assert!(claims["init_data"].is_string());
        assert_eq!(
            claims.get("init_data_claims").is_some(),
            shown,
            "{}",
            data.len()
        );
    }
}

#[test]
fn policy_can_ask_for_init_data_and_refuse_what_it_says() {
    let denies = policy_with(
        "# --- tests",
        "deny contains {\"code\": \"other_configuration\", \"reason\": \"not ours\"} if {\n\
         \tnot input.init_data_claims[\"cdh.toml\"].socket == \"unix:///run/cdh.sock\"\n}\n\n\
         deny contains {\"code\": \"no_init_data\", \"reason\": \"none\"} if not input.init_data\n\n# --- tests",
    );
    let text = body("sha256");
    let other = text.replace("cdh.sock", "other.sock");
    for (host_data, init_data, expected) in [
        (field(&SHA256, &text), sent(&text), vec![]),
        (
            field(&SHA256, &other),
            sent(&other),
            vec!["other_configuration"],
        ),
        ([0; 32], None, vec!["no_init_data", "other_configuration"]),
    ] {
        let scene = simulated(&host_data, init_data);
        let scene = scene.with_input(|input| input.policy.clone_from(&denies));
        assert_eq!(codes(&scene.input.verdict()), expected);
    }
}

/// The shipped policies list the check: what a guest was configured with is its configuration.
#[test]
fn init_data_that_is_not_bound_contraindicates_the_configuration() {
    let simulated = simulated(&[0; 32], sent(&body("sha256"))).input.case();
    let mut snp = snp::case_with(|_| ());
    snp.exchange.init_data = sent(&body("sha256"));
    assert_eq!(snp.policy.source(), STRICT);
    for case in [simulated, snp] {
        let document = document(&judge(&case));
        assert_eq!(document["appraisal"]["trust_vector"]["configuration"], 96);
        assert_eq!(document["appraisal"]["status"], "contraindicated");
    }
}

#[test]
fn verdict_with_init_data_replays_and_one_with_other_claims_does_not() {
    let text = body("sha256");
    let case = simulated(&field(&SHA256, &text), sent(&text)).input.case();
    let document = judge(&case).document();
    let replay = |document: &str| {
        attestation_appraisal::Verdict::replay(document, &case.policy).expect("a verdict")
    };
    assert!(replay(&document).same());
    let other = document.replace("as it is", "as it was");
    assert_ne!(other, document);
    assert!(!replay(&other).same());
    let mut without: Value = serde_json::from_str(&document).expect("JSON");
    without["claims"]
        .as_object_mut()
        .expect("claims")
        .remove("init_data");
    let refused = attestation_appraisal::Verdict::replay(&without.to_string(), &case.policy);
    assert!(refused.is_err());
}

/// Real evidence with other values of PCRs and another selection: what the TPM did not sign is not believed.
#[test]
fn init_data_of_an_azure_guest_is_believed_of_a_pcr_that_the_tpm_quoted_only() {
    let file = "trustee/deps/verifier/test_data/az-snp-vtpm/evidence-v2.json";
    let Some(evidence) = vector(file) else { return };
    let mut evidence: Value = serde_json::from_slice(&evidence).expect("JSON");
    let body = body("sha256");
    let digest_of_body = digest(&SHA256, body.as_bytes());
    let pcr = digest(&SHA256, &[&[0; 32], digest_of_body.as_ref()].concat());
    evidence["tpm_quote"]["pcrs"][8] = json!(hex::encode(pcr));
    let judged = |evidence: &Value| {
        let text = evidence.to_string();
        let mut case = asked(
            Tee::AzSnpVtpm,
            text.as_bytes(),
            ExpectedData::Unbound,
            1_767_225_600,
        );
        case.exchange.init_data = sent(&body);
        judged_with_its_own_launch(case)
    };
    let verdict = judged(&evidence);
    assert_eq!(
        reason(&verdict, "init_data"),
        "its digest is what PCR 8 holds"
    );
    assert!(failed(&verdict).contains(&"tpm_pcr_digest".to_owned()));
    assert!(!verdict.is_accepted());
    // One bank, SHA-256, of 24 PCRs; and the same without PCR 8.
    let message = evidence["tpm_quote"]["message"].as_str().expect("hex");
    let without = message.replace("00000001000b03ffffff", "00000001000b03fffeff");
    assert_ne!(without, message);
    evidence["tpm_quote"]["message"] = json!(without);
    let verdict = judged(&evidence);
    assert!(codes(&verdict).contains(&"init_data_unbound".to_owned()));
    // A quote that cannot be read covers nothing.
    evidence["tpm_quote"]["message"] = json!("00");
    let record = judged(&evidence).record();
    let check = record.check("init_data").expect("it is listed");
    assert_eq!(check.result, CheckResult::NotChecked);
}
