//! From the VMM's one request to a device.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::ensure;
use vmm_channel::{Channel, Received};
use vmm_wire::{BrokerReply, BrokerRequest, VsockRequest};

/// The first context id that is a guest's: 0 to 2 are the hypervisor's, local's and the host's.
const FIRST_GUEST: u64 = 3;

/// Context ids have 32 bits; the highest means "any" (vsock(7)).
const LAST_GUEST: u64 = 0xffff_fffe;

/// All that the device needs.
pub(crate) struct Configured {
    pub(crate) guest_cid: u64,
    pub(crate) socket: UnixStream,
    pub(crate) broker: Channel<BrokerRequest, BrokerReply>,
}

/// Checks what the VMM handed over.
pub(crate) fn configure(received: Received<VsockRequest>) -> anyhow::Result<Configured> {
    let VsockRequest::Configure { cid } = received.message;
    let [socket, broker]: [OwnedFd; 2] = received
        .descriptors
        .try_into()
        .expect("the channel checked their number");
    ensure!(
        (FIRST_GUEST..=LAST_GUEST).contains(&cid),
        "the context id {cid} is not a guest's; use {FIRST_GUEST} to {LAST_GUEST}"
    );
    Ok(Configured {
        guest_cid: cid,
        socket: UnixStream::from(socket),
        broker: Channel::from_socket(broker),
    })
}
