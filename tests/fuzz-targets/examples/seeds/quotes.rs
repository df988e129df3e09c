//! Seeds of TD quotes: the service's answers, and the guest's buffers.

use crate::Seed;

fn answer(room: u16, cut: u8, kind: u32, code: u32, quote: &[u8]) -> Vec<u8> {
    let size = u32::try_from(quote.len()).expect("a few");
    let mut bytes = room.to_le_bytes().to_vec();
    bytes.push(cut);
    bytes.extend((24 + size).to_be_bytes());
    bytes.extend([1, 0, 1, 0]);
    for word in [kind, 24 + size, code, 0, size] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(quote);
    bytes
}

pub(crate) fn quote_reply() -> Vec<Seed> {
    let mut trailing = answer(64, 0, 1, 0, b"a quote");
    trailing.push(0);
    vec![
        ("quote", answer(64, 5, 1, 0, b"a quote")),
        ("full", answer(7, 0, 1, 0, b"a quote")),
        ("too-long", answer(6, 0, 1, 0, b"a quote")),
        ("error", answer(64, 0, 1, 0x12003, b"")),
        ("another-type", answer(64, 0, 3, 0, b"a quote")),
        ("trailing", trailing),
        ("cut", answer(64, 0, 1, 0, b"a quote")[..20].to_vec()),
    ]
}

const ASK: u8 = 0;
const HEADER: u8 = 1;
const CONVERT: u8 = 2;
const FINISH: u8 = 3;
const WAIT: u8 = 4;

fn steps(steps: &[(u8, u8, u64, u64)]) -> Vec<u8> {
    let step = |(kind, page, a, b): &(u8, u8, u64, u64)| {
        let mut bytes = vec![*kind, *page];
        bytes.extend(a.to_le_bytes());
        bytes.extend(b.to_le_bytes());
        bytes
    };
    steps.iter().flat_map(step).collect()
}

pub(crate) fn quote_buffers() -> Vec<Seed> {
    let prepared = (HEADER, 1, 1, 1024);
    let asked = (ASK, 0, 0x1000, 0x2000);
    vec![
        ("quote", steps(&[prepared, asked, (FINISH, 0, 100, 0)])),
        (
            "too-long",
            steps(&[prepared, asked, (FINISH, 0, 0x2fff, 0)]),
        ),
        ("late", steps(&[prepared, asked, (WAIT, 0, 30, 0)])),
        (
            "turned-private",
            steps(&[prepared, asked, (CONVERT, 2, 0, 0), (FINISH, 0, 100, 0)]),
        ),
        (
            "refused",
            steps(&[
                prepared,
                (ASK, 0, 0x1000, 0),
                (ASK, 0, 0x1001, 0x1000),
                (ASK, 0, !0xfff, 0x2000),
                (ASK, 0, 0x1000, 0x2_1000),
                (HEADER, 3, 2, 1024),
                (ASK, 0, 0x3000, 0x1000),
                asked,
                asked,
            ]),
        ),
    ]
}
