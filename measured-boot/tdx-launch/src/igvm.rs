//! Launches of IGVM files.
//!
//! Sources: the documentation of the crate `igvm_defs` 0.5; OpenVMM `vm/loader/igvmfilegen` (what a loader
//! adds and extends for TDX).

use crate::{TdxLaunch, TdxRun};
use measured_boot_firmware::TdvfMeasure;
use measured_boot_igvm::{DirectiveKind, Igvm, IgvmFault, PageData, ParameterInsert, PlatformKind};

impl<'a> TdxLaunch<'a> {
    /// The launch of an IGVM file, in its own order: pages with their contents but for those that are
    /// unmeasured, parameters by their addresses alone. States of vCPUs are not measured.
    ///
    /// # Errors
    /// It is no IGVM file, or not for TDX.
    pub fn of_igvm(file: &'a [u8]) -> Result<Self, IgvmFault> {
        let igvm = Igvm::read(file)?;
        let loading = igvm.loading(PlatformKind::Tdx)?;
        let mut runs = Vec::new();
        for directive in loading.directives() {
            match &directive.kind {
                DirectiveKind::Page(page) if !page.is_shared => add(&mut runs, of_page(page), file),
                DirectiveKind::Insert(insert) => runs.push(parameters(insert)),
                _ => {}
            }
        }
        Ok(Self::of_runs(runs))
    }
}

/// Adds a run, or makes the last one longer if it goes on in memory and in the file.
fn add<'a>(runs: &mut Vec<TdxRun<'a>>, run: TdxRun<'a>, file: &'a [u8]) {
    let goes_on = |last: &TdxRun<'_>| {
        let in_file = match (last.file_offset, run.file_offset) {
            (Some(before), Some(offset)) => before + last.bytes.len() == offset,
            (None, None) => true,
            _ => false,
        };
        let alike = last.name == run.name && last.measure == run.measure;
        in_file && alike && last.gpa + last.pages * 4096 == run.gpa
    };
    match runs.last_mut().filter(|last| goes_on(last)) {
        Some(last) => {
            last.pages += run.pages;
            let start = last.file_offset.unwrap_or_default();
            last.bytes = &file[start..][..last.bytes.len() + run.bytes.len()];
        }
        None => runs.push(run),
    }
}

fn of_page<'a>(page: &PageData<'a>) -> TdxRun<'a> {
    let (name, measure) = match (page.is_unmeasured, page.data) {
        (true, _) => ("unmeasured", TdvfMeasure::Addresses),
        (false, Some(_)) => ("data", TdvfMeasure::Contents),
        (false, None) => ("zeros", TdvfMeasure::Contents),
    };
    TdxRun {
        name: name.to_owned(),
        gpa: page.gpa,
        pages: page.bytes() / 4096,
        bytes: page.data.map_or(&[], |data| data.bytes),
        file_offset: page.data.map(|data| data.offset),
        measure,
    }
}

/// All pages of an area, in which the host has written.
fn parameters<'a>(insert: &ParameterInsert<'_>) -> TdxRun<'a> {
    TdxRun {
        name: format!("parameters{}", insert.area),
        gpa: insert.gpa,
        pages: insert.bytes / 4096,
        bytes: &[],
        file_offset: None,
        measure: TdvfMeasure::Addresses,
    }
}
