//! The process that has a token's module loaded, as its owner sees it.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{TokenConfig, TokenName, Unavailable};
use crate::wire::{self, Reply};

/// The kernel takes no timeout of nothing.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(1);

/// A running worker. Killed when dropped, unless it is left alone.
pub(super) struct Worker {
    /// None where it ends by itself, or a test answers.
    child: Option<Child>,
    stream: UnixStream,
    patience: Duration,
}

/// Why a worker gave no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Ended,
    Silent,
    Garbled,
}

impl Worker {
    /// Starts a worker that is logged in.
    pub(super) fn start(config: &TokenConfig) -> Result<Self, Unavailable> {
        let no_worker = |why: io::Error| Unavailable::NoWorker {
            program: config.program.display().to_string(),
            why: why.to_string(),
        };
        let (stream, theirs) = UnixStream::pair().map_err(no_worker)?;
        let patience = config.patience.max(SHORTEST_PATIENCE);
        stream
            .set_write_timeout(Some(patience))
            .map_err(no_worker)?;
        // The command goes at once, and with it our copy of the worker's end of the socket.
        let child = command(config, theirs).spawn().map_err(no_worker)?;
        let mut worker = Self {
            child: Some(child),
            stream,
            patience,
        };
        match worker.reply()? {
            Reply::Done => Ok(worker),
            Reply::PinRefused(why) => Err(Unavailable::Pin(why)),
            Reply::Lost(why) => Err(Unavailable::Lost(why)),
            _ => Err(Unavailable::Garbled),
        }
    }

    /// The same worker, which ends once nobody speaks to it any more: it is not killed.
    pub(super) fn left_alone(mut self) -> Self {
        self.child = None;
        self
    }

    /// One request, one reply.
    pub(super) fn ask(&mut self, request: &[u8]) -> Result<Reply, Unavailable> {
        wire::send(&mut self.stream, request).map_err(fault)?;
        match self.reply()? {
            Reply::Lost(why) => Err(Unavailable::Lost(why)),
            Reply::PinRefused(_) => Err(Unavailable::Garbled),
            reply => Ok(reply),
        }
    }

    fn reply(&mut self) -> Result<Reply, Fault> {
        let mut until = Until {
            stream: &self.stream,
            deadline: Instant::now() + self.patience,
        };
        let bytes = wire::receive(&mut until).map_err(fault)?;
        Reply::from_bytes(&bytes).map_err(|_| Fault::Garbled)
    }
}

/// Reads until a deadline, in however small pieces a worker answers.
struct Until<'a> {
    stream: &'a UnixStream,
    deadline: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(bytes)
    }
}

fn fault(error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Fault::Silent,
        io::ErrorKind::InvalidData => Fault::Garbled,
        _ => Fault::Ended,
    }
}

/// Its standard input is the socket. Nothing of this process's environment goes along, and what a
/// module prints goes nowhere.
fn command(config: &TokenConfig, socket: UnixStream) -> Command {
    let mut command = Command::new(&config.program);
    command.arg("serve").arg("--module").arg(&config.module);
    match &config.token {
        TokenName::Label(label) => command.arg("--token-label").arg(label),
        TokenName::Serial(serial) => command.arg("--token-serial").arg(serial),
    };
    command.arg("--pin-file").arg(&config.pin_file);
    command.env_clear();
    command.envs(config.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself; what matters is that it is not there afterwards.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}

#[cfg(test)]
impl Worker {
    /// A thread that answers as a worker would, until it gives no answer.
    pub(super) fn answered_by(
        mut answer: impl FnMut(crate::wire::Request) -> Option<Reply> + Send + 'static,
    ) -> Self {
        let (stream, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            while let Ok(bytes) = wire::receive(&mut theirs) {
                let request = crate::wire::Request::from_bytes(&bytes).unwrap();
                let Some(reply) = answer(request) else { return };
                wire::send(&mut theirs, &reply.to_bytes()).unwrap();
            }
        });
        Self {
            child: None,
            stream,
            patience: Duration::from_millis(500),
        }
    }
}
