//! The processes that a VMM starts.

use std::fs;
use std::time::{Duration, Instant};

/// A process by its id and its start, so that a later one of the same id is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    id: i32,
    name: String,
    started: String,
}

impl Process {
    /// The first 15 bytes of its program's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// All that `parent` started, and what those started.
pub fn descendants(parent: i32) -> Vec<Process> {
    let threads = fs::read_dir(format!("/proc/{parent}/task"));
    let children = threads.into_iter().flatten().flatten().flat_map(|thread| {
        let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let ids = text.split_whitespace().map(str::to_owned);
        ids.collect::<Vec<_>>()
    });
    children
        .filter_map(|id| id.parse().ok())
        .flat_map(|id| {
            let mut family: Vec<Process> = look(id).into_iter().collect();
            family.extend(descendants(id));
            family
        })
        .collect()
}

/// Those of `processes` that are still there when `patience` is over.
pub fn left(processes: &[Process], patience: Duration) -> Vec<String> {
    let deadline = Instant::now() + patience;
    loop {
        let left: Vec<String> = processes
            .iter()
            .filter(|process| look(process.id).as_ref() == Some(process))
            .map(|process| format!("process {} ({})", process.id, process.name))
            .collect();
        if left.is_empty() || Instant::now() >= deadline {
            return left;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A zombie is as good as gone: its parent only has not looked yet.
fn look(id: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let mut fields = tail.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then_some(())?;
    // starttime is field 22 of proc(5); the state is field 3.
    let started = fields.nth(18)?.to_owned();
    let name = head.split_once('(')?.1.to_owned();
    Some(Process { id, name, started })
}
