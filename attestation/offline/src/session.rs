//! One verdict, from the options that all kinds of evidence share to the exit code.

use anyhow::{Context as _, Result, bail};
use attestation_appraisal::{Context, Files, Judged, Policy, Verdict, VerifierId};
use attestation_certificates::{Observation, Seen};
use attestation_evidence::Tee as Measured;
use attestation_judge::ReferenceValue;
use attestation_verdict::ExpectedData;
use measured_boot_reference_values as references;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::arguments::Common;
use crate::evidence::{Came, Evidence};
use crate::files::{self, Limit};
use crate::moment::Moment;
use crate::output::{self, Output};
use crate::state::{Taken, issued_by};
use crate::token::Signer;
use crate::warning::{UNBOUND, UNKNOWN_LAUNCH, UNKNOWN_PARAVISOR};
use crate::{document, policy};

/// Judged and refused.
pub const REFUSED: u8 = 3;

/// What a verdict is made with, all of it read before anything is judged.
pub struct Session<'a> {
    common: &'a Common,
    pub at: Moment,
    pub policy: Policy,
    seen: Seen,
    state: Option<Taken>,
    signer: Option<Signer<'a>>,
    warnings: Vec<String>,
    files: Files,
    named_root: bool,
}

/// What came of the evidence.
pub struct Found {
    /// What it was.
    pub subject: Evidence,
    pub judged: Judged,
    /// Collateral that was proven, whatever the verdict.
    pub observations: Vec<Observation>,
    /// For people: what it is about, name by name.
    pub facts: Vec<(&'static str, String)>,
}

impl<'a> Session<'a> {
    /// Takes an older token away, and reads policy, state and key: before anything else, so that no run that ends
    /// without a verdict leaves the token of another.
    ///
    /// # Errors
    /// One of them is not what it has to be.
    pub fn of(common: &'a Common) -> Result<Self> {
        common.token.clear()?;
        let signer = common.token.signer()?;
        let state = common.state.take()?;
        let mut files = Files::default();
        if let Some(bytes) = state.as_ref().and_then(Taken::bytes) {
            files.add("state", bytes);
        }
        Ok(Self {
            at: common.at()?,
            policy: policy::chosen(common.policy.as_deref())?,
            seen: seen(state.as_ref())?,
            common,
            state,
            signer,
            warnings: Vec::new(),
            files,
            named_root: false,
        })
    }

    /// Reads a file that takes part in the verdict, which names it by the option and its digest.
    ///
    /// # Errors
    /// Those of [`files::read`].
    pub fn read(&mut self, option: &str, path: &Path, limit: Limit) -> Result<Vec<u8>> {
        let bytes = files::read(option, path, limit)?;
        self.files.add(option.trim_start_matches('-'), &bytes);
        Ok(bytes)
    }

    /// Reads the root that is trusted in the place of a vendor's, and has the verdict say so.
    ///
    /// # Errors
    /// Those of [`files::read`].
    pub fn read_root(&mut self, path: &Path, vendor: &str) -> Result<Vec<u8>> {
        self.named_root = true;
        self.warn(format!(
            "--root {} is trusted in {vendor}'s place: whoever has its key can make any evidence without any hardware",
            path.display()
        ));
        self.read("--root", path, Limit::Mebibyte)
    }

    /// The launches that are accepted, if any file names some.
    ///
    /// # Errors
    /// A file is no reference value.
    pub fn launches(&mut self, tee: Measured) -> Result<Option<Vec<Arc<ReferenceValue>>>> {
        let signed = match tee {
            Measured::Tdx => references::Tee::Tdx,
            _ => references::Tee::Snp,
        };
        let reference = &self.common.reference;
        let accepted = reference.accepted(signed, self.at, &mut self.files)?;
        let Some(accepted) = accepted else {
            self.warn(UNKNOWN_LAUNCH);
            return Ok(None);
        };
        self.warnings.extend(accepted.left_out);
        let launches = accepted.launches.iter();
        let launches = launches.map(|launch| Arc::new(launch.as_value(tee)));
        Ok(Some(launches.collect()))
    }

    /// Of evidence that says nothing of a launch.
    ///
    /// # Errors
    /// A reference value is given, which nothing can be compared with.
    pub fn without_launch(&mut self) -> Result<()> {
        if self.common.reference.is_given() {
            bail!(
                "--reference: there is no TEE's report in this evidence, and so no launch digest"
            );
        }
        self.warn(UNKNOWN_LAUNCH);
        Ok(())
    }

    /// Of a TPM's key that a TEE's report binds: only what is known to have been launched says whose key that is.
    pub fn with_bound_key(&mut self) {
        if !self.common.reference.is_given() {
            self.warn(UNKNOWN_PARAVISOR);
        }
    }

    /// Whether the account of what was seen is kept.
    pub fn keeps_state(&self) -> bool {
        self.state.is_some()
    }

    /// What was seen before, if an account is kept.
    pub fn seen(&self) -> Option<&Seen> {
        self.state.as_ref().map(|_| &self.seen)
    }

    /// Has the verdict say this, too.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Appraises, remembers, signs and prints, in this order: nobody reads an acceptance that was not remembered.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn end(mut self, found: Found, expected: ExpectedData, came: &Came) -> Result<ExitCode> {
        if expected == ExpectedData::Unbound {
            self.warnings.insert(0, UNBOUND.to_owned());
        }
        let context = Context {
            binding: expected,
            judged_at: self.at.0,
            named_root: self.named_root,
            files: self.files,
        };
        let verdict = Verdict::of(found.judged, &self.policy, context);
        if let Some(state) = self.state {
            let seen = self.seen.with(issued_by(self.at, found.observations))?;
            state.replace(seen.to_json().as_bytes())?;
        }
        if let Some(signer) = self.signer {
            signer.sign(&verdict, &verifier())?;
        }
        output::print(&match self.common.output {
            Output::Json => document::json(&verdict, came, &self.warnings)?,
            Output::Text => document::page(
                &verdict,
                found.subject,
                self.at,
                came,
                &found.facts,
                &self.warnings,
            ),
        })?;
        Ok(match verdict.accepted() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(REFUSED),
        })
    }
}

fn seen(state: Option<&Taken>) -> Result<Seen> {
    let Some((taken, bytes)) = state.and_then(|taken| Some((taken, taken.bytes()?))) else {
        return Ok(Seen::default());
    };
    Seen::from_json(bytes).with_context(|| format!("--state {}", taken.path().display()))
}

fn verifier() -> VerifierId {
    VerifierId {
        developer: "Cloister".to_owned(),
        build: concat!("cloister-verify ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}
