//! What `init` and `export` have in common: each makes a directory, whole or not at all.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use attestation_service::{catch_signals, pause_while, remove_abandoned_drafts};

use crate::output::tell;

#[derive(clap::Args)]
pub struct Fault {
    /// TEST ONLY: each step waits while FILE exists.
    #[arg(long = "fault-pause", value_name = "FILE", hide = true)]
    pause: Option<PathBuf>,
}

/// From here on a signal removes the draft of `target` before it ends the program. What an earlier run
/// could not remove, since it was killed, goes now: of `init`, it holds keys.
pub fn begin(target: &Path, fault: &Fault) -> anyhow::Result<()> {
    catch_signals().context("cannot catch signals")?;
    if let Some(file) = &fault.pause {
        tell(&format!(
            "test fault enabled: each step waits while {} exists",
            file.display()
        ));
        pause_while(file.clone());
    }
    match remove_abandoned_drafts(target) {
        Ok(drafts) => drafts.iter().for_each(|draft| {
            tell(&format!(
                "removed {}: left by a run that was killed",
                draft.display()
            ));
        }),
        // The work itself says better what is wrong with a directory that is not there.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => tell(&format!(
            "warning: what killed runs left beside {} stays: {error}",
            target.display()
        )),
    }
    Ok(())
}
