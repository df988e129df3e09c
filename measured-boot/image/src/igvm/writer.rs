//! The file's bytes.

use measured_boot_igvm::crc32;
use measured_boot_snp_abi::VMSA_GPA;

use super::layout::{Page, PageKind};
use super::{IgvmError, IgvmPlatform};

const FIXED_HEADER: usize = 24;
const PAGE_SIZE: usize = 4096;

const SUPPORTED_PLATFORM: u32 = 0x001;
const GUEST_POLICY: u32 = 0x101;
const PARAMETER_AREA: u32 = 0x301;
const PAGE_DATA: u32 = 0x302;
const PARAMETER_INSERT: u32 = 0x303;
const VP_CONTEXT: u32 = 0x304;
const MEMORY_MAP: u32 = 0x30C;

const FLAG_UNMEASURED: u32 = 2;
/// The one parameter area: a page for the memory map.
const AREA: u32 = 0;

/// Variable headers and data, until the headers' length is known.
#[derive(Default)]
pub(super) struct Writer {
    headers: Vec<u8>,
    /// Where in `headers` an offset into `data` is to be written, and the offset.
    offsets: Vec<(usize, usize)>,
    data: Vec<u8>,
}

impl Writer {
    pub(super) fn platform(&mut self, platform: IgvmPlatform) {
        let version = 1_u16;
        self.header(
            SUPPORTED_PLATFORM,
            &[
                &platform.mask().to_le_bytes(),
                &[0, platform.number()],
                &version.to_le_bytes(),
                // No boundary: the shim knows the C-bit, and asks the TDX module for the shared bit.
                &0_u64.to_le_bytes(),
            ],
        );
    }

    pub(super) fn policy(&mut self, platform: IgvmPlatform, policy: u64) {
        let mask = platform.mask().to_le_bytes();
        self.header(GUEST_POLICY, &[&policy.to_le_bytes(), &mask, &[0; 4]]);
    }

    pub(super) fn pages(&mut self, pages: &[Page]) -> Result<(), IgvmError> {
        let size = 4096_u64.to_le_bytes();
        let area = AREA.to_le_bytes();
        self.header(PARAMETER_AREA, &[&size, &area, &[0; 4]]);
        self.header(MEMORY_MAP, &[&area, &[0; 4]]);
        for page in pages {
            match page.kind {
                PageKind::MemoryMap => {
                    let mask = page.mask.to_le_bytes();
                    self.header(PARAMETER_INSERT, &[&page.gpa.to_le_bytes(), &mask, &area]);
                }
                _ => self.page(page)?,
            }
        }
        Ok(())
    }

    fn page(&mut self, page: &Page) -> Result<(), IgvmError> {
        let (flags, kind) = match page.kind {
            PageKind::Unmeasured => (FLAG_UNMEASURED, 0_u16),
            PageKind::Secrets => (0, 1),
            PageKind::Cpuid => (0, 2),
            PageKind::Measured | PageKind::MemoryMap => (0, 0),
        };
        if !page.bytes.is_empty() {
            // Behind type, length, address and mask.
            self.data_at(self.headers.len() + 8 + 12, &page.bytes)?;
        }
        self.header(
            PAGE_DATA,
            &[
                &page.gpa.to_le_bytes(),
                &page.mask.to_le_bytes(),
                &[0; 4],
                &flags.to_le_bytes(),
                &kind.to_le_bytes(),
                &[0; 2],
            ],
        );
        Ok(())
    }

    pub(super) fn vp_context(
        &mut self,
        platform: IgvmPlatform,
        index: u16,
        vmsa: &[u8],
    ) -> Result<(), IgvmError> {
        self.data_at(self.headers.len() + 8 + 12, vmsa)?;
        let (gpa, mask) = (VMSA_GPA.to_le_bytes(), platform.mask().to_le_bytes());
        let index = index.to_le_bytes();
        self.header(VP_CONTEXT, &[&gpa, &mask, &[0; 4], &index, &[0; 2]]);
        Ok(())
    }

    /// A header, filled up to a multiple of 8 bytes.
    fn header(&mut self, kind: u32, parts: &[&[u8]]) {
        let body = parts.concat();
        let length = u32::try_from(body.len()).expect("a header has a few dozen bytes");
        self.headers.extend(kind.to_le_bytes());
        self.headers.extend(length.to_le_bytes());
        self.headers.extend(body);
        self.headers
            .resize(self.headers.len().next_multiple_of(8), 0);
    }

    /// Whole pages of data, to be named at `place` in the headers.
    fn data_at(&mut self, place: usize, bytes: &[u8]) -> Result<(), IgvmError> {
        self.offsets.push((place, self.data.len()));
        self.data.extend_from_slice(bytes);
        self.data
            .resize(self.data.len().next_multiple_of(PAGE_SIZE), 0);
        u32::try_from(self.data.len())
            .map(drop)
            .map_err(|_| IgvmError::TooLarge)
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, IgvmError> {
        let number = |bytes: usize| u32::try_from(bytes).map_err(|_| IgvmError::TooLarge);
        let data_start = FIXED_HEADER + self.headers.len();
        for (place, offset) in &self.offsets {
            let offset = number(data_start + offset)?.to_le_bytes();
            self.headers[*place..][..4].copy_from_slice(&offset);
        }
        let fixed = [
            u32::from_le_bytes(*b"IGVM"),
            1,
            number(FIXED_HEADER)?,
            number(self.headers.len())?,
            number(data_start + self.data.len())?,
            0,
        ];
        let mut file: Vec<u8> = fixed.into_iter().flat_map(u32::to_le_bytes).collect();
        let checksum = crc32(&[&file, &self.headers]);
        file[FIXED_HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
        file.extend(self.headers);
        file.extend(self.data);
        Ok(file)
    }
}
