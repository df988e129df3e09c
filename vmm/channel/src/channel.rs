//! The channel itself.

use std::io::{IoSlice, IoSliceMut};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use thiserror::Error;
use vmm_wire::{DecodeError, EncodeError, MESSAGE_LIMIT, Message};

/// The most descriptors that any message brings.
const DESCRIPTOR_LIMIT: usize = 8;

/// Sends `Out` and receives `In`.
#[derive(Debug)]
pub struct Channel<Out, In> {
    socket: OwnedFd,
    vocabulary: PhantomData<fn(Out) -> In>,
}

/// Both ends of a new channel: ours, and theirs which speaks the other way round.
pub type Ends<Out, In> = (Channel<Out, In>, Channel<In, Out>);

/// One message and what came with it.
#[derive(Debug)]
pub struct Received<In> {
    /// The message.
    pub message: In,
    /// Exactly as many as [`Message::descriptors`] says, all close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Why a message was not sent.
#[derive(Debug, Error)]
pub enum SendError {
    /// It cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The wrong number of descriptors was given for it.
    #[error("a {name} was to be sent with {given} descriptors, it needs {expected}")]
    Descriptors {
        /// The vocabulary.
        name: &'static str,
        /// How many the message brings.
        expected: usize,
        /// How many were given.
        given: usize,
    },
    /// The other side is gone.
    #[error("cannot send a {name}: the other side has ended")]
    Closed {
        /// The vocabulary.
        name: &'static str,
    },
    /// The socket failed.
    #[error("cannot send a {name}")]
    Socket {
        /// The vocabulary.
        name: &'static str,
        /// The system's reason.
        source: Errno,
    },
}

/// Why no message was received.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The other side is gone: the ordinary end of a conversation.
    #[error("the other side has ended, a {name} was expected")]
    Closed {
        /// The vocabulary.
        name: &'static str,
    },
    /// Longer than a message may be, or with more descriptors than any message has.
    #[error("a packet that should be a {name} is longer than any message")]
    Truncated {
        /// The vocabulary.
        name: &'static str,
    },
    /// Not this vocabulary.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The message came with a wrong number of descriptors.
    #[error("a {name} came with {came} descriptors, it should bring {expected}")]
    Descriptors {
        /// The vocabulary.
        name: &'static str,
        /// How many the message should bring.
        expected: usize,
        /// How many came.
        came: usize,
    },
    /// The socket failed.
    #[error("cannot receive a {name}")]
    Socket {
        /// The vocabulary.
        name: &'static str,
        /// The system's reason.
        source: Errno,
    },
}

impl<Out: Message, In: Message> Channel<Out, In> {
    /// Two connected ends, close-on-exec.
    pub fn pair() -> Result<Ends<Out, In>, Errno> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Channel::from_socket(ours), Channel::from_socket(theirs)))
    }

    /// Speaks over a connected seqpacket socket that came from elsewhere.
    pub fn from_socket(socket: OwnedFd) -> Self {
        Channel {
            socket,
            vocabulary: PhantomData,
        }
    }

    /// The socket, for handing it to another process.
    pub fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// Sends a message with its descriptors.
    pub fn send(&self, message: &Out, descriptors: &[BorrowedFd<'_>]) -> Result<(), SendError> {
        let expected = message.descriptors();
        if descriptors.len() != expected {
            return Err(SendError::Descriptors {
                name: Out::NAME,
                expected,
                given: descriptors.len(),
            });
        }
        let packet = message.encode()?;
        send_packet(&self.socket, &packet, descriptors).map_err(|source| match source {
            Errno::PIPE | Errno::CONNRESET => SendError::Closed { name: Out::NAME },
            source => SendError::Socket {
                name: Out::NAME,
                source,
            },
        })
    }

    /// Waits for the next message.
    pub fn receive(&self) -> Result<Received<In>, ReceiveError> {
        let mut packet = vec![0; MESSAGE_LIMIT];
        let (length, descriptors) = receive_packet::<In>(&self.socket, &mut packet)?;
        let message = In::decode(&packet[..length])?;
        let expected = message.descriptors();
        if descriptors.len() != expected {
            return Err(ReceiveError::Descriptors {
                name: In::NAME,
                expected,
                came: descriptors.len(),
            });
        }
        Ok(Received {
            message,
            descriptors,
        })
    }
}

impl<Out, In> AsFd for Channel<Out, In> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn send_packet(
    socket: &OwnedFd,
    packet: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_LIMIT))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::TOOBIG);
    }
    // A packet socket sends all or nothing, so the returned length says nothing new.
    retry_on_intr(|| {
        sendmsg(
            socket,
            &[IoSlice::new(packet)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )
    })?;
    Ok(())
}

fn receive_packet<In: Message>(
    socket: &OwnedFd,
    packet: &mut [u8],
) -> Result<(usize, Vec<OwnedFd>), ReceiveError> {
    let name = In::NAME;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_LIMIT))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = retry_on_intr(|| {
        recvmsg(
            socket,
            &mut [IoSliceMut::new(packet)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
    })
    .map_err(|source| match source {
        Errno::CONNRESET => ReceiveError::Closed { name },
        source => ReceiveError::Socket { name, source },
    })?;
    // Taken out first, so that they are closed whatever is returned.
    let descriptors = take_descriptors(&mut ancillary);
    if received
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
    {
        return Err(ReceiveError::Truncated { name });
    }
    // No message is empty: nothing at all is the end.
    if received.bytes == 0 {
        return Err(ReceiveError::Closed { name });
    }
    Ok((received.bytes, descriptors))
}

fn take_descriptors(ancillary: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        })
        .flatten()
        .collect()
}
