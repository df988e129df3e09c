//! Words that certify themselves.
//!
//! The upper half of a word is a function of its lower half and of where the word may be written. So a
//! reader that knows nothing else can tell a word that was written while its page was private.

/// Where a word may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only into a page that is private. Found anywhere else, it is a leak.
    Private,
    /// Only into a page that is shared.
    Shared,
    /// On the disk.
    Disk,
}

impl Kind {
    const fn key(self) -> u32 {
        match self {
            Self::Private => 0x9e37_79b1,
            Self::Shared => 0x85eb_ca77,
            Self::Disk => 0xc2b2_ae3d,
        }
    }
}

/// Word `index` of what `tag` names.
#[must_use]
pub const fn word(kind: Kind, tag: u32, index: u32) -> u64 {
    let low = scramble(
        tag.wrapping_mul(0x0100_0193).wrapping_add(index),
        0x27d4_eb2f,
    );
    (scramble(low, kind.key()) as u64) << 32 | low as u64
}

/// Whether a word is one of `kind`. Of random words one in 2^32 is.
#[must_use]
pub const fn is(kind: Kind, word: u64) -> bool {
    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
    u32::from_le_bytes([e, f, g, h]) == scramble(u32::from_le_bytes([a, b, c, d]), kind.key())
}

/// One to one for a key.
const fn scramble(value: u32, key: u32) -> u32 {
    let value = (value ^ key).wrapping_mul(0x045d_9f3b);
    let value = (value ^ (value >> 15)).wrapping_mul(0x2c1b_3c6d);
    value ^ (value >> 12)
}

/// Where in `words` so many words of `kind` follow each other.
#[must_use]
pub fn find(kind: Kind, words: &[u64], in_a_row: usize) -> Option<usize> {
    let mut run = 0;
    for (at, &word) in words.iter().enumerate() {
        run = if is(kind, word) { run + 1 } else { 0 };
        if run == in_a_row {
            return Some(at + 1 - in_a_row);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    const KINDS: [Kind; 3] = [Kind::Private, Kind::Shared, Kind::Disk];

    #[test]
    fn word_of_a_kind_is_of_that_kind_alone() {
        for (tag, index) in (0..1000).map(|number| (number * 77, number)) {
            for kind in KINDS {
                for other in KINDS {
                    assert_eq!(is(other, word(kind, tag, index)), kind == other);
                }
            }
        }
    }

    #[test]
    fn zero_and_ones_are_of_no_kind() {
        for kind in KINDS {
            assert!(!is(kind, 0));
            assert!(!is(kind, u64::MAX));
        }
    }

    #[test]
    fn words_of_two_pages_and_of_two_places_differ() {
        assert_ne!(word(Kind::Private, 1, 5), word(Kind::Private, 2, 5));
        assert_ne!(word(Kind::Private, 1, 5), word(Kind::Private, 1, 6));
    }

    #[test]
    fn find_wants_as_many_in_a_row_as_asked_for() {
        let own = |index| word(Kind::Private, 9, index);
        let words = [0, own(0), own(1), 7, own(2), own(3), own(4), 1];
        assert_eq!(find(Kind::Private, &words, 2), Some(1));
        assert_eq!(find(Kind::Private, &words, 3), Some(4));
        assert_eq!(find(Kind::Private, &words, 4), None);
        assert_eq!(find(Kind::Shared, &words, 1), None);
    }
}
