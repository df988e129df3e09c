//! What is known of each page of the pool.

use crate::memory::{Content, POOL_PAGES};

/// One page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Devices may read and write it.
    Shared(Content),
    /// Only the guest can.
    Private(Content),
    /// Shared, and in the hands of a device.
    Lent,
}

/// All of them.
pub struct States([State; POOL_PAGES as usize]);

impl States {
    /// As the machine starts: shared, and nobody wrote to them.
    #[must_use]
    pub const fn new() -> Self {
        Self([State::Shared(Content::Zero); POOL_PAGES as usize])
    }

    /// Of page `index`.
    #[must_use]
    pub fn of(&self, index: u32) -> State {
        self.0[place(index)]
    }

    /// Notes what page `index` is now.
    pub fn set(&mut self, index: u32, state: State) {
        self.0[place(index)] = state;
    }

    /// How many pages from `first` on, at most `most`, are such that `is` says so.
    #[must_use]
    pub fn run(&self, first: u32, most: u32, is: impl Fn(State) -> bool) -> u32 {
        let end = first.saturating_add(most).min(POOL_PAGES);
        let length = (first..end).take_while(|index| is(self.of(*index))).count();
        u32::try_from(length).unwrap_or(0)
    }
}

impl Default for States {
    fn default() -> Self {
        Self::new()
    }
}

fn place(index: u32) -> usize {
    usize::try_from(index).expect("addresses have 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ends_at_another_state_at_its_limit_and_at_the_last_page() {
        let mut states = States::new();
        states.set(5, State::Lent);
        let shared = |state| matches!(state, State::Shared(_));
        assert_eq!(states.run(0, 100, shared), 5);
        assert_eq!(states.run(0, 3, shared), 3);
        assert_eq!(states.run(POOL_PAGES - 2, 9, shared), 2);
    }
}
