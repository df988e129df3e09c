//! From clone3 to execveat: what a child does before it is the program.

use std::convert::Infallible as Never;
use std::ffi::{CString, c_int};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use policies_profiles::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec, read, retry_on_intr};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};
use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use rustix::thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::SpawnError;
use crate::child::Child;
use crate::clone::{ExitCode, check, clone_process};
use crate::control::CONTROL;
use crate::step::Step;
use crate::{limits, signals};

/// Every namespace but cgroup and time.
const NAMESPACES: c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// Descriptors that the child works with are moved up here, clear of the numbers that it ends up
/// with.
const LOWEST_WORKING_FD: RawFd = 10;

/// Everything that a child needs, made before it exists: between clone3 and execveat it may not
/// allocate, since another thread of the parent may have held the allocator's lock.
pub(super) struct Birth {
    program: OwnedFd,
    name: CString,
    null: OwnedFd,
    control: OwnedFd,
    /// The two ends of the socket between parent and child.
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Birth {
    pub(super) fn prepare(program: &Path, control: OwnedFd) -> Result<Birth, SpawnError> {
        // By descriptor, since the child's user may not be able to walk to the path.
        let file =
            open(program, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|source| {
                SpawnError::Program {
                    path: program.to_owned(),
                    source,
                }
            })?;
        let prepare = |source| SpawnError::Prepare {
            path: program.to_owned(),
            source,
        };
        let name = program.file_name().unwrap_or(program.as_os_str());
        let name = CString::new(name.as_bytes()).map_err(|_| prepare(Errno::INVAL))?;
        let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(prepare)?;
        let up = |fd: OwnedFd| fcntl_dupfd_cloexec(fd, LOWEST_WORKING_FD).map_err(prepare);
        Ok(Birth {
            program: up(file)?,
            name,
            null: up(null.map_err(prepare)?)?,
            control: up(control)?,
            theirs: up(theirs)?,
            ours: up(ours)?,
        })
    }

    /// Makes the child. It waits for a word by the socket.
    pub(super) fn give(
        &self,
        program: &Path,
        confined: Option<&Limits>,
    ) -> Result<Child, SpawnError> {
        let namespaces = confined.map_or(0, |_| NAMESPACES);
        clone_process(namespaces, || self.live(confined)).map_err(|source| SpawnError::Clone {
            path: program.to_owned(),
            source,
        })
    }

    /// The child's life until the program takes over; returns only if it failed.
    fn live(&self, confined: Option<&Limits>) -> ExitCode {
        let Err((step, error)) = self.become_program(confined);
        // If the parent is gone nobody is left to tell.
        let _ = send(&self.theirs, &step.report(error), SendFlags::NOSIGNAL);
        ExitCode(127)
    }

    /// The parent's end of the socket. The rest is the child's.
    pub(super) fn into_parents_end(self) -> OwnedFd {
        self.ours
    }

    fn become_program(&self, confined: Option<&Limits>) -> Result<Never, (Step, Errno)> {
        let at = |step: Step| move |error| (step, error);
        self.await_go().map_err(at(Step::Parent))?;
        setsid().map_err(at(Step::Session))?;
        signals::unblock_all().map_err(at(Step::Session))?;
        match confined {
            Some(limits) => {
                become_namespace_root().map_err(at(Step::User))?;
                // After the change of user, which clears it.
                self.die_with_parent().map_err(at(Step::Parent))?;
                // After the change of user too: nobody must be over the limit before.
                limits::apply(limits).map_err(at(Step::Limits))?;
            }
            None => signals::ignore_stops().map_err(at(Step::Session))?,
        }
        self.arrange_descriptors().map_err(at(Step::Descriptors))?;
        Err((Step::Execute, self.execute()))
    }

    /// The parent maps this process's user first. Its end is an error here.
    fn await_go(&self) -> Result<(), Errno> {
        // With a copy of the parent's end open, that end would never be seen.
        // SAFETY: this process executes another program next: nobody looks at the number again.
        check(unsafe { libc::close(self.ours.as_raw_fd()) }.into())?;
        let mut go = [0];
        match retry_on_intr(|| read(&self.theirs, &mut go))? {
            1 => Ok(()),
            _ => Err(Errno::PIPE),
        }
    }

    /// A parent that died before the kernel knew of this wish has closed its socket, for a dying
    /// process closes its files before it notifies its children.
    fn die_with_parent(&self) -> Result<(), Errno> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let mut closed = [PollFd::new(&self.theirs, PollFlags::IN)];
        match poll(&mut closed, Some(&Timespec::default()))? {
            0 => Ok(()),
            _ => Err(Errno::PIPE),
        }
    }

    fn arrange_descriptors(&self) -> Result<(), Errno> {
        for (from, to) in [(&self.null, 0), (&self.null, 1), (&self.control, CONTROL)] {
            // SAFETY: this process has one thread, which executes another program next: no owner of
            // the numbers 0, 1 and 3 will look at them again.
            check(unsafe { libc::dup2(from.as_raw_fd(), to) }.into())?;
        }
        let first = CONTROL + 1;
        // SAFETY: marks descriptors as close-on-exec, touches no memory.
        check(unsafe {
            libc::syscall(
                libc::SYS_close_range,
                first,
                libc::c_uint::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            )
        })
    }

    /// Returns only why it failed.
    fn execute(&self) -> Errno {
        let arguments = [self.name.as_ptr(), std::ptr::null()];
        let environment: [*const libc::c_char; 1] = [std::ptr::null()];
        // SAFETY: both arrays end with null and hold C strings that live in `self`; with
        // AT_EMPTY_PATH the program is the descriptor itself.
        let result = check(unsafe {
            libc::syscall(
                libc::SYS_execveat,
                self.program.as_raw_fd(),
                c"".as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
                libc::AT_EMPTY_PATH,
            )
        });
        result.err().unwrap_or(Errno::NOEXEC)
    }
}

/// Root of the namespace: nobody on the host. Groups of the parent would stay valid otherwise.
fn become_namespace_root() -> Result<(), Errno> {
    set_thread_groups(&[])?;
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
}
