//! The result as JSON.

use measured_boot_uki::{Algorithm, Coverage, Section};
use serde::Serialize;
use std::collections::BTreeMap;

use super::{Image, Kernel, digests};

/// Digests by algorithm.
type Digests = BTreeMap<&'static str, String>;

/// What `--output json` prints.
#[derive(Serialize)]
pub struct Document {
    size: usize,
    machine: String,
    signed: bool,
    certificates: usize,
    authenticode: Digests,
    authenticode_when_signed: Option<Digests>,
    kernel_authenticode: Option<Digests>,
    stub: Option<Stub>,
    profile: Option<usize>,
    profiles: Option<usize>,
    pcr11: BTreeMap<String, Digests>,
    sections: Vec<SectionRow>,
    warnings: Vec<String>,
    coverage: Vec<CoverageRow>,
}

#[derive(Serialize)]
struct Stub {
    version: Option<String>,
    measures_as: u16,
    basis: &'static str,
    why: String,
}

#[derive(Serialize)]
struct SectionRow {
    name: String,
    offset: usize,
    size: usize,
    raw_size: usize,
    address: usize,
    measured: bool,
    sha256: String,
}

#[derive(Serialize)]
struct CoverageRow {
    what: String,
    offset: Option<usize>,
    size: Option<usize>,
    pcr11: bool,
    authenticode: bool,
    note: &'static str,
}

/// The document of an image.
pub fn document(image: &Image) -> Document {
    let pe = &image.pe;
    let kernel = image.kernel.as_ref();
    let when_signed = Algorithm::ALL.map(|one| Some((one, pe.authenticode_when_signed(one)?)));
    let when_signed: Option<Vec<_>> = when_signed.into_iter().collect();
    let section = |section| section_row(image, section);
    Document {
        size: pe.file().len(),
        machine: format!("{:#06x}", pe.machine()),
        signed: pe.certificates().is_some(),
        certificates: pe.certificates().map_or(0, |table| table.count),
        authenticode: named(digests(pe)),
        authenticode_when_signed: when_signed.map(named),
        kernel_authenticode: kernel.and_then(|one| one.authenticode.clone()).map(named),
        stub: kernel.map(stub),
        profile: kernel.map(|kernel| kernel.profile),
        profiles: kernel.map(|kernel| kernel.uki.profiles()),
        pcr11: pcr11(image),
        sections: pe.sections().iter().map(section).collect(),
        warnings: image.warnings.clone(),
        coverage: kernel.map_or(Vec::new(), |kernel| {
            kernel.coverage.iter().map(row).collect()
        }),
    }
}

fn named<T: ToString>(digests: impl IntoIterator<Item = (Algorithm, T)>) -> Digests {
    let digests = digests.into_iter();
    digests
        .map(|(one, digest)| (one.name(), digest.to_string()))
        .collect()
}

fn stub(kernel: &Kernel) -> Stub {
    Stub {
        version: kernel.uki.stub().version().map(str::to_owned),
        measures_as: kernel.rules.version.0,
        basis: kernel.rules.basis.name(),
        why: kernel.rules.to_string(),
    }
}

fn pcr11(image: &Image) -> BTreeMap<String, Digests> {
    let phases = image.kernel.iter().flat_map(|kernel| image.pcr11(kernel));
    phases
        .map(|(phase, at)| (phase.to_string(), named(at)))
        .collect()
}

/// Whether PCR 11 shows a section.
pub fn is_measured(image: &Image, section: &Section) -> bool {
    let kernel = image.kernel.as_ref();
    kernel.is_some_and(|kernel| {
        let mut measured = kernel.measured.sections().iter();
        measured.any(|one| one.section == *section)
    })
}

fn section_row(image: &Image, section: &Section) -> SectionRow {
    SectionRow {
        name: section.name.to_string(),
        offset: section.raw_offset,
        size: section.virtual_size,
        raw_size: section.raw_size,
        address: section.virtual_address,
        measured: is_measured(image, section),
        sha256: image
            .pe
            .content(section)
            .digest(Algorithm::Sha256)
            .to_string(),
    }
}

fn row(row: &Coverage) -> CoverageRow {
    CoverageRow {
        what: row.what.clone(),
        offset: row.range.as_ref().map(|range| range.start),
        size: row.range.as_ref().map(ExactSizeIterator::len),
        pcr11: false,
        authenticode: row.authenticode,
        note: row.note,
    }
}
