//! The supervisor's broker: whoever cannot open connections asks it, `cloister-vsock` and the VMM.

use serde::{Deserialize, Serialize};

use crate::Message;

/// What may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum BrokerRequest {
    /// A connection for a vsock port. Answers come when they can, in any order.
    Connect {
        /// Names this request in its answer.
        ticket: u32,
        /// The port that the guest connects to; of the VMM, the number of the declared connection.
        port: u32,
    },
}

/// The broker's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum BrokerReply {
    /// Descriptor: the connected stream socket, non-blocking.
    Connected {
        /// The request's.
        ticket: u32,
    },
    /// No such port is declared, or its target does not answer.
    Refused {
        /// The request's.
        ticket: u32,
    },
}

impl Message for BrokerRequest {
    const NAME: &'static str = "broker request";
}

impl Message for BrokerReply {
    const NAME: &'static str = "broker reply";

    fn descriptors(&self) -> usize {
        match self {
            BrokerReply::Connected { .. } => 1,
            BrokerReply::Refused { .. } => 0,
        }
    }
}
