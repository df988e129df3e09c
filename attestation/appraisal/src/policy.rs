//! A relying party's policy.

use crate::engine::{self, APPRAISAL, Rego};
use crate::input::Input;
use crate::{Appraisal, Context, Denial, Judged, PolicyError, SHIPPED, Tee, TrustVector};
use crate::{answer, library};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// What a policy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its name in verdicts and tokens.
    pub name: String,
    /// When it was last looked at, like 2026-01-31: attacks and firmware move on.
    pub dated: String,
    /// What it is for.
    pub text: String,
    /// Where that is known from.
    pub sources: Vec<String>,
}

/// A relying party's policy: one Rego file of package `cloister.appraisal`. docs/appraisal-policy.md says how to write one.
#[derive(Debug, Clone)]
pub struct Policy {
    rego: Rego,
    about: About,
    source: Arc<str>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// It is too long, is no Rego, is in another package, or does not say what it is about.
    pub fn from_rego(source: &str) -> Result<Self, PolicyError> {
        let rego = Rego::parse(source, &APPRAISAL)?;
        let about = answer::about(rego.evaluate("about", &Value::Null)?)?;
        Ok(Self {
            rego,
            about,
            source: Arc::from(source),
        })
    }

    /// The strict default.
    pub fn strict() -> Self {
        let strict = SHIPPED.first().expect("the strict policy is the first");
        Self::from_rego(strict.source).expect("the shipped policies are tested")
    }

    /// What it says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The file's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// `sha256:` and the digest of the file.
    pub fn digest(&self) -> &str {
        self.rego.digest()
    }

    /// What evaluates it: the engine, its version, and the digest of the shipped policies, which it may import.
    pub fn engine() -> String {
        format!("{}, library {}", engine::VERSION, library::digest())
    }

    /// The limits that the judge of this TEE's evidence takes, for these claims.
    ///
    /// # Errors
    /// The rule `limits` is undefined for them, fails, or is no object of objects by TEE.
    pub fn limits(&self, tee: Tee, claims: &Value) -> Result<Value, PolicyError> {
        let input = Input::before(tee, claims)?;
        answer::limits(tee, self.rego.evaluate("limits", input.value())?)
    }

    /// The limits as the judge takes them, and as they were given, which [`Judged::of`] keeps.
    ///
    /// # Errors
    /// Those of [`Self::limits`], and members that the judge does not know or misses.
    pub fn limits_as<T: DeserializeOwned>(
        &self,
        tee: Tee,
        claims: &Value,
    ) -> Result<(T, Value), PolicyError> {
        let given = self.limits(tee, claims)?;
        let read = serde_json::from_value(given.clone());
        let read = read.map_err(|error| PolicyError::bad_limits(tee, &error))?;
        Ok((read, given))
    }

    /// What the policy makes of a judgement. A policy that fails refuses.
    pub fn appraise(&self, judged: &Judged, context: &Context) -> Appraisal {
        let (input, digest) = Input::after(judged, context);
        let answer = match judged.unanswered() {
            Some(error) => Err(error.clone()),
            None => input.and_then(|input| self.answer(&input)),
        };
        Appraisal::of(judged, answer, context, digest)
    }

    fn answer(&self, input: &Input) -> Result<(TrustVector, Vec<Denial>), PolicyError> {
        let vector = self.rego.evaluate("trust_vector", input.value())?;
        let deny = self.rego.evaluate("deny", input.value())?;
        Ok((answer::trust_vector(vector)?, answer::denials(deny)?))
    }

    pub(crate) fn rego(&self) -> &Rego {
        &self.rego
    }
}
