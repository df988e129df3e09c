//! `cloister-image kernel`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use measured_boot_image::unpack_kernel;

use crate::clear_drafts;
use crate::report::Report;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A linux-image-*-cloud-amd64 package, as `apt-get download` fetches it
    #[arg(long, value_name = "FILE")]
    deb: PathBuf,

    /// Directory to make: vmlinux, modules/ and kernel.json. An earlier one is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<Report> {
    clear_drafts(&args.out);
    let deb = fs::read(&args.deb).with_context(|| format!("cannot read {}", args.deb.display()))?;
    let kernel = unpack_kernel(&deb, &args.out)
        .with_context(|| format!("no kernel unpacked from {}", args.deb.display()))?;
    let info = kernel.info().clone();
    Ok(Report::default()
        .with("release", info.release)
        .with("vmlinux", kernel.vmlinux().display().to_string())
        .with("vmlinux_bytes", info.vmlinux_bytes)
        .with("vmlinux_sha256", info.vmlinux_sha256)
        .with("deb_sha256", info.deb_sha256)
        .with("modules", info.modules))
}
