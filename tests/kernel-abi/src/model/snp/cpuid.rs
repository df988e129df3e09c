//! The CPUID page (56860 rev 1.58, SNP_LAUNCH_UPDATE, "CPUID page").

use vmm_kernel_abi::sev::FirmwareStatus;

use super::Page;

/// What the processor insists on: for a leaf and subleaf the four registers. It takes all else as it comes.
#[derive(Clone, Debug, Default)]
pub struct Accepted(pub Vec<((u32, u32), [u32; 4])>);

const HEADER: usize = 16;
const ENTRY: usize = 48;
const MOST: usize = 64;

impl Accepted {
    /// Refuses a page that differs from what is insisted on, and writes that into it.
    pub(super) fn check(&self, page: &mut Page) -> Result<(), FirmwareStatus> {
        let count = usize::try_from(word(page, 0)).unwrap_or(usize::MAX);
        if count > MOST {
            return Err(FirmwareStatus::InvalidParameter);
        }
        let mut is_as_it_should = true;
        for index in 0..count {
            let entry = &mut page[HEADER + ENTRY * index..][..ENTRY];
            let input = (word(entry, 0), word(entry, 4));
            let demanded = self.0.iter().find(|(of, _)| *of == input);
            for (at, value) in demanded
                .iter()
                .flat_map(|(_, values)| (24..).step_by(4).zip(values))
            {
                is_as_it_should &= word(entry, at) == *value;
                entry[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
        }
        match is_as_it_should {
            true => Ok(()),
            false => Err(FirmwareStatus::InvalidParameter),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}
