//! Unified kernel images.

mod document;
mod page;
mod warnings;

use anyhow::{Context, Result};
use measured_boot_uki::{
    Algorithm, Boot, Coverage, Measured, Pe, Phase, Pick, StubRules, StubVersion, Uki, coverage,
};
use std::path::PathBuf;

use crate::files::read;
use crate::{Output, print, print_json};

#[derive(clap::Args)]
pub struct UkiArguments {
    /// The image.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// PCR 11 in this phase, words with colons between them; all phases of a boot unless given. `:` is the
    /// stub's end.
    #[arg(long, value_name = "WORDS")]
    phase: Vec<String>,
    /// PCR 11 in this bank: sha1, sha256, sha384 or sha512; all unless given.
    #[arg(long, value_name = "BANK")]
    bank: Vec<Algorithm>,
    /// Measure as systemd-stub of this version does, such as 252, whatever the image says.
    #[arg(long, value_name = "VERSION", value_parser = stub_version)]
    stub: Option<StubVersion>,
    /// Boot this profile.
    #[arg(long, value_name = "N", default_value = "0")]
    profile: usize,
    /// Which .dtbauto section the machine matches: a number, from 0, or none.
    #[arg(long, value_name = "N", value_parser = pick)]
    dtbauto: Option<Pick>,
    /// Which .efifw section the machine matches: a number, from 0, or none.
    #[arg(long, value_name = "N", value_parser = pick)]
    efifw: Option<Pick>,
    /// Only the Authenticode digest, of any PE image.
    #[arg(long, conflicts_with_all = ["phase", "bank", "stub", "profile", "dtbauto", "efifw", "coverage"])]
    authenticode_only: bool,
    /// Show what neither digest covers, or only one, too (JSON always does).
    #[arg(long)]
    coverage: bool,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

/// What is known of an image.
struct Image<'a> {
    pe: Pe<'a>,
    kernel: Option<Kernel<'a>>,
    phases: Vec<Phase>,
    banks: Vec<Algorithm>,
    warnings: Vec<String>,
}

/// What is known of a unified kernel image beyond that.
struct Kernel<'a> {
    uki: Uki<'a>,
    rules: StubRules,
    profile: usize,
    measured: Measured<'a>,
    /// The Authenticode digest of the kernel itself, if it is a PE image.
    authenticode: Option<[(Algorithm, String); 4]>,
    coverage: Vec<Coverage>,
}

impl Image<'_> {
    /// PCR 11 of a kernel image after each phase, in each bank that was asked for.
    fn pcr11<'k>(
        &'k self,
        kernel: &Kernel,
    ) -> impl Iterator<Item = (&'k Phase, Vec<(Algorithm, String)>)> {
        let banks = self.banks.iter();
        let registers: Vec<_> = banks
            .map(|bank| (*bank, kernel.measured.pcr11(*bank)))
            .collect();
        self.phases.iter().map(move |phase| {
            let at = registers.iter();
            let at = at.map(|(bank, register)| (*bank, register.at(phase).to_string()));
            (phase, at.collect())
        })
    }
}

/// Predicts what an image is measured as, and prints it.
pub fn predict(arguments: &UkiArguments) -> Result<()> {
    let path = arguments.file.display();
    let file = read("FILE", &arguments.file)?;
    let pe = Pe::read(&file)
        .with_context(|| format!("{path}: this is no PE image that firmware reads in one way"))?;
    let mut image = Image {
        kernel: None,
        phases: phases(&arguments.phase),
        banks: or_all(&arguments.bank, &Algorithm::ALL),
        warnings: warnings::of_file(&pe),
        pe,
    };
    if !arguments.authenticode_only {
        let kernel = kernel(&image.pe, arguments).with_context(|| {
            format!("{path}: PCR 11 cannot be predicted; --authenticode-only needs no stub")
        })?;
        image.warnings.extend(warnings::of_kernel(&kernel));
        image.kernel = Some(kernel);
    }
    for warning in &image.warnings {
        eprintln!("warning: {warning}");
    }
    match arguments.output {
        Output::Text => print(&page::page(&image, &path.to_string(), arguments.coverage)),
        Output::Json => print_json(&document::document(&image)),
    }
}

fn kernel<'a>(pe: &Pe<'a>, arguments: &UkiArguments) -> Result<Kernel<'a>> {
    let uki = Uki::of(pe)?;
    let rules = uki
        .stub()
        .rules(arguments.stub)
        .with_context(|| match arguments.stub {
            None => "give --stub, the version of systemd-stub that measures",
            Some(_) => "--stub: no such stub measures",
        })?;
    let boot = Boot {
        profile: arguments.profile,
        dtbauto: arguments.dtbauto,
        efifw: arguments.efifw,
    };
    let measured = uki.measured(&rules, &boot)?;
    let inner = measured.kernel();
    let authenticode = Pe::read(&inner).ok().map(|inner| digests(&inner));
    Ok(Kernel {
        coverage: coverage(pe, &measured),
        profile: arguments.profile,
        uki,
        rules,
        measured,
        authenticode,
    })
}

fn digests(pe: &Pe) -> [(Algorithm, String); 4] {
    Algorithm::ALL.map(|one| (one, pe.authenticode(one).to_string()))
}

fn phases(given: &[String]) -> Vec<Phase> {
    let standard = Phase::STANDARD.map(str::to_owned);
    let texts = or_all(given, &standard);
    texts.iter().map(|text| Phase::new(text)).collect()
}

fn or_all<T: Clone>(given: &[T], all: &[T]) -> Vec<T> {
    if given.is_empty() { all } else { given }.to_vec()
}

fn stub_version(text: &str) -> Result<StubVersion, String> {
    StubVersion::parse(text).ok_or_else(|| "give a version such as 252".to_owned())
}

fn pick(text: &str) -> Result<Pick, String> {
    if text == "none" {
        return Ok(Pick::None);
    }
    let number = text.parse().map(Pick::Nth);
    number.map_err(|_| "give a number, from 0, or none".to_owned())
}
