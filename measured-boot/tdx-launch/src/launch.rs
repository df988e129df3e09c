//! The pages that a VMM builds a trust domain of, in measuring order.

use crate::mrtd::{MrtdStream, PageOrder};
use measured_boot_digest::{LaunchDigest, sha384};
use measured_boot_firmware::{Tdvf, TdvfMeasure, TdvfSection, TdvfSectionKind};
use thiserror::Error;

const PAGE_BYTES: usize = 4096;

/// A launch as the TDX module sees it: runs of pages, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxLaunch<'a> {
    runs: Vec<TdxRun<'a>>,
}

/// Pages at rising addresses that are measured alike: a section of a TDVF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxRun<'a> {
    /// What it is, such as `BFV` or `TempMem`.
    pub name: String,
    /// Guest physical address of its first page.
    pub gpa: u64,
    /// How many pages it has.
    pub pages: u64,
    /// The bytes at its start; the rest is zero.
    pub bytes: &'a [u8],
    /// Where these are in the file; `None` if they come from another file, or there are none.
    pub file_offset: Option<usize>,
    /// What MRTD holds of it.
    pub measure: TdvfMeasure,
}

/// One page of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdxPage<'a> {
    /// Guest physical address.
    pub gpa: u64,
    /// Its bytes; if these are fewer than 4096, the rest is zero.
    pub bytes: &'a [u8],
    /// Where these are in the file; `None` if there are none.
    pub file_offset: Option<usize>,
    /// What MRTD holds of it.
    pub measure: TdvfMeasure,
}

/// One run of a launch and the digest of what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxComponent {
    /// Its name.
    pub name: String,
    /// Guest physical address of its first page.
    pub gpa: u64,
    /// How many pages it has.
    pub pages: u64,
    /// SHA-384 of the bytes at its start; `None` if it is all zeros.
    pub sha384: Option<[u8; 48]>,
    /// How many bytes these are.
    pub bytes: usize,
    /// What MRTD holds of it.
    pub measure: TdvfMeasure,
}

/// Why there is no such launch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LaunchFault {
    /// The VMM fills a measured section with a file that was not given.
    #[error(
        "the Payload section at {0:#x} is filled by the VMM and measured: the payload is needed"
    )]
    PayloadMissing(u64),
    /// There is nowhere for it to go.
    #[error(
        "the firmware has no Payload section that the VMM fills: a payload would not be measured"
    )]
    PayloadUnused,
    /// It does not fit.
    #[error("the payload has {bytes} bytes, its section at {gpa:#x} {memory}")]
    PayloadTooLarge {
        /// Address of the section.
        gpa: u64,
        /// Size of the payload.
        bytes: usize,
        /// Size of the section.
        memory: u64,
    },
}

impl<'a> TdxLaunch<'a> {
    /// The launch of these runs, in this order.
    pub fn of_runs(runs: Vec<TdxRun<'a>>) -> Self {
        Self { runs }
    }

    /// The launch of a TDVF: its sections in the order of the metadata. `payload` is what the VMM puts
    /// into a section that the image leaves empty.
    ///
    /// # Errors
    /// A payload is missing, or has no place.
    pub fn of_tdvf(tdvf: &Tdvf<'a>, payload: Option<&'a [u8]>) -> Result<Self, LaunchFault> {
        let filled = |section: &&TdvfSection| is_filled_by_vmm(section);
        if payload.is_some() && !tdvf.sections().iter().any(|section| filled(&section)) {
            return Err(LaunchFault::PayloadUnused);
        }
        let with_memory = tdvf.sections().iter().filter(|section| section.bytes > 0);
        let runs = with_memory.map(|section| TdxRun::of_section(tdvf, section, payload));
        runs.collect::<Result<_, _>>().map(Self::of_runs)
    }

    /// The runs, in measuring order.
    pub fn runs(&self) -> &[TdxRun<'a>] {
        &self.runs
    }

    /// MRTD of the launch, if the VMM adds pages in this order.
    pub fn mrtd(&self, order: PageOrder) -> LaunchDigest {
        let mut stream = MrtdStream::new();
        // Memory that the guest accepts itself may be as large as it likes: its pages are not gone through.
        let added = |run: &&TdxRun<'_>| run.measure != TdvfMeasure::Nothing;
        for run in self.runs.iter().filter(added) {
            match order {
                PageOrder::SinglePass => run.pages().for_each(|page| {
                    stream.add(&page);
                    stream.extend(&page);
                }),
                PageOrder::TwoPass => {
                    run.pages().for_each(|page| stream.add(&page));
                    run.pages().for_each(|page| stream.extend(&page));
                }
            }
        }
        stream.finish()
    }

    /// The runs with their digests, in measuring order.
    pub fn components(&self) -> Vec<TdxComponent> {
        self.runs.iter().map(TdxRun::component).collect()
    }
}

impl<'a> TdxRun<'a> {
    fn of_section(
        tdvf: &Tdvf<'a>,
        section: &TdvfSection,
        payload: Option<&'a [u8]>,
    ) -> Result<Self, LaunchFault> {
        let own = tdvf.contents(section);
        let bytes = match payload {
            Some(payload) if is_filled_by_vmm(section) => fitting(payload, section)?,
            None if is_filled_by_vmm(section) && section.measure == TdvfMeasure::Contents => {
                return Err(LaunchFault::PayloadMissing(section.gpa));
            }
            _ => own,
        };
        Ok(Self {
            name: section.kind.to_string(),
            gpa: section.gpa,
            pages: section.pages(),
            bytes,
            file_offset: (!own.is_empty()).then_some(section.data_offset),
            measure: section.measure,
        })
    }

    /// Its pages, in order.
    pub fn pages(&self) -> impl Iterator<Item = TdxPage<'a>> + use<'a> {
        let (gpa, bytes, measure) = (self.gpa, self.bytes, self.measure);
        let file_offset = self.file_offset;
        (0..self.pages).map(move |page| {
            let at = usize::try_from(page)
                .ok()
                .and_then(|page| page.checked_mul(PAGE_BYTES))
                .unwrap_or(usize::MAX);
            let rest = bytes.get(at..).unwrap_or_default();
            let bytes = &rest[..rest.len().min(PAGE_BYTES)];
            TdxPage {
                gpa: gpa + page * 4096,
                bytes,
                file_offset: file_offset
                    .map(|offset| offset + at)
                    .filter(|_| !bytes.is_empty()),
                measure,
            }
        })
    }

    fn component(&self) -> TdxComponent {
        TdxComponent {
            name: self.name.clone(),
            gpa: self.gpa,
            pages: self.pages,
            sha384: (!self.bytes.is_empty()).then(|| sha384(self.bytes)),
            bytes: self.bytes.len(),
            measure: self.measure,
        }
    }
}

/// Cloud Hypervisor puts a kernel there.
fn is_filled_by_vmm(section: &TdvfSection) -> bool {
    section.kind == TdvfSectionKind::Payload && section.data_bytes == 0
}

fn fitting<'a>(payload: &'a [u8], section: &TdvfSection) -> Result<&'a [u8], LaunchFault> {
    let fits = u64::try_from(payload.len()).is_ok_and(|bytes| bytes <= section.bytes);
    fits.then_some(payload).ok_or(LaunchFault::PayloadTooLarge {
        gpa: section.gpa,
        bytes: payload.len(),
        memory: section.bytes,
    })
}
