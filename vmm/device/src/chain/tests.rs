//! Chains as a hostile driver lays them out.

use proptest::prelude::*;

use super::*;

const MEMORY: u64 = 0x1_0000;
const TABLE: GuestAddress = GuestAddress(0x1000);
const SIZE: u16 = 8;

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

/// address, length, flags, next.
type Raw = (u64, u32, u16, u16);

fn memory(table: &[Raw]) -> GuestMemoryMmap {
    let length = usize::try_from(MEMORY).unwrap();
    let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), length)]).unwrap();
    for (index, (address, length, flags, next)) in table.iter().enumerate() {
        let at = TABLE.0 + 16 * index as u64;
        memory.write_obj(*address, GuestAddress(at)).unwrap();
        memory.write_obj(*length, GuestAddress(at + 8)).unwrap();
        memory.write_obj(*flags, GuestAddress(at + 12)).unwrap();
        memory.write_obj(*next, GuestAddress(at + 14)).unwrap();
    }
    memory
}

fn walk(table: &[Raw], head: u16) -> Result<Chain, ChainError> {
    Chain::walk(&memory(table), TABLE, SIZE, head)
}

#[test]
fn chain_well_formed_is_readable_then_writable_across_its_buffers() {
    let table = [
        (0x2000, 3, NEXT, 1),
        (0x3000, 2, NEXT, 2),
        (0x4000, 2, NEXT | WRITE, 3),
        (0x5000, 4, WRITE, 0),
    ];
    let memory = memory(&table);
    memory.write_slice(b"abc", GuestAddress(0x2000)).unwrap();
    memory.write_slice(b"de", GuestAddress(0x3000)).unwrap();
    let chain = Chain::walk(&memory, TABLE, SIZE, 0).unwrap();
    assert_eq!((chain.readable_bytes(), chain.writable_bytes()), (5, 6));

    let mut read = [0; 3];
    chain.read(&memory, 1, &mut read).unwrap();
    assert_eq!(&read, b"bcd");

    chain.write(&memory, 1, b"xyz").unwrap();
    let mut written = [0; 2];
    memory
        .read_slice(&mut written, GuestAddress(0x4000))
        .unwrap();
    assert_eq!(&written, b"\0x");
    memory
        .read_slice(&mut written, GuestAddress(0x5000))
        .unwrap();
    assert_eq!(&written, b"yz");
}

#[test]
fn access_past_a_chains_end_is_an_error() {
    let table = [(0x2000, 4, NEXT, 1), (0x3000, 4, WRITE, 0)];
    let memory = memory(&table);
    let chain = Chain::walk(&memory, TABLE, SIZE, 0).unwrap();
    for offset in [1, 4, 5, u64::MAX] {
        let short = Err(ChainError::Short);
        assert_eq!(chain.read(&memory, offset, &mut [0; 4]), short, "{offset}");
        assert_eq!(chain.write(&memory, offset, &[0; 4]), short, "{offset}");
    }
}

#[test]
fn chain_that_breaks_a_rule_is_an_error_that_says_which() {
    for (table, head, error) in [
        (vec![(0x2000, 4, NEXT, SIZE)], 0, ChainError::Index(SIZE)),
        (vec![], SIZE, ChainError::Index(SIZE)),
        (vec![], u16::MAX, ChainError::Index(u16::MAX)),
        (vec![(0x2000, 4, NEXT, 0)], 0, ChainError::Loop),
        (
            vec![(0x2000, 4, NEXT, 1), (0x2000, 4, NEXT, 0)],
            0,
            ChainError::Loop,
        ),
        (vec![(0x2000, 16, INDIRECT, 0)], 0, ChainError::Indirect(0)),
        (
            vec![(0x2000, 4, WRITE | NEXT, 1), (0x2000, 4, 0, 0)],
            0,
            ChainError::Order(1),
        ),
        (vec![(MEMORY, 1, 0, 0)], 0, ChainError::Buffer(0)),
        (vec![(MEMORY - 1, 2, 0, 0)], 0, ChainError::Buffer(0)),
        (vec![(u64::MAX, 2, 0, 0)], 0, ChainError::Buffer(0)),
        (vec![(0, u32::MAX, WRITE, 0)], 0, ChainError::Buffer(0)),
    ] {
        assert_eq!(walk(&table, head), Err(error), "{table:?}");
    }
}

#[test]
fn chain_as_long_as_the_table_is_no_loop() {
    let table: Vec<Raw> = (0..SIZE)
        .map(|index| match index + 1 {
            SIZE => (0x2000, 1, 0, 0),
            next => (0x2000, 1, NEXT, next),
        })
        .collect();
    assert_eq!(walk(&table, 0).unwrap().readable_bytes(), u64::from(SIZE));
}

#[test]
fn table_outside_memory_is_an_error() {
    let memory = memory(&[]);
    for table in [MEMORY - 8, MEMORY, u64::MAX - 15, u64::MAX] {
        let walked = Chain::walk(&memory, GuestAddress(table), SIZE, 0);
        assert_eq!(walked, Err(ChainError::Table(0)), "{table:#x}");
    }
}

fn any_descriptor() -> impl Strategy<Value = Raw> {
    (
        prop_oneof![4 => 0..MEMORY, 1 => any::<u64>()],
        prop_oneof![4 => 0..0x2000_u32, 1 => any::<u32>()],
        prop_oneof![8 => 0..4_u16, 1 => any::<u16>()],
        prop_oneof![8 => 0..SIZE, 1 => any::<u16>()],
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a driver lays out is an error, or lies in guest memory with every byte.
    #[test]
    fn chain_any_table_is_an_error_or_all_in_memory(
        table in proptest::collection::vec(any_descriptor(), usize::from(SIZE)),
        head in 0..SIZE + 1,
        offset in 0..0x3000_u64,
        length in 0..0x3000_usize,
    ) {
        let memory = memory(&table);
        let Ok(chain) = Chain::walk(&memory, TABLE, SIZE, head) else {
            return Ok(());
        };
        for span in chain.readable.iter().chain(&chain.writable) {
            prop_assert!(span.address.0 + u64::from(span.length) <= MEMORY);
        }
        let fits = |there: u64| offset + length as u64 <= there;
        let mut bytes = vec![0; length];
        let read = chain.read(&memory, offset, &mut bytes);
        prop_assert!(read.is_ok() == fits(chain.readable_bytes()) || length == 0);
        let written = chain.write(&memory, offset, &bytes);
        prop_assert!(written.is_ok() == fits(chain.writable_bytes()) || length == 0);
    }
}
