use measured_boot_shim_abi::{Refusal, enable_processors, madt_length};
use proptest::collection::vec;
use proptest::prelude::*;

fn sum(table: &[u8]) -> u8 {
    table.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

fn finish(mut table: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(table.len()).expect("a small table");
    table[4..8].copy_from_slice(&length.to_le_bytes());
    table[9] = table[9].wrapping_sub(sum(&table));
    table
}

/// Two local APICs, an I/O APIC, two local x2APICs, a wake-up mailbox; nothing enabled.
fn madt() -> Vec<u8> {
    let mut table = b"APIC".to_vec();
    table.resize(44, 0);
    for id in [0, 1] {
        table.extend([0, 8, id, id, 0, 0, 0, 0]);
    }
    table.extend([1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0]);
    for id in [2, 3] {
        table.extend([9, 16, 0, 0, id, 0, 0, 0, 0, 0, 0, 0, id, 0, 0, 0]);
    }
    table.extend([16, 16, 0, 0, 0, 0, 0, 0, 0, 0xF0, 8, 0, 0, 0, 0, 0]);
    finish(table)
}

/// Where the flags of the four processors are.
const FLAGS: [usize; 4] = [48, 56, 72 + 8, 72 + 16 + 8];

#[test]
fn processors_are_enabled_from_the_first_on_and_the_sum_stays_zero() {
    for count in 0..=4 {
        let before = madt();
        let mut table = before.clone();
        assert_eq!(
            enable_processors(&mut table, u32::try_from(count).unwrap()),
            Ok(())
        );
        for (index, flags) in FLAGS.into_iter().enumerate() {
            assert_eq!(table[flags], u8::from(index < count));
        }
        assert_eq!(sum(&table), 0);
        let changed = before
            .iter()
            .zip(&table)
            .filter(|(old, new)| old != new)
            .count();
        assert!(changed <= count + 1, "nothing but flags and the checksum");
    }
}

#[test]
fn processors_beyond_the_table_are_refused() {
    for count in [5, u32::MAX] {
        assert_eq!(
            enable_processors(&mut madt(), count),
            Err(Refusal::MadtProcessors)
        );
    }
}

#[test]
fn madt_that_is_damaged_is_refused() {
    let cut = madt()[..madt().len() - 1].to_vec();
    let mut wrong_sum = madt();
    wrong_sum[20] ^= 1;
    let mut signature = madt();
    signature[0] = b'B';
    let of = |structure: &[u8]| finish([&madt()[..44], structure].concat());
    let enabled = of(&[0, 8, 0, 0, 1, 0, 0, 0]);
    let mut short = madt()[..43].to_vec();
    short[4] = 43;
    let cases = [
        ("cut", cut),
        ("sum", wrong_sum),
        ("signature", finish(signature)),
        ("enabled", enabled),
        ("header", short),
        ("structure of no bytes", of(&[0xFF, 0, 0, 0])),
        ("structure of one byte", of(&[0xFF, 1, 0, 0])),
        ("local APIC too short", of(&[0, 7, 0, 0, 0, 0, 0])),
        (
            "x2APIC too long",
            of(&[[9, 17].as_slice(), &[0; 15]].concat()),
        ),
        ("structure beyond the table", of(&[0xFF, 5, 0, 0])),
        ("a byte left", of(&[0xFF])),
    ];
    for (why, mut table) in cases {
        assert_eq!(
            enable_processors(&mut table, 1),
            Err(Refusal::Madt),
            "{why}"
        );
    }
}

#[test]
fn length_is_read_of_a_madt_alone() {
    assert_eq!(madt_length(&madt()[..8]), Some(madt().len()));
    assert_eq!(madt_length(b"APIC\x2B\0\0\0"), None);
    assert_eq!(madt_length(b"FACP\xFF\0\0\0"), None);
    assert_eq!(madt_length(b"APIC\xFF\0\0"), None);
}

proptest! {
    #[test]
    fn table_of_any_structures_keeps_its_sum(structures in vec(any::<u8>(), 0..200), count in 0..9_u32) {
        let mut table = finish([&madt()[..44], &structures].concat());
        if enable_processors(&mut table, count).is_ok() {
            prop_assert_eq!(sum(&table), 0);
        }
    }
}
