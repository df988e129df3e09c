//! The confined process: configured over the control socket, then answering the guest.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixListener;

use measured_boot_snp_abi::GuestPolicy;
use measured_boot_snp_abi::simulated::Endorsements;
use policies_jail::{ConfineError, ControlError};
use policies_profiles::Program;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use thiserror::Error;
use vmm_channel::{Channel, ReceiveError, SendError};
use vmm_wire::{Confinement, DeviceReply, Landlock, MemoryRange, TeeReply, TeeRequest};

use crate::keys::{KeyError, SignError, SigningKey};
use crate::launch::{Launch, Measurement, Parameters, Refusal};
use crate::memory::GuestMemory;
use crate::report::Reporter;
use crate::requests::Responder;

type Control = Channel<TeeReply, TeeRequest>;

/// Why the process ends in failure.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Not started by the supervisor.
    #[error("no control socket: this program is started by cloister-supervisor; see --help")]
    Control(#[from] ControlError),
    /// The kernel does not confine.
    #[error("cannot confine this process")]
    Confine(#[from] ConfineError),
    /// The control socket failed.
    #[error("the conversation with the VMM failed")]
    Send(#[from] SendError),
    /// The control socket failed.
    #[error("the conversation with the VMM failed")]
    Receive(#[from] ReceiveError),
    /// A message that does not belong here.
    #[error("the VMM sent its messages out of order")]
    OutOfOrder,
    /// A handed-over file cannot be read.
    #[error("cannot read {what}")]
    File {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The key file is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No random bytes.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The launch is not one that is measured.
    #[error("the launch is refused")]
    Refused(#[source] Refusal),
    /// Waiting failed.
    #[error("cannot wait for requests")]
    Wait(#[source] io::Error),
}

/// What `Configure` brings.
struct Configuration {
    memory: File,
    key: SigningKey,
    endorsements: Endorsements,
    listener: UnixListener,
}

/// Confines itself, measures one launch and answers report requests until the VMM ends.
///
/// # Errors
/// Anything that keeps it from doing so. Once confined it says so to the VMM, where that listens, and
/// to nobody else: a guest must not be able to fill the host's logs.
pub fn serve() -> Result<(), ServeError> {
    let control = confine()?;
    serve_confined(&control).map_err(|error| tell(&control, error))
}

fn serve_confined(control: &Control) -> Result<(), ServeError> {
    let Configuration {
        memory,
        key,
        endorsements,
        listener,
    } = configure(control)?;
    control.send(&TeeReply::Started, &[])?;
    let (measurement, manifest) = measure(control, memory)?;
    let launch_digest = measurement.launch_digest;
    let responder = Responder {
        reporter: Reporter::new(key, measurement)?,
        endorsements,
        manifest,
    };
    control.send(&TeeReply::Measured { launch_digest }, &[])?;
    answer_requests(control, &listener, &responder)
}

fn confine() -> Result<Control, ServeError> {
    let socket = policies_jail::inherited_control()?;
    let confinement = policies_jail::confine(&Program::SimulatedTee.profile())?;
    let landlock = if confinement.landlock_enforced {
        Landlock::Enforced
    } else {
        Landlock::Missing
    };
    let control = Channel::<DeviceReply, TeeRequest>::from_socket(socket);
    control.send(&DeviceReply::Confined(Confinement { landlock }), &[])?;
    Ok(Channel::from_socket(control.into_socket()))
}

/// Tells the VMM why, as far as it listens, and hands the error on.
fn tell(control: &Control, error: ServeError) -> ServeError {
    let reply = match &error {
        ServeError::Refused(refusal) => TeeReply::Refused {
            reason: refusal.to_string(),
        },
        other => TeeReply::Failed {
            reason: chain(other),
        },
    };
    // The VMM may be gone, which may be the error itself.
    let _ = control.send(&reply, &[]);
    error
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl ServeError {
    /// Whether it happened before this process was confined: only then can it write anywhere.
    pub fn is_before_confinement(&self) -> bool {
        matches!(self, Self::Control(_) | Self::Confine(_))
    }
}

fn configure(control: &Control) -> Result<Configuration, ServeError> {
    let received = control.receive()?;
    let (TeeRequest::Configure {}, Ok(descriptors)) = (
        received.message,
        <[OwnedFd; 6]>::try_from(received.descriptors),
    ) else {
        return Err(ServeError::OutOfOrder);
    };
    let [memory, key, vcek, ask, ark, listener] = descriptors;
    let key = SigningKey::from_pkcs8(&read(key, "the simulated VCEK key")?)?;
    let endorsements = Endorsements {
        vcek: read(vcek, "the simulated VCEK certificate")?,
        ask: read(ask, "the simulated ASK certificate")?,
        ark: read(ark, "the simulated ARK certificate")?,
    };
    Ok(Configuration {
        memory: File::from(memory),
        key,
        endorsements,
        listener: UnixListener::from(listener),
    })
}

fn measure(control: &Control, file: File) -> Result<(Measurement, Vec<u8>), ServeError> {
    let TeeRequest::Begin {
        policy,
        host_data,
        id,
        memory,
    } = control.receive()?.message
    else {
        return Err(ServeError::OutOfOrder);
    };
    let policy = GuestPolicy::from_bits(policy);
    let parameters = Parameters {
        policy,
        host_data,
        id,
    };
    let mut launch = begin(file, &memory, parameters).map_err(ServeError::Refused)?;
    loop {
        let received = control.receive()?;
        match received.message {
            TeeRequest::Pages(runs) => runs.iter().try_for_each(|run| launch.add_pages(run)),
            TeeRequest::Cpuid { vcpu, entries } => launch.add_cpuid(vcpu, entries),
            TeeRequest::Vcpu { index, registers } => launch.add_vcpu(index, *registers),
            TeeRequest::Finish {} => {
                let manifest = received.descriptors.into_iter().next();
                let manifest = manifest.ok_or(ServeError::OutOfOrder)?;
                let manifest = read(manifest, "the manifest")?;
                let measurement = launch.finish().map_err(ServeError::Refused)?;
                return Ok((measurement, manifest));
            }
            TeeRequest::Configure {} | TeeRequest::Begin { .. } => {
                return Err(ServeError::OutOfOrder);
            }
        }
        .map_err(ServeError::Refused)?;
    }
}

fn begin(file: File, memory: &[MemoryRange], parameters: Parameters) -> Result<Launch, Refusal> {
    Launch::begin(GuestMemory::new(file, memory)?, parameters)
}

fn answer_requests(
    control: &Control,
    listener: &UnixListener,
    responder: &Responder,
) -> Result<(), ServeError> {
    loop {
        let mut waiting = [
            PollFd::from_borrowed_fd(control.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN),
        ];
        retry_on_intr(|| poll(&mut waiting, None))
            .map_err(|errno| ServeError::Wait(errno.into()))?;
        // Nothing more is to be said on the control socket: whatever comes is its end.
        if !waiting[0].revents().is_empty() {
            return Ok(());
        }
        if let Ok((stream, _)) = listener.accept() {
            // A request that is none ends its connection, and the guest knows best why.
            let _ = responder.serve(&stream);
        }
    }
}

/// The most that any handed-over file may hold; the certificates and the manifest are far smaller.
const FILE_LIMIT: u64 = 4 << 20;

fn read(descriptor: OwnedFd, what: &'static str) -> Result<Vec<u8>, ServeError> {
    let mut content = Vec::new();
    File::from(descriptor)
        .take(FILE_LIMIT)
        .read_to_end(&mut content)
        .map_err(|source| ServeError::File { what, source })?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_told_to_the_vmm_with_its_cause() {
        let (ours, theirs) = Channel::<TeeReply, TeeRequest>::pair().unwrap();
        let source = io::Error::other("it is torn");
        tell(
            &ours,
            ServeError::File {
                what: "the manifest",
                source,
            },
        );
        let TeeReply::Failed { reason } = theirs.receive().unwrap().message else {
            panic!("a failure is told as one");
        };
        assert_eq!(reason, "cannot read the manifest: it is torn");
    }
}
