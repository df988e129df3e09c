//! The firmware or IGVM file, and the launch that it makes.

use anyhow::{Context, Result};
use measured_boot_firmware::{Tdvf, TdvfMeasure, TdvfPlace, TdvfSectionKind};
use measured_boot_tdx_launch::{PageOrder, TdxLaunch};
use std::path::Path;

use super::TdxArguments;
use crate::files::{self, FileBytes};
use crate::text::count;

/// What is launched.
pub enum Image<'a> {
    Firmware(Tdvf<'a>),
    Igvm(&'a [u8]),
}

/// The bytes of what is launched: the variables in front of the code if they are apart.
pub fn read(arguments: &TdxArguments) -> Result<FileBytes> {
    let (option, path) = named(arguments);
    let file = files::read(option, path)?;
    let Some(path) = &arguments.firmware_vars else {
        return Ok(file);
    };
    let variables = files::read("--firmware-vars", path)?;
    Ok([&*variables, &*file].concat().into())
}

/// What the VMM puts into the payload's section.
pub fn payload(arguments: &TdxArguments) -> Result<Option<FileBytes>> {
    let payload = arguments.payload.as_deref();
    payload
        .map(|path| files::read("--payload", path))
        .transpose()
}

/// In which order pages are measured; an IGVM file has its own.
pub fn order(arguments: &TdxArguments) -> Option<PageOrder> {
    match (&arguments.igvm, arguments.two_pass) {
        (Some(_), _) => None,
        (None, true) => Some(PageOrder::TwoPass),
        (None, false) => Some(PageOrder::SinglePass),
    }
}

/// clap makes sure that there is one.
fn named(arguments: &TdxArguments) -> (&'static str, &Path) {
    match (&arguments.igvm, &arguments.firmware) {
        (Some(path), _) => ("--igvm", path),
        (None, Some(path)) => ("--firmware", path),
        (None, None) => ("--firmware", Path::new("")),
    }
}

impl<'a> Image<'a> {
    pub fn of(
        arguments: &TdxArguments,
        file: &'a [u8],
        warnings: &mut Vec<String>,
    ) -> Result<Self> {
        if arguments.igvm.is_some() {
            return Ok(Self::Igvm(file));
        }
        let (option, path) = named(arguments);
        let tdvf = Tdvf::read(file).with_context(|| {
            let path = path.display();
            format!("{option} {path}: the image cannot be launched as a TDX guest")
        })?;
        warnings.extend(warnings_of(&tdvf));
        Ok(Self::Firmware(tdvf))
    }

    pub fn tdvf(&self) -> Option<&Tdvf<'a>> {
        match self {
            Self::Firmware(tdvf) => Some(tdvf),
            Self::Igvm(_) => None,
        }
    }

    pub fn launch(
        &self,
        arguments: &TdxArguments,
        payload: Option<&'a [u8]>,
    ) -> Result<TdxLaunch<'a>> {
        let (option, path) = named(arguments);
        let place = || format!("{option} {}: there is no such launch", path.display());
        match self {
            Self::Firmware(tdvf) => TdxLaunch::of_tdvf(tdvf, payload).with_context(place),
            Self::Igvm(file) => TdxLaunch::of_igvm(file).with_context(place),
        }
    }

    /// What is launched, in a line.
    pub fn headline(&self) -> String {
        match self {
            Self::Firmware(tdvf) => {
                let (sections, at) = (tdvf.sections().len(), tdvf.descriptor_offset());
                let place = match tdvf.place() {
                    TdvfPlace::FooterTable => "footer table",
                    TdvfPlace::FixedOffset => "offset at the image's end",
                };
                let bytes = count(tdvf.image().len(), "byte");
                format!(
                    "TDVF of {bytes}: {}, metadata at {at:#x} by the {place}",
                    count(sections, "section")
                )
            }
            Self::Igvm(file) => format!("IGVM file of {}", count(file.len(), "byte")),
        }
    }
}

/// What is measured as it is and yet may not be what was meant.
fn warnings_of(tdvf: &Tdvf<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(other) = tdvf.other_descriptor() {
        warnings.push(format!(
            "the word at the image's end leads to another descriptor, at {other:#x}: VMMs that do not look at the footer table launch other sections"
        ));
    }
    let unmeasured = tdvf.sections().iter().filter(|section| {
        section.kind == TdvfSectionKind::Bfv && section.measure != TdvfMeasure::Contents
    });
    for section in unmeasured {
        let gpa = section.gpa;
        warnings.push(format!(
            "the code at {gpa:#x} (BFV) is not measured: the host may put any other in its place"
        ));
    }
    warnings
}
