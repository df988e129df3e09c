//! A TPM's quote, with a key that an SNP report binds.

mod cases;
mod log;
mod write;

use crate::Scene;
use crate::forge::{Key, WITHIN};
use attestation_certificates::Certificate;
use attestation_tpm::{
    AkCertificates, AkTrust, AttestationKey, Bank, ExpectedNonce, PcrTable, QuoteSignature,
    Reference, TeeReport, TpmEvidence, TpmInput, TpmLimits, judge,
};
use attestation_verdict::Record;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

pub use cases::cases;
pub use write::{HclDraft, QuoteDraft};

/// Changes bytes after everything else is done.
pub type Edit = fn(&mut Vec<u8>);

/// A quote and what it is judged by.
pub struct TpmScene {
    /// What the TPM signs.
    pub quote: QuoteDraft,
    /// The signature's scheme and hash (TPMT_SIGNATURE), and what is changed of it.
    pub edit_signature: Edit,
    /// What is changed of the quote after it was signed.
    pub edit_quote: Edit,
    /// The values that come along, of SHA-256's bank.
    pub pcrs: Vec<Vec<u8>>,
    /// Those of SHA-384's.
    pub pcrs_384: Vec<Vec<u8>>,
    /// The runtime data, that REPORT_DATA binds.
    pub runtime_data: Value,
    /// What is changed of its text before it is bound.
    pub edit_runtime_data: Edit,
    /// The HCL report, if there is one.
    pub hcl: Option<HclDraft>,
    /// What is changed of it at last.
    pub edit_hcl: Edit,
    /// What is changed of the SNP report that was judged, and not of the one in the HCL report.
    pub edit_judged: Edit,
    /// What is changed of the SNP report in both places.
    pub edit_report: Edit,
    /// The key that comes along, SubjectPublicKeyInfo.
    pub sent_ak: Option<Vec<u8>>,
    /// Whether the relying party named the key itself, and no TEE binds it.
    pub is_named: bool,
    /// Certificates of the key, where they and no TEE make it believable: the key's, its issuer's, and a root that the
    /// relying party named.
    pub certified: Option<[Vec<u8>; 3]>,
    /// The judged body of a TD's quote, in place of an SNP report.
    pub td_body: Option<Vec<u8>>,
    /// The event log.
    pub log: Option<Vec<u8>>,
    /// What the quote has to bind.
    pub expected: ExpectedNonce,
    /// What PCRs have to hold.
    pub reference: Value,
    /// What the relying party tolerates.
    pub limits: Value,
}

impl TpmScene {
    /// A quote that is accepted.
    pub fn accepted() -> Self {
        let pcrs = log::pcrs(log::SHA256);
        Self {
            quote: QuoteDraft::over(&pcrs),
            edit_signature: |_| (),
            edit_quote: |_| (),
            reference: json!({"sha256": {"4": [hex::encode(&pcrs[4])]}}),
            pcrs,
            pcrs_384: Vec::new(),
            runtime_data: runtime_data(),
            edit_runtime_data: |_| (),
            hcl: Some(HclDraft::default()),
            edit_hcl: |_| (),
            edit_judged: |_| (),
            edit_report: |_| (),
            sent_ak: None,
            is_named: false,
            certified: None,
            td_body: None,
            log: Some(log::log(&[log::SHA256])),
            expected: ExpectedNonce::exactly(b"a nonce").expect("it is short"),
            limits: json!({
                "allow_without_tee": false, "min_rsa_bits": 2048, "banks": ["sha256"], "quoted_pcrs": [0, 4, 7],
                "pcrs": {}, "require_event_log": true, "unlogged_pcrs": [], "require_safe_clock": true,
                "require_secure_boot": true, "allow_console": false
            }),
        }
    }
}

impl TpmScene {
    fn table(&self) -> PcrTable {
        let mut table = PcrTable::default();
        let banks = [(Bank::Sha256, &self.pcrs), (Bank::Sha384, &self.pcrs_384)];
        for (bank, values) in banks {
            for (index, value) in (0..).zip(values) {
                let inserted = table.insert(bank.algorithm(), index, value);
                inserted.expect("they are values of PCRs");
            }
        }
        table
    }
}

impl Scene for TpmScene {
    const KIND: &'static str = "tpm";

    fn record(&self) -> Record {
        let signed = Signed::of(self);
        let pcrs = self.table();
        let limits: TpmLimits = serde_json::from_value(self.limits.clone()).expect("limits");
        let reference: Reference = serde_json::from_value(self.reference.clone()).expect("PCRs");
        let key = AttestationKey::from_spki(&key().info()).expect("it is a key");
        let report = signed
            .judged
            .as_slice()
            .try_into()
            .expect("an SNP report's length");
        let tee = self
            .td_body
            .as_deref()
            .map_or(TeeReport::Snp(report), TeeReport::Tdx);
        let read = |der: &Vec<u8>| Certificate::read(der).expect("it is a certificate");
        let certified = self.certified.as_ref().map(|all| all.each_ref().map(read));
        let trust = match &certified {
            Some([chain @ .., root]) => AkTrust::Certified(AkCertificates {
                chain,
                anchors: std::slice::from_ref(root),
                now: WITHIN,
            }),
            None if self.is_named => AkTrust::Named(&key),
            None => AkTrust::Tee(tee),
        };
        let input = TpmInput {
            evidence: TpmEvidence {
                quote: &signed.quote,
                signature: QuoteSignature::Tagged(&signed.signature),
                pcrs: &pcrs,
                sent_ak: self.sent_ak.as_deref(),
                hcl_report: signed.hcl.as_deref(),
                event_log: self.log.as_deref(),
            },
            trust,
            expected: &self.expected,
            reference: Some(&reference),
            limits: &limits,
        };
        judge(&input).record()
    }
}

/// A scene's bytes.
pub struct Signed {
    /// TPMS_ATTEST.
    pub quote: Vec<u8>,
    /// TPMT_SIGNATURE.
    pub signature: Vec<u8>,
    /// With the report and the runtime data.
    pub hcl: Option<Vec<u8>>,
    /// The SNP report that was judged.
    pub judged: Vec<u8>,
}

impl Signed {
    /// Everything as it is sent.
    pub fn of(scene: &TpmScene) -> Self {
        let mut quote = scene.quote.bytes();
        let mut signature = tagged(&sign(&quote));
        (scene.edit_signature)(&mut signature);
        (scene.edit_quote)(&mut quote);
        let mut runtime_data = scene.runtime_data.to_string().into_bytes();
        (scene.edit_runtime_data)(&mut runtime_data);
        let mut report = vec![0; 1184];
        report[0x50..0x70].copy_from_slice(digest(&SHA256, &runtime_data).as_ref());
        (scene.edit_report)(&mut report);
        let hcl = scene.hcl.as_ref().map(|draft| {
            let mut hcl = draft.bytes(&report, &runtime_data);
            (scene.edit_hcl)(&mut hcl);
            hcl
        });
        let mut judged = report;
        (scene.edit_judged)(&mut judged);
        Self {
            quote,
            signature,
            hcl,
            judged,
        }
    }
}

/// The vTPM's key: always the same one.
pub fn key() -> Key {
    Key::rsa()
}

fn pair() -> RsaKeyPair {
    match key() {
        Key::Rsa(pair) => pair,
        Key::P256(_) | Key::P384(_) => unreachable!("it is asked for an RSA key"),
    }
}

fn sign(message: &[u8]) -> Vec<u8> {
    let pair = pair();
    let mut signature = vec![0; pair.public().modulus_len()];
    let signed = pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message,
        &mut signature,
    );
    signed.expect("it signs");
    signature
}

/// TPMT_SIGNATURE: RSASSA with SHA-256.
fn tagged(signature: &[u8]) -> Vec<u8> {
    let size = u16::try_from(signature.len()).expect("it is short");
    [&[0, 0x14, 0, 0x0B], &size.to_be_bytes()[..], signature].concat()
}

fn runtime_data() -> Value {
    // RSAPublicKey: 256 bytes of modulus behind the tags, the lengths and a zero.
    let key = key();
    let modulus = &key.public()[9..9 + 256];
    let ak = json!({
        "kid": "HCLAkPub", "key_ops": ["sign"], "kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(modulus)
    });
    let ek =
        json!({"kid": "HCLEkPub", "key_ops": ["encrypt"], "kty": "RSA", "e": "AQAB", "n": "AQ"});
    json!({
        "keys": [ak, ek],
        "vm-configuration": {"secure-boot": true, "console-enabled": false, "vmUniqueId": "1"},
        "user-data": "00"
    })
}
