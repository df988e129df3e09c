//! Looks at a process from outside: is it confined, whatever it says itself?

use std::fs;
use std::io;

use policies_profiles::Profile;
use thiserror::Error;

use crate::{Child, HOST_ID_BASE};

/// The namespaces that a confined process must not share with its inspector.
const NAMESPACES: [&str; 6] = ["user", "mnt", "pid", "net", "ipc", "uts"];

/// The descriptors that it was born with: nothing, nothing, standard error, and its control socket.
const DESCRIPTORS: [&str; 4] = ["0", "1", "2", "3"];

/// Why a process could not be found confined.
#[derive(Debug, Error)]
pub enum InspectError {
    /// Something could not be read, so that nothing is known.
    #[error("cannot read {path}")]
    Read {
        /// What.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not confined.
    #[error("process {pid} is not confined: {}", list(.findings))]
    Findings {
        /// Its process id.
        pid: u32,
        /// Everything that is wrong, never empty.
        findings: Vec<Finding>,
    },
}

/// One way in which a process is not confined.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Finding {
    /// A line of /proc/PID/status is not what it must be.
    #[error("{field} is {found:?}, must be {expected:?}")]
    Status {
        /// The line.
        field: &'static str,
        /// What it must say.
        expected: String,
        /// What it says.
        found: String,
    },
    /// It shares a namespace with its inspector.
    #[error("it shares the {0} namespace")]
    Shared(&'static str),
    /// Its root shows something.
    #[error("its root is not empty")]
    Root,
    /// There is more to see than its root.
    #[error("it sees {0} mounts, must see its root alone")]
    Mounts(usize),
    /// It has descriptors that it was not born with, or lacks one.
    #[error("its descriptors are {}, must be 0, 1, 2, 3", .0.join(", "))]
    Descriptors(Vec<String>),
    /// A limit is not the profile's.
    #[error("{field} is {found:?}, must be {expected}")]
    Limit {
        /// The line of /proc/PID/limits.
        field: &'static str,
        /// What it must be.
        expected: u64,
        /// What it is.
        found: String,
    },
}

fn list(findings: &[Finding]) -> String {
    let findings: Vec<_> = findings.iter().map(Finding::to_string).collect();
    findings.join("; ")
}

/// Checks a child of [`crate::spawn_confined`] that says it has called [`crate::confine`].
///
/// The child cannot be another process meanwhile: it is not waited for before `child` is consumed.
pub fn inspect(child: &Child, profile: &Profile) -> Result<(), InspectError> {
    let pid = child.id();
    let mut findings = check_status(pid)?;
    findings.extend(check_namespaces(pid)?);
    findings.extend(check_root(pid)?);
    findings.extend(check_mounts(pid)?);
    findings.extend(check_descriptors(pid)?);
    findings.extend(check_limits(pid, profile)?);
    if findings.is_empty() {
        Ok(())
    } else {
        Err(InspectError::Findings { pid, findings })
    }
}

fn check_status(pid: u32) -> Result<Vec<Finding>, InspectError> {
    let status = read(format!("/proc/{pid}/status"))?;
    let host_id = HOST_ID_BASE + pid;
    let ids = format!("{host_id}\t{host_id}\t{host_id}\t{host_id}");
    let none = "0000000000000000";
    let expected = [
        ("Uid", ids.as_str()),
        ("Gid", &ids),
        ("Groups", ""),
        ("CapInh", none),
        ("CapPrm", none),
        ("CapEff", none),
        ("CapBnd", none),
        ("CapAmb", none),
        ("NoNewPrivs", "1"),
        // SECCOMP_MODE_FILTER.
        ("Seccomp", "2"),
        ("Threads", "1"),
    ];
    Ok(expected
        .into_iter()
        .filter_map(|(field, expected)| {
            let found = line(&status, field).unwrap_or("missing");
            (found != expected).then(|| Finding::Status {
                field,
                expected: expected.to_owned(),
                found: found.to_owned(),
            })
        })
        .collect())
}

fn line<'a>(status: &'a str, field: &str) -> Option<&'a str> {
    status
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| *name == field)
        .map(|(_, value)| value.trim())
}

fn check_namespaces(pid: u32) -> Result<Vec<Finding>, InspectError> {
    let mut shared = Vec::new();
    for namespace in NAMESPACES {
        let theirs = link(format!("/proc/{pid}/ns/{namespace}"))?;
        let ours = link(format!("/proc/self/ns/{namespace}"))?;
        if theirs == ours {
            shared.push(Finding::Shared(namespace));
        }
    }
    Ok(shared)
}

fn check_root(pid: u32) -> Result<Option<Finding>, InspectError> {
    let path = format!("/proc/{pid}/root/");
    let mut entries = fs::read_dir(&path).map_err(|source| InspectError::Read { path, source })?;
    Ok(entries.next().map(|_| Finding::Root))
}

fn check_mounts(pid: u32) -> Result<Option<Finding>, InspectError> {
    let mounts = read(format!("/proc/{pid}/mountinfo"))?.lines().count();
    Ok((mounts != 1).then_some(Finding::Mounts(mounts)))
}

fn check_descriptors(pid: u32) -> Result<Option<Finding>, InspectError> {
    let path = format!("/proc/{pid}/fd");
    let mut found = fs::read_dir(&path)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|source| InspectError::Read { path, source })?
        .iter()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect::<Vec<_>>();
    found.sort_unstable();
    Ok((found != DESCRIPTORS).then_some(Finding::Descriptors(found)))
}

fn check_limits(pid: u32, profile: &Profile) -> Result<Vec<Finding>, InspectError> {
    let table = read(format!("/proc/{pid}/limits"))?;
    let limits = profile.limits();
    let expected = [
        ("Max core file size", 0),
        ("Max open files", limits.open_files.at_most),
        ("Max processes", limits.processes.at_most),
        ("Max file size", limits.file_size.at_most),
        ("Max address space", limits.address_space.at_most),
    ];
    Ok(expected
        .into_iter()
        .filter_map(|(field, expected)| {
            let row = table.lines().find_map(|line| line.strip_prefix(field));
            let found = row.unwrap_or("missing");
            let mut columns = found.split_whitespace();
            let both = [columns.next(), columns.next()];
            let expected_text = expected.to_string();
            (both != [Some(expected_text.as_str()); 2]).then(|| Finding::Limit {
                field,
                expected,
                found: found.trim().to_owned(),
            })
        })
        .collect())
}

fn read(path: String) -> Result<String, InspectError> {
    fs::read_to_string(&path).map_err(|source| InspectError::Read { path, source })
}

fn link(path: String) -> Result<std::path::PathBuf, InspectError> {
    fs::read_link(&path).map_err(|source| InspectError::Read { path, source })
}
