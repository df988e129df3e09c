//! Images that firmware loaded (PFP 1.06 §10.2.3, UEFI_IMAGE_LOAD_EVENT).

use super::DevicePath;
use measured_boot_reader::Reader;

pub(super) fn describe(data: &[u8]) -> Option<String> {
    let mut event = Reader::new(data);
    let [_address, bytes, _link, path] = [event.u64(), event.u64(), event.u64(), event.u64()];
    let (bytes, path) = (bytes.ok()?, usize::try_from(path.ok()?).ok()?);
    let path = DevicePath(event.take(path).ok()?);
    Some(format!("{bytes} bytes from {path}"))
}
