//! Starts programs: confined ones in namespaces of their own, and the VMM's supervisor.

mod birth;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use policies_profiles::{Limits, Profile};
use rustix::io::{Errno, read, retry_on_intr};
use rustix::net::{SendFlags, send};
use thiserror::Error;

use self::birth::Birth;
use crate::HOST_ID_BASE;
use crate::child::Child;
use crate::confine::write_once;
use crate::step::{REPORT_LENGTH, Step};

/// Why a program could not be started. Nothing is left of the attempt.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// There is no such program.
    #[error("cannot open the program {path}; is it installed beside this one?")]
    Program {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// Descriptors for the start could not be had.
    #[error("cannot prepare the start of {path}")]
    Prepare {
        /// The program.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The kernel makes no such process.
    #[error(
        "cannot make a process with its own namespaces for {path}; it takes root, and user namespaces must be allowed (user.max_user_namespaces)"
    )]
    Clone {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The child's user could not be mapped.
    #[error("cannot map the user of the new process for {path}; it takes root")]
    Map {
        /// The program.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The child could not get ready.
    #[error("the new process for {path} cannot {step}")]
    Child {
        /// The program.
        path: PathBuf,
        /// What it could not do.
        step: Step,
        /// Why.
        source: Errno,
    },
}

/// Starts `program` for confinement: in user, mount, pid, network, IPC and UTS namespaces of its own,
/// as a host user of its own without any right, with `profile`'s limits, an empty environment, and
/// no descriptors but `control` (as number 3) and standard error. The kernel kills it when the
/// calling thread ends.
///
/// The program itself must then call [`crate::confine`]. Takes root.
pub fn spawn_confined(
    program: &Path,
    profile: &Profile,
    control: OwnedFd,
) -> Result<Child, SpawnError> {
    start(program, control, Some(profile.limits()))
}

/// Starts a program of ours, as the VMM starts its supervisor: no namespaces and no limits, but an
/// empty environment, a session of its own, and no descriptors but `control` (as number 3) and standard
/// error. It outlives a killed parent, and learns of its end by `control`.
///
/// SIGINT, SIGTERM and SIGHUP are the VMM's business. It ignores them, as does the guardian that it
/// leaves, so that somebody is left to tidy up when all processes of a VM are sent one at once.
pub fn spawn_helper(program: &Path, control: OwnedFd) -> Result<Child, SpawnError> {
    start(program, control, None)
}

/// `confined` are the limits of a process that gets namespaces.
fn start(program: &Path, control: OwnedFd, confined: Option<&Limits>) -> Result<Child, SpawnError> {
    let birth = Birth::prepare(program, control)?;
    let child = birth.give(program, confined)?;
    // The child now holds the only other end: reading tells when it has executed or failed.
    let ours = birth.into_parents_end();
    let started = match confined {
        Some(_) => map_user(&child, program),
        None => Ok(()),
    }
    .and_then(|()| let_go(&ours, program));
    match started {
        Ok(()) => Ok(child),
        Err(error) => {
            // Best effort: if even this fails, the closed socket still ends the child.
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// Maps root of the child's user namespace to a host user of its own, and nothing else.
fn map_user(child: &Child, program: &Path) -> Result<(), SpawnError> {
    let id = child.id();
    let line = format!("0 {} 1\n", HOST_ID_BASE + id);
    write_once(&format!("/proc/{id}/gid_map"), line.as_bytes())
        .and_then(|()| write_once(&format!("/proc/{id}/uid_map"), line.as_bytes()))
        .map_err(|source| SpawnError::Map {
            path: program.to_owned(),
            source,
        })
}

/// Lets the child go on and waits until it has executed the program or says why not.
fn let_go(ours: &OwnedFd, program: &Path) -> Result<(), SpawnError> {
    let prepare = |source| SpawnError::Prepare {
        path: program.to_owned(),
        source,
    };
    retry_on_intr(|| send(ours, &[1], SendFlags::NOSIGNAL)).map_err(prepare)?;
    let mut report = [0; REPORT_LENGTH];
    match retry_on_intr(|| read(ours, &mut report)).map_err(prepare)? {
        // Closed by execveat.
        0 => Ok(()),
        _ => Err(Step::from_report(report).map_or_else(
            || prepare(Errno::BADMSG),
            |(step, source)| SpawnError::Child {
                path: program.to_owned(),
                step,
                source,
            },
        )),
    }
}
