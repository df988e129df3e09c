//! Verdicts, appraised once more.

use crate::input::Input;
use crate::judged::{BoundInitData, Part};
use crate::text::shown;
use crate::verdict::{Document, VERSION};
use crate::{AppraisalCheck, Context, Files, Judged, Policy, PolicyError, Tee, Verdict};
use attestation_verdict::{Check, ExpectedData, Record};
use serde::Deserialize;
use serde_json::{Value, json};

/// The members of a document that a policy answers for. Where a policy cannot be asked, nothing is said of them.
const ANSWERS: [&str; 5] = [
    "verdict",
    "checks",
    "rejections",
    "appraisal.status",
    "appraisal.trust_vector",
];

/// A document that cannot be appraised again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is no verdict.
    #[error("not a verdict's JSON document")]
    NotAVerdict(#[source] serde_json::Error),
    /// It is of before documents had versions, and of the limits.
    #[error(
        "the verdict has no `version`: it was written before verdicts had one. Judge the evidence again (cloister verify ... --at ...)"
    )]
    NoVersion,
    /// It is of a version that is not known here.
    #[error(
        "the verdict has version {0}, and this program reads version {VERSION}: replay it by the program that wrote it, or judge the evidence again (cloister verify ... --at ...)"
    )]
    Version(String),
    /// Its claims are of something else.
    #[error("the verdict has claims of `{0}`, which is no TEE")]
    Claims(String),
    /// What it says of init data has no digest.
    #[error("the verdict has `init_data` that is no text, or `init_data_claims` without it")]
    InitData,
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
    /// The members of the document that came out otherwise; none if the decision is the same. Where there is no decision,
    /// those that the policy answers for are left out.
    pub differences: Vec<String>,
    /// What the policy decides now.
    pub decision: Decision,
}

/// What a policy decides about a verdict's document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It accepts.
    Accepted,
    /// It refuses.
    Refused,
    /// None: the checks were made under other limits than this policy's, and say nothing of its own.
    OtherLimits,
    /// None: claims, checks, limits or circumstances are not those that the document's `input_digest` is of.
    OtherInput,
}

impl Replay {
    /// Whether everything came out as the document says.
    pub fn same(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Decision {
    /// Whether there is one.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Accepted | Self::Refused)
    }
}

impl Verdict {
    /// Appraises the claims and checks of a verdict's document once more, by this policy: the same input, policy and engine
    /// give the same decision. A policy of other limits decides nothing, since nobody judged by those.
    ///
    /// # Errors
    /// The document is no verdict, or one of another version.
    pub fn replay(document: &str, policy: &Policy) -> Result<Replay, ReplayError> {
        Self::replay_with(document, policy, |tee, claims| policy.limits(tee, claims))
    }

    /// Where limits have to be those that a judge takes: they come by [`Policy::limits_as`] then as now.
    ///
    /// # Errors
    /// The document is no verdict, or one of another version.
    pub fn replay_with(
        document: &str,
        policy: &Policy,
        limits: impl Fn(Tee, &Value) -> Result<Value, PolicyError>,
    ) -> Result<Replay, ReplayError> {
        let then = read(document)?;
        let context = context(&then)?;
        let untouched = input_digest(&then, &context)? == then.appraisal.input_digest;
        let now = Verdict::of(judged(&then, limits)?, policy, context).document();
        let decision = match () {
            () if !untouched => Decision::OtherInput,
            () if now.limits != then.limits => Decision::OtherLimits,
            () if now.accepted() => Decision::Accepted,
            () => Decision::Refused,
        };
        let mut differences = Vec::new();
        different("", &json!(then), &json!(now), &mut differences);
        differences.retain(|way| decision.is_made() || !ANSWERS.contains(&way.as_str()));
        Ok(Replay {
            differences,
            decision,
        })
    }
}

/// The members that tell what a document is, whatever else is in it.
#[derive(Deserialize)]
struct Kind {
    version: Option<Value>,
    verdict: Option<Value>,
}

fn read(document: &str) -> Result<Document, ReplayError> {
    let kind: Kind = serde_json::from_str(document).map_err(ReplayError::NotAVerdict)?;
    match kind.version {
        None if kind.verdict.is_some() => return Err(ReplayError::NoVersion),
        Some(version) if version != VERSION => {
            return Err(ReplayError::Version(shown(&version.to_string(), 64)));
        }
        _ => {}
    }
    serde_json::from_str(document).map_err(ReplayError::NotAVerdict)
}

fn context(then: &Document) -> Result<Context, ReplayError> {
    Ok(Context {
        binding: binding(&then.binding).ok_or(ReplayError::Binding)?,
        judged_at: then.judged_at,
        named_root: then.named_root,
        files: then.files.clone(),
    })
}

/// The digest of what the document says was put to the policy.
fn input_digest(then: &Document, context: &Context) -> Result<String, ReplayError> {
    let recorded = |tee: Tee, _: &Value| Ok(then.limits.get(tee.name()).cloned().into());
    Ok(Input::after(&judged(then, recorded)?, context).1)
}

/// What the document says was judged, under these limits.
fn judged(
    then: &Document,
    limits: impl Fn(Tee, &Value) -> Result<Value, PolicyError>,
) -> Result<Judged, ReplayError> {
    let mut parts = Vec::new();
    let mut unanswered = None;
    for (name, claims) in &then.claims {
        if matches!(name.as_str(), BoundInitData::DIGEST | BoundInitData::CLAIMS) {
            continue;
        }
        let tee = Tee::ALL.into_iter().find(|tee| tee.name() == name);
        let tee = tee.ok_or_else(|| ReplayError::Claims(shown(name, 64)))?;
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
    Ok(judged.with_init_data(init_data(then)?))
}

fn init_data(then: &Document) -> Result<Option<BoundInitData>, ReplayError> {
    let claims = then.claims.get(BoundInitData::CLAIMS);
    match (then.claims.get(BoundInitData::DIGEST), claims) {
        (None, None) => Ok(None),
        (Some(Value::String(digest)), claims) => Ok(Some(BoundInitData {
            digest: digest.clone(),
            claims: claims.cloned(),
        })),
        _ => Err(ReplayError::InitData),
    }
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
