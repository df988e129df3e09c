//! Lists whose length a log decides.

/// The first [`Capped::MOST`] things of a kind, and how many there were in all: a hostile log could have
/// one with every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capped<T> {
    list: Vec<T>,
    total: usize,
}

impl<T> Capped<T> {
    /// How many are kept.
    pub const MOST: usize = 256;

    /// Those that are kept, in order.
    pub fn list(&self) -> &[T] {
        &self.list
    }

    /// How many there were.
    pub const fn total(&self) -> usize {
        self.total
    }

    /// How many are not kept.
    pub const fn more(&self) -> usize {
        self.total - self.list.len()
    }

    /// Whether there was none.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    pub(crate) fn push(&mut self, thing: T) {
        self.total += 1;
        if self.list.len() < Self::MOST {
            self.list.push(thing);
        }
    }
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            total: 0,
        }
    }
}

impl<T> Extend<T> for Capped<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, things: I) {
        things.into_iter().for_each(|thing| self.push(thing));
    }
}
