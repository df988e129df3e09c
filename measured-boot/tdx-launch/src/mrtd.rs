//! MRTD: one SHA-384 over a record for every page, and its contents where these are measured.
//!
//! Source: Intel TDX module base specification (348549), TDH.MEM.PAGE.ADD, TDH.MR.EXTEND and
//! TDH.MR.FINALIZE.

use crate::TdxPage;
use measured_boot_digest::LaunchDigest;
use measured_boot_firmware::TdvfMeasure;
use ring::digest::{Context, SHA384};

/// What one TDH.MR.EXTEND takes.
const CHUNK_BYTES: usize = 256;
const CHUNKS: usize = 16;

/// In which order a VMM adds and extends pages. The TDX module does not care, MRTD does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageOrder {
    /// Every page is extended as soon as it is added: Linux, and what Intel's own tools reckon with.
    SinglePass,
    /// Section by section, all pages are added and then extended: kernels with TDX before it came to
    /// Linux. Each section was a call of its own, so sections do not mix.
    TwoPass,
}

/// MRTD in the making.
pub(crate) struct MrtdStream(Context);

impl MrtdStream {
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA384))
    }

    /// TDH.MEM.PAGE.ADD.
    pub(crate) fn add(&mut self, page: &TdxPage<'_>) {
        self.0.update(&record(*b"MEM.PAGE.ADD\0\0\0\0", page.gpa));
    }

    /// TDH.MR.EXTEND for each chunk of the page; nothing if its contents are not measured.
    pub(crate) fn extend(&mut self, page: &TdxPage<'_>) {
        if page.measure != TdvfMeasure::Contents {
            return;
        }
        let mut chunks = page.bytes.chunks(CHUNK_BYTES);
        for gpa in (page.gpa..).step_by(CHUNK_BYTES).take(CHUNKS) {
            let given = chunks.next().unwrap_or_default();
            let mut chunk = [0; CHUNK_BYTES];
            chunk[..given.len()].copy_from_slice(given);
            self.0.update(&record(*b"MR.EXTEND\0\0\0\0\0\0\0", gpa));
            self.0.update(&chunk);
        }
    }

    pub(crate) fn finish(self) -> LaunchDigest {
        let digest = self.0.finish();
        LaunchDigest(*digest.as_ref().first_chunk().expect("SHA-384 has 48 bytes"))
    }
}

/// The name of the operation, the address, zeros.
fn record(name: [u8; 16], gpa: u64) -> [u8; 128] {
    let mut record = [0; 128];
    record[..16].copy_from_slice(&name);
    record[16..24].copy_from_slice(&gpa.to_le_bytes());
    record
}
