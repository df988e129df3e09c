//! What firmware says of itself (PFP 1.06 §10.2.2, §10.2.5) and of what it was given.

use super::text::{hex, quoted, shown, text_or_hex};
use measured_boot_firmware::Guid;
use measured_boot_reader::Reader;

/// UEFI_PLATFORM_FIRMWARE_BLOB: where it lies.
pub(super) fn blob(data: &[u8]) -> Option<String> {
    let mut event = Reader::new(data);
    let place = place(&mut event)?;
    event.end().ok().map(|()| place)
}

/// The same with a description.
pub(super) fn blob2(data: &[u8]) -> Option<String> {
    let mut event = Reader::new(data);
    let name = name(&mut event)?;
    let place = place(&mut event)?;
    event.end().ok().map(|()| format!("{name}: {place}"))
}

/// UEFI_HANDOFF_TABLE_POINTERS.
pub(super) fn tables(data: &[u8]) -> Option<String> {
    let mut event = Reader::new(data);
    pointers(&mut event)
}

/// The same with a description.
pub(super) fn tables2(data: &[u8]) -> Option<String> {
    let mut event = Reader::new(data);
    let name = name(&mut event)?;
    Some(format!("{name}: {}", pointers(&mut event)?))
}

/// Text of the firmware's own, or td-shim's name and contents.
pub(super) fn config(data: &[u8]) -> String {
    match td_shim_payload(data) {
        Some((name, payload)) => match quoted(name) {
            Some(name) => format!("{name}, {} bytes", payload.len()),
            None => text_or_hex(data),
        },
        None => text_or_hex(data),
    }
}

/// Text, or where the code lies.
pub(super) fn post_code(data: &[u8]) -> String {
    quoted(data)
        .or_else(|| blob(data))
        .or_else(|| blob2(data))
        .unwrap_or_else(|| hex(data))
}

/// Text, or a GUID.
pub(super) fn version(data: &[u8]) -> String {
    match (quoted(data), <[u8; 16]>::try_from(data)) {
        (Some(text), _) => text,
        (None, Ok(bytes)) => Guid::from_bytes(bytes).to_string(),
        (None, Err(_)) => hex(data),
    }
}

/// td-shim's TD_SHIM_PLATFORM_CONFIG_INFO: a name of 16 bytes, a length, and so many bytes to the end.
pub(crate) fn td_shim_payload(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut event = Reader::new(data);
    let name = event.take(16).ok()?;
    let length = usize::try_from(event.u32().ok()?).ok()?;
    let payload = event.take(length).ok()?;
    event.end().ok().map(|()| (name, payload))
}

fn place(event: &mut Reader<'_>) -> Option<String> {
    let (address, length) = (event.u64().ok()?, event.u64().ok()?);
    Some(format!("{length:#x} bytes at {address:#x}"))
}

/// A byte of length, and text.
fn name(event: &mut Reader<'_>) -> Option<String> {
    let length = event.u8().ok()?;
    let name = event.take(length.into()).ok()?;
    let name = std::str::from_utf8(name).ok()?;
    Some(shown(name.trim_end_matches('\0')))
}

fn pointers(event: &mut Reader<'_>) -> Option<String> {
    // What the event has ends the loop, whatever it says here.
    let count = event.u64().ok()?;
    let mut tables = Vec::new();
    for _ in 0..count {
        let guid = Guid::from_bytes(event.array().ok()?);
        let address = event.u64().ok()?;
        tables.push(format!("{guid} at {address:#x}"));
    }
    Some(tables.join(", "))
}
