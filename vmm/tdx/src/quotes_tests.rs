use std::cell::{Cell, RefCell};

use super::*;

const BUFFER: u64 = 0x1_0000;
const BYTES: u64 = 0x2000;
const RAM: u64 = 0x10_0000;

/// Memory that keeps what was done to it, in order; pages turn private at the call that a test chooses.
struct Memory {
    bytes: RefCell<Vec<u8>>,
    calls: RefCell<Vec<String>>,
    /// Everything is private from this call on, for so many calls.
    private_from: Cell<usize>,
    private_for: Cell<usize>,
}

impl Memory {
    fn new() -> Self {
        let memory = Self {
            bytes: RefCell::new(vec![0; usize::try_from(RAM).unwrap()]),
            calls: RefCell::default(),
            private_from: Cell::new(usize::MAX),
            private_for: Cell::new(usize::MAX),
        };
        memory.put(BUFFER, 1, 1024);
        memory
    }

    /// The guest prepares a buffer, with a report that begins with 0x81.
    fn put(&self, start: u64, version: u64, input_bytes: u32) {
        let mut buffer = version.to_le_bytes().to_vec();
        buffer.extend([0; 8]);
        buffer.extend(input_bytes.to_le_bytes());
        buffer.extend([0xee; 4]);
        buffer.push(0x81);
        let start = usize::try_from(start).unwrap();
        self.bytes.borrow_mut()[start..][..buffer.len()].copy_from_slice(&buffer);
    }

    fn at<const N: usize>(&self, address: u64) -> [u8; N] {
        let address = usize::try_from(address).unwrap();
        *self.bytes.borrow()[address..].first_chunk().unwrap()
    }

    fn status(&self, start: u64) -> u64 {
        u64::from_le_bytes(self.at(start + 8))
    }

    fn out_length(&self, start: u64) -> u32 {
        u32::from_le_bytes(self.at(start + 20))
    }

    fn calls(&self) -> Vec<String> {
        self.calls.take()
    }

    fn access(&self, what: &str, address: u64, bytes: usize) -> Result<usize, NotShared> {
        let mut calls = self.calls.borrow_mut();
        let bytes = u64::try_from(bytes).unwrap();
        let call = calls.len().checked_sub(self.private_from.get());
        let is_private = call.is_some_and(|call| call < self.private_for.get());
        calls.push(format!("{what} {address:#x}+{bytes:#x}"));
        let end = address.checked_add(bytes).ok_or(NotShared)?;
        match is_private || end > RAM {
            true => Err(NotShared),
            false => Ok(usize::try_from(address).unwrap()),
        }
    }
}

impl SharedMemory for Memory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotShared> {
        let at = self.access("read", address, into.len())?;
        into.copy_from_slice(&self.bytes.borrow()[at..][..into.len()]);
        Ok(())
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), NotShared> {
        let at = self.access("write", address, bytes.len())?;
        self.bytes.borrow_mut()[at..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn publish(&self, address: u64, value: u64) -> Result<(), NotShared> {
        let at = self.access("publish", address, 8)?;
        self.bytes.borrow_mut()[at..][..8].copy_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn is_shared(&self, address: u64, bytes: u64) -> bool {
        let bytes = usize::try_from(bytes).unwrap();
        self.access("shared?", address, bytes).is_ok()
    }
}

fn ask(quotes: &mut Quotes, memory: &Memory) -> Asked {
    quotes.ask(Instant::now(), BUFFER, BYTES, memory)
}

fn wanted(asked: Asked) -> Wanted {
    match asked {
        Asked::Wanted(wanted) => wanted,
        Asked::Answer(status) => panic!("answered {status:?}"),
    }
}

#[test]
fn report_is_taken_and_the_guest_waits() {
    let (mut quotes, memory) = (Quotes::new(true), Memory::new());
    let wanted = wanted(ask(&mut quotes, &memory));
    assert_eq!(
        (wanted.report[0], wanted.longest_quote),
        (0x81, 0x2000 - 24)
    );
    assert_eq!(memory.status(BUFFER), u64::MAX);
    assert_eq!(
        memory.calls(),
        [
            "shared? 0x10000+0x2000",
            "read 0x10000+0x18",
            "read 0x10018+0x400",
            "publish 0x10008+0x8"
        ],
        "the header is read once"
    );
}

#[test]
fn quote_is_written_before_its_length_and_its_status_last() {
    let (mut quotes, memory) = (Quotes::new(true), Memory::new());
    let id = wanted(ask(&mut quotes, &memory)).id;
    memory.calls();
    let finished = quotes.finish(id, Ok(b"quote"), &memory);
    assert_eq!(finished, Finished::Told(QuoteStatus::Success));
    assert_eq!(
        memory.calls(),
        [
            "shared? 0x10000+0x2000",
            "write 0x10018+0x5",
            "write 0x10014+0x4",
            "publish 0x10008+0x8"
        ]
    );
    assert_eq!(memory.at(BUFFER + 24), *b"quote");
    assert_eq!((memory.out_length(BUFFER), memory.status(BUFFER)), (5, 0));
    assert_eq!(quotes.in_flight(), 0);
}

#[test]
fn ranges_that_cannot_be_are_refused_before_memory_is_looked_at() {
    let align = VmCallStatus::AlignError;
    let invalid = VmCallStatus::InvalidOperand;
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        ("no bytes",          BUFFER,           0,              invalid),
        ("start in a page",   BUFFER + 1,       BYTES,          align),
        ("size in a page",    BUFFER,           BYTES + 8,      align),
        ("too large",         BUFFER,           0x2_1000,       invalid),
        ("as large as can be", BUFFER,          !0xfff,         invalid),
        ("wraps to zero",     !0xfff,           0x1000,         invalid),
        ("wraps",             !0x1fff,          0x3000,         invalid),
    ];
    for (what, start, bytes, status) in cases {
        let (mut quotes, memory) = (Quotes::new(true), Memory::new());
        let asked = quotes.ask(Instant::now(), start, bytes, &memory);
        assert_eq!(asked, Asked::Answer(status), "{what}");
        assert!(memory.calls().is_empty(), "{what}");
    }
}

#[test]
fn buffer_that_ends_beyond_memory_or_is_private_is_refused_untouched() {
    for (start, private_from) in [(RAM - 0x1000, usize::MAX), (RAM, usize::MAX), (BUFFER, 0)] {
        let (mut quotes, memory) = (Quotes::new(true), Memory::new());
        memory.put(RAM - 0x1000, 1, 1024);
        memory.private_from.set(private_from);
        let asked = quotes.ask(Instant::now(), start, BYTES, &memory);
        assert_eq!(asked, Asked::Answer(VmCallStatus::InvalidOperand));
        assert!(
            memory
                .calls()
                .iter()
                .all(|call| !call.starts_with("publish"))
        );
        assert_eq!(quotes.in_flight(), 0);
    }
}

#[test]
fn last_page_of_memory_and_largest_buffer_are_taken() {
    let (mut quotes, memory) = (Quotes::new(true), Memory::new());
    for (start, bytes) in [(RAM - 0x1000, 0x1000), (0, LARGEST_BUFFER)] {
        memory.put(start, 1, 1024);
        wanted(quotes.ask(Instant::now(), start, bytes, &memory));
    }
}

#[test]
fn header_of_another_version_or_length_is_refused_untouched() {
    for (version, input_bytes) in [
        (0, 1024),
        (2, 1024),
        (1 << 32 | 1, 1024),
        (1, 0),
        (1, 1023),
        (1, 1025),
        (1, 0x2000 - 24),
        (1, u32::MAX),
    ] {
        let (mut quotes, memory) = (Quotes::new(true), Memory::new());
        memory.put(BUFFER, version, input_bytes);
        let asked = ask(&mut quotes, &memory);
        let refused = Asked::Answer(VmCallStatus::InvalidOperand);
        assert_eq!(asked, refused, "version {version}, {input_bytes} bytes");
        assert_eq!((memory.status(BUFFER), quotes.in_flight()), (0, 0));
    }
}

#[test]
fn without_a_service_the_buffer_says_so() {
    let (mut quotes, memory) = (Quotes::new(false), Memory::new());
    assert_eq!(
        ask(&mut quotes, &memory),
        Asked::Answer(VmCallStatus::Success)
    );
    assert_eq!(memory.status(BUFFER), 0x8000_0000_0000_0001);
}

#[test]
fn at_most_sixteen_are_in_flight() {
    let (mut quotes, memory) = (Quotes::new(true), Memory::new());
    let mut ask_at = |page: u64| {
        memory.put(page * 0x1000, 1, 1024);
        quotes.ask(Instant::now(), page * 0x1000, 0x1000, &memory)
    };
    let first = wanted(ask_at(0)).id;
    for page in 1..16 {
        wanted(ask_at(page));
    }
    assert_eq!(ask_at(16), Asked::Answer(VmCallStatus::Retry));
    assert_eq!(memory.status(0x1_0000), 0, "it is not in flight");
    quotes.finish(first, Err(QuoteStatus::Error), &memory);
    wanted(quotes.ask(Instant::now(), 0x1_0000, 0x1000, &memory));
}

#[test]
fn buffer_that_overlaps_one_in_flight_is_in_use() {
    let (mut quotes, memory) = (Quotes::new(true), Memory::new());
    wanted(ask(&mut quotes, &memory));
    for start in [BUFFER - 0x1000, BUFFER, BUFFER + 0x1000] {
        memory.put(start, 1, 1024);
        let asked = quotes.ask(Instant::now(), start, BYTES, &memory);
        assert_eq!(asked, Asked::Answer(VmCallStatus::GpaInUse), "{start:#x}");
    }
    for start in [BUFFER - BYTES, BUFFER + BYTES] {
        memory.put(start, 1, 1024);
        wanted(quotes.ask(Instant::now(), start, BYTES, &memory));
    }
}

#[test]
fn buffer_that_turns_private_while_it_is_judged_leaves_nothing_in_flight() {
    for private_from in 0..4 {
        let (mut quotes, memory) = (Quotes::new(true), Memory::new());
        memory.private_from.set(private_from);
        let refused = Asked::Answer(VmCallStatus::InvalidOperand);
        assert_eq!(
            ask(&mut quotes, &memory),
            refused,
            "from call {private_from}"
        );
        assert_eq!((memory.status(BUFFER), quotes.in_flight()), (0, 0));
    }
}

#[test]
fn buffer_that_is_private_for_a_moment_while_it_is_judged_is_refused() {
    for private_from in 0..4 {
        let (mut quotes, memory) = (Quotes::new(true), Memory::new());
        memory.private_from.set(private_from);
        memory.private_for.set(1);
        let refused = Asked::Answer(VmCallStatus::InvalidOperand);
        assert_eq!(ask(&mut quotes, &memory), refused, "at call {private_from}");
        assert_eq!((memory.status(BUFFER), quotes.in_flight()), (0, 0));
    }
}

#[test]
fn buffer_that_turned_private_meanwhile_is_not_written() {
    for private_from in 0..4 {
        let (mut quotes, memory) = (Quotes::new(true), Memory::new());
        let id = wanted(ask(&mut quotes, &memory)).id;
        memory.calls();
        memory.private_from.set(private_from);
        let finished = quotes.finish(id, Ok(b"quote"), &memory);
        assert_eq!(finished, Finished::Withdrawn, "from call {private_from}");
        assert_eq!(memory.status(BUFFER), u64::MAX);
        assert_eq!(memory.calls().len(), private_from + 1, "it stops there");
    }
}

#[test]
fn quote_that_does_not_fit_is_an_error_without_data() {
    let (mut quotes, memory) = (Quotes::new(true), Memory::new());
    let Wanted {
        id, longest_quote, ..
    } = wanted(ask(&mut quotes, &memory));
    let finished = quotes.finish(id, Ok(&vec![7; longest_quote + 1]), &memory);
    assert_eq!(finished, Finished::Told(QuoteStatus::Error));
    assert_eq!(memory.status(BUFFER), 0x8000_0000_0000_0000);
    assert_eq!(
        (memory.out_length(BUFFER), memory.at(BUFFER + 24)),
        (0, [0x81])
    );
    let Wanted {
        id, longest_quote, ..
    } = wanted(ask_again(&mut quotes, &memory));
    let finished = quotes.finish(id, Ok(&vec![7; longest_quote]), &memory);
    assert_eq!(finished, Finished::Told(QuoteStatus::Success));
    assert_eq!(memory.at(BUFFER + BYTES - 1), [7]);
    assert_eq!(memory.at(BUFFER + BYTES), [0]);
}

fn ask_again(quotes: &mut Quotes, memory: &Memory) -> Asked {
    memory.put(BUFFER, 1, 1024);
    ask(quotes, memory)
}

#[test]
fn status_that_the_guest_writes_itself_changes_nothing() {
    let (mut quotes, memory) = (Quotes::new(true), Memory::new());
    let id = wanted(ask(&mut quotes, &memory)).id;
    // Another version, another length: what was judged counts.
    memory.put(BUFFER, 7, u32::MAX);
    let finished = quotes.finish(id, Ok(b"quote"), &memory);
    assert_eq!(finished, Finished::Told(QuoteStatus::Success));
    assert_eq!(memory.out_length(BUFFER), 5);
}

#[test]
fn quote_is_given_up_after_30_seconds_and_its_late_answer_dropped() {
    let (mut quotes, memory) = (Quotes::new(true), Memory::new());
    let begun = Instant::now();
    let id = wanted(quotes.ask(begun, BUFFER, BYTES, &memory)).id;
    assert_eq!(quotes.deadline(), Some(begun + WITHIN));
    let almost = begun + WITHIN - Duration::from_nanos(1);
    assert!(quotes.expire(almost, &memory).is_empty());
    let expired = quotes.expire(begun + WITHIN, &memory);
    assert_eq!(expired, [(id, Finished::Told(QuoteStatus::Error))]);
    assert_eq!(memory.status(BUFFER), 0x8000_0000_0000_0000);
    assert_eq!((quotes.deadline(), quotes.in_flight()), (None, 0));
    memory.calls();
    assert_eq!(quotes.finish(id, Ok(b"late"), &memory), Finished::Unknown);
    assert!(memory.calls().is_empty());
}
