//! How every device process begins: confined, and only then in conversation.

use policies_jail::{ConfineError, ControlError, confine, inherited_control};
use policies_profiles::Program;
use thiserror::Error;
use vmm_channel::{Channel, SendError};
use vmm_wire::{Confinement, DeviceReply, Landlock, Message};

/// Why a device process cannot begin.
#[derive(Debug, Error)]
pub enum EnterError {
    /// There is nobody to talk to.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// It could not be confined.
    #[error("cannot confine this process")]
    Confine(#[from] ConfineError),
    /// The supervisor could not be told.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Confines this process by its program's profile and says so. What comes back is the conversation
/// with the VMM, whose first word is the configuration.
pub fn enter<Request: Message>(
    program: Program,
) -> Result<Channel<DeviceReply, Request>, EnterError> {
    let control = Channel::from_socket(inherited_control()?);
    let confinement = confine(&program.profile())?;
    let landlock = if confinement.landlock_enforced {
        Landlock::Enforced
    } else {
        Landlock::Missing
    };
    control.send(&DeviceReply::Confined(Confinement { landlock }), &[])?;
    Ok(control)
}
