//! Object identifiers.

/// The most bytes that an identifier's encoding has here.
const CAPACITY: usize = 24;

/// An object identifier, as DER encodes it (X.690, 8.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oid {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Oid {
    /// From its numbers: `Oid::new(&[2, 5, 29, 19])`.
    ///
    /// # Panics
    /// There are fewer than two numbers, or so many that they do not fit 24 bytes: meant for constants.
    pub const fn new(numbers: &[u32]) -> Self {
        assert!(numbers.len() >= 2, "an identifier has two numbers at least");
        let mut oid = Self {
            bytes: [0; CAPACITY],
            length: 0,
        };
        oid = oid.and(numbers[0] * 40 + numbers[1]);
        let mut next = 2;
        while next < numbers.len() {
            oid = oid.and(numbers[next]);
            next += 1;
        }
        oid
    }

    /// With one more number behind it.
    ///
    /// # Panics
    /// It does not fit 24 bytes.
    #[must_use]
    pub const fn and(mut self, number: u32) -> Self {
        let mut groups = 1;
        while groups < 5 && number >> (7 * groups) != 0 {
            groups += 1;
        }
        while groups > 0 {
            groups -= 1;
            let more = if groups > 0 { 0x80 } else { 0 };
            let [low, ..] = (number >> (7 * groups)).to_le_bytes();
            self.bytes[self.length] = more | (low & 0x7F);
            self.length += 1;
        }
        self
    }

    /// Its DER encoding, without tag and length.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_is_encoded_in_groups_of_seven_bits() {
        let amd = Oid::new(&[1, 3, 6, 1, 4, 1, 3704]).and(1).and(3).and(1);
        assert_eq!(
            amd.as_bytes(),
            [0x2B, 6, 1, 4, 1, 0x9C, 0x78, 1, 3, 1],
            "as in every VCEK"
        );
        let largest = Oid::new(&[2, 5, u32::MAX]);
        assert_eq!(largest.as_bytes(), [0x55, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F]);
    }
}
