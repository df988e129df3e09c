//! Pauses at the moments where a crash or another's turn would hurt most. **For tests only.**
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
    /// Evidence is appraised, the verdict is not committed.
    InAppraisal,
    /// The accepted verdict is committed, the release is not.
    BeforeRelease,
    /// The release is committed, the answer is not yet sent.
    BeforeAnswer,
    /// A step in a key's life is prepared, its entry is not in the log.
    BeforeKeyEntry,
    /// Its entry is in the log, and it is not taken.
    AfterKeyEntry,
}

/// One pause, as given on the command line: `pause-before-release=FILE`.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    moment: Moment,
    file: PathBuf,
}

/// The text after `--fault` is not `MOMENT=FILE`.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not pause-in-appraisal=FILE, pause-before-release=FILE, pause-before-answer=FILE, \
     pause-before-key-entry=FILE or pause-after-key-entry=FILE"
)]
pub struct FaultSyntax(String);

impl FromStr for Fault {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let wrong = || FaultSyntax(text.to_owned());
        let (moment, file) = text.split_once('=').ok_or_else(wrong)?;
        let moment = match moment {
            "pause-in-appraisal" => Moment::InAppraisal,
            "pause-before-release" => Moment::BeforeRelease,
            "pause-before-answer" => Moment::BeforeAnswer,
            "pause-before-key-entry" => Moment::BeforeKeyEntry,
            "pause-after-key-entry" => Moment::AfterKeyEntry,
            _ => return Err(wrong()),
        };
        Ok(Self {
            moment,
            file: file.into(),
        })
    }
}

impl Fault {
    /// Waits in a command, which has no journal.
    pub(crate) fn wait(&self, moment: Moment) {
        while self.moment == moment && self.file.exists() {
            std::thread::sleep(POLL);
        }
    }
}

/// Waits while one of `faults` asks for it at this `moment`.
pub(crate) async fn pause(faults: &[Fault], moment: Moment, journal: &Journal) {
    for fault in due(faults, moment, journal) {
        while fault.file.exists() {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The same, on a thread that may block.
pub(crate) fn pause_thread(faults: &[Fault], moment: Moment, journal: &Journal) {
    for fault in due(faults, moment, journal) {
        while fault.file.exists() {
            std::thread::sleep(POLL);
        }
    }
}

fn due<'a>(
    faults: &'a [Fault],
    moment: Moment,
    journal: &'a Journal,
) -> impl Iterator<Item = &'a Fault> {
    #[derive(Serialize)]
    struct Paused {
        moment: Moment,
    }
    faults
        .iter()
        .filter(move |fault| fault.moment == moment && fault.file.exists())
        .inspect(move |_| journal.info("paused-by-test-fault", &Paused { moment }))
}
