//! Real evidence of the published vectors, where it is there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// 2025-06-19T12:35:00Z, at which the collateral of the quote is in its time.
pub const TDX_NOW: u64 = 1_750_336_500;

/// 2026-06-01T00:00:00Z, at which the report's certificates are in their time.
pub const SNP_NOW: u64 = 1_780_272_000;

/// What is verified.
pub struct Inputs {
    /// A report of a Milan, and its chain.
    pub snp: Option<Snp>,
    /// A quote and its collateral.
    pub tdx: Option<Tdx>,
}

/// SNP evidence.
pub struct Snp {
    /// 1184 bytes.
    pub report: Vec<u8>,
    /// The VCEK, DER.
    pub vcek: Vec<u8>,
    /// PEM.
    pub ask: Vec<u8>,
    /// PEM.
    pub ark: Vec<u8>,
    /// Where the same are, and ARK and ASK (PEM), for a program that reads files.
    pub files: SnpFiles,
}

/// Files of SNP evidence.
pub struct SnpFiles {
    /// PEM.
    pub ark: PathBuf,
    /// PEM.
    pub ask: PathBuf,
    /// DER.
    pub vcek: PathBuf,
}

/// TDX evidence.
pub struct Tdx {
    /// Version 4.
    pub quote: Vec<u8>,
    /// As dcap-qvl writes it.
    pub collateral: Vec<u8>,
}

impl Inputs {
    /// Reads what is there, and says what is not.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let all = root.join("../shared/vectors");
        Ok(Self {
            snp: there(&all.join("virtee-sev"), snp)?,
            tdx: there(&all.join("dcap-qvl-0.7.1/sample"), tdx)?,
        })
    }
}

fn there<T>(folder: &Path, of: fn(&Path) -> Result<T>) -> Result<Option<T>> {
    if folder.is_dir() {
        return of(folder).map(Some);
    }
    println!("skipped: {} is not there", folder.display());
    Ok(None)
}

fn snp(folder: &Path) -> Result<Snp> {
    let files = SnpFiles {
        ark: folder.join("src/certs/snp/builtin/milan/ark.pem"),
        ask: folder.join("src/certs/snp/builtin/milan/ask.pem"),
        vcek: folder.join("tests/certs_data/vcek_milan.der"),
    };
    let report = bytes(&folder.join("tests/certs_data/report_milan.hex"))?;
    let report = hex::decode(report.trim_ascii()).context("report_milan.hex")?;
    Ok(Snp {
        report,
        vcek: bytes(&files.vcek)?,
        ask: bytes(&files.ask)?,
        ark: bytes(&files.ark)?,
        files,
    })
}

fn tdx(folder: &Path) -> Result<Tdx> {
    Ok(Tdx {
        quote: bytes(&folder.join("tdx_quote"))?,
        collateral: bytes(&folder.join("tdx_quote_collateral.json"))?,
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("read {}", path.display()))
}
