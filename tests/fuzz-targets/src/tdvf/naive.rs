//! MRTD from a table of rows, by another SHA-384: a second opinion.

use measured_boot_firmware::Tdvf;
use sha2::{Digest, Sha384};

/// Reads the rows out of the image again; what they may say has been checked.
pub(super) fn mrtd(tdvf: &Tdvf<'_>, two_passes: bool) -> [u8; 48] {
    let (image, at) = (tdvf.image(), tdvf.descriptor_offset());
    let number = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
    let index = |at: usize| usize::try_from(number(at)).expect("usize is 64 bits");
    let mut hash = Sha384::new();
    for row in 0..index(at + 12) {
        let row = at + 16 + 32 * row;
        let (start, attributes) = (long(row + 8), number(row + 28));
        if attributes & 2 != 0 {
            continue;
        }
        let pages = long(row + 16) / 4096;
        let mut memory = image[index(row)..index(row) + index(row + 4)].to_vec();
        memory.resize(usize::try_from(pages * 4096).expect("small"), 0);
        let mut ops: Vec<(bool, u64)> = (0..pages)
            .flat_map(|page| [(false, page), (true, page)])
            .collect();
        if two_passes {
            ops.sort_by_key(|(extend, _)| *extend);
        }
        for (extend, page) in ops {
            let gpa = start + page * 4096;
            if !extend {
                hash.update(head(b"MEM.PAGE.ADD", gpa));
            } else if attributes & 1 != 0 {
                let from = usize::try_from(page * 4096).expect("small");
                for (chunk, bytes) in memory[from..from + 4096].chunks(256).enumerate() {
                    hash.update(head(
                        b"MR.EXTEND",
                        gpa + 256 * u64::try_from(chunk).expect("small"),
                    ));
                    hash.update(bytes);
                }
            }
        }
    }
    hash.finalize().into()
}

fn head(name: &[u8], gpa: u64) -> [u8; 128] {
    let mut head = [0; 128];
    head[..name.len()].copy_from_slice(name);
    head[16..24].copy_from_slice(&gpa.to_le_bytes());
    head
}
