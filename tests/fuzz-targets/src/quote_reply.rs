//! Answers of a quote generation service.

use crate::{Bound, Target};
use vmm_tdx::qgs::{QgsFault, Reply};

/// However an answer is cut, it is the same, and it is the only spelling of its quote.
///
/// Two bytes of room for the quote, one byte of how the answer is cut, then the answer.
pub const QUOTE_REPLY: Target = Target {
    name: "quote_reply",
    // The answer as it comes, whose buffer doubles, and the quote out of it.
    bound: Bound {
        factor: 4,
        constant: 128,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some((head, answer)) = bytes.split_first_chunk::<3>() else {
        return false;
    };
    let [low, high, cut] = *head;
    let room = usize::from(u16::from_le_bytes([low, high]));
    let whole = bound.holds(bytes, || Reply::new(room).take(answer));
    let pieces = bound.holds(bytes, || in_pieces(room, answer, usize::from(cut) + 1));
    match whole {
        Ok(Some(quote)) => {
            assert!(!quote.is_empty() && quote.len() <= room);
            assert_eq!(answer, spelling(&quote));
            assert_eq!(pieces, Ok(Some(quote)));
            true
        }
        // Whoever has a quote reads no further, and does not find what follows it.
        Err(QgsFault::Trailing) => false,
        refused => {
            assert_eq!(pieces, refused);
            false
        }
    }
}

fn in_pieces(room: usize, answer: &[u8], size: usize) -> Result<Option<Vec<u8>>, QgsFault> {
    let mut reply = Reply::new(room);
    for piece in answer.chunks(size) {
        if let Some(quote) = reply.take(piece)? {
            return Ok(Some(quote));
        }
    }
    Ok(None)
}

fn spelling(quote: &[u8]) -> Vec<u8> {
    let size = u32::try_from(quote.len()).expect("a few");
    let mut frame = (24 + size).to_be_bytes().to_vec();
    frame.extend([1, 0, 1, 0]);
    for word in [1, 24 + size, 0, 0, size] {
        frame.extend(word.to_le_bytes());
    }
    frame.extend(quote);
    frame
}
