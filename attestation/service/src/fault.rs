//! Pauses at the two moments where a crash would hurt most. **For tests only.**
//!
//! A pause lasts as long as its file exists, so a test can kill the process exactly there. Without
//! `--fault` nothing here does anything.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::Journal;

/// How often a pause looks whether its file is gone.
const POLL: Duration = Duration::from_millis(20);

/// Where the service can be made to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The accepted verdict is committed, the release is not.
    PauseBeforeRelease,
    /// The release is committed, the answer is not yet sent.
    PauseBeforeAnswer,
}

/// One pause, as given on the command line: `pause-before-release=FILE`.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    moment: Moment,
    file: PathBuf,
}

/// The text after `--fault` is not `MOMENT=FILE`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not pause-before-release=FILE or pause-before-answer=FILE")]
pub struct FaultSyntax(String);

impl FromStr for Fault {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let wrong = || FaultSyntax(text.to_owned());
        let (moment, file) = text.split_once('=').ok_or_else(wrong)?;
        let moment = match moment {
            "pause-before-release" => Moment::PauseBeforeRelease,
            "pause-before-answer" => Moment::PauseBeforeAnswer,
            _ => return Err(wrong()),
        };
        Ok(Self {
            moment,
            file: file.into(),
        })
    }
}

/// Waits while one of `faults` asks for it at this `moment`.
pub(crate) async fn pause(faults: &[Fault], moment: Moment, journal: &Journal) {
    #[derive(Serialize)]
    struct Paused {
        moment: Moment,
    }
    for fault in faults.iter().filter(|fault| fault.moment == moment) {
        if fault.file.exists() {
            journal.info("paused-by-test-fault", &Paused { moment });
        }
        while fault.file.exists() {
            tokio::time::sleep(POLL).await;
        }
    }
}
