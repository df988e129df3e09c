//! The TDX module, as one TD's host meets it (348551, module ABI 1.5).

mod measurement;

use std::collections::BTreeSet;

pub use measurement::Measurement;
use vmm_kernel_abi::tdx::{attributes, xfam};

/// A page.
pub type Page = [u8; 4096];

/// What the module can give a TD.
#[derive(Clone, Debug)]
pub struct Platform {
    /// Mask of attributes.
    pub attributes: u64,
    /// Mask of extended features.
    pub xfam: u64,
    /// Masks of CPUID bits that can be configured: leaf, subleaf (u32::MAX: it has none), four registers.
    pub cpuid: Vec<(u32, u32, [u32; 4])>,
    /// A leaf of which its guests get bits of EAX, EBX, ECX and EDX as zeros, whatever KVM was told. All else they get as
    /// KVM was told, as no real module does.
    pub cleared: Option<(u32, [u32; 4])>,
}

impl Platform {
    /// What guests get instead of these entries of KVM's.
    pub fn answer(&self, entries: &mut [u8]) {
        const ENTRY: usize = 40;
        const REGISTERS: usize = 12;
        let Some((leaf, cleared)) = self.cleared else {
            return;
        };
        let entries = entries.chunks_exact_mut(ENTRY);
        for entry in entries.filter(|entry| entry[..4] == leaf.to_le_bytes()) {
            let cleared = cleared.iter().flat_map(|bits| bits.to_le_bytes());
            for (byte, bits) in entry[REGISTERS..].iter_mut().zip(cleared) {
                *byte &= !bits;
            }
        }
    }
}

impl Default for Platform {
    /// A host whose module can configure family and features of leaf 1, and the address widths.
    fn default() -> Self {
        const NO_SUBLEAF: u32 = u32::MAX;
        Self {
            attributes: attributes::SEPT_VE_DISABLE,
            xfam: xfam::FP_SSE | xfam::AVX | xfam::AVX512 | xfam::PK | xfam::CET | xfam::AMX,
            cpuid: vec![
                (
                    1,
                    NO_SUBLEAF,
                    [0x0fff_3fff, 0x00ff_0000, 0x31c4_4fdf, 0xb7ff_fbff],
                ),
                (7, 0, [0, 0xd03f_f7ab, 0x18c0_5fce, 0xac00_0400]),
                (0x8000_0001, NO_SUBLEAF, [0, 0, 0x121, 0x2c10_0800]),
                (0x8000_0007, NO_SUBLEAF, [0, 0, 0, 0x100]),
                (0x8000_0008, NO_SUBLEAF, [0x00ff_ffff, 0, 0, 0]),
                (0x4, 0, [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 7]),
                (0x4, 1, [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 7]),
                (0x4, 2, [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 7]),
            ],
            cleared: None,
        }
    }
}

/// TD_PARAMS, as far as the kernel lets them be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// ATTRIBUTES.
    pub attributes: u64,
    /// XFAM.
    pub xfam: u64,
    /// MRCONFIGID.
    pub mrconfigid: [u8; 48],
    /// MROWNER.
    pub mrowner: [u8; 48],
    /// MROWNERCONFIG.
    pub mrownerconfig: [u8; 48],
}

/// Why the module does not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// TDX_OPERAND_INVALID.
    Operand,
    /// The TD is in another state.
    State,
    /// TDX_EPT_ENTRY_STATE_INCORRECT: there is a page already.
    Page,
}

/// A TD.
#[derive(Clone, Debug, Default)]
pub struct Td {
    parameters: Option<Parameters>,
    measurement: Measurement,
    pages: BTreeSet<u64>,
    mrtd: Option<[u8; 48]>,
}

impl Td {
    /// TDH.MNG.INIT.
    ///
    /// # Errors
    /// Twice, or the platform does not give what is asked.
    pub fn init(&mut self, platform: &Platform, parameters: Parameters) -> Result<(), Refusal> {
        if self.parameters.is_some() {
            return Err(Refusal::State);
        }
        let Parameters {
            attributes, xfam, ..
        } = parameters;
        let has_basics = xfam & xfam::FP_SSE == xfam::FP_SSE;
        if attributes & !platform.attributes != 0 || xfam & !platform.xfam != 0 || !has_basics {
            return Err(Refusal::Operand);
        }
        self.parameters = Some(parameters);
        Ok(())
    }

    /// TDH.MEM.PAGE.ADD, and TDH.MR.EXTEND of its sixteen pieces where it is measured.
    ///
    /// # Errors
    /// No TD yet, finalised already, or there is a page.
    pub fn add(&mut self, gpa: u64, contents: &Page, is_measured: bool) -> Result<(), Refusal> {
        self.can_be_built()?;
        if !self.pages.insert(gpa) {
            return Err(Refusal::Page);
        }
        self.measurement.add_page(gpa);
        if is_measured {
            self.measurement.extend(gpa, contents);
        }
        Ok(())
    }

    /// TDH.MR.FINALIZE.
    ///
    /// # Errors
    /// No TD yet, or finalised already.
    pub fn finalize(&mut self) -> Result<(), Refusal> {
        self.can_be_built()?;
        self.mrtd = Some(self.measurement.digest());
        Ok(())
    }

    /// MRTD, once it is final.
    pub fn mrtd(&self) -> Option<[u8; 48]> {
        self.mrtd
    }

    /// What it was made with.
    pub fn parameters(&self) -> Option<&Parameters> {
        self.parameters.as_ref()
    }

    fn can_be_built(&self) -> Result<(), Refusal> {
        match (self.parameters, self.mrtd) {
            (Some(_), None) => Ok(()),
            _ => Err(Refusal::State),
        }
    }
}

#[cfg(test)]
#[path = "tdx/tests.rs"]
mod tests;
