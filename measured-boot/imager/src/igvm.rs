//! `cloister-image igvm`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use measured_boot_image::{IgvmPlatform, build_igvm, sha256_hex, write_file};
use measured_boot_plan::{LaunchConfig, Sources};

use crate::clear_drafts;
use crate::report::Report;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration of a launch through the boot shim, as `cloister` takes it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// A TEE that the file is for; both, if none is named
    #[arg(long, value_name = "TEE", value_enum)]
    platform: Vec<Platform>,

    /// File to make. An earlier one is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Platform {
    /// AMD SEV-SNP
    Snp,
    /// Intel TDX
    Tdx,
}

pub fn run(args: &Args) -> anyhow::Result<Report> {
    clear_drafts(&args.out);
    let text = fs::read_to_string(&args.config)
        .with_context(|| format!("cannot read {}", args.config.display()))?;
    let config = LaunchConfig::from_toml(&text)
        .with_context(|| format!("{} is not understood", args.config.display()))?;
    let mut files = Vec::new();
    for file in config.files() {
        let path = match file.path {
            Some(path) => beside(&args.config, path),
            None => own_shim()?,
        };
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files.push((file.source, bytes));
    }
    let sources = files
        .iter()
        .fold(Sources::default(), |sources, (source, bytes)| {
            sources.with(*source, bytes)
        });
    let platforms = args.platforms();
    let igvm = build_igvm(&config, &sources, &platforms).context("no IGVM file made")?;
    write_file(&args.out, 0o644, &igvm)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    let names: Vec<_> = platforms.iter().map(|platform| platform.name()).collect();
    Ok(Report::default()
        .with("igvm", args.out.display().to_string())
        .with("igvm_bytes", igvm.len())
        .with("igvm_sha256", sha256_hex(&igvm))
        .with("platforms", names))
}

impl Args {
    /// Each once, in one order.
    fn platforms(&self) -> Vec<IgvmPlatform> {
        let is_wanted = |one| self.platform.is_empty() || self.platform.contains(&one);
        let all = [
            (Platform::Snp, IgvmPlatform::Snp),
            (Platform::Tdx, IgvmPlatform::Tdx),
        ];
        let wanted = all.into_iter().filter(|(name, _)| is_wanted(*name));
        wanted.map(|(_, platform)| platform).collect()
    }
}

/// Paths in a configuration are relative to it.
fn beside(config: &Path, path: &str) -> PathBuf {
    config.parent().unwrap_or(Path::new("")).join(path)
}

/// Programs of one build lie in one directory.
fn own_shim() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program cannot find itself")?;
    Ok(own.with_file_name("cloister-shim"))
}
