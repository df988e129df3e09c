//! What lies in memory of a section once firmware has loaded it.

use crate::{Algorithm, Digest};
use std::borrow::Cow;
use std::fmt;

/// A section's content: bytes of the file, then zeros.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    bytes: &'a [u8],
    zeros: usize,
}

impl<'a> Content<'a> {
    pub(crate) const fn new(bytes: &'a [u8], zeros: usize) -> Self {
        Self { bytes, zeros }
    }

    /// The part that the file holds.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many zeros follow it.
    pub const fn zeros(&self) -> usize {
        self.zeros
    }

    /// Its length in bytes.
    pub const fn len(&self) -> usize {
        self.bytes.len() + self.zeros
    }

    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its digest.
    pub fn digest(&self, algorithm: Algorithm) -> Digest {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut context = algorithm.context();
        context.update(self.bytes);
        let mut left = self.zeros;
        while left > 0 {
            let part = left.min(ZEROS.len());
            context.update(&ZEROS[..part]);
            left -= part;
        }
        Digest::of(&context.finish())
    }

    /// All of it in one piece, copied only where zeros follow the file's bytes.
    pub fn to_bytes(&self) -> Cow<'a, [u8]> {
        if self.zeros == 0 {
            return Cow::Borrowed(self.bytes);
        }
        let mut bytes = self.bytes.to_vec();
        bytes.resize(self.len(), 0);
        Cow::Owned(bytes)
    }
}

/// How much it is, without its bytes.
impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, zeros) = (self.bytes.len(), self.zeros);
        write!(f, "Content({bytes} bytes and {zeros} zeros)")
    }
}
