//! Device paths (UEFI 2.11 §10.3).

use super::text::{hex, utf16};
use measured_boot_firmware::Guid;
use measured_boot_reader::Reader;
use std::fmt;

/// More nodes than any real path has.
const MOST_NODES: usize = 32;

/// The bytes of a device path; shows as UEFI writes paths, as far as it knows the nodes, and escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePath<'a>(pub &'a [u8]);

impl fmt::Display for DevicePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = Reader::new(self.0);
        for number in 0..MOST_NODES {
            let Some(node) = Node::read(&mut rest) else {
                return match rest.left() {
                    0 => Ok(()),
                    left => write!(f, "/({left} bytes that are no path)"),
                };
            };
            if node.kind == END {
                return Ok(());
            }
            if number > 0 {
                f.write_str("/")?;
            }
            f.write_str(&node.text())?;
        }
        f.write_str("/…")
    }
}

/// End of the path, or of one of several.
const END: u8 = 0x7F;

struct Node<'a> {
    kind: u8,
    subtype: u8,
    data: &'a [u8],
}

impl<'a> Node<'a> {
    /// `None` where a node says that it is shorter than its own head, or longer than what is left.
    fn read(rest: &mut Reader<'a>) -> Option<Self> {
        let mut node = *rest;
        let [kind, subtype] = node.array().ok()?;
        let length = usize::from(node.u16().ok()?).checked_sub(4)?;
        let data = node.take(length).ok()?;
        *rest = node;
        Some(Self {
            kind,
            subtype,
            data,
        })
    }

    fn text(&self) -> String {
        let Self {
            kind,
            subtype,
            data,
        } = *self;
        self.known()
            .unwrap_or_else(|| format!("Path({kind},{subtype},{})", hex(data)))
    }

    fn known(&self) -> Option<String> {
        let mut data = Reader::new(self.data);
        match (self.kind, self.subtype) {
            (1, 1) => {
                let [function, device] = data.array().ok()?;
                Some(format!("Pci({device:#x},{function:#x})"))
            }
            (1, 4) => Some(format!("VenHw({})", guid(&mut data)?)),
            (2, 1) => acpi(&mut data),
            (3, _) => message(self.subtype, &mut data),
            (4, 1) => partition(&mut data),
            (4, 3) => Some(format!("VenMedia({})", guid(&mut data)?)),
            (4, 4) => Some(format!("File({})", utf16(self.data))),
            (4, 6) => Some(format!("FvFile({})", guid(&mut data)?)),
            (4, 7) => Some(format!("Fv({})", guid(&mut data)?)),
            (4, 8) => range(&mut data),
            _ => None,
        }
    }
}

fn acpi(data: &mut Reader<'_>) -> Option<String> {
    /// `PNP0A03`, compressed: the root of a PCI hierarchy.
    const PCI_ROOT: u32 = 0x0A03_41D0;
    let (hid, uid) = (data.u32().ok()?, data.u32().ok()?);
    Some(match hid {
        PCI_ROOT => format!("PciRoot({uid:#x})"),
        _ => format!("Acpi({hid:#010x},{uid:#x})"),
    })
}

fn message(subtype: u8, data: &mut Reader<'_>) -> Option<String> {
    Some(match subtype {
        2 => format!("Scsi({},{})", data.u16().ok()?, data.u16().ok()?),
        5 => format!("USB({},{})", data.u8().ok()?, data.u8().ok()?),
        18 => format!("Sata({})", data.u16().ok()?),
        23 => format!("NVMe({})", data.u32().ok()?),
        11 => format!("MAC({})", hex(data.take(6).ok()?)),
        _ => return None,
    })
}

fn partition(data: &mut Reader<'_>) -> Option<String> {
    let number = data.u32().ok()?;
    let (_start, _sectors) = (data.u64().ok()?, data.u64().ok()?);
    let signature = guid(data)?;
    Some(format!("HD({number},{signature})"))
}

/// Of bytes on a device, after four that are reserved.
fn range(data: &mut Reader<'_>) -> Option<String> {
    data.u32().ok()?;
    let (start, end) = (data.u64().ok()?, data.u64().ok()?);
    Some(format!("Offset({start:#x},{end:#x})"))
}

fn guid(data: &mut Reader<'_>) -> Option<Guid> {
    data.array().ok().map(Guid::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_written_as_uefi_does() {
        let bytes = b"\x02\x01\x0c\0\xd0\x41\x03\x0a\0\0\0\0\x01\x01\x06\0\x02\x1f\x04\x04\x0a\0\\\0\x1b\0\0\0\x7f\xff\x04\0";
        let text = DevicePath(bytes).to_string();
        assert_eq!(text, "PciRoot(0x0)/Pci(0x1f,0x2)/File(\\\\u{1b})");
    }

    #[test]
    fn path_with_a_node_shorter_than_its_head_ends() {
        let text = DevicePath(b"\x01\x01\0\0\x02\x1f").to_string();
        assert_eq!(text, "/(6 bytes that are no path)");
        let endless = [1, 9, 4, 0].repeat(100);
        assert!(DevicePath(&endless).to_string().ends_with("/…"));
    }
}
