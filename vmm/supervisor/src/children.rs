//! The processes that the supervisor started.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use policies_jail::{Child, Exit, inspect, spawn_confined};
use policies_profiles::Program;
use vmm_channel::{Channel, ReceiveError};
use vmm_wire::{BlkRequest, Confinement, DeviceKind, DeviceReply, ExitStatus, Landlock, Spawn};

use crate::broker::{Broker, Purpose};

/// How long a process may take to confine itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// The supervisor's end of a device's control socket. It only listens, for one word; which requests
/// the VMM will make of this device later is not its business.
type Control = Channel<BlkRequest, DeviceReply>;

/// A child.
pub(crate) struct Managed {
    pub(crate) kind: DeviceKind,
    pub(crate) child: Child,
    pub(crate) broker: Option<Broker>,
    pub(crate) starting: Option<Starting>,
}

/// What there is to a child until the VMM gets it.
pub(crate) struct Starting {
    pub(crate) control: Control,
    pub(crate) deadline: Instant,
    their_broker: Option<OwnedFd>,
}

/// What the VMM gets of a child that was found confined.
pub(crate) struct Ready {
    pub(crate) landlock: Landlock,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Managed {
    /// Starts a process. `tee_socket` is where [`vmm_wire::Target::Tee`] is.
    pub(crate) fn start(
        spawn: Spawn,
        programs: &Path,
        tee_socket: Option<PathBuf>,
        now: Instant,
    ) -> anyhow::Result<Managed> {
        let kind = spawn.kind();
        let (control, theirs) = Control::pair().context("cannot make a control socket")?;
        let (broker, their_broker) = match spawn {
            Spawn::Vsock { ports } => Broker::new(ports, tee_socket, Purpose::Vsock)
                .map(|(broker, theirs)| (Some(broker), Some(theirs)))
                .context("cannot make a broker socket")?,
            Spawn::Blk | Spawn::SimulatedTee => (None, None),
        };
        let program = programs.join(kind.program());
        let child = spawn_confined(&program, &profile(kind).profile(), theirs.into_socket())?;
        Ok(Managed {
            kind,
            child,
            broker,
            starting: Some(Starting {
                control,
                deadline: now + PATIENCE,
                their_broker,
            }),
        })
    }

    /// Hears the child's first word, and looks for itself whether it is true.
    pub(crate) fn check(&mut self) -> anyhow::Result<Ready> {
        // Kept until all is well: a process that is refused must not go before it is ended.
        let starting = self.starting.as_ref().context("it was handed over")?;
        let Confinement { landlock } = match starting.control.receive() {
            Ok(received) => match received.message {
                DeviceReply::Confined(confinement) => confinement,
                DeviceReply::Started | DeviceReply::Failed { .. } => {
                    bail!("it spoke before it was confined")
                }
            },
            Err(ReceiveError::Closed { .. }) => bail!("it ended before it was confined"),
            Err(error) => return Err(error.into()),
        };
        inspect(&self.child, &profile(self.kind).profile())?;
        let starting = self.starting.take().context("it was handed over")?;
        let mut descriptors = vec![starting.control.into_socket()];
        descriptors.extend(starting.their_broker);
        Ok(Ready {
            landlock,
            descriptors,
        })
    }

    /// Ends it, whatever it does.
    pub(crate) fn end(self) -> anyhow::Result<ExitStatus> {
        self.child.kill()?;
        self.wait()
    }

    /// Takes it off the process table.
    pub(crate) fn wait(self) -> anyhow::Result<ExitStatus> {
        Ok(match self.child.wait()? {
            Exit::Code(code) => ExitStatus::Code(code),
            Exit::Signal(signal) => ExitStatus::Signal(signal),
        })
    }
}

fn profile(kind: DeviceKind) -> Program {
    match kind {
        DeviceKind::Blk => Program::Blk,
        DeviceKind::Vsock => Program::Vsock,
        DeviceKind::SimulatedTee => Program::SimulatedTee,
    }
}
