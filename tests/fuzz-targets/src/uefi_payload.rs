//! What events of an event log say: variables, device paths, tags, partition tables.

use crate::event_log::{check_error, is_plain};
use crate::{Bound, Target};
use measured_boot_event_log::{Log, ReadOptions};
use sha2::{Digest, Sha256};

/// Whatever an event holds, it is described in a few hundred characters that could not drive a terminal.
///
/// The input is an event's type and its data; its digest is of the data.
pub const UEFI_PAYLOAD: Target = Target {
    name: "uefi_payload",
    // Text of UTF-16 becomes three bytes a unit, in a string that doubles, and is escaped.
    bound: Bound {
        factor: 32,
        constant: 16 << 10,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

/// Characters of a description.
const MOST_CHARACTERS: usize = 2000;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some((kind, data)) = bytes.split_first_chunk::<4>() else {
        return false;
    };
    let file = log(*kind, data);
    let options = ReadOptions::default();
    let log = match Log::read(&file, &options) {
        Ok(log) => log,
        Err(error) => return check_error(&error, &file),
    };
    let event = log.events.last().expect("it has two");
    let description = bound.holds(&file, || event.description());
    is_plain(&description);
    assert!(description.chars().count() <= MOST_CHARACTERS);
    bound.holds(&file, || drop(event.coverage()));
    drop(log.findings());
    true
}

/// A log of one event of PCR 1 with a SHA-256 digest.
fn log(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let spec_id: [&[u8]; 4] = [
        b"Spec ID Event03\0",
        &[0, 0, 0, 0, 0, 2, 0, 2, 1, 0, 0, 0],
        &[0x0B, 0, 32, 0],
        &[0],
    ];
    let spec_id = spec_id.concat();
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).expect("short").to_le_bytes();
    let digest = Sha256::digest(data);
    let parts: [&[u8]; 12] = [
        &0_u32.to_le_bytes(),
        &3_u32.to_le_bytes(),
        &[0; 20],
        &size(&spec_id),
        &spec_id,
        &1_u32.to_le_bytes(),
        &kind,
        &1_u32.to_le_bytes(),
        &[0x0B, 0],
        &digest,
        &size(data),
        data,
    ];
    parts.concat()
}
