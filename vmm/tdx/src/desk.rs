//! Where the guest's processors leave what they ask for, and the main thread finds it.
//!
//! A vCPU thread must not wait, and makes no connections: it judges a request, writes it down and wakes
//! the [`Courier`](crate::Courier).

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use crate::quotes::{Asked, Finished, QuoteId, QuoteStatus, Quotes, SharedMemory, Wanted};
use crate::{EventNotify, VmCallStatus};

/// The requests of one guest, between its processors and the main thread.
#[derive(Debug)]
pub struct Desk {
    state: Mutex<State>,
    event: OwnedFd,
}

#[derive(Debug)]
struct State {
    quotes: Quotes,
    wanted: VecDeque<Wanted>,
    notify: Option<EventNotify>,
}

impl Desk {
    /// An empty one. Without a service every request is answered that there is none.
    ///
    /// # Errors
    /// The kernel makes no event.
    pub fn new(has_service: bool) -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        let state = State {
            quotes: Quotes::new(has_service),
            wanted: VecDeque::new(),
            notify: None,
        };
        Ok(Self {
            state: Mutex::new(state),
            event,
        })
    }

    /// GetQuote, of a buffer of `bytes` at guest-physical `start`: what R10 holds at once.
    pub fn quote(
        &self,
        now: Instant,
        start: u64,
        bytes: u64,
        memory: &impl SharedMemory,
    ) -> VmCallStatus {
        let mut state = self.state();
        match state.quotes.ask(now, start, bytes, memory) {
            Asked::Answer(status) => status,
            Asked::Wanted(wanted) => {
                state.wanted.push_back(wanted);
                drop(state);
                // Full only after 2^64 requests.
                let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
                VmCallStatus::Success
            }
        }
    }

    /// SetupEventNotifyInterrupt by the processor with this APIC id: what R10 holds.
    pub fn set_up_notify(&self, vector: u64, apic_id: u32) -> VmCallStatus {
        match EventNotify::setup(vector, apic_id) {
            Ok(notify) => {
                self.state().notify = Some(notify);
                VmCallStatus::Success
            }
            Err(status) => status,
        }
    }

    /// What was asked for since the last time.
    pub(crate) fn take(&self) -> Vec<Wanted> {
        let mut count = [0; 8];
        // Empty when somebody was faster, or nothing was asked for: then there is nothing to find.
        match rustix::io::read(&self.event, &mut count) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return Vec::new(),
        }
        self.state().wanted.drain(..).collect()
    }

    /// Tells the guest, and says which interrupt it wants to be told by.
    pub(crate) fn finish(
        &self,
        id: QuoteId,
        quote: Result<&[u8], QuoteStatus>,
        memory: &impl SharedMemory,
    ) -> (Finished, Option<EventNotify>) {
        let mut state = self.state();
        let finished = state.quotes.finish(id, quote, memory);
        (finished, state.notify)
    }

    pub(crate) fn expire(
        &self,
        now: Instant,
        memory: &impl SharedMemory,
    ) -> (Vec<(QuoteId, Finished)>, Option<EventNotify>) {
        let mut state = self.state();
        let expired = state.quotes.expire(now, memory);
        (expired, state.notify)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.state().quotes.deadline()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock cannot be seen: a panic in any thread ends the process.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Desk {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
