//! What a file is, by its contents.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_digest::Manifest;
use measured_boot_event_log::{Log, ReadOptions};
use measured_boot_snp_abi::{AttestationReport, REPORT_SIZE};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::{Path, PathBuf};

use super::Predicted;
use super::signs::{binary, is_report};
use crate::files::{FileBytes, read};
use crate::prediction::Planned;

/// A kind of file that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `vm.toml` and the files that it names.
    Plan,
    /// What `plan`, `snp` or `tdx` printed with `-o json`.
    Prediction,
    /// A manifest of a launch.
    Manifest,
    /// An SNP attestation report.
    Report,
    /// A TDX quote.
    Quote,
    /// OVMF or other firmware with its footer table.
    Firmware,
    /// An IGVM file.
    Igvm,
    /// A PE image: a UKI, a boot loader, a kernel with an EFI stub.
    Pe,
    /// QEMU's ACPI tables, one after the other.
    AcpiTables,
    /// A TPM or CC event log.
    EventLog,
}

impl Kind {
    /// What it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::Plan => "launch configuration",
            Self::Prediction => "prediction",
            Self::Manifest => "launch manifest",
            Self::Report => "SNP attestation report",
            Self::Quote => "TDX quote",
            Self::Firmware => "firmware image",
            Self::Igvm => "IGVM file",
            Self::Pe => "PE image",
            Self::AcpiTables => "file of ACPI tables",
            Self::EventLog => "event log",
        }
    }

    /// With its article.
    pub fn one(self) -> String {
        let article = match self {
            Self::Report | Self::Igvm | Self::EventLog => "an",
            _ => "a",
        };
        format!("{article} {}", self.words())
    }

    /// What it can be compared with.
    pub fn peers(self) -> &'static str {
        match self {
            Self::Plan | Self::Manifest => {
                "a launch configuration, a prediction, a manifest, or an SNP report (with --manifest)"
            }
            Self::Prediction => {
                "another prediction, a launch configuration, a manifest, an SNP report, a TDX quote or a TD's event log"
            }
            Self::Report => {
                "another SNP report, a launch configuration, a prediction or a manifest; with an image by `explain`"
            }
            Self::Quote => {
                "another TDX quote, a prediction, or an event log; with firmware by `explain`"
            }
            Self::Firmware => "another firmware image; with a report by `explain`",
            Self::Igvm => "another IGVM file; with a report by `explain`",
            Self::Pe => "another PE image",
            Self::AcpiTables => "another file of ACPI tables",
            Self::EventLog => "another event log, a TDX quote, or a prediction of a TD",
        }
    }
}

/// A file and what it was taken for.
pub enum Subject {
    /// A plan with its files.
    Plan(PathBuf, Box<Planned>),
    /// A prediction.
    Prediction(PathBuf, Box<Predicted>),
    /// A manifest.
    Manifest(PathBuf, Manifest),
    /// A report, and the manifest where it is evidence that brings one.
    Report(PathBuf, FileBytes, Option<Manifest>),
    /// Anything that is compared as bytes, of the kind that they have.
    Bytes(PathBuf, Kind, FileBytes),
}

impl Subject {
    /// Reads a file and says what it is; a launch configuration with the files that it names.
    ///
    /// # Errors
    /// The file cannot be read, or is of no kind that is known here.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read("FILE", path)?;
        ensure!(!bytes.is_empty(), "{}: the file is empty", path.display());
        if let Some(kind) = binary(&bytes) {
            return Self::of(path, kind, bytes);
        }
        let text = std::str::from_utf8(&bytes).ok();
        let Some(text) = text.filter(|text| text.len() <= MAX_TEXT_BYTES) else {
            bail!(
                "{}: of no kind that is known here; {KNOWN}{}",
                path.display(),
                closest(&bytes)
            );
        };
        if let Some((kind, decoded)) = decoded(text) {
            return Self::of(path, kind, decoded.into());
        }
        if text.trim_start().starts_with('{') {
            return json(path, text);
        }
        // What is text, and no number in disguise, can only be a configuration.
        let planned = Planned::of(path).context(format!(
            "{}: taken for a launch configuration, since it is text",
            path.display()
        ))?;
        Ok(Self::Plan(path.to_owned(), Box::new(planned)))
    }

    fn of(path: &Path, kind: Kind, bytes: FileBytes) -> Result<Self> {
        Ok(match kind {
            Kind::Manifest => {
                let manifest = Manifest::from_bytes(&bytes)
                    .with_context(|| format!("{}: no whole manifest", path.display()))?;
                Self::Manifest(path.to_owned(), manifest)
            }
            Kind::Report => Self::Report(path.to_owned(), bytes, None),
            kind => Self::Bytes(path.to_owned(), kind, bytes),
        })
    }

    /// What it was taken for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Plan(..) => Kind::Plan,
            Self::Prediction(..) => Kind::Prediction,
            Self::Manifest(..) => Kind::Manifest,
            Self::Report(..) => Kind::Report,
            Self::Bytes(_, kind, _) => *kind,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Plan(path, _)
            | Self::Prediction(path, _)
            | Self::Manifest(path, _)
            | Self::Report(path, ..)
            | Self::Bytes(path, ..) => path,
        }
    }

    /// The report, if it is one.
    pub fn report(&self) -> Option<&AttestationReport> {
        match self {
            Self::Report(_, bytes, _) => AttestationReport::from_untrusted(bytes),
            _ => None,
        }
    }

    /// The manifest that evidence brings with its report.
    pub fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Report(.., manifest) => manifest.as_ref(),
            _ => None,
        }
    }
}

/// Evidence brings a manifest, which has 48 bytes a page: this is room for a guest of several GiB.
const MAX_TEXT_BYTES: usize = 64 << 20;
const KNOWN: &str = "known are launch configurations, predictions, manifests, SNP reports, TDX quotes, firmware and IGVM images, PE images, ACPI tables and event logs";

/// A report or quote in hexadecimal or base64, blanks and line ends aside.
fn decoded(text: &str) -> Option<(Kind, Vec<u8>)> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let hexadecimal = digits.strip_prefix("0x").unwrap_or(&digits);
    let read = [
        hex::decode(hexadecimal).ok(),
        BASE64_STANDARD.decode(&digits).ok(),
    ];
    let of_kind = |bytes: Vec<u8>| {
        let kind = binary(&bytes).filter(|kind| matches!(kind, Kind::Report | Kind::Quote))?;
        Some((kind, bytes))
    };
    read.into_iter().flatten().find_map(of_kind)
}

/// What is read of JSON. The rest is skipped and not kept: a tree of it would be many times its size.
#[derive(Deserialize)]
struct Json {
    attestation_report: Option<String>,
    manifest: Option<String>,
    launch_digest: Option<IgnoredAny>,
}

/// A prediction; or evidence of a simulated TEE, which has report and manifest in base64.
fn json(path: &Path, text: &str) -> Result<Subject> {
    let taken = |what: &str| format!("{}: taken for {what}", path.display());
    let place = || taken("evidence or a prediction, since it is JSON");
    let document: Json = serde_json::from_str(text).with_context(place)?;
    if document.attestation_report.is_none() && document.launch_digest.is_some() {
        let predicted = Predicted::from_json(text)
            .with_context(|| taken("a prediction, since it is JSON with a `launch_digest`"))?;
        return Ok(Subject::Prediction(path.to_owned(), Box::new(predicted)));
    }
    let field = |text: &Option<String>| BASE64_STANDARD.decode(text.as_ref()?).ok();
    let Some(report) = field(&document.attestation_report).filter(|bytes| is_report(bytes)) else {
        bail!(
            "{}, and without a `launch_digest`, and without an `attestation_report` of {REPORT_SIZE} bytes in base64: {KNOWN}",
            place()
        );
    };
    let manifest = field(&document.manifest).map(|bytes| Manifest::from_bytes(&bytes));
    let manifest = manifest.transpose().with_context(place)?;
    Ok(Subject::Report(path.to_owned(), report.into(), manifest))
}

/// What it may have been meant as, with what is wrong.
fn closest(bytes: &[u8]) -> String {
    if bytes.starts_with(b"\x7FELF") {
        return "; this is an ELF file: a kernel is compared within a launch configuration"
            .to_owned();
    }
    match Log::read(bytes, &ReadOptions::default()) {
        Err(error) => format!("; read as an event log: {error}"),
        Ok(_) => String::new(),
    }
}

/// A path as a terminal may show it.
pub fn shown(path: &Path) -> String {
    measured_boot_event_log::printable(&path.display().to_string())
}
