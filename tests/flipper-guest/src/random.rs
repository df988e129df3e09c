//! Numbers that look random and repeat with their seed.

/// A generator (Marsaglia, "Xorshift RNGs", 2003; the 64-bit triple 13, 7, 17).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From any seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // The one state that it never leaves.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        let [.., a, b, c, d] = self.any().to_be_bytes();
        u32::from_be_bytes([a, b, c, d]) % bound
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let count = u32::try_from(of.len()).unwrap_or(u32::MAX);
        let index = usize::try_from(self.below(count)).unwrap_or(0);
        &of[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_the_bound_and_reach_every_value() {
        let mut random = Random::new(0);
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[usize::try_from(random.below(7)).unwrap_or(7)] = true;
        }
        assert_eq!(seen, [true; 7]);
    }

    #[test]
    fn same_seed_gives_the_same_numbers() {
        let (mut one, mut other) = (Random::new(5), Random::new(5));
        assert!((0..100).all(|_| one.any() == other.any()));
        assert_ne!(Random::new(6).any(), one.any());
    }
}
