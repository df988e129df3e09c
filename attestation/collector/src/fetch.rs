//! `cloister collateral fetch` and `refresh`.

use anyhow::{Context, Result, anyhow, bail};
use attestation_certificates::rfc3339;
use attestation_collateral::{
    Brought, Collateral, Note, PckCa, Product, SnpCollateral, SnpQuestion, Source, TdxCollateral,
    TdxQuestion, VekKind, product_named, read_tcb,
};
use attestation_shapes::{LARGEST_EVIDENCE, SnpEvidence, TdxEvidence};
use measured_boot_snp_abi::{AttestationReport, TcbComponents, TcbVersion};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::arguments::{Asking, Kept};
use crate::files;
use crate::output::{self, Output};

#[derive(clap::Args)]
pub struct SnpArguments {
    /// The report that the certificate is needed for, in any form that `cloister verify snp` takes.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["product", "chip_id", "tcb"])]
    report: Option<PathBuf>,
    /// Milan, Genoa or Turin. Alone: its revocation list.
    #[arg(long, value_name = "PRODUCT", value_parser = product, required_unless_present = "report")]
    product: Option<Product>,
    /// The chip, in hexadecimal digits: 64 bytes, of Turin 8.
    #[arg(long, value_name = "HEX", requires_all = ["product", "tcb"])]
    chip_id: Option<String>,
    /// The TCB: boot loader, TEE, SNP and microcode with hyphens between them, of Turin the FMC first.
    #[arg(long, value_name = "TCB", requires_all = ["product", "chip_id"])]
    tcb: Option<String>,
    /// Write the signing key's certificate here (DER), for `cloister verify snp --vek`.
    #[arg(long, value_name = "FILE")]
    out_vek: Option<PathBuf>,
    /// Write the revocation list here (DER), for `--crl`.
    #[arg(long, value_name = "FILE")]
    out_crl: Option<PathBuf>,
    /// Write the certificates above it here (DER), for `--chain`: nothing where AMD's built-in ones are.
    #[arg(long, value_name = "FILE")]
    out_chain: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    kept: Kept,
}

#[derive(clap::Args)]
pub struct TdxArguments {
    /// The quote that the collateral is needed for, in any form that `cloister verify tdx` takes.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fmspc", "ca"])]
    quote: Option<PathBuf>,
    /// The platform's FMSPC: 12 hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = fmspc, required_unless_present = "quote")]
    fmspc: Option<[u8; 6]>,
    /// Who certified the platform: `platform` or `processor`.
    #[arg(long, value_name = "CA", value_parser = pck_ca, default_value = "platform")]
    ca: PckCa,
    /// Write the collateral here, for `cloister verify tdx --collateral`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    kept: Kept,
}

#[derive(clap::Args)]
pub struct RefreshArguments {
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    kept: Kept,
}

fn product(text: &str) -> Result<Product, String> {
    product_named(text).ok_or_else(|| "give Milan, Genoa or Turin".to_owned())
}

fn fmspc(text: &str) -> Result<[u8; 6], String> {
    let mut bytes = [0; 6];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| "an FMSPC is 12 hexadecimal digits".to_owned())?;
    Ok(bytes)
}

fn pck_ca(text: &str) -> Result<PckCa, String> {
    let found = PckCa::ALL.into_iter().find(|ca| ca.name() == text);
    found.ok_or_else(|| "give platform or processor".to_owned())
}

/// Has what an SNP report is judged with.
///
/// # Errors
/// It is not to be had, or a file cannot be read or written.
pub fn snp(arguments: &SnpArguments) -> Result<ExitCode> {
    let question = arguments.question()?;
    let collateral = arguments.kept.open(Some(&arguments.asking))?;
    let within = arguments.asking.within();
    let Some(question) = question else {
        let product = arguments.product.context("--product")?;
        let notes = collateral.snp_list(product, within)?;
        output::print(&match arguments.kept.output {
            Output::Json => serde_json::to_string_pretty(
                &json!({"version": 1, "product": product.name(), "notes": in_words(&notes)}),
            )?,
            Output::Text => page(&[("product", product.name().to_owned())], &notes),
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let found = collateral.snp(&question, within)?;
    arguments.write(&found)?;
    output::print(&snp_result(arguments.kept.output, &found)?)?;
    Ok(ExitCode::SUCCESS)
}

fn snp_result(output: Output, found: &SnpCollateral) -> Result<String> {
    let validity = found.proof.proven().map(|proven| proven.validity());
    let validity = validity.context("nobody vouches for the certificate")?;
    let source = match found.source {
        Source::Evidence => "evidence",
        Source::Vendor => "vendor",
    };
    Ok(match output {
        Output::Json => serde_json::to_string_pretty(&json!({
            "version": 1,
            "product": found.product.name(),
            "certificate_from": source,
            "not_before": validity.not_before,
            "not_after": validity.not_after,
            "lists": found.crls.len(),
            "notes": in_words(&found.notes),
        }))?,
        Output::Text => {
            let facts = [
                ("product", found.product.name().to_owned()),
                ("certificate", format!("from the {source}")),
                ("good until", rfc3339(validity.not_after)),
            ];
            page(&facts, &found.notes)
        }
    })
}

impl SnpArguments {
    /// Nothing where the product alone is named.
    fn question(&self) -> Result<Option<SnpQuestion>> {
        if let Some(path) = &self.report {
            let bytes = files::read("--report", path, LARGEST_EVIDENCE)?;
            let evidence = SnpEvidence::read(&bytes)
                .with_context(|| format!("--report {} is no such evidence", path.display()))?;
            let chain = evidence.chain;
            let brought = evidence.vek.map(|vek| Brought { vek, chain });
            let report = zerocopy::FromBytes::ref_from_bytes(&evidence.report[..]);
            let report: &AttestationReport =
                report.map_err(|_| anyhow!("a report has another size"))?;
            return Ok(Some(SnpQuestion::of_report(report, brought)));
        }
        let (Some(product), Some(chip), Some(tcb)) = (self.product, &self.chip_id, &self.tcb)
        else {
            if self.out_vek.is_some() || self.out_chain.is_some() || self.out_crl.is_some() {
                bail!(
                    "files are written for a report or a chip: name --report, or --chip-id and --tcb"
                );
            }
            return Ok(None);
        };
        let length = product.chip_id_length();
        let chip = hex::decode(chip).ok().filter(|chip| chip.len() == length);
        let chip = chip.with_context(|| {
            format!(
                "--chip-id: a chip of {} has {} digits",
                product.name(),
                2 * length
            )
        })?;
        let mut chip_id = [0; 64];
        chip_id[..length].copy_from_slice(&chip);
        let tcb = read_tcb(product, tcb);
        let tcb = tcb.context(
            "--tcb: give 3-0-8-115 (boot loader, TEE, SNP, microcode), of Turin with the FMC first",
        )?;
        Ok(Some(SnpQuestion {
            product: Some(product),
            chip_id,
            tcb: raw(product, tcb),
            kind: VekKind::Vcek,
            brought: None,
        }))
    }

    fn write(&self, found: &SnpCollateral) -> Result<()> {
        let chain = found.chain.concat();
        let list = found.crls.first().map(Vec::as_slice);
        for (option, path, bytes) in [
            ("--out-vek", &self.out_vek, Some(found.vek.as_slice())),
            ("--out-crl", &self.out_crl, list),
            ("--out-chain", &self.out_chain, Some(chain.as_slice())),
        ] {
            if let (Some(path), Some(bytes)) = (path, bytes.filter(|bytes| !bytes.is_empty())) {
                files::write(option, path, bytes)?;
            }
        }
        Ok(())
    }
}

/// As reports have it.
const fn raw(product: Product, tcb: TcbComponents) -> TcbVersion {
    match (product, tcb.fmc) {
        (Product::Turin, Some(fmc)) => {
            TcbVersion::turin(fmc, tcb.boot_loader, tcb.tee, tcb.snp, tcb.microcode)
        }
        _ => TcbVersion::milan(tcb.boot_loader, tcb.tee, tcb.snp, tcb.microcode),
    }
}

/// Has what a TDX quote is judged with.
///
/// # Errors
/// It is not to be had, or a file cannot be read or written.
pub fn tdx(arguments: &TdxArguments) -> Result<ExitCode> {
    let question = arguments.question()?;
    let collateral = arguments.kept.open(Some(&arguments.asking))?;
    let found = collateral.tdx(&question, arguments.asking.within())?;
    if let Some(path) = &arguments.out {
        files::write("--out", path, found.to_json().as_bytes())?;
    }
    output::print(&tdx_result(arguments.kept.output, &question, &found)?)?;
    Ok(ExitCode::SUCCESS)
}

impl TdxArguments {
    fn question(&self) -> Result<TdxQuestion> {
        let Some(path) = &self.quote else {
            return Ok(TdxQuestion {
                fmspc: self.fmspc.context("--fmspc")?,
                ca: self.ca,
            });
        };
        let bytes = files::read("--quote", path, LARGEST_EVIDENCE)?;
        let evidence = TdxEvidence::read(&bytes)
            .with_context(|| format!("--quote {} is no such evidence", path.display()))?;
        TdxQuestion::of_quote(&evidence.quote)
            .with_context(|| format!("--quote {}: name --fmspc and --ca", path.display()))
    }
}

fn tdx_result(output: Output, question: &TdxQuestion, found: &TdxCollateral) -> Result<String> {
    let (from, until) = found.proven.window();
    let fmspc = hex::encode_upper(question.fmspc);
    Ok(match output {
        Output::Json => serde_json::to_string_pretty(&json!({
            "version": 1,
            "fmspc": fmspc,
            "ca": question.ca.name(),
            "not_before": from,
            "not_after": until,
            "notes": in_words(&found.notes),
        }))?,
        Output::Text => {
            let facts = [
                ("FMSPC", fmspc),
                ("PCK CA", question.ca.name().to_owned()),
                ("good until", rfc3339(until)),
            ];
            page(&facts, &found.notes)
        }
    })
}

/// Asks for newer ones of what is due.
///
/// # Errors
/// The directory cannot be used, or something that is due is out of its dates by now.
pub fn refresh(arguments: &RefreshArguments) -> Result<ExitCode> {
    let collateral: Collateral = arguments.kept.open(Some(&arguments.asking))?;
    let refreshed = collateral.refresh(arguments.asking.within())?;
    output::print(&match arguments.kept.output {
        Output::Json => {
            let all: Vec<_> = refreshed
                .iter()
                .map(|one| json!({"subject": one.subject.to_string(), "stays": one.stays}))
                .collect();
            serde_json::to_string_pretty(&json!({"version": 1, "due": all}))?
        }
        Output::Text if refreshed.is_empty() => "nothing is due".to_owned(),
        Output::Text => {
            let rows = refreshed.iter().map(|one| {
                let stays = one.stays.clone();
                [
                    one.subject.to_string(),
                    stays.unwrap_or_else(|| "new".to_owned()),
                ]
            });
            output::table(&rows.collect::<Vec<_>>())
        }
    })?;
    Ok(match refreshed.iter().any(|one| one.stays.is_some()) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn in_words(notes: &[Note]) -> Vec<String> {
    notes.iter().map(ToString::to_string).collect()
}

fn page(facts: &[(&str, String)], notes: &[Note]) -> String {
    let facts = facts
        .iter()
        .map(|(name, value)| [(*name).to_owned(), value.clone()]);
    let notes = in_words(notes).into_iter();
    let notes = notes.map(|note| ["NOTE".to_owned(), note]);
    output::table(&facts.chain(notes).collect::<Vec<_>>())
}
