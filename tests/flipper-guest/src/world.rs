//! Everything that the guest has, and the steps that both behaviours are made of.

use core::fmt;

use crate::block::{Block, Finished, Read};
use crate::boot::Orders;
use crate::counts::Counts;
use crate::cpu::{self, Hypercall};
use crate::memory::{Content, Memory, PAGE, POOL_PAGES, Page, Wrong};
use crate::pattern::Kind;
use crate::random::Random;
use crate::state::{State, States};
use crate::vsock::{Event, Expect, Vsock};

const MAP_GPA_RANGE: u64 = 12;
const PRIVATE: u64 = 1 << 4;
const SHARED: u64 = 0;

/// How long an answer may take: some ten seconds on any machine, seconds under emulation.
const PATIENCE: u64 = 60_000_000_000;

/// Something is not as it must be.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// A page's content.
    Page {
        /// What page it is.
        what: &'static str,
        /// Its number in the pool.
        page: u32,
        /// Which word.
        wrong: Wrong,
    },
    /// What came from the server.
    Echo {
        /// Which byte.
        offset: u64,
        /// What it must be.
        expected: u8,
        /// What it is.
        found: u8,
    },
    /// The hypervisor's answer to a request.
    Answer {
        /// What had to come.
        what: &'static str,
        /// The request.
        request: [u64; 3],
        /// What came.
        answer: u64,
    },
    /// Another thing.
    Other(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page { what, page, wrong } => write!(
                out,
                "{what}: page {page}, word {}: {:#x} and not {:#x}",
                wrong.index, wrong.found, wrong.expected
            ),
            Self::Echo {
                offset,
                expected,
                found,
            } => write!(
                out,
                "the echo's byte {offset} is {found:#x} and not {expected:#x}"
            ),
            Self::Answer {
                what,
                request: [address, pages, attributes],
                answer,
            } => write!(
                out,
                "{what}: {pages:#x} pages from {address:#x} with attributes {attributes:#x} gave {answer:#x}"
            ),
            Self::Other(what) => out.write_str(what),
        }
    }
}

/// The guest.
pub struct World {
    /// Its memory.
    pub memory: Memory,
    /// Its disk.
    pub block: Block,
    /// Its way to the server.
    pub vsock: Vsock,
    /// What its pages hold.
    pub states: States,
    /// Its choices.
    pub random: Random,
    /// What it did.
    pub counts: Counts,
    /// What it is to do.
    pub orders: Orders,
    /// Whether the devices offered VIRTIO_F_ACCESS_PLATFORM.
    pub access_platform: bool,
    hypercall: Hypercall,
    next_tag: u32,
    /// The page that the server is to echo, and what it holds.
    sent: Option<(u32, Content)>,
    /// The server's clock, in milliseconds, at its last answer on this connection.
    server_clock: u64,
    /// What was there before the connection began.
    clock_before: u64,
}

impl World {
    /// Starts the devices.
    ///
    /// # Errors
    /// One is missing or does not start.
    pub fn start(memory: Memory, orders: Orders) -> Result<Self, Fault> {
        let (block, disk) = Block::start(&memory).ok_or(Fault::Other("there is no disk"))?;
        let (vsock, socket) = Vsock::start(&memory).ok_or(Fault::Other("there is no vsock"))?;
        if !disk.ready || !socket.ready {
            return Err(Fault::Other("a device does not start"));
        }
        Ok(Self {
            block,
            vsock,
            memory,
            states: States::new(),
            random: Random::new(u64::from(orders.seed)),
            counts: Counts::default(),
            orders,
            access_platform: disk.access_platform && socket.access_platform,
            hypercall: Hypercall::of_this_processor(),
            next_tag: 1,
            sent: None,
            server_clock: 0,
            clock_before: 0,
        })
    }

    /// Whether the server's clock says that it is enough.
    #[must_use]
    pub fn time_is_up(&self) -> bool {
        self.clock_before + self.server_clock >= u64::from(self.orders.seconds) * 1000
    }

    /// A tag that no page was filled with.
    pub fn tag(&mut self) -> u32 {
        self.next_tag = self.next_tag.wrapping_add(1);
        self.next_tag
    }

    /// Asks the hypervisor; returns its answer, 0 for done.
    #[must_use]
    pub fn ask(&self, [address, pages, attributes]: [u64; 3]) -> u64 {
        self.hypercall
            .call(MAP_GPA_RANGE, [address, pages, attributes])
    }

    /// Another hypercall.
    #[must_use]
    pub fn call(&self, number: u64, arguments: [u64; 3]) -> u64 {
        self.hypercall.call(number, arguments)
    }

    /// Converts pages that exist: it must be done.
    ///
    /// # Errors
    /// It is refused.
    pub fn convert(&mut self, first: Page, pages: u64, to: Kind) -> Result<(), Fault> {
        let attributes = if to == Kind::Private { PRIVATE } else { SHARED };
        let request = [first.address(), pages, attributes];
        let answer = self.ask(request);
        if answer != 0 {
            return Err(Fault::Answer {
                what: "a proper request to convert was refused",
                request,
                answer,
            });
        }
        self.counts.conversions += 1;
        self.counts.pages += pages;
        Ok(())
    }

    /// A page of the pool must hold what it holds, and is counted as looked at.
    ///
    /// # Errors
    /// It does not.
    pub fn check(
        &mut self,
        what: &'static str,
        page: u32,
        kind: Kind,
        content: Content,
    ) -> Result<(), Fault> {
        self.memory
            .in_pool(page)
            .check(kind, content)
            .map_err(|wrong| Fault::Page { what, page, wrong })?;
        match content {
            Content::Zero => self.counts.zero_checks += 1,
            Content::Pattern(_) | Content::Disk(_) => self.counts.content_checks += 1,
        }
        Ok(())
    }

    /// Makes shared pages private. Each must read zero, whatever it held as shared or as private before;
    /// then each is filled.
    ///
    /// # Errors
    /// It is refused, or a page holds something.
    pub fn make_private(&mut self, first: u32, pages: u32) -> Result<(), Fault> {
        let page = self.memory.in_pool(first);
        self.convert(page, u64::from(pages), Kind::Private)?;
        for index in first..first + pages {
            self.counts.private_touches += 1;
            let what = "a page that has just become private";
            self.check(what, index, Kind::Private, Content::Zero)?;
            let content = Content::Pattern(self.tag());
            self.memory.in_pool(index).fill(Kind::Private, content);
            self.states.set(index, State::Private(content));
        }
        Ok(())
    }

    /// Makes private pages shared. Each must hold to the end what was written, and then read zero.
    ///
    /// # Errors
    /// It is refused, or a page holds something else.
    pub fn make_shared(&mut self, first: u32, pages: u32) -> Result<(), Fault> {
        for index in first..first + pages {
            if let State::Private(content) = self.states.of(index) {
                self.check("a private page", index, Kind::Private, content)?;
            }
        }
        self.make_shared_unseen(first, pages)?;
        for index in first..first + pages {
            let what = "a page that has just become shared";
            self.check(what, index, Kind::Shared, Content::Zero)?;
        }
        Ok(())
    }

    /// The same, and nobody looks at the pages.
    ///
    /// # Errors
    /// It is refused.
    pub fn make_shared_unseen(&mut self, first: u32, pages: u32) -> Result<(), Fault> {
        let page = self.memory.in_pool(first);
        self.convert(page, u64::from(pages), Kind::Shared)?;
        (first..first + pages)
            .for_each(|index| self.states.set(index, State::Shared(Content::Zero)));
        Ok(())
    }

    /// Begins to read the disk into shared pages, which are lent meanwhile.
    pub fn read_disk(&mut self, first: u32, pages: u32) {
        let places = self.block.sectors() - pages * crate::block::SECTORS_OF_A_PAGE;
        let sector = self.random.below(places);
        let read = Read {
            first,
            pages,
            sector,
        };
        if self.block.read(&self.memory, read) {
            (first..first + pages).for_each(|index| self.states.set(index, State::Lent));
        }
    }

    /// Sends a shared page that holds `content` to the server. It is lent until [`Self::listen`] hears the
    /// echo.
    pub fn send(&mut self, page: u32, content: Content) {
        self.sent = Some((page, content));
        self.states.set(page, State::Lent);
        let expect = Expect::Exactly(content);
        self.vsock.send_page(self.memory.in_pool(page), expect);
    }

    /// Forgets what devices were about to do, as a reset makes them do. What they held is whatever it is.
    pub fn forget_sent(&mut self) {
        self.sent = None;
    }

    /// Takes notice of what the disk has read: it must be the disk's content. Returns false where there
    /// is no news.
    ///
    /// # Errors
    /// It is not.
    pub fn hear_disk(&mut self) -> Result<bool, Fault> {
        let Some(Finished { read, succeeded }) = self.block.finished() else {
            return Ok(false);
        };
        if !succeeded {
            return Err(Fault::Other("the disk could not be read"));
        }
        let sectors = (read.sector..).step_by(8);
        for (index, sector) in (read.first..read.first + read.pages).zip(sectors) {
            let content = Content::Disk(sector);
            self.check("a page read from the disk", index, Kind::Shared, content)?;
            self.states.set(index, State::Shared(content));
        }
        self.counts.reads += 1;
        self.counts.read_bytes += u64::from(read.pages) * PAGE;
        Ok(true)
    }

    /// Takes notice of what the server says.
    ///
    /// # Errors
    /// An echo is wrong.
    pub fn listen(&mut self) -> Result<Option<Event>, Fault> {
        let event = self.vsock.event();
        match event {
            Some(Event::Echo(clock)) => {
                self.server_clock = clock;
                self.counts.echoes += 1;
                self.counts.echo_bytes += PAGE;
                if let Some((page, content)) = self.sent.take() {
                    self.states.set(page, State::Shared(content));
                }
            }
            Some(Event::Wrong {
                offset,
                expected,
                found,
            }) => {
                return Err(Fault::Echo {
                    offset,
                    expected,
                    found,
                });
            }
            Some(Event::Connected) => {
                self.clock_before += self.server_clock;
                self.server_clock = 0;
            }
            Some(Event::Lost) | None => {}
        }
        Ok(event)
    }

    /// Empty receive buffers go back to the device; now and then one is private in between.
    ///
    /// # Errors
    /// It is refused, or what was written is there after it became shared.
    pub fn return_buffers(&mut self) -> Result<(), Fault> {
        while let Some((index, [first, second])) = self.vsock.take_empty() {
            if self.random.once_in(4) {
                self.convert(first, 2, Kind::Private)?;
                for page in [first, second] {
                    self.counts.private_touches += 1;
                    let content = Content::Pattern(self.tag());
                    page.fill(Kind::Private, content);
                }
                self.convert(first, 2, Kind::Shared)?;
                for page in [first, second] {
                    let what = "a receive buffer that has just become shared";
                    page.check(Kind::Shared, Content::Zero)
                        .map_err(|wrong| Fault::Page {
                            what,
                            page: POOL_PAGES,
                            wrong,
                        })?;
                    self.counts.zero_checks += 1;
                }
            }
            self.vsock.offer_buffer(index);
        }
        Ok(())
    }

    /// Goes on listening until `done` says so.
    ///
    /// # Errors
    /// Something is wrong, or it never says so.
    pub fn wait(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<(), Fault> {
        let begin = cpu::cycles();
        while !done(self) {
            let heard = self.hear_disk()?;
            let event = self.listen()?;
            self.return_buffers()?;
            if matches!(event, Some(Event::Lost)) {
                return Err(Fault::Other("the connection was lost"));
            }
            if !heard && event.is_none() {
                cpu::relax();
            }
            if cpu::cycles().wrapping_sub(begin) > PATIENCE {
                return Err(Fault::Other(what));
            }
        }
        Ok(())
    }

    /// Waits until `done` says so, and listens to nobody.
    ///
    /// # Errors
    /// It never says so.
    pub fn wait_raw(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), Fault> {
        let begin = cpu::cycles();
        while !done(self) {
            cpu::relax();
            if cpu::cycles().wrapping_sub(begin) > PATIENCE {
                return Err(Fault::Other(what));
            }
        }
        Ok(())
    }

    /// Waits for the connection.
    ///
    /// # Errors
    /// It does not come.
    pub fn connect(&mut self) -> Result<(), Fault> {
        self.wait("the server does not answer", |world| world.vsock.is_ready())
    }

    /// Waits until no device has anything to do.
    ///
    /// # Errors
    /// One never ends.
    pub fn settle(&mut self) -> Result<(), Fault> {
        self.wait("a device does not answer", |world| {
            world.block.is_idle() && !world.vsock.is_waiting()
        })
    }
}
