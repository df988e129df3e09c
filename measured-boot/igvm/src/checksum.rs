//! CRC-32 as IGVM's headers carry it (ISO 3309, the polynomial of Ethernet, reflected).

const POLYNOMIAL: u32 = 0xEDB8_8320;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u32;
    while byte < 256 {
        let mut remainder = byte;
        let mut bit = 0;
        while bit < 8 {
            let is_odd = remainder & 1 == 1;
            remainder >>= 1;
            if is_odd {
                remainder ^= POLYNOMIAL;
            }
            bit += 1;
        }
        table[byte as usize] = remainder;
        byte += 1;
    }
    table
};

/// The checksum over these parts, one after the other.
pub fn crc32(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().copied().flatten();
    !bytes.fold(!0, |remainder, byte| {
        let [low, ..] = remainder.to_le_bytes();
        TABLE[usize::from(low ^ byte)] ^ (remainder >> 8)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn checksum_of_the_usual_digits_is_the_published_one() {
        assert_eq!(super::crc32(&[b"1234", b"56789"]), 0xCBF4_3926);
    }
}
