//! `cloister-image initramfs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use measured_boot_image::{InitramfsRequest, KernelDir, build_initramfs, sha256_hex, write_file};

use crate::clear_drafts;
use crate::report::Report;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory made by `cloister-image kernel`
    #[arg(long, value_name = "DIR")]
    kernel_dir: PathBuf,

    /// The static program that becomes /init. Default: the cloister-agent beside this program
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,

    /// The verifier's pins, as `cloister-verifier init` writes them
    #[arg(long, value_name = "FILE")]
    pins: PathBuf,

    /// Archive to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// One more file: its path in the guest, and the file. May be repeated
    #[arg(long, value_name = "PATH=FILE", value_parser = parse_extra)]
    extra: Vec<(String, PathBuf)>,
}

pub fn run(args: &Args) -> anyhow::Result<Report> {
    clear_drafts(&args.out);
    let kernel = KernelDir::open(&args.kernel_dir)
        .with_context(|| format!("{} is no kernel directory", args.kernel_dir.display()))?;
    let agent = read_agent(args.agent.as_deref())?;
    let pins = read(&args.pins)?;
    let extra = args
        .extra
        .iter()
        .map(read_extra)
        .collect::<Result<Vec<_>, _>>()?;
    let request = InitramfsRequest {
        kernel: &kernel,
        agent: &agent,
        pins: &pins,
        extra: &extra,
    };
    let initramfs = build_initramfs(&request).context("no initramfs built")?;
    write_file(&args.out, 0o644, &initramfs.archive)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    Ok(Report::default()
        .with("initramfs", args.out.display().to_string())
        .with("initramfs_bytes", initramfs.archive.len())
        .with("initramfs_sha256", sha256_hex(&initramfs.archive))
        .with("kernel_release", kernel.info().release.clone())
        .with("agent_sha256", sha256_hex(&agent))
        .with("pins_sha256", sha256_hex(&pins))
        .with("modules", initramfs.modules))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Programs of one build lie in one directory.
fn read_agent(given: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    if let Some(given) = given {
        return read(given);
    }
    let own = std::env::current_exe().context("this program cannot find itself")?;
    read(&own.with_file_name("cloister-agent")).context("name the agent with --agent")
}

/// Executable files stay so; all other permission bits depend on a umask.
fn read_extra((guest_path, file): &(String, PathBuf)) -> anyhow::Result<(String, u32, Vec<u8>)> {
    let content = read(file)?;
    let metadata = file
        .metadata()
        .with_context(|| format!("cannot read {}", file.display()))?;
    let executable = metadata.permissions().mode() & 0o100 != 0;
    Ok((
        guest_path.clone(),
        if executable { 0o755 } else { 0o644 },
        content,
    ))
}

fn parse_extra(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((path, file)) if !path.is_empty() && !file.is_empty() => {
            Ok((path.to_owned(), file.into()))
        }
        _ => Err("expected PATH=FILE, such as /etc/motd=motd.txt".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_splits_at_the_first_equals_sign() {
        assert_eq!(
            parse_extra("/etc/a=b=c").unwrap(),
            ("/etc/a".to_owned(), "b=c".into())
        );
    }

    #[test]
    fn extra_without_both_parts_refused() {
        for text in ["", "=", "/etc/a", "/etc/a=", "=file"] {
            assert!(parse_extra(text).is_err(), "{text}");
        }
    }
}
