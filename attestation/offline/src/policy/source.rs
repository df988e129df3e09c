//! Where a policy comes from: a file, or the program itself.

use anyhow::{Context, Result};
use attestation_appraisal::{Policy, PolicyError, SHIPPED, Shipped};
use serde_json::{Value, json};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::files::{self, Limit};
use crate::page::shown;

/// A policy and its text.
pub struct Source {
    /// As it was named.
    pub name: String,
    pub text: String,
    pub policy: Policy,
}

impl Source {
    /// # Errors
    /// There is no such policy, or it is none.
    pub fn of(option: &str, named: &Path) -> Result<Self> {
        let name = named.display().to_string();
        if let Some(shipped) = built_in(named) {
            return Self::read(name, shipped.source.to_owned());
        }
        let text = files::text(option, named, Limit::Mebibyte)
            .map_err(|error| missing(option, &name, error));
        let place = format!("{option} {} cannot be used", shown(&name));
        Self::read(name, text?).context(place)
    }

    fn read(name: String, text: String) -> Result<Self> {
        match Policy::from_rego(&text) {
            Ok(policy) => Ok(Self { name, text, policy }),
            Err(PolicyError::Syntax(said)) => {
                Err(PolicyError::Syntax(located(&said, &name)).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    pub fn shown(&self) -> String {
        shown(&self.name)
    }

    /// What the engine says, under the file's own name.
    pub fn located(&self, said: &str) -> String {
        located(said, &self.name)
    }

    pub fn about(&self) -> Value {
        let mut about = json!(self.policy.about());
        about["digest"] = json!(self.policy.digest());
        about["engine"] = json!(Policy::engine());
        about
    }
}

/// The engine calls every policy the same, so that a verdict does not depend on what its file was called.
fn located(said: &str, name: &str) -> String {
    said.replace("policy.rego:", &format!("{}:", shown(name)))
}

/// Whoever misspells a built-in policy's name has to see it.
fn missing(option: &str, name: &str, error: anyhow::Error) -> anyhow::Error {
    let no_file = |cause: &io::Error| cause.kind() == ErrorKind::NotFound;
    if !error.root_cause().downcast_ref().is_some_and(no_file) {
        return error;
    }
    let known: Vec<_> = SHIPPED.iter().map(|one| one.name).collect();
    let cause = anyhow::anyhow!(
        "there is no such file, and no built-in policy of that name: those are {}",
        known.join(", ")
    );
    cause.context(format!("{option} {} cannot be read", shown(name)))
}

fn built_in(named: &Path) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|one| Path::new(one.name) == named)
}

/// All that are built in.
///
/// # Errors
/// None: they are tested.
pub fn shipped() -> Result<Vec<Source>> {
    let sources = SHIPPED.iter();
    let sources = sources.map(|one| Source::read(one.name.to_owned(), one.source.to_owned()));
    sources.collect()
}
