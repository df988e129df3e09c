//! The claims of a token.

use crate::canonical;
use crate::verdict::Document;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The profile of draft-ietf-rats-ear-04 (section 3).
pub(crate) const PROFILE: &str = "tag:ietf.org,2026:rats/ear#04";

/// Who appraised (draft-ietf-rats-ar4si, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierId {
    /// Whose software it is.
    pub developer: String,
    /// Which build of it.
    pub build: String,
}

/// The claims of a verdict. The one submodule is called by the TEE that signed the evidence.
pub(crate) fn of(document: &Document, verifier: &VerifierId) -> Value {
    let status = document.appraisal.status.name();
    let mut claims = json!({
        "eat_profile": PROFILE,
        "iat": document.judged_at,
        "ear_verifier_id": {"developer": verifier.developer, "build": verifier.build},
        "ear_status": status,
        "submods": {document.tee.name(): submodule(document)},
    });
    if let Some(nonce) = nonce(document) {
        claims["eat_nonce"] = json!(nonce);
    }
    claims
}

/// What the evidence had to bind, as `eat_nonce` has it in JSON: 8 to 64 bytes in base64url (RFC 9711, section 4.1). It is
/// left out where nothing was expected, so that a token for no session cannot be taken for one of a session.
fn nonce(document: &Document) -> Option<String> {
    let data = document.binding.get("report_data")?.as_str()?;
    Some(URL_SAFE_NO_PAD.encode(hex::decode(data).ok()?))
}

fn submodule(document: &Document) -> Value {
    let appraisal = &document.appraisal;
    let policy = format!("{}@{}", appraisal.policy_name, appraisal.policy_digest);
    let verdict = canonical::text(&json!(document));
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    claim("ear_status", json!(appraisal.status.name()));
    if !appraisal.trust_vector.is_empty() {
        claim("ear_trustworthiness_vector", json!(appraisal.trust_vector));
    }
    claim("ear_appraisal_policy_ids", json!([policy]));
    // Private claims (RFC 7519, section 4.3): what a replay needs, and what the token stands for.
    claim("cloister_accepted", json!(document.accepted()));
    claim("cloister_binding", document.binding.clone());
    claim("cloister_policy_digest", json!(appraisal.policy_digest));
    claim("cloister_input_digest", json!(appraisal.input_digest));
    claim("cloister_named_root", json!(document.named_root));
    claim("cloister_files", json!(document.files));
    claim("cloister_engine", json!(appraisal.engine));
    claim(
        "cloister_verdict_digest",
        json!(canonical::digest(verdict.as_bytes())),
    );
    Value::Object(claims)
}
