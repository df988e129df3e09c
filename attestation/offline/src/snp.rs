//! `cloister verify snp`.

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::arguments::{Binding, Common};

#[derive(clap::Args)]
pub struct Arguments {
    /// The report: raw, hexadecimal, base64, or one of the JSON forms of docs/evidence-shapes.md.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// The certificate of the key that signed it, VCEK or VLEK: PEM or DER. Not needed where the evidence brings it.
    #[arg(long, value_name = "FILE")]
    vek: Option<PathBuf>,
    /// ASK or ASVK and ARK, in any order: PEM, or DER one behind the other. AMD's own are built in.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// A revocation list of the ARK's, PEM or DER. May be given more than once.
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// Trust this root certificate instead of AMD's. The verdict says so.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    #[command(flatten)]
    binding: Binding,
    #[command(flatten)]
    common: Common,
}

pub fn run(_arguments: &Arguments) -> Result<ExitCode> {
    bail!("not yet")
}
