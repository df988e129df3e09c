use measured_boot_shim_abi::Refusal;
use std::collections::BTreeSet;

#[test]
fn refusal_numbers_and_sentences_are_each_their_own() {
    let numbers: BTreeSet<_> = Refusal::ALL.iter().map(|one| one.number()).collect();
    let sentences: BTreeSet<_> = Refusal::ALL.iter().map(|one| one.sentence()).collect();
    assert_eq!(numbers.len(), Refusal::ALL.len());
    assert_eq!(sentences.len(), Refusal::ALL.len());
}

#[test]
fn refusal_number_round_trips_and_unknown_numbers_are_none() {
    for number in 0..=u8::MAX {
        let refusal = Refusal::from_number(number);
        let is_known = Refusal::ALL.iter().any(|one| one.number() == number);
        assert_eq!(refusal.map(Refusal::number), is_known.then_some(number));
    }
}

/// Logs and documents name them.
#[test]
fn refusal_numbers_stay() {
    let numbers: Vec<_> = Refusal::ALL.iter().map(|one| one.number()).collect();
    let expected = (1..=11).chain(16..=27).chain(32..=35).chain(40..=46);
    let expected = expected.chain(48..=51).chain(56..=58).chain([63]);
    assert_eq!(numbers, expected.collect::<Vec<u8>>());
    assert_eq!(Refusal::MemoryMap as u8, 2);
    assert_eq!(Refusal::CpuidCBit as u8, 25);
    assert_eq!(Refusal::ValidatedTwice as u8, 40);
    assert_eq!(Refusal::KernelHash as u8, 48);
}
