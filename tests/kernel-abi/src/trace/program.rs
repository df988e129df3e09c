//! Starting the program, and its end.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Kernel, Watched, event_loop};

/// A program that is traced and has not begun.
pub struct Program {
    process: Pid,
    go: std::process::ChildStdin,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Exited(i32),
    /// By a signal; SIGSYS is its own seccomp filter.
    Signaled(Signal),
}

impl Program {
    /// Starts `program` through `launcher`, stopped before its first instruction, its output in files.
    ///
    /// # Errors
    /// It cannot be started, or this process may not trace.
    pub fn start(
        launcher: &Path,
        watched: &Watched,
        program: &Command,
        output: (File, File),
    ) -> std::io::Result<Self> {
        let mut child = Command::new(launcher)
            .args(watched.to_arguments())
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::piped())
            .stdout(output.0)
            .stderr(output.1)
            .spawn()?;
        let go = child.stdin.take().expect("it is piped");
        let process = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        let options = Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC;
        ptrace::seize(process, options)?;
        Ok(Self { process, go })
    }

    /// Its process id.
    pub fn process(&self) -> Pid {
        self.process
    }

    /// Lets it run to its end, with `kernel` answering. It is killed when its time is up.
    ///
    /// # Errors
    /// Tracing failed.
    pub fn run(mut self, kernel: &mut impl Kernel, patience: Duration) -> std::io::Result<Ended> {
        self.go.write_all(&[0])?;
        drop(self.go);
        let process = self.process;
        let (done, wait) = channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if wait.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                // It may have ended this very moment.
                let _ = kill(process, Signal::SIGKILL);
            }
        });
        let ended = event_loop::run(process, kernel);
        drop(done);
        watchdog.join().expect("it only waits");
        Ok(ended?)
    }
}
