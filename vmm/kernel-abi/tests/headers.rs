//! Compares our sizes, offsets and numbers with the C headers of Debian's Linux 6.12.
//!
//! A small C program prints what the headers say, a line for each. TDX, certificates and the flags of
//! guest_memfd are newer than these headers: nothing here says anything about them.

#[path = "headers/c.rs"]
mod c;
#[path = "headers/numbers.rs"]
mod numbers;
#[path = "headers/structs.rs"]
mod structs;

use c::Fact;

#[test]
fn every_size_offset_and_number_is_the_headers() {
    let facts: Vec<Fact> = structs::facts()
        .into_iter()
        .chain(numbers::facts())
        .collect();
    let said = match c::values_of(&facts) {
        Ok(said) => said,
        Err(c::Absent(reason)) => return println!("skipped: {reason}"),
    };
    assert_eq!(said.len(), facts.len());
    let wrong: Vec<String> = facts
        .iter()
        .zip(&said)
        .filter(|(ours, said)| ours.value != **said)
        .map(|(ours, said)| format!("{}: ours {:#x}, C {said:#x}", ours.expression, ours.value))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_offset_is_seen() {
    let lie = [Fact {
        expression: "offsetof(struct kvm_sev_snp_launch_finish, host_data)".to_owned(),
        value: 18,
    }];
    match c::values_of(&lie) {
        Ok(said) => assert_eq!(said, [19]),
        Err(c::Absent(reason)) => println!("skipped: {reason}"),
    }
}
