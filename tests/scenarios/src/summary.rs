//! What the demo found, as `summary.json` and for a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The demo's result: `target/demo/summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `kvm` or `lab`.
    pub backend: String,
    /// Always `simulated`: no TEE hardware took part.
    pub tee: String,
    /// The guest's kernel release.
    pub kernel_version: String,
    /// By the calculator, offline, lower-case hex of 48 bytes.
    pub launch_digest_predicted: String,
    /// By the simulated TEE, out of what KVM held.
    pub launch_digest_reported: String,
    /// SHA-256 of the random file put on the encrypted disk.
    pub file_sha256_put_in: String,
    /// SHA-256 that the guest printed on its console.
    pub file_sha256_seen_by_guest: String,
    /// Every attack tried, each refused.
    pub tamper: Vec<Tamper>,
    /// The exported evidence bundle's folder.
    pub bundle: String,
    /// The log's signed checkpoint.
    pub checkpoint: String,
    /// `agrees`, after the auditor replayed the bundle.
    pub auditor_verdict: String,
    /// Forgeries of the bundle that the auditor was shown; it agreed with none.
    pub forgeries_caught: usize,
    /// Wall-clock seconds by stage.
    pub seconds: BTreeMap<String, f64>,
}

/// One attack and how it was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tamper {
    /// What was tried.
    pub case: String,
    /// Always `refused`: the demo fails otherwise.
    pub verdict: String,
    /// `verifier` or `agent`.
    pub refused_by: String,
    /// Its words.
    pub reason: String,
    /// Whether the secret left the verifier: as its log and the agent both say.
    pub secret_released: bool,
}

impl Summary {
    /// The closing page for a person.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: &str| {
            let _ = writeln!(text, "  {name:<26}{value}");
        };
        row("TEE", &format!("{} (no TEE hardware took part)", self.tee));
        row("guests ran on", &self.backend);
        row("guest kernel", &self.kernel_version);
        row("launch digest, predicted", &self.launch_digest_predicted);
        row("launch digest, reported", &self.launch_digest_reported);
        row("file on the disk, SHA-256", &self.file_sha256_put_in);
        row("seen by the guest", &self.file_sha256_seen_by_guest);
        row("auditor", &self.auditor_verdict);
        row("forged bundles caught", &self.forgeries_caught.to_string());
        row("evidence bundle", &self.bundle);
        row(
            "seconds in all",
            &format!("{:.0}", self.seconds.values().sum::<f64>()),
        );
        let _ = writeln!(
            text,
            "\n  {} attacks, each refused, no secret released:",
            self.tamper.len()
        );
        for tamper in &self.tamper {
            let check = short(&tamper.reason);
            let _ = writeln!(
                text,
                "    {:<26}{:<10}{check}",
                tamper.case, tamper.refused_by
            );
        }
        text
    }
}

/// The check that refused, which stands before the first colon, or the beginning of a sentence.
fn short(reason: &str) -> String {
    const LENGTH: usize = 48;
    let start = reason.split(':').next().unwrap_or_default();
    match start.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &start[..end]),
        None => start.to_owned(),
    }
}
