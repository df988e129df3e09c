//! A VM's folder, and `cloister-vmm` on it under the tracer.

mod family;
mod folder;
mod guest;

pub use folder::{Folder, TeeLines};
pub use guest::{LINE, kernel, shim};

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::trace::Ended;

/// Everything here happens within seconds, or something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How a run of the VMM ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its end.
    pub ended: Ended,
    /// What it told programs, a JSON object a line.
    pub events: Vec<Value>,
    /// What it told people.
    pub said: String,
    /// The guest's console.
    pub console: String,
    /// Names of the processes that the VMM started, and of those that these did.
    pub processes: Vec<String>,
    /// What is still there that should not: processes, the runtime directory.
    pub left: Vec<String>,
}

impl Outcome {
    /// The last event of this name.
    pub fn event(&self, name: &str) -> Option<&Value> {
        self.events
            .iter()
            .rev()
            .find(|event| event["event"] == name)
    }

    /// Why the guest stopped; nothing if it did not run.
    pub fn reason(&self) -> &str {
        let stopped = self.event("stopped");
        stopped
            .and_then(|event| event["reason"].as_str())
            .unwrap_or_default()
    }

    /// The error that a failed run told.
    pub fn error(&self) -> &str {
        let failed = self.event("failed");
        failed
            .and_then(|event| event["error"].as_str())
            .unwrap_or_default()
    }

    /// The digest that was predicted, in hexadecimal.
    pub fn predicted(&self) -> &str {
        let planned = self.event("planned");
        planned
            .and_then(|event| event["launch_digest_predicted"].as_str())
            .unwrap_or_default()
    }
}

/// Why this machine cannot run the VMM, if it cannot.
pub fn missing(programs: &[PathBuf]) -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("tracing and confining the VMM takes root".to_owned());
    }
    if let Err(error) = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
    {
        return Some(format!("/dev/kvm cannot be opened: {error}"));
    }
    let absent = programs.iter().find(|program| !program.exists())?;
    Some(format!(
        "{} is not built; cargo build --release",
        absent.display()
    ))
}
