//! Confines the verifier's service to its files, its ports and its system calls, for as long as it serves.
//!
//! It goes in two steps, since the kernel has Landlock hold for one thread and those that it makes (for all of a process
//! only since Linux 7.0), and since what is done once, such as to bind a socket, should be impossible afterwards:
//!
//! 1. [`Confinement::begin`], while there is one thread: no dump, limits, no new privileges, Landlock. Threads to come
//!    inherit all of it.
//! 2. [`Begun::finish`], once everything is open and bound: seccomp, over all threads.
//!
//! A forbidden file or port is refused (EACCES); a forbidden system call kills the process, which fails closed: what is not
//! committed then is not answered either. [`Report`] says which layers hold and which this kernel does not offer.

#![forbid(unsafe_code)]

mod files;
mod layer;
mod report;

use std::fs;
use std::io;
use std::path::PathBuf;

use policies_jail::{Filter, FilterError, lower_limits};
use policies_profiles::{Profile, Program};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use thiserror::Error;

pub use layer::Layer;
pub use policies_profiles::Reach;
pub use report::{Lack, Report};

/// What a service needs from now on; whatever is not named here is denied.
#[derive(Clone, Debug, Default)]
pub struct Confinement {
    /// Files, and directories with all in them, that are read.
    pub read: Vec<PathBuf>,
    /// Directories in which files are made, written, renamed and removed. To read them too, name them above.
    pub write: Vec<PathBuf>,
    /// TCP ports that are bound between the steps; 0 lets the kernel choose one. Afterwards none can be.
    pub bind: Vec<u16>,
    /// TCP ports, on whatever machine, that are connected to.
    pub connect: Vec<u16>,
    /// Which system calls.
    pub reach: Reach,
    /// Whether it may go on without a layer.
    pub strictness: Strictness,
}

/// Whether a service may go on without a layer that its kernel does not offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Not without those that [`Layer::is_required`] names.
    #[default]
    Required,
    /// Yes; the report says which.
    BestEffort,
}

/// Why a service is not confined. It must end then.
#[derive(Debug, Error)]
pub enum ConfinementError {
    /// Landlock would hold for one of several threads.
    #[error("this process has {0} threads already, and Landlock would hold for one of them alone")]
    Threads(usize),
    /// The threads cannot be counted.
    #[error("cannot count this process's threads in /proc/self/task; is /proc mounted?")]
    CountThreads(#[source] io::Error),
    /// The kernel does not offer a layer.
    #[error(
        "this kernel does not confine the verifier: {layer}: {why}. Run it on one that does, or set `confinement = \
         \"best-effort\"` and have something else confine it"
    )]
    NotOffered {
        /// Which.
        layer: Layer,
        /// What the kernel said.
        why: String,
    },
    /// The process's memory stays open to others.
    #[error("cannot keep other processes out of this one's memory (PR_SET_DUMPABLE)")]
    Dumpable(#[source] Errno),
    /// The limits stay as they are.
    #[error("cannot lower resource limits")]
    Limits(#[source] Errno),
    /// The profile does not compile.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl Confinement {
    /// The first step, in the one thread of a process.
    ///
    /// A path that is not there gets no right, and whoever opens it hears so: to name what is wrong with it is theirs.
    ///
    /// # Errors
    /// There are other threads, or the kernel does not offer what is required.
    pub fn begin(self) -> Result<Begun, ConfinementError> {
        let profile = Program::Verifier(self.reach).profile();
        // First: what is wrong with a profile is best said while nothing is confined.
        let filter = Filter::compile(&profile)?;
        one_thread()?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(ConfinementError::Dumpable)?;
        lower_limits(profile.limits()).map_err(ConfinementError::Limits)?;
        let mut report = Report::new(&profile);
        report.holds(&[Layer::Memory, Layer::Limits]);
        files::restrict(&self, &mut report);
        report.check(self.strictness)?;
        Ok(Begun {
            filter,
            report,
            strictness: self.strictness,
        })
    }
}

/// A process after the first step.
#[derive(Debug)]
#[must_use = "system calls are not confined yet: finish"]
pub struct Begun {
    filter: Filter,
    report: Report,
    strictness: Strictness,
}

impl Begun {
    /// The second step, in whichever thread: from here on no thread makes a call that the profile does not list.
    ///
    /// # Errors
    /// The kernel refuses the filter, and it is required.
    pub fn finish(mut self) -> Result<Report, ConfinementError> {
        match self.filter.install_on_all_threads() {
            Ok(()) => self
                .report
                .holds(&[Layer::SystemCalls, Layer::NoNewPrivileges]),
            Err(error) => self.report.lacks(Layer::SystemCalls, why(&error)),
        }
        self.report.check(self.strictness)?;
        Ok(self.report)
    }
}

/// What `cloister-verifier serve` may call, for those who read or test it.
#[must_use]
pub fn profile(reach: Reach) -> Profile {
    Program::Verifier(reach).profile()
}

fn one_thread() -> Result<(), ConfinementError> {
    let tasks = fs::read_dir("/proc/self/task").map_err(ConfinementError::CountThreads)?;
    match tasks.count() {
        1 => Ok(()),
        count => Err(ConfinementError::Threads(count)),
    }
}

/// An error and its causes, in one line.
fn why(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
