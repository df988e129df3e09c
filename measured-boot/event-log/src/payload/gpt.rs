//! Partition tables (PFP 1.06 §10.2.4, UEFI_GPT_DATA; UEFI 2.11 §5.3).

use super::text::utf16;
use measured_boot_firmware::Guid;
use measured_boot_reader::Reader;

const HEADER_BYTES: usize = 92;
const ENTRY_BYTES: usize = 128;
/// Where an entry has its name, 36 units of UTF-16.
const NAME_AT: usize = 56;

pub(super) fn describe(data: &[u8]) -> Option<String> {
    let mut event = Reader::new(data);
    let header: [u8; HEADER_BYTES] = event.array().ok()?;
    let disk = header.get(56..72)?.try_into().ok().map(Guid::from_bytes)?;
    // What the event has ends the loop, whatever it says here.
    let count = event.u64().ok()?;
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(utf16(event.take(ENTRY_BYTES).ok()?.get(NAME_AT..)?));
    }
    let names = names.join(", ");
    Some(format!("disk {disk}, {count} partitions: {names}"))
}
