//! SHA-384 (FIPS 180-4, section 6.5) of four pages side by side, a page in each 64-bit lane.
//!
//! One text, compiled twice: with AVX-512VL the compiler has rotations and functions of three words, and
//! AVX2's sixteen registers are thirty-two.

use crate::constants::{INITIAL, ROUND};
use measured_boot_snp_abi::PAGE_SIZE;

/// How many pages there are side by side.
pub const LANES: usize = 4;
const BLOCK_BYTES: usize = 128;
/// Words of a block that fit in a vector.
const WORDS: usize = 4;

/// The block after a page's last: the end mark, and the length in bits.
const PADDING: [u64; 16] = {
    let mut block = [0; 16];
    block[0] = 1 << 63;
    block[15] = 4096 * 8;
    block
};
const _: () = assert!(PAGE_SIZE == 4096 && PAGE_SIZE.is_multiple_of(BLOCK_BYTES));

macro_rules! four_lanes {
    ($features:literal) => {
        use super::*;
        use std::arch::x86_64::*;
        use zerocopy::{FromBytes, transmute};

        /// The SHA-384 of each page.
        #[target_feature(enable = $features)]
        pub fn digests(pages: [&[u8; PAGE_SIZE]; LANES]) -> [[u8; 48]; LANES] {
            let mut state = all(INITIAL);
            for offset in (0..PAGE_SIZE).step_by(BLOCK_BYTES) {
                compress(&mut state, block(pages, offset));
            }
            compress(&mut state, all(PADDING));
            let mut digests = [[0; 48]; LANES];
            for (index, word) in state.into_iter().take(6).enumerate() {
                let lanes: [u64; LANES] = transmute!(word);
                for (digest, lane) in digests.iter_mut().zip(lanes) {
                    digest[8 * index..][..8].copy_from_slice(&lane.to_be_bytes());
                }
            }
            digests
        }

        /// The sixteen words of the block at this offset, each with its lanes.
        #[inline]
        #[target_feature(enable = $features)]
        fn block(pages: [&[u8; PAGE_SIZE]; LANES], offset: usize) -> [__m256i; 16] {
            let mut words = [_mm256_setzero_si256(); 16];
            for (index, words) in words.chunks_exact_mut(WORDS).enumerate() {
                let offset = offset + 32 * index;
                let mut rows = [_mm256_setzero_si256(); LANES];
                for (row, page) in rows.iter_mut().zip(pages) {
                    *row = big_endian(&page[offset..][..32]);
                }
                words.copy_from_slice(&turned(rows));
            }
            words
        }

        /// Four words of a page.
        #[inline]
        #[target_feature(enable = $features)]
        fn big_endian(bytes: &[u8]) -> __m256i {
            let (high, low) = (0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607);
            let reversed = _mm256_set_epi64x(high, low, high, low);
            let words = __m256i::read_from_bytes(bytes).expect("a vector has 32 bytes");
            _mm256_shuffle_epi8(words, reversed)
        }

        /// From a row a page to a row a word.
        #[inline]
        #[target_feature(enable = $features)]
        fn turned([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
            let (ab_even, ab_odd) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
            let (cd_even, cd_odd) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
            [
                _mm256_permute2x128_si256(ab_even, cd_even, 0x20),
                _mm256_permute2x128_si256(ab_odd, cd_odd, 0x20),
                _mm256_permute2x128_si256(ab_even, cd_even, 0x31),
                _mm256_permute2x128_si256(ab_odd, cd_odd, 0x31),
            ]
        }

        /// Adds a block to the state.
        #[inline]
        #[target_feature(enable = $features)]
        fn compress(state: &mut [__m256i; 8], mut words: [__m256i; 16]) {
            let mut now = *state;
            for t in (0..ROUND.len()).step_by(8) {
                now = round(now, &mut words, t);
                now = round(now, &mut words, t + 1);
                now = round(now, &mut words, t + 2);
                now = round(now, &mut words, t + 3);
                now = round(now, &mut words, t + 4);
                now = round(now, &mut words, t + 5);
                now = round(now, &mut words, t + 6);
                now = round(now, &mut words, t + 7);
            }
            for (word, after) in state.iter_mut().zip(now) {
                *word = add(*word, after);
            }
        }

        /// Round `t`. It leaves in the place of its word the one that round `t + 16` needs.
        #[inline]
        #[target_feature(enable = $features)]
        fn round(state: [__m256i; 8], words: &mut [__m256i; 16], t: usize) -> [__m256i; 8] {
            let [a, b, c, d, e, f, g, h] = state;
            let word = words[t % 16];
            let keyed = add(h, add(word, _mm256_set1_epi64x(ROUND[t].cast_signed())));
            let rotated = xor(ror::<14, 50>(e), ror::<18, 46>(e), ror::<41, 23>(e));
            let first = add(keyed, add(choose(e, f, g), rotated));
            let rotated = xor(ror::<28, 36>(a), ror::<34, 30>(a), ror::<39, 25>(a));
            let second = add(majority(a, b, c), rotated);
            let (early, late) = (words[(t + 1) % 16], words[(t + 14) % 16]);
            let early = xor(ror::<1, 63>(early), ror::<8, 56>(early), shr::<7>(early));
            let late = xor(ror::<19, 45>(late), ror::<61, 3>(late), shr::<6>(late));
            words[t % 16] = add(add(word, words[(t + 9) % 16]), add(early, late));
            [add(first, second), a, b, c, add(d, first), e, f, g]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn all<const N: usize>(words: [u64; N]) -> [__m256i; N] {
            let mut vectors = [_mm256_setzero_si256(); N];
            for (vector, word) in vectors.iter_mut().zip(words) {
                *vector = _mm256_set1_epi64x(word.cast_signed());
            }
            vectors
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn add(a: __m256i, b: __m256i) -> __m256i {
            _mm256_add_epi64(a, b)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn xor(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
            _mm256_xor_si256(_mm256_xor_si256(a, b), c)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn shr<const BITS: i32>(word: __m256i) -> __m256i {
            _mm256_srli_epi64::<BITS>(word)
        }

        /// Rotates to the right; `LEFT` is what is missing to 64.
        #[inline]
        #[target_feature(enable = $features)]
        fn ror<const RIGHT: i32, const LEFT: i32>(word: __m256i) -> __m256i {
            const { assert!(RIGHT + LEFT == 64) };
            _mm256_or_si256(shr::<RIGHT>(word), _mm256_slli_epi64::<LEFT>(word))
        }

        /// Of each bit `f` where `e` is set, else `g`.
        #[inline]
        #[target_feature(enable = $features)]
        fn choose(e: __m256i, f: __m256i, g: __m256i) -> __m256i {
            _mm256_xor_si256(g, _mm256_and_si256(e, _mm256_xor_si256(f, g)))
        }

        /// Of each bit what two of the three say.
        #[inline]
        #[target_feature(enable = $features)]
        fn majority(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
            let differ = _mm256_and_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(b, c));
            _mm256_xor_si256(b, differ)
        }
    };
}

pub mod avx2 {
    //! Where the CPU has AVX2.
    four_lanes!("avx2");
}

pub mod avx512 {
    //! Where it has the short vectors of AVX-512, too.
    four_lanes!("avx2,avx512f,avx512vl");
}
