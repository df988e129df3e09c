//! The claims of a token.

use crate::canonical;
use crate::verdict::{Document, Outcome};
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
    json!({
        "eat_profile": PROFILE,
        "iat": document.judged_at,
        "ear_verifier_id": {"developer": verifier.developer, "build": verifier.build},
        "ear_status": status,
        "submods": {document.tee.name(): submodule(document)},
    })
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
    let accepted = document.verdict == Outcome::Accepted;
    claim("cloister_accepted", json!(accepted));
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
