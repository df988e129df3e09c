//! Buffers in which a guest asks for quotes.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::{Bound, Target};
use vmm_tdx::VmCallStatus;
use vmm_tdx::quotes::{
    Asked, Finished, IN_FLIGHT, NotShared, QuoteId, QuoteStatus, Quotes, SharedMemory,
};

const PAGES: usize = 48;
const PAGE: usize = 4096;

/// Nothing private is read or written, no buffer is used twice at once, and what is asked for ends.
///
/// Steps of 18 bytes: which, a page or none, and two numbers of the guest.
pub const QUOTE_BUFFERS: Target = Target {
    name: "quote_buffers",
    // The memory, its flags, and a report and a place for each that is in flight.
    bound: Bound {
        factor: 0,
        constant: PAGES * PAGE + 64 * 1024,
    },
    longest: 1 << 10,
    vectors: &[],
    check,
};

struct Memory {
    bytes: RefCell<Vec<u8>>,
    private: RefCell<[bool; PAGES]>,
}

impl Memory {
    fn range(&self, address: u64, bytes: u64) -> Result<std::ops::Range<usize>, NotShared> {
        let end = address.checked_add(bytes).ok_or(NotShared)?;
        let [start, end] = [address, end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        let flags = self.private.borrow();
        let pages = flags
            .get(start / PAGE..end.div_ceil(PAGE))
            .ok_or(NotShared)?;
        match pages.contains(&true) || pages.is_empty() {
            true => Err(NotShared),
            false => Ok(start..end),
        }
    }
}

impl SharedMemory for Memory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotShared> {
        let range = self.range(address, into.len() as u64)?;
        into.copy_from_slice(&self.bytes.borrow()[range]);
        Ok(())
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), NotShared> {
        let range = self.range(address, bytes.len() as u64)?;
        self.bytes.borrow_mut()[range].copy_from_slice(bytes);
        Ok(())
    }

    fn publish(&self, address: u64, value: u64) -> Result<(), NotShared> {
        assert!(address.is_multiple_of(8));
        self.write(address, &value.to_le_bytes())
    }

    fn is_shared(&self, address: u64, bytes: u64) -> bool {
        self.range(address, bytes).is_ok()
    }
}

struct Guest {
    memory: Memory,
    quotes: Quotes,
    now: Instant,
    waiting: Vec<(QuoteId, u64, u64)>,
}

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let (steps, rest) = bytes.as_chunks::<18>();
    bound.holds(bytes, || {
        let mut guest = Guest {
            memory: Memory {
                bytes: RefCell::new(vec![0; PAGES * PAGE]),
                private: RefCell::new([false; PAGES]),
            },
            quotes: Quotes::new(true),
            now: Instant::now(),
            waiting: Vec::new(),
        };
        let taken = steps.iter().filter(|step| guest.step(step)).count();
        guest.ends();
        taken == steps.len() && taken > 0 && rest.is_empty()
    })
}

impl Guest {
    /// Whether it did something.
    fn step(&mut self, step: &[u8; 18]) -> bool {
        let [kind, page, numbers @ ..] = *step;
        let [a, b] = std::array::from_fn(|at| {
            u64::from_le_bytes(std::array::from_fn(|index| numbers[8 * at + index]))
        });
        let at = usize::from(page) % PAGES;
        match kind % 5 {
            0 => self.ask(a, b),
            1 => {
                // The guest writes whatever it likes, also where it shares nothing.
                let header = [a.to_le_bytes(), [0; 8], b.to_le_bytes()].concat();
                self.memory.bytes.borrow_mut()[at * PAGE..][..24].copy_from_slice(&header);
                true
            }
            2 => {
                let mut private = self.memory.private.borrow_mut();
                private[at] = !private[at];
                true
            }
            3 => self.finish(a),
            _ => {
                self.now += Duration::from_secs(a % 40);
                let expired = self.quotes.expire(self.now, &self.memory);
                for (id, _) in &expired {
                    self.waiting.retain(|(waiting, ..)| waiting != id);
                }
                !expired.is_empty()
            }
        }
    }

    fn ask(&mut self, start: u64, bytes: u64) -> bool {
        let wanted = match self.quotes.ask(self.now, start, bytes, &self.memory) {
            Asked::Wanted(wanted) => wanted,
            Asked::Answer(status) => {
                assert_ne!(status, VmCallStatus::Success);
                return false;
            }
        };
        assert!(self.memory.is_shared(start, bytes) && bytes <= 128 * 1024);
        assert!((start | bytes).is_multiple_of(4096));
        assert_eq!(wanted.longest_quote as u64, bytes - 24);
        for (_, other, length) in &self.waiting {
            assert!(start + bytes <= *other || other + length <= start);
        }
        self.waiting.push((wanted.id, start, bytes));
        assert!(self.waiting.len() <= IN_FLIGHT);
        true
    }

    fn finish(&mut self, length: u64) -> bool {
        let Some((id, start, bytes)) = self.waiting.pop() else {
            return false;
        };
        let quote = vec![0xaa; usize::try_from(length % 0x3000).expect("a few")];
        let is_shared = self.memory.is_shared(start, bytes);
        let finished = self.quotes.finish(id, Ok(&quote), &self.memory);
        let fits = (quote.len() as u64) <= bytes - 24;
        assert_eq!(
            finished,
            match (is_shared, fits) {
                (false, _) => Finished::Withdrawn,
                (true, true) => Finished::Told(QuoteStatus::Success),
                (true, false) => Finished::Told(QuoteStatus::Error),
            }
        );
        let again = self.quotes.finish(id, Ok(&quote), &self.memory);
        assert_eq!(again, Finished::Unknown);
        is_shared
    }

    fn ends(&mut self) {
        let all = self.now + Duration::from_secs(30);
        assert_eq!(
            self.quotes.expire(all, &self.memory).len(),
            self.waiting.len()
        );
        assert_eq!(self.quotes.in_flight(), 0);
        assert_eq!(self.quotes.deadline(), None);
    }
}
