//! How much a parser may allocate.

use tests_heap::peak_of;

/// A parser's memory: at most `factor` bytes for each byte of input and `constant` beside.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Bytes for each byte of input.
    pub factor: usize,
    /// Bytes for any input.
    pub constant: usize,
}

impl Bound {
    /// Does a parser's work on `input`.
    ///
    /// # Panics
    /// When it has more memory than the bound allows at any one time.
    pub fn holds<T>(&self, input: &[u8], work: impl FnOnce() -> T) -> T {
        let (done, peak) = peak_of(work);
        let most = self.factor * input.len() + self.constant;
        assert!(
            peak <= most,
            "{} bytes of input made the parser allocate {peak} bytes at once; {most} are allowed",
            input.len()
        );
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    const BOUND: Bound = Bound {
        factor: 2,
        constant: 10,
    };

    #[test]
    fn bound_holds_at_its_very_end() {
        let length = BOUND.holds(&[0; 5], || black_box(vec![0_u8; 20]).len());
        assert_eq!(length, 20);
    }

    #[test]
    #[should_panic = "5 bytes of input made the parser allocate 21 bytes at once; 20 are allowed"]
    fn bound_one_byte_over_panics() {
        BOUND.holds(&[0; 5], || drop(black_box(vec![0_u8; 21])));
    }
}
