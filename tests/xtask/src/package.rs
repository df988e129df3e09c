//! `cargo xtask package`: the Debian packages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tests_packages::{FOLDERS, Order, Packing};

use crate::install;

/// What may be said.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the packages go [default: target/packages].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Use the programs as they were built last.
    #[arg(long)]
    no_build: bool,
}

/// Builds the programs, packs them, and says where the packages are.
///
/// # Errors
/// When one cannot be built or packed.
pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    if !arguments.no_build {
        install::build(root, &["build", "--release", "--workspace"])?;
        install::shim(root)?;
    }
    let out = arguments.out.clone();
    let out = out.unwrap_or_else(|| root.join("target/packages"));
    // Cargo puts all programs beside each other, this one too.
    let own = std::env::current_exe()?;
    let order = Order {
        root,
        programs: own.parent().context("this program lies in no folder")?,
        out: &out,
        version: None,
        packing: Packing::Small,
    };
    for folder in FOLDERS {
        if let Some(path) = tests_packages::missing(&order, folder)?.first() {
            bail!("{} is not built: leave --no-build out", path.display());
        }
        let package = tests_packages::build(&order, folder)?;
        println!("{}, {} bytes", package.display(), package.metadata()?.len());
    }
    Ok(())
}
