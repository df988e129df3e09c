//! virtio-vsock: one connection to a server that echoes pages (virtio 1.2, section 5.10).
//!
//! For every [`PAGE`] bytes that it gets, the server answers with the milliseconds since the connection
//! began (8 bytes) and those bytes.

use crate::memory::{Content, Memory, PAGE, Page};
use crate::pattern::Kind;
use crate::virtio::{Buffer, Device, Queue, Started, WRITE};

const DEVICE: u32 = 19;
const RECEIVE: u32 = 0;
const TRANSMIT: u32 = 1;

const RECEIVE_PAGES: u64 = 4;
const TRANSMIT_PAGES: u64 = 7;
const HEADERS_PAGE: u64 = 10;
const BUFFERS_FROM: u64 = 16;
/// Receive buffers, each of [`BUFFER_PAGES`] pages.
pub const BUFFERS: u16 = 8;
const BUFFER_PAGES: u64 = 2;

const HEADER_BYTES: u64 = 44;
const HOST: u64 = 2;
/// Where the server listens.
pub const SERVER_PORT: u32 = 7010;
const STREAM: u16 = 1;
const OUR_BUFFER: u32 = 64 * 1024;
/// Bytes of an answer before the echo.
const CLOCK_BYTES: u64 = 8;

mod op {
    pub const REQUEST: u16 = 1;
    pub const RESPONSE: u16 = 2;
    pub const RESET: u16 = 3;
    pub const SHUTDOWN: u16 = 4;
    pub const DATA: u16 = 5;
    pub const CREDIT_UPDATE: u16 = 6;
    pub const CREDIT_REQUEST: u16 = 7;
}

/// What an echo must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Exactly this.
    Exactly(Content),
    /// Each byte this, or zero: the page was taken back while the device read.
    OrZero(Content),
}

/// What happened on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server took the connection.
    Connected,
    /// A whole echo came, as expected, at this time in milliseconds.
    Echo(u64),
    /// A byte of an echo was wrong.
    Wrong {
        /// Which.
        offset: u64,
        /// What it must be.
        expected: u8,
        /// What it is.
        found: u8,
    },
    /// The connection is no more.
    Lost,
}

/// The device, with its connection.
pub struct Vsock {
    device: Device,
    receive: Queue,
    transmit: Queue,
    headers: Page,
    buffers: [[Page; 2]; BUFFERS as usize],
    cid: u64,
    port: u32,
    connected: bool,
    /// Bytes taken from the server, ever, modulo 2^32.
    taken: u32,
    sent: u16,
    waiting: Option<Waiting>,
    /// Buffers that were emptied and are not offered again yet.
    empty: [bool; BUFFERS as usize],
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    expect: Expect,
    got: u64,
    clock: u64,
}

impl Vsock {
    /// Finds and starts it, and asks for a connection.
    #[must_use]
    pub fn start(memory: &Memory) -> Option<(Self, Started)> {
        let device = Device::find(memory, DEVICE)?;
        let buffer = |index: u64| {
            [0, 1].map(|page| memory.for_devices(BUFFERS_FROM + BUFFER_PAGES * index + page))
        };
        let mut vsock = Self {
            device,
            receive: Queue::new(memory, RECEIVE_PAGES),
            transmit: Queue::new(memory, TRANSMIT_PAGES),
            headers: memory.for_devices(HEADERS_PAGE),
            buffers: [0, 1, 2, 3, 4, 5, 6, 7].map(buffer),
            cid: u64::from(device.config(0)),
            port: 1024,
            connected: false,
            taken: 0,
            sent: 0,
            waiting: None,
            empty: [true; BUFFERS as usize],
        };
        let started = vsock.restart();
        Some((vsock, started))
    }

    /// Resets it, starts it again and asks for a new connection.
    pub fn restart(&mut self) -> Started {
        self.device.reset();
        self.receive.clear();
        self.transmit.clear();
        self.headers.clear();
        self.port += 1;
        self.connected = false;
        self.taken = 0;
        self.sent = 0;
        self.waiting = None;
        self.empty = [true; BUFFERS as usize];
        let queues = [(RECEIVE, &self.receive), (TRANSMIT, &self.transmit)];
        let started = self.device.start(queues.into_iter());
        (0..BUFFERS).for_each(|index| self.offer_buffer(index));
        self.send(op::REQUEST, None);
        started
    }

    /// Rings and headers.
    #[must_use]
    pub fn pages(&self) -> [Page; 7] {
        let [a, b, c] = self.receive.pages();
        let [d, e, f] = self.transmit.pages();
        [a, b, c, d, e, f, self.headers]
    }

    /// Whether a page can be sent now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.connected && self.waiting.is_none()
    }

    /// Whether an echo is under way.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Sends a page to the server, whose echo must be `expect`.
    pub fn send_page(&mut self, page: Page, expect: Expect) {
        self.waiting = Some(Waiting {
            expect,
            got: 0,
            clock: 0,
        });
        self.send(op::DATA, Some(page));
    }

    fn send(&mut self, op: u16, page: Option<Page>) {
        let slot = self.sent % 16;
        self.sent = self.sent.wrapping_add(1);
        let at = u64::from(slot) * 64;
        let length = if page.is_some() { PAGE } else { 0 };
        let length = u32::try_from(length).expect("4096");
        self.headers.write(at, self.cid);
        self.headers.write(at + 8, HOST);
        self.headers.write(at + 16, self.port);
        self.headers.write(at + 20, SERVER_PORT);
        self.headers.write(at + 24, length);
        self.headers.write(at + 28, STREAM);
        self.headers.write(at + 30, op);
        self.headers.write(at + 32, 0u32);
        self.headers.write(at + 36, OUR_BUFFER);
        self.headers.write(at + 40, self.taken);
        let header = Buffer {
            address: self.headers.address() + at,
            length: 44,
            flags: 0,
        };
        let data = page.map(|page| Buffer {
            address: page.address(),
            length,
            flags: 0,
        });
        let chain = [header, data.unwrap_or(header)];
        let used = if data.is_some() { 2 } else { 1 };
        self.transmit.offer(slot * 2, &chain[..used]);
        self.device.kick(TRANSMIT);
    }

    /// Kicks the device though there is nothing new.
    pub fn kick(&self) {
        self.device.kick(RECEIVE);
        self.device.kick(TRANSMIT);
    }

    /// A buffer that was emptied, and is the driver's until it is offered again.
    pub fn take_empty(&self) -> Option<(u16, [Page; 2])> {
        let index = (0..BUFFERS).find(|index| self.empty[usize::from(*index)])?;
        Some((index, self.buffers[usize::from(index)]))
    }

    /// Gives the device a buffer to fill.
    pub fn offer_buffer(&mut self, index: u16) {
        let [first, _] = self.buffers[usize::from(index)];
        let buffer = Buffer {
            address: first.address(),
            length: u32::try_from(BUFFER_PAGES * PAGE).expect("8192"),
            flags: WRITE,
        };
        self.empty[usize::from(index)] = false;
        self.receive.offer(index, &[buffer]);
        self.device.kick(RECEIVE);
    }

    /// What happened next, if anything did.
    pub fn event(&mut self) -> Option<Event> {
        // What was sent is done with: its slot is used again only after 15 others.
        while self.transmit.take().is_some() {}
        let (head, _) = self.receive.take()?;
        let index = u16::try_from(head).ok().filter(|head| *head < BUFFERS)?;
        self.empty[usize::from(index)] = true;
        let [first, _] = self.buffers[usize::from(index)];
        let port: u32 = first.read(20);
        let operation: u16 = first.read(30);
        if port != self.port {
            return None;
        }
        match operation {
            op::RESPONSE => {
                self.connected = true;
                Some(Event::Connected)
            }
            op::DATA => self.data(self.buffers[usize::from(index)]),
            op::CREDIT_REQUEST => {
                self.send(op::CREDIT_UPDATE, None);
                None
            }
            op::RESET | op::SHUTDOWN => {
                self.connected = false;
                self.waiting = None;
                Some(Event::Lost)
            }
            _ => None,
        }
    }

    fn data(&mut self, buffer: [Page; 2]) -> Option<Event> {
        let [first, second] = buffer;
        let length: u32 = first.read(24);
        let length = length.min(u32::try_from(2 * PAGE - HEADER_BYTES).expect("two pages"));
        self.taken = self.taken.wrapping_add(length);
        let byte = |offset: u64| -> u8 {
            let place = HEADER_BYTES + offset;
            if place < PAGE {
                first.read(place)
            } else {
                second.read(place - PAGE)
            }
        };
        // What nobody waits for is an echo of something sent before a reset.
        let waiting = self.waiting.as_mut()?;
        for offset in 0..u64::from(length) {
            if let Some(wrong) = waiting.take(byte(offset)) {
                self.waiting = None;
                return Some(wrong);
            }
        }
        let clock = waiting.clock;
        if waiting.got < CLOCK_BYTES + PAGE {
            return None;
        }
        self.waiting = None;
        Some(Event::Echo(clock))
    }
}

impl Waiting {
    fn take(&mut self, found: u8) -> Option<Event> {
        let at = self.got;
        self.got += 1;
        let Some(offset) = at.checked_sub(CLOCK_BYTES) else {
            self.clock |= u64::from(found) << (8 * at);
            return None;
        };
        let (content, or_zero) = match self.expect {
            Expect::Exactly(content) => (content, false),
            Expect::OrZero(content) => (content, true),
        };
        let index = u32::try_from(offset / 8).unwrap_or(u32::MAX);
        let word = content.word(Kind::Shared, index).to_le_bytes();
        let expected = word[usize::try_from(offset % 8).unwrap_or(0)];
        let right = found == expected || or_zero && found == 0;
        (!right).then_some(Event::Wrong {
            offset,
            expected,
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(expect: Expect, answer: impl Iterator<Item = u8>) -> (u64, Option<Event>) {
        let mut waiting = Waiting {
            expect,
            got: 0,
            clock: 0,
        };
        let wrong = answer.map(|byte| waiting.take(byte)).find(Option::is_some);
        (waiting.clock, wrong.flatten())
    }

    fn answer(content: Content) -> impl Iterator<Item = u8> {
        let words = (0..512).flat_map(move |index| content.word(Kind::Shared, index).to_le_bytes());
        300u64.to_le_bytes().into_iter().chain(words)
    }

    #[test]
    fn echo_of_the_page_is_right_and_tells_the_time() {
        let content = Content::Pattern(5);
        assert_eq!(echo(Expect::Exactly(content), answer(content)), (300, None));
        assert_eq!(
            echo(Expect::OrZero(content), answer(Content::Zero)),
            (300, None)
        );
    }

    #[test]
    fn echo_of_another_page_is_wrong() {
        let (_, event) = echo(Expect::Exactly(Content::Zero), answer(Content::Pattern(5)));
        assert!(matches!(event, Some(Event::Wrong { expected: 0, .. })));
        let (_, event) = echo(
            Expect::OrZero(Content::Pattern(6)),
            answer(Content::Pattern(5)),
        );
        assert!(matches!(event, Some(Event::Wrong { .. })));
    }
}
