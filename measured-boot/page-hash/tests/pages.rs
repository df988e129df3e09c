//! Every way of hashing pages against ring, one page after the other.

use measured_boot_digest::{HashPages, OneByOne};
use measured_boot_page_hash::{AllCores, Lanes};
use proptest::prelude::*;

const PAGE: usize = 4096;

/// Bytes that no two pages share, and that no mistake in a lane's order leaves alike.
fn random(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

fn by(lanes: Lanes, pages: &[&[u8]]) -> Vec<[u8; 48]> {
    let mut digests = vec![[0; 48]; pages.len()];
    lanes.hash(pages, &mut digests);
    digests
}

#[test]
fn lanes_of_this_cpu_hash_any_number_of_pages_as_ring_does() {
    let bytes = random(9 * PAGE, 1);
    let pages: Vec<_> = bytes.chunks(PAGE).collect();
    for lanes in Lanes::available() {
        for count in 0..=pages.len() {
            let pages = &pages[..count];
            assert_eq!(
                by(lanes, pages),
                OneByOne.hash_each(pages),
                "{lanes}, {count} pages"
            );
        }
    }
    if Lanes::available().len() < 3 {
        println!("skipped: this CPU lacks AVX2 or AVX-512VL");
    }
}

#[test]
fn short_page_counts_as_filled_up_with_zeros_wherever_it_is() {
    let bytes = random(6 * PAGE, 2);
    for lanes in Lanes::available() {
        for (short, length) in [(0, 0), (1, 1), (3, 4095), (4, 100), (5, 2048)] {
            let mut pages: Vec<_> = bytes.chunks(PAGE).collect();
            pages[short] = &pages[short][..length];
            let mut filled = bytes.clone();
            filled[short * PAGE + length..(short + 1) * PAGE].fill(0);
            assert_eq!(
                by(lanes, &pages),
                OneByOne.hash_pages(&filled),
                "{lanes}, page {short} of {length} bytes"
            );
        }
    }
}

#[test]
fn pages_of_one_bit_each_hash_as_ring_does() {
    // Each word of a page, and each of a word's bytes, goes its own way through shuffles.
    let pages: Vec<_> = (0..PAGE)
        .map(|byte| {
            let mut page = vec![0; PAGE];
            page[byte] = 1 << (byte % 8);
            page
        })
        .collect();
    let pages: Vec<_> = pages.iter().map(Vec::as_slice).collect();
    let expected = OneByOne.hash_each(&pages);
    for lanes in Lanes::available() {
        assert_eq!(by(lanes, &pages), expected, "{lanes}");
    }
}

#[test]
fn threads_share_out_any_number_of_pages() {
    let bytes = random(1025 * PAGE - 7, 3);
    let expected = OneByOne.hash_pages(&bytes);
    for lanes in Lanes::available() {
        for threads in [0, 1, 2, 3, 8, 100] {
            let cores = AllCores::with(threads, lanes);
            assert!((1..=8).contains(&cores.threads()));
            for pages in [0, 1, 127, 128, 129, 256, 1024, 1025] {
                let bytes = &bytes[..bytes.len().min(pages * PAGE)];
                let digests = cores.hash_pages(bytes);
                assert_eq!(
                    digests,
                    expected[..pages],
                    "{lanes}, {threads} threads, {pages} pages"
                );
            }
        }
    }
}

#[test]
fn fastest_lanes_are_the_last_of_those_available() {
    let available = Lanes::available();
    assert_eq!(Some(&Lanes::best()), available.last());
    assert_eq!(AllCores::new().lanes(), Lanes::best());
    assert_eq!(available[0].to_string(), "one lane");
}

#[test]
fn page_that_is_too_long_panics_in_every_lane() {
    let bytes = random(PAGE + 1, 4);
    for lanes in Lanes::available() {
        for pages in [vec![&bytes[..]], vec![&bytes[..]; 4]] {
            let hashed = std::panic::catch_unwind(|| by(lanes, &pages));
            assert!(hashed.is_err(), "{lanes}, {} pages", pages.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_pages_at_random_places_hash_as_ring_does(
        seed: u64,
        starts in proptest::collection::vec((0..64 * PAGE, 0..=PAGE), 0..300),
        threads in 1..5_usize,
    ) {
        let bytes = random(65 * PAGE, seed);
        let pages: Vec<_> = starts
            .iter()
            // Most pages are whole.
            .map(|(start, length)| &bytes[*start..][..if length % 4 == 0 { *length } else { PAGE }])
            .collect();
        let expected = OneByOne.hash_each(&pages);
        for lanes in Lanes::available() {
            prop_assert_eq!(&AllCores::with(threads, lanes).hash_each(&pages), &expected);
        }
    }
}
