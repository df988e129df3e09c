//! Seeds of guests that convert pages.

use crate::Seed;

/// Of 1024 pages.
const MEMORY: u16 = 256;
const PRIVATE: u64 = 0x10;

fn of(requests: &[(u8, [u64; 4])]) -> Vec<u8> {
    let mut bytes = MEMORY.to_le_bytes().to_vec();
    for (way, numbers) in requests {
        bytes.push(*way);
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
    bytes
}

pub(crate) fn conversion() -> Vec<Seed> {
    let all = (0, [12, 0, 1024, PRIVATE]);
    vec![
        (
            "there-and-back",
            of(&[
                all,
                (0, [12, 0x20_0000, 512, 0]),
                (0, [12, 0x20_0000, 512, PRIVATE | 1]),
            ]),
        ),
        (
            "faults",
            of(&[all, (1, [0, 0x1000, 0x1000, 0]), (3, [0, 0x1fff, 2, 0])]),
        ),
        (
            "refused",
            of(&[
                (0, [12, 0, 1025, 0]),
                (0, [12, 0x1000, 1 << 52, 0]),
                (0, [12, 0x1001, 1, 0]),
                (0, [12, 0x1000, 0, 0]),
                (0, [12, 0, 1, 0x20]),
                (0, [13, 0, 1, 0]),
                (1, [0, u64::MAX, 2, 0]),
            ]),
        ),
    ]
}
