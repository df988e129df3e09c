//! One connection's state: bytes, credit, and which halves are still open. No I/O.

use std::collections::VecDeque;
use std::num::Wrapping;

/// Bytes that the guest may have on their way to one host stream, and the most that this process
/// buffers for one.
pub(crate) const BUFFER: u32 = 256 * 1024;

/// The ports of a connection. The guest began it, so its own port is its choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) guest_port: u32,
    pub(crate) host_port: u32,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// `Some` until the host stream is there.
    pub(crate) ticket: Option<u32>,
    /// From the guest, not yet taken by the host.
    outbound: VecDeque<u8>,
    /// Bytes that the host took, ever: our fwd_cnt.
    forwarded: Wrapping<u32>,
    /// What the guest was last told of that.
    announced: Wrapping<u32>,
    /// Bytes sent to the guest, ever.
    sent: Wrapping<u32>,
    guest_buffer: u32,
    guest_forwarded: Wrapping<u32>,
    guest_sends: bool,
    guest_receives: bool,
    host_sends: bool,
    /// The host stream was told that nothing more comes.
    finished: bool,
}

impl Connection {
    /// One that waits for its host stream.
    pub(crate) fn new(ticket: u32) -> Connection {
        Connection {
            ticket: Some(ticket),
            outbound: VecDeque::new(),
            forwarded: Wrapping(0),
            announced: Wrapping(0),
            sent: Wrapping(0),
            guest_buffer: 0,
            guest_forwarded: Wrapping(0),
            guest_sends: true,
            guest_receives: true,
            host_sends: true,
            finished: false,
        }
    }

    /// Every packet of the guest says what it can take.
    pub(crate) fn learn_credit(&mut self, buf_alloc: u32, fwd_cnt: u32) {
        self.guest_buffer = buf_alloc;
        self.guest_forwarded = Wrapping(fwd_cnt);
    }

    /// Takes bytes for the host. False if the guest may not send them: no credit, or it said that it
    /// would send no more.
    #[must_use]
    pub(crate) fn accept(&mut self, payload: &[u8]) -> bool {
        let room = usize::try_from(BUFFER).map_or(0, |buffer| buffer - self.outbound.len());
        let allowed = self.guest_sends && payload.len() <= room;
        if allowed {
            self.outbound.extend(payload);
        }
        allowed
    }

    /// The guest closes halves; what it sent before still goes to the host.
    pub(crate) fn shut(&mut self, receives_no_more: bool, sends_no_more: bool) {
        self.guest_receives &= !receives_no_more;
        self.guest_sends &= !sends_no_more;
    }

    /// The host sent a number of bytes, within [`Self::credit`].
    pub(crate) fn host_sent(&mut self, bytes: u32) {
        self.sent += bytes;
    }

    /// The host sends no more. True if that is news.
    pub(crate) fn host_ended(&mut self) -> bool {
        std::mem::replace(&mut self.host_sends, false)
    }

    /// The host took bytes from the front of [`Self::outbound`].
    pub(crate) fn host_took(&mut self, bytes: usize) {
        self.outbound.drain(..bytes);
        self.forwarded += u32::try_from(bytes).expect("the buffer is smaller than 4 GiB");
    }

    /// What a packet to the guest says of our buffer: buf_alloc and fwd_cnt.
    pub(crate) fn announce(&mut self) -> (u32, u32) {
        self.announced = self.forwarded;
        (BUFFER, self.forwarded.0)
    }

    /// True once, when all that the guest sent has been taken and it sends no more.
    pub(crate) fn finishes(&mut self) -> bool {
        let finishes = !self.guest_sends && self.outbound.is_empty() && self.ticket.is_none();
        finishes && !std::mem::replace(&mut self.finished, true)
    }

    /// Bytes that the host may send to the guest now.
    pub(crate) fn credit(&self) -> u32 {
        if !self.guest_receives || !self.host_sends || self.ticket.is_some() {
            return 0;
        }
        // A guest that claims to have taken more than it was sent makes this huge, and gets nothing.
        let in_flight = (self.sent - self.guest_forwarded).0;
        self.guest_buffer.saturating_sub(in_flight)
    }

    /// The next bytes for the host.
    pub(crate) fn outbound(&self) -> &[u8] {
        match self.ticket {
            Some(_) => &[],
            None => self.outbound.as_slices().0,
        }
    }

    /// Whether the guest should hear of the room that it has again.
    pub(crate) fn owes_credit(&self) -> bool {
        self.guest_sends && (self.forwarded - self.announced).0 >= BUFFER / 2
    }

    /// Nothing moves in either direction any more.
    pub(crate) fn is_over(&self) -> bool {
        self.finished && (!self.host_sends || !self.guest_receives)
    }
}
