//! The supervisor and the confined processes that it starts.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use measured_boot_plan::{DeviceKind, HostTarget, LaunchPlan, TeeKind};
use measured_boot_snp_abi::simulated::SIMULATED_TEE_PORT;
use policies_jail::Child;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use vmm_channel::{Beginning, Channel, Spawned, Supervisor};
use vmm_wire::{BlkRequest, DeviceReply, Spawn, Target, TeeReply, TeeRequest, VsockRequest};

use crate::events::{Event, Teller};
use crate::interrupt::Interrupt;
use crate::runtime_dir::RuntimeDir;
use crate::trust_domain;

/// A device process that waits for its configuration.
pub enum Device {
    /// `cloister-blk`.
    Blk(Channel<BlkRequest, DeviceReply>),
    /// `cloister-vsock`.
    Vsock {
        /// Its control socket.
        control: Channel<VsockRequest, DeviceReply>,
        /// Its way to the supervisor's connections.
        broker: OwnedFd,
    },
}

/// The processes that this one speaks with, confined and waiting for their configuration.
pub struct Processes {
    /// The simulated TEE, where it is the one.
    pub tee: Option<Channel<TeeRequest, TeeReply>>,
    /// The devices, in slot order.
    pub devices: Vec<Device>,
    /// Of a TD: where connections to the quote generation service are asked for.
    pub quotes: Option<OwnedFd>,
}

/// Longest wait for the supervisor's end: its guardian kills it after 5 seconds, if it hangs.
const CLEAN_UP_WITHIN: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// The supervisor gives a process that it starts 20 seconds to confine itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The supervisor and all that it started. When this value goes, they are gone, with their sockets.
pub struct Household {
    /// Closing its socket ends them all.
    pub supervisor: Supervisor,
    /// Closing this makes sure of it: this process may have given up the right to kill.
    _leash: OwnedFd,
    _process: SupervisorProcess,
}

/// Dropped after the ways to end it, and waits for its end.
struct SupervisorProcess(Child);

impl Household {
    /// Starts the supervisor, which lies beside this program, and leaves `runtime_dir` to it.
    ///
    /// # Errors
    /// It cannot be started, refuses the directory, or does not answer.
    pub fn start(runtime_dir: RuntimeDir, interrupt: Interrupt) -> anyhow::Result<Self> {
        let program = std::env::current_exe()
            .context("cannot find this program's own file")?
            .with_file_name("cloister-supervisor");
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .context("cannot make the supervisor's socket")?;
        let (their_leash, leash) =
            pipe_with(PipeFlags::CLOEXEC).context("cannot make the supervisor's leash")?;
        let child = policies_jail::spawn_helper(&program, theirs)
            .context("cannot start cloister-supervisor")?;
        let process = SupervisorProcess(child);
        let beginning = Beginning {
            runtime_dir: runtime_dir.path(),
            directory: runtime_dir.directory(),
            leash: their_leash.as_fd(),
        };
        let supervisor =
            Supervisor::begin(ours, &beginning, interrupt.patience(Some(ANSWER_WITHIN)))
                .inspect_err(|_| process.kill())
                .context("cloister-supervisor does not begin")?;
        runtime_dir.hand_over();
        Ok(Self {
            supervisor,
            _leash: leash,
            _process: process,
        })
    }
}

impl SupervisorProcess {
    /// One that has not begun has no guardian yet, and this process still the right.
    fn kill(&self) {
        // Its end is waited for in any case.
        let _ = self.0.kill();
    }
}

impl Drop for SupervisorProcess {
    fn drop(&mut self) {
        let mut ended = [PollFd::from_borrowed_fd(self.0.pidfd(), PollFlags::IN)];
        if retry_on_intr(|| poll(&mut ended, Some(&CLEAN_UP_WITHIN))) != Ok(1) {
            // Its guardian was killed, or hangs too.
            policies_jail::tell_last(&format!(
                "cloister-vmm: cloister-supervisor (process {}) still runs: kill it",
                self.0.id()
            ));
        }
    }
}

/// Starts, confined, whatever the plan needs. Paths in the configuration are relative to `folder`.
///
/// # Errors
/// A process cannot be started or confined.
pub fn start_all(
    supervisor: &mut Supervisor,
    plan: &LaunchPlan,
    folder: &Path,
    teller: Teller,
) -> anyhow::Result<Processes> {
    let is_simulated = plan.tee.0 == TeeKind::Simulated;
    let tee = is_simulated
        .then(|| spawn(supervisor, Spawn::SimulatedTee, teller))
        .transpose()?;
    let quotes = trust_domain::quote_connections(supervisor, plan, folder)?;
    let devices = plan
        .devices
        .0
        .iter()
        .map(|device| start_device(supervisor, &device.kind, plan.tee.0, folder, teller))
        .collect::<anyhow::Result<_>>()?;
    Ok(Processes {
        tee: tee.map(|spawned| Channel::from_socket(spawned.control)),
        devices,
        quotes,
    })
}

/// The closed list of ports that a guest may connect to. The configuration may put something else in
/// the simulated TEE's place; what the guest then gets does not verify.
fn targets(
    ports: &BTreeMap<u32, HostTarget>,
    tee: TeeKind,
    folder: &Path,
) -> BTreeMap<u32, Target> {
    let mut targets = BTreeMap::new();
    if tee == TeeKind::Simulated {
        targets.insert(SIMULATED_TEE_PORT, Target::Tee);
    }
    targets.extend(ports.iter().map(|(port, target)| {
        let target = match target {
            HostTarget::Tcp(address) => Target::Tcp(*address),
            HostTarget::Unix(path) => Target::Unix(folder.join(path)),
        };
        (*port, target)
    }));
    targets
}

fn start_device(
    supervisor: &mut Supervisor,
    kind: &DeviceKind,
    tee: TeeKind,
    folder: &Path,
    teller: Teller,
) -> anyhow::Result<Device> {
    match kind {
        DeviceKind::Disk { .. } => {
            let spawned = spawn(supervisor, Spawn::Blk, teller)?;
            Ok(Device::Blk(Channel::from_socket(spawned.control)))
        }
        DeviceKind::Vsock { ports, .. } => {
            let ports = targets(ports, tee, folder);
            let spawned = spawn(supervisor, Spawn::Vsock { ports }, teller)?;
            let broker = spawned
                .broker
                .context("the supervisor sent no broker socket")?;
            Ok(Device::Vsock {
                control: Channel::from_socket(spawned.control),
                broker,
            })
        }
    }
}

fn spawn(supervisor: &mut Supervisor, spawn: Spawn, teller: Teller) -> anyhow::Result<Spawned> {
    let spawned = supervisor.spawn(spawn)?;
    teller.tell(&Event::Spawned {
        process: spawned.kind.to_string(),
        pid: spawned.pid,
        landlock: spawned.landlock == vmm_wire::Landlock::Enforced,
    })?;
    Ok(spawned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hardware TEE is asked by the guest's own processor: nothing on the host answers in its place.
    #[test]
    fn port_of_the_simulated_tee_is_open_under_the_simulated_tee_alone() {
        let ports = BTreeMap::from([(8443, HostTarget::Unix("agent.sock".to_owned()))]);
        let open = |tee| targets(&ports, tee, Path::new("/vm"));
        let simulated = open(TeeKind::Simulated);
        assert_eq!(simulated.get(&SIMULATED_TEE_PORT), Some(&Target::Tee));
        let agent = Target::Unix("/vm/agent.sock".into());
        for tee in [TeeKind::Snp, TeeKind::Tdx] {
            assert_eq!(open(tee), BTreeMap::from([(8443, agent.clone())]));
        }
    }
}
