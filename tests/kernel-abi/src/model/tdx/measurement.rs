//! MRTD: one SHA-384 over a record for each page and for each measured piece (348551, TDH.MEM.PAGE.ADD and
//! TDH.MR.EXTEND, "Measurement").

use sha2::{Digest as _, Sha384};

/// MRTD as it grows.
#[derive(Clone, Debug, Default)]
pub struct Measurement(Sha384);

const RECORD: usize = 128;
const PIECE: usize = 256;

impl Measurement {
    /// A page.
    pub fn add_page(&mut self, gpa: u64) {
        self.0.update(record(b"MEM.PAGE.ADD", gpa));
    }

    /// Its contents, piece by piece.
    pub fn extend(&mut self, gpa: u64, contents: &[u8; 4096]) {
        let addresses = (gpa..).step_by(PIECE);
        for (address, piece) in addresses.zip(contents.chunks_exact(PIECE)) {
            self.0.update(record(b"MR.EXTEND", address));
            self.0.update(piece);
        }
    }

    /// The digest of all so far.
    pub fn digest(&self) -> [u8; 48] {
        self.0.clone().finalize().into()
    }
}

/// The operation's name in 16 bytes, the address, zeros.
fn record(name: &[u8], gpa: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..name.len()].copy_from_slice(name);
    record[16..24].copy_from_slice(&gpa.to_le_bytes());
    record
}
