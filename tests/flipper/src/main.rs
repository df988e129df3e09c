//! `flipper-watch PROGRAM ARGUMENTS...`: runs a VMM, serves its guest's echoes, and looks at the memory
//! that the guest shares until the VMM ends. The last line on standard output is what it saw, as JSON.
//!
//! Its exit code is the VMM's.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Child, Command, ExitCode};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use tests_flipper::scan::{Found, look, shared_memory};
use tests_flipper::{echo, stats};
use tests_flipper_guest::vsock::SERVER_PORT;

/// Between two looks: a look at some megabytes takes a while in the lab, and the guest needs the CPU.
const PAUSE: Duration = Duration::from_millis(700);

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (program, arguments) = arguments
        .split_first()
        .context("usage: flipper-watch PROGRAM ARGUMENTS...")?;
    stats::mount();
    let seen = echo::serve(u16::try_from(SERVER_PORT)?).context("listen for the guest")?;
    let mut vmm = Command::new(program)
        .args(arguments)
        .spawn()
        .with_context(|| format!("start {program}"))?;
    let looked = watch(&mut vmm)?;
    let code = vmm.wait().context("wait for the VMM")?.code();
    let report = json!({
        "exit_code": code,
        "looks": looked.looks,
        "bytes_looked_at": looked.bytes,
        "bytes_left": looked.last.bytes,
        "leaks_in_memory": looked.leaks,
        "connections": seen.connections.load(Ordering::Relaxed),
        "bytes_received": seen.bytes.load(Ordering::Relaxed),
        "leaks_in_streams": seen.leaks.load(Ordering::Relaxed),
        "kvm": looked.kvm,
    });
    println!("{report}");
    let code = code.and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What was seen of the memory.
#[derive(Default)]
struct Looked {
    looks: u64,
    bytes: u64,
    leaks: Vec<u64>,
    /// After the VMM had ended.
    last: Found,
    kvm: BTreeMap<&'static str, u64>,
}

fn watch(vmm: &mut Child) -> Result<Looked> {
    let mut looked = Looked::default();
    let mut memory: Option<File> = None;
    while vmm.try_wait().context("wait for the VMM")?.is_none() {
        // A VMM that just ended has no descriptors to list.
        memory = memory.or_else(|| shared_memory(vmm.id()).ok().flatten());
        if let Some(memory) = &memory {
            looked.look(memory)?;
        }
        looked.count();
        thread::sleep(PAUSE);
    }
    // The file outlives the process as long as it is open here.
    if let Some(memory) = &memory {
        looked.look(memory)?;
    }
    Ok(looked)
}

impl Looked {
    fn look(&mut self, memory: &File) -> Result<()> {
        self.last = look(memory).context("look at the guest's shared memory")?;
        self.looks += 1;
        self.bytes += self.last.bytes;
        self.leaks.extend(&self.last.leaks);
        Ok(())
    }

    /// A VM's counters go with it, so the highest is the last.
    fn count(&mut self) {
        for (name, value) in stats::read() {
            let highest = self.kvm.entry(name).or_default();
            *highest = value.max(*highest);
        }
    }
}
