//! Verdicts, appraised once more.

use crate::judged::Part;
use crate::verdict::Document;
use crate::{AppraisalCheck, Context, Files, Judged, Policy, PolicyError, Tee, Verdict};
use attestation_verdict::{Check, ExpectedData, Record};
use serde_json::{Value, json};

/// A document that cannot be appraised again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is no verdict.
    #[error("not a verdict's JSON document")]
    NotAVerdict(#[source] serde_json::Error),
    /// Its claims are of something else.
    #[error("the verdict has claims of `{0}`, which is no TEE")]
    Claims(String),
    /// Its binding says nothing.
    #[error(
        "the verdict's binding is neither `exactly` with 64 bytes of REPORT_DATA nor `unbound`"
    )]
    Binding,
}

/// What came of appraising a verdict once more. It shows that the policy decides so, not that the checks were right: those
/// are judged again only from the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The members of the document that came out otherwise; none if the decision is the same.
    pub differences: Vec<String>,
    /// Whether the policy accepts now.
    pub accepted: bool,
}

impl Replay {
    /// Whether everything came out as the document says.
    pub fn same(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Verdict {
    /// Appraises the claims and checks of a verdict's document once more, by this policy: the same input, policy and engine
    /// give the same decision.
    ///
    /// # Errors
    /// The document is no verdict.
    pub fn replay(document: &str, policy: &Policy) -> Result<Replay, ReplayError> {
        Self::replay_with(document, policy, |tee, claims| policy.limits(tee, claims))
    }

    /// Where limits have to be those that a judge takes: they come by [`Policy::limits_as`] then as now.
    ///
    /// # Errors
    /// The document is no verdict.
    pub fn replay_with(
        document: &str,
        policy: &Policy,
        limits: impl Fn(Tee, &Value) -> Result<Value, PolicyError>,
    ) -> Result<Replay, ReplayError> {
        let then: Document = serde_json::from_str(document).map_err(ReplayError::NotAVerdict)?;
        let now = again(&then, policy, limits)?;
        let (then, now_document) = (json!(then), json!(now.document()));
        let mut differences = Vec::new();
        different("", &then, &now_document, &mut differences);
        Ok(Replay {
            differences,
            accepted: now.accepted(),
        })
    }
}

fn again(
    then: &Document,
    policy: &Policy,
    limits: impl Fn(Tee, &Value) -> Result<Value, PolicyError>,
) -> Result<Verdict, ReplayError> {
    let context = Context {
        binding: binding(&then.binding).ok_or(ReplayError::Binding)?,
        judged_at: then.judged_at,
        named_root: then.named_root,
        files: then.files.clone(),
    };
    let mut parts = Vec::new();
    let mut unanswered = None;
    for (name, claims) in &then.claims {
        let tee = Tee::ALL.into_iter().find(|tee| tee.name() == name);
        let tee = tee.ok_or_else(|| ReplayError::Claims(crate::text::shown(name, 64)))?;
        let limits = limits(tee, claims).unwrap_or_else(|error| {
            unanswered.get_or_insert(error);
            Value::Null
        });
        parts.push(Part {
            tee,
            claims: claims.clone(),
            limits,
        });
    }
    let judged = Judged::recorded(parts, before_the_policy(then), unanswered);
    Ok(Verdict::of(judged, policy, context))
}

fn before_the_policy(then: &Document) -> Record {
    let own = AppraisalCheck::Policy.name();
    let checks = then.checks.iter().filter(|check| check.name != own);
    let rejections = then
        .rejections
        .iter()
        .filter(|rejection| rejection.check != own);
    Record {
        checks: checks.cloned().collect(),
        rejections: rejections.cloned().collect(),
    }
}

fn binding(value: &Value) -> Option<ExpectedData> {
    let found = match value.get("kind")?.as_str()? {
        "unbound" => ExpectedData::Unbound,
        "exactly" => ExpectedData::from_hex(value.get("report_data")?.as_str()?).ok()?,
        _ => return None,
    };
    let context = Context {
        binding: found.clone(),
        judged_at: 0,
        named_root: false,
        files: Files::default(),
    };
    (context.binding_value() == *value).then_some(found)
}

/// Lists the members that differ, with the way to them.
fn different(way: &str, then: &Value, now: &Value, differences: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) if way.is_empty() || way == "appraisal" => {
            for (name, value) in then {
                let way = if way.is_empty() {
                    name.clone()
                } else {
                    format!("{way}.{name}")
                };
                different(
                    &way,
                    value,
                    now.get(name).unwrap_or(&Value::Null),
                    differences,
                );
            }
        }
        _ if then == now => {}
        _ => differences.push(way.to_owned()),
    }
}
