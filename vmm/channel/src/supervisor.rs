//! The VMM's end of its conversation with the supervisor.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::event::PollFlags;
use thiserror::Error;
use vmm_wire::{
    ChildId, DeviceKind, ExitStatus, Landlock, Spawn, SupervisorReply, SupervisorRequest, Target,
};

use crate::{Channel, Patience, ReceiveError, SendError, WaitError};

/// A supervisor that accepted its work. Dropping it (closing the socket) ends every child, removes
/// the runtime directory and ends the supervisor.
#[derive(Debug)]
pub struct Supervisor {
    channel: Channel<SupervisorRequest, SupervisorReply>,
    patience: Patience,
    ended: VecDeque<Ended>,
}

/// What the supervisor looks after.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// Absolute path of the runtime directory.
    pub runtime_dir: &'a Path,
    /// The directory itself, locked.
    pub directory: BorrowedFd<'a>,
    /// The end to read of a pipe. When the other end closes and the supervisor does not end soon, it
    /// is killed.
    pub leash: BorrowedFd<'a>,
}

/// A confined process that waits for its configuration.
#[derive(Debug)]
pub struct Spawned {
    /// Its name in [`Ended`].
    pub child: ChildId,
    /// What it is.
    pub kind: DeviceKind,
    /// Its process id on the host.
    pub pid: u32,
    /// Whether the kernel could add the Landlock layer.
    pub landlock: Landlock,
    /// Its control socket; make a [`Channel`] of its vocabulary from it.
    pub control: OwnedFd,
    /// Of a vsock device: the socket over which it asks for connections, to be handed to it.
    pub broker: Option<OwnedFd>,
}

/// A child that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub child: ChildId,
    /// What it was.
    pub kind: DeviceKind,
    /// How it ended.
    pub status: ExitStatus,
}

/// Why the conversation with the supervisor failed.
#[derive(Debug, Error)]
pub enum SupervisorError {
    /// It could not be asked.
    #[error("cannot ask the supervisor")]
    Send(#[from] SendError),
    /// It did not answer.
    #[error("no answer from the supervisor")]
    Receive(#[from] ReceiveError),
    /// It was not waited for any longer.
    #[error("no answer from the supervisor")]
    Wait(#[from] WaitError),
    /// It answered something else.
    #[error("the supervisor answered out of turn; are both programs of the same build?")]
    OutOfTurn,
    /// It refuses the runtime directory, or connections.
    #[error("the supervisor refuses: {reason}")]
    Refused {
        /// In its own words.
        reason: String,
    },
}

/// Why a process could not be started.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// The conversation failed.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    /// The supervisor could not or would not.
    #[error("cannot start a confined {kind}: {reason}")]
    Refused {
        /// What was to start.
        kind: DeviceKind,
        /// In the supervisor's words.
        reason: String,
    },
}

impl Supervisor {
    /// Begins: the supervisor takes over the removal of the runtime directory. `patience` is for each
    /// of its answers, now and later.
    pub fn begin(
        socket: OwnedFd,
        beginning: &Beginning<'_>,
        patience: Patience,
    ) -> Result<Self, SupervisorError> {
        let mut supervisor = Supervisor {
            channel: Channel::from_socket(socket),
            patience,
            ended: VecDeque::new(),
        };
        let request = SupervisorRequest::Begin {
            runtime_dir: beginning.runtime_dir.to_owned(),
        };
        supervisor
            .channel
            .send(&request, &[beginning.directory, beginning.leash])?;
        match supervisor.answer()? {
            (SupervisorReply::Ready, _) => Ok(supervisor),
            (SupervisorReply::Refused { reason }, _) => Err(SupervisorError::Refused { reason }),
            _ => Err(SupervisorError::OutOfTurn),
        }
    }

    /// Starts a confined process and waits until its confinement was checked from outside.
    pub fn spawn(&mut self, spawn: Spawn) -> Result<Spawned, SpawnError> {
        let asked = spawn.kind();
        let request = SupervisorRequest::Spawn(spawn);
        self.channel
            .send(&request, &[])
            .map_err(SupervisorError::from)?;
        let (reply, descriptors) = self.answer()?;
        match reply {
            SupervisorReply::Spawned {
                child,
                kind,
                pid,
                landlock,
            } if kind == asked => {
                let mut descriptors = descriptors.into_iter();
                Ok(Spawned {
                    child,
                    kind,
                    pid,
                    landlock,
                    control: descriptors.next().ok_or(SupervisorError::OutOfTurn)?,
                    broker: descriptors.next(),
                })
            }
            SupervisorReply::Refused { reason } => Err(SpawnError::Refused {
                kind: asked,
                reason,
            }),
            _ => Err(SupervisorError::OutOfTurn.into()),
        }
    }

    /// The socket over which this process asks for connections to `ports`: make a [`Channel`] of
    /// [`vmm_wire::BrokerRequest`] and [`vmm_wire::BrokerReply`] from it.
    ///
    /// # Errors
    /// The supervisor refuses, as it does the second time, or does not answer.
    pub fn broker(&mut self, ports: BTreeMap<u32, Target>) -> Result<OwnedFd, SupervisorError> {
        self.channel
            .send(&SupervisorRequest::Broker { ports }, &[])?;
        match self.answer()? {
            (SupervisorReply::Broker, descriptors) => descriptors
                .into_iter()
                .next()
                .ok_or(SupervisorError::OutOfTurn),
            (SupervisorReply::Refused { reason }, _) => Err(SupervisorError::Refused { reason }),
            _ => Err(SupervisorError::OutOfTurn),
        }
    }

    /// Waits until a child ends. While the machine runs, poll the socket ([`AsFd`]) and call this
    /// when it is readable; an error means that the supervisor itself is gone.
    ///
    /// Call it once before polling too: a child may have ended while another was starting.
    pub fn next_ended(&mut self) -> Result<Ended, SupervisorError> {
        if let Some(ended) = self.ended.pop_front() {
            return Ok(ended);
        }
        match self.channel.receive()?.message {
            SupervisorReply::Exited {
                child,
                kind,
                status,
            } => Ok(Ended {
                child,
                kind,
                status,
            }),
            _ => Err(SupervisorError::OutOfTurn),
        }
    }

    /// Whether [`Self::next_ended`] would return at once with something heard earlier.
    pub fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// The answer to the last request; children that end meanwhile are remembered.
    fn answer(&mut self) -> Result<(SupervisorReply, Vec<OwnedFd>), SupervisorError> {
        loop {
            self.patience
                .wait_for(self.channel.as_fd(), PollFlags::IN)?;
            let received = self.channel.receive()?;
            match received.message {
                SupervisorReply::Exited {
                    child,
                    kind,
                    status,
                } => self.ended.push_back(Ended {
                    child,
                    kind,
                    status,
                }),
                reply => return Ok((reply, received.descriptors)),
            }
        }
    }
}

impl AsFd for Supervisor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}
