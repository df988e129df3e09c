//! One launch, by `cloister-vmm` as everybody has it.

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::folder::{Folder, Prepared};
use crate::programs::Program;
use crate::report::Launch;
use crate::trial::{Case, Trial};

/// As much of what the VMM tells is kept, in bytes; of its console and standard error a sixteenth.
const MOST: u64 = 256 << 10;
/// How long the VMM may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
const EVENTS: &str = "events";
const SAID: &str = "said";
const CONSOLE: &str = "console";

/// Launches, and waits for at most `patience`.
///
/// # Errors
/// The VMM cannot be started, or somebody wants this program to end: the VMM has then ended.
pub fn launch(
    folder: &Folder,
    trial: Trial,
    prepared: Prepared,
    patience: Duration,
) -> Result<Launch> {
    let create = |name: &str| File::create(folder.path(name)).context("cannot make a file");
    create(CONSOLE)?;
    let mut command = Command::new(Program::Vmm.path()?);
    command
        .arg("run")
        .arg(folder.configuration())
        .arg("--console")
        .arg(folder.path(CONSOLE))
        // What differs is an event.
        .args(["--adopt-cpuid", "-o", "json"])
        .stdin(Stdio::null())
        .stdout(create(EVENTS)?)
        .stderr(create(SAID)?);
    if trial.case == Case::OtherDigest {
        command.arg("--any-id-block");
    }
    let start = Instant::now();
    let mut child = command.spawn().context("cannot start cloister-vmm")?;
    let ended = wait(&mut child, patience)?;
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let no_answer = ended.is_none().then_some(patience.as_secs());
    Ok(Launch {
        trial,
        configuration: prepared.configuration,
        predicted: prepared.predicted,
        id_block: prepared.id_block,
        rtmrs: prepared.rtmrs,
        events: events(&text(folder, EVENTS, MOST)),
        said: text(folder, SAID, MOST / 16),
        console: text(folder, CONSOLE, MOST / 16),
        exit_code: ended.and_then(|status| status.code()),
        no_answer_after_seconds: no_answer,
        milliseconds,
    })
}

/// Its end; `None`, when it did not come to one and was ended.
fn wait(child: &mut Child, patience: Duration) -> Result<Option<ExitStatus>> {
    let is_interrupted = || measured_boot_draft::check().is_err();
    if let Some(status) = wait_until(child, Instant::now() + patience, is_interrupted)? {
        return Ok(Some(status));
    }
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended this very moment.
        let _ = kill_process(pid, Signal::TERM);
    }
    if wait_until(child, Instant::now() + GRACE, || false)?.is_none() {
        child.kill().context("cannot end cloister-vmm")?;
        child.wait().context("cannot wait for cloister-vmm")?;
    }
    measured_boot_draft::check()?;
    Ok(None)
}

fn wait_until(
    child: &mut Child,
    deadline: Instant,
    gives_up: impl Fn() -> bool,
) -> Result<Option<ExitStatus>> {
    loop {
        let ended = child.try_wait().context("cannot wait for cloister-vmm")?;
        if ended.is_some() || Instant::now() >= deadline || gives_up() {
            return Ok(ended);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The beginning of a file; whatever is no UTF-8 in it is replaced.
fn text(folder: &Folder, name: &str, most: u64) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(folder.path(name)) {
        // What could be read is the best that there is.
        let _ = file.take(most).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An event a line; a line that is none is kept as it is.
fn events(lines: &str) -> Vec<Value> {
    let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| line.into());
    lines.lines().map(event).collect()
}
