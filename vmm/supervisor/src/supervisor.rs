//! The supervisor's one loop.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use policies_jail::tell;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use vmm_channel::{Channel, ReceiveError, SendError};
use vmm_wire::{ChildId, Spawn, SupervisorReply, SupervisorRequest, TEE_SOCKET, Target};

use crate::broker::{Broker, PendingId, Purpose};
use crate::children::{Managed, Ready};
use crate::runtime_dir::RuntimeDir;

/// Everything that it looks after. Children end and the runtime directory goes with it.
pub(crate) struct Supervisor {
    vmm: Channel<SupervisorReply, SupervisorRequest>,
    programs: PathBuf,
    children: BTreeMap<ChildId, Managed>,
    next_child: u32,
    runtime_dir: Option<RuntimeDir>,
    own: Own,
}

/// The VMM's own broker.
enum Own {
    /// It has asked for none.
    Unasked,
    /// It has one.
    Open(Broker),
    /// It misused the one that it had, or gave it up.
    Closed,
}

/// Who has a broker.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Vmm,
    Child(ChildId),
}

/// Whose descriptor is ready.
#[derive(Clone, Copy, Debug)]
enum Source {
    Vmm,
    Control(ChildId),
    Broker(Owner),
    Connection(Owner, PendingId),
    Exit(ChildId),
}

impl Supervisor {
    /// One that starts programs from a directory.
    pub(crate) fn new(
        vmm: Channel<SupervisorReply, SupervisorRequest>,
        programs: PathBuf,
    ) -> Supervisor {
        Supervisor {
            vmm,
            programs,
            children: BTreeMap::new(),
            next_child: 0,
            runtime_dir: None,
            own: Own::Unasked,
        }
    }

    /// Serves until the VMM is gone, and leaves nothing behind however that ends.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        let served = self.serve();
        let ended = self.end_children();
        served.and(ended)
    }

    fn serve(&mut self) -> anyhow::Result<()> {
        loop {
            for source in self.wait()? {
                match self.handle(source) {
                    Ok(()) => {}
                    // The VMM's end is the ordinary end of the supervisor's work.
                    Err(error) if is_closed(&error) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            self.expire(Instant::now())?;
        }
    }

    fn handle(&mut self, source: Source) -> anyhow::Result<()> {
        match source {
            Source::Vmm => self.request(),
            Source::Control(child) => self.confined(child),
            Source::Broker(owner) => {
                self.with_broker(owner, |broker| broker.request(Instant::now()));
                Ok(())
            }
            Source::Connection(owner, id) => {
                self.with_broker(owner, |broker| broker.settle(id));
                Ok(())
            }
            Source::Exit(child) => self.exited(child),
        }
    }

    fn request(&mut self) -> anyhow::Result<()> {
        let received = self.vmm.receive()?;
        match received.message {
            SupervisorRequest::Begin { runtime_dir } => {
                match self.begin(&runtime_dir, received.descriptors) {
                    Ok(()) => Ok(self.vmm.send(&SupervisorReply::Ready, &[])?),
                    Err(error) => self.refuse(&error),
                }
            }
            SupervisorRequest::Spawn(spawn) => match self.spawn(spawn) {
                // Answered when the child is confined.
                Ok(()) => Ok(()),
                Err(error) => self.refuse(&error),
            },
            SupervisorRequest::Broker { ports } => match self.open_own(ports) {
                Ok(theirs) => Ok(self.vmm.send(&SupervisorReply::Broker, &[theirs.as_fd()])?),
                Err(error) => self.refuse(&error),
            },
        }
    }

    fn open_own(&mut self, ports: BTreeMap<u32, Target>) -> anyhow::Result<OwnedFd> {
        anyhow::ensure!(
            matches!(self.own, Own::Unasked),
            "the VMM was already given connections"
        );
        let (broker, theirs) =
            Broker::new(ports, None, Purpose::Quotes).context("cannot make a broker socket")?;
        self.own = Own::Open(broker);
        Ok(theirs)
    }

    fn begin(&mut self, runtime_dir: &Path, descriptors: Vec<OwnedFd>) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.runtime_dir.is_none(),
            "a runtime directory was already given"
        );
        let [directory, leash] = <[OwnedFd; 2]>::try_from(descriptors)
            .ok()
            .context("the runtime directory did not come with its descriptors")?;
        self.runtime_dir = Some(RuntimeDir::adopt(runtime_dir, directory, &leash)?);
        Ok(())
    }

    fn spawn(&mut self, spawn: Spawn) -> anyhow::Result<()> {
        let tee_socket = self.runtime_dir.as_ref().map(|dir| dir.entry(TEE_SOCKET));
        let child = Managed::start(spawn, &self.programs, tee_socket, Instant::now())?;
        let id = ChildId(self.next_child);
        self.next_child = self.next_child.checked_add(1).context("out of child ids")?;
        self.children.insert(id, child);
        Ok(())
    }

    /// A child says that it is confined, or ended without.
    fn confined(&mut self, id: ChildId) -> anyhow::Result<()> {
        let Some(managed) = self.children.get_mut(&id) else {
            return Ok(());
        };
        let (kind, pid) = (managed.kind, managed.child.id());
        match managed.check() {
            Ok(Ready {
                landlock,
                descriptors,
            }) => {
                let reply = SupervisorReply::Spawned {
                    child: id,
                    kind,
                    pid,
                    landlock,
                };
                let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
                Ok(self.vmm.send(&reply, &borrowed)?)
            }
            Err(error) => self.give_up(id, &error),
        }
    }

    /// Ends a child that never got ready, and tells why.
    fn give_up(&mut self, id: ChildId, error: &anyhow::Error) -> anyhow::Result<()> {
        let reason = match self.children.remove(&id).map(Managed::end) {
            Some(Ok(status)) => format!("{error:#} (it {status})"),
            Some(Err(_)) | None => format!("{error:#}"),
        };
        Ok(self.vmm.send(&SupervisorReply::Refused { reason }, &[])?)
    }

    fn exited(&mut self, id: ChildId) -> anyhow::Result<()> {
        let Some(managed) = self.children.get(&id) else {
            return Ok(());
        };
        // Its last words, on the control socket, say more than its end.
        if managed.starting.is_some() {
            return self.confined(id);
        }
        let kind = managed.kind;
        let Some(status) = self.children.remove(&id).map(Managed::wait).transpose()? else {
            return Ok(());
        };
        let reply = SupervisorReply::Exited {
            child: id,
            kind,
            status,
        };
        Ok(self.vmm.send(&reply, &[])?)
    }

    /// A broker whose owner misbehaves or ended is closed; the owner learns of it by that.
    fn with_broker(&mut self, owner: Owner, act: impl FnOnce(&mut Broker) -> anyhow::Result<()>) {
        let broker = match owner {
            Owner::Vmm => self.own.broker(),
            Owner::Child(id) => self
                .children
                .get_mut(&id)
                .and_then(|managed| managed.broker.as_mut()),
        };
        let Some(Err(error)) = broker.map(act) else {
            return;
        };
        if !is_closed(&error) {
            let name = self.name(owner);
            tell(&format!("{name} gets no more connections: {error:#}"));
        }
        match owner {
            Owner::Vmm => self.own = Own::Closed,
            Owner::Child(id) => {
                if let Some(managed) = self.children.get_mut(&id) {
                    managed.broker = None;
                }
            }
        }
    }

    fn name(&self, owner: Owner) -> String {
        match owner {
            Owner::Vmm => "the VMM".to_owned(),
            Owner::Child(id) => self
                .children
                .get(&id)
                .map_or_else(String::new, |managed| managed.kind.to_string()),
        }
    }

    fn refuse(&self, error: &anyhow::Error) -> anyhow::Result<()> {
        let reason = format!("{error:#}");
        Ok(self.vmm.send(&SupervisorReply::Refused { reason }, &[])?)
    }

    fn expire(&mut self, now: Instant) -> anyhow::Result<()> {
        let ids: Vec<_> = self.children.keys().copied().collect();
        self.with_broker(Owner::Vmm, |broker| broker.expire(now));
        for id in ids {
            self.with_broker(Owner::Child(id), |broker| broker.expire(now));
            let starting = self.children.get(&id).and_then(|one| one.starting.as_ref());
            if starting.is_some_and(|starting| starting.deadline <= now) {
                self.give_up(id, &anyhow::anyhow!("it took too long to confine itself"))?;
            }
        }
        Ok(())
    }

    fn end_children(&mut self) -> anyhow::Result<()> {
        let mut result = Ok(());
        for managed in std::mem::take(&mut self.children).into_values() {
            let kind = managed.kind;
            let ended = managed.end().with_context(|| format!("cannot end {kind}"));
            result = result.and(ended.map(|_| ()));
        }
        result
    }

    /// Waits until something is to be done.
    fn wait(&self) -> anyhow::Result<Vec<Source>> {
        let watched = self.watched();
        let mut descriptors: Vec<_> = watched
            .iter()
            .map(|(_, descriptor, flags)| PollFd::from_borrowed_fd(*descriptor, *flags))
            .collect();
        let timeout = self.timeout()?;
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for descriptors"),
        }
        Ok(descriptors
            .iter()
            .zip(&watched)
            .filter(|(descriptor, _)| !descriptor.revents().is_empty())
            .map(|(_, (source, ..))| *source)
            .collect())
    }

    fn watched(&self) -> Vec<(Source, BorrowedFd<'_>, PollFlags)> {
        // One child at a time: until it is ready the VMM is only watched for its end.
        let starting = self.children.values().any(|one| one.starting.is_some());
        let requests = if starting {
            PollFlags::empty()
        } else {
            PollFlags::IN
        };
        let mut watched = vec![(Source::Vmm, self.vmm.as_fd(), requests)];
        if let Own::Open(broker) = &self.own {
            watched.extend(watched_of(Owner::Vmm, broker));
        }
        for (&id, managed) in &self.children {
            watched.push((Source::Exit(id), managed.child.pidfd(), PollFlags::IN));
            if let Some(starting) = &managed.starting {
                watched.push((Source::Control(id), starting.control.as_fd(), PollFlags::IN));
            }
            if let Some(broker) = &managed.broker {
                watched.extend(watched_of(Owner::Child(id), broker));
            }
        }
        watched
    }

    /// Until the next deadline; `None` for ever.
    fn timeout(&self) -> anyhow::Result<Option<Timespec>> {
        let deadlines = self.children.values().flat_map(|one| {
            let starting = one.starting.as_ref().map(|starting| starting.deadline);
            let broker = one.broker.as_ref().and_then(Broker::deadline);
            [starting, broker].into_iter().flatten()
        });
        let own = match &self.own {
            Own::Open(broker) => broker.deadline(),
            Own::Unasked | Own::Closed => None,
        };
        deadlines
            .chain(own)
            .min()
            .map(|deadline| {
                let left = deadline.saturating_duration_since(Instant::now());
                Timespec::try_from(left).context("a deadline is too far away")
            })
            .transpose()
    }
}

impl Own {
    fn broker(&mut self) -> Option<&mut Broker> {
        match self {
            Self::Open(broker) => Some(broker),
            Self::Unasked | Self::Closed => None,
        }
    }
}

fn watched_of(
    owner: Owner,
    broker: &Broker,
) -> impl Iterator<Item = (Source, BorrowedFd<'_>, PollFlags)> {
    let connections = broker
        .pending()
        .map(move |(pending, socket)| (Source::Connection(owner, pending), socket, PollFlags::OUT));
    std::iter::once((Source::Broker(owner), broker.as_fd(), PollFlags::IN)).chain(connections)
}

fn is_closed(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<ReceiveError>(),
        Some(ReceiveError::Closed { .. })
    ) || matches!(
        error.downcast_ref::<SendError>(),
        Some(SendError::Closed { .. })
    )
}
