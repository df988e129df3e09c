//! What several tests need: files of others, and their event logs taken apart.
#![allow(dead_code, reason = "each test crate uses its part of it")]

#[path = "../../../firmware/tests/tdvf_support/mod.rs"]
pub mod tdvf;

use std::path::Path;

/// A file of others, or `None` and a word that the test was skipped.
pub fn vector(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors")
        .join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    bytes
}

pub fn debians_firmware() -> Option<Vec<u8>> {
    vector("measured-boot/debian-ovmf/OVMF.fd")
}

/// An event of a log of a trust domain.
pub struct Event {
    /// RTMR, by its number.
    pub register: u32,
    pub digest: [u8; 48],
    pub data: Vec<u8>,
}

/// The events that extend a register, of a log with SHA-384 alone.
pub fn events(log: &[u8]) -> Vec<Event> {
    let word = |at: usize| u32::from_le_bytes(log[at..at + 4].try_into().expect("four"));
    let size = |at: usize| usize::try_from(word(at)).expect("small");
    let mut at = 32 + size(28);
    let mut events = Vec::new();
    while at + 66 <= log.len() && word(at) != u32::MAX && word(at + 8) == 1 {
        let end = at + 66 + size(at + 62);
        if word(at + 4) != 3 {
            events.push(Event {
                register: word(at) - 1,
                digest: log[at + 14..at + 62].try_into().expect("48"),
                data: log[at + 66..end].to_vec(),
            });
        }
        at = end;
    }
    events
}

/// The value of a register after all events.
pub fn replayed(events: &[Event], register: u32) -> [u8; 48] {
    let of_register = events.iter().filter(|event| event.register == register);
    of_register.fold([0; 48], |value, event| {
        measured_boot_digest::sha384(&[value, event.digest].concat())
    })
}

/// The contents in a variable's event.
pub fn contents(event: &Event) -> Vec<u8> {
    let number = |at: usize| u64::from_le_bytes(event.data[at..at + 8].try_into().expect("eight"));
    let size = |at: usize| usize::try_from(number(at)).expect("small");
    let start = 32 + 2 * size(16);
    event.data[start..start + size(24)].to_vec()
}
