//! Messages between the VMM, the supervisor, the devices and the simulated TEE.
//!
//! Every message is one JSON document in one packet of a Unix seqpacket socket, with file
//! descriptors beside it. Each party's vocabulary is a closed enum of its own, so a device cannot
//! even spell a request that only the VMM may make:
//!
//! | from | to | messages |
//! |---|---|---|
//! | VMM | supervisor | [`SupervisorRequest`] |
//! | supervisor | VMM | [`SupervisorReply`] |
//! | VMM | `cloister-blk` | [`BlkRequest`] |
//! | VMM | `cloister-vsock` | [`VsockRequest`] |
//! | VMM | `cloister-simulated-tee` | [`TeeRequest`] |
//! | any device | supervisor, once confined; then VMM | [`DeviceReply`] |
//! | `cloister-simulated-tee` | VMM | [`TeeReply`] |
//! | `cloister-vsock` | supervisor | [`BrokerRequest`] |
//! | supervisor | `cloister-vsock` | [`BrokerReply`] |
//!
//! Descriptors are matched by position: [`Message::descriptors`] says how many a message brings,
//! each variant's documentation says which.

#![forbid(unsafe_code)]

mod broker;
mod device;
mod message;
mod supervisor;
mod tee;

pub use broker::{BrokerReply, BrokerRequest};
pub use device::{BlkRequest, Confinement, DeviceReply, Landlock, VsockRequest};
pub use message::{DecodeError, EncodeError, MESSAGE_LIMIT, Message};
pub use supervisor::{
    ChildId, DeviceKind, ExitStatus, Spawn, SupervisorReply, SupervisorRequest, TEE_SOCKET, Target,
};
pub use tee::{
    ControlRegisters, CpuidEntry, DebugRegisters, Fpu, GeneralRegisters, IdFields, MemoryRange,
    Pages, Registers, Segment, Segments, SystemCallRegisters, TeeReply, TeeRequest,
};
