//! Builds the boot shim's image, the same bytes in every directory.
//!
//! The shim is for no operating system: cargo makes an ELF file of it by the shim's own profile, flags and
//! linker script, and the image is what that file would load, without the file around it.

#![forbid(unsafe_code)]

mod flat;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

pub use flat::flat;

/// The shim's file name, beside the programs.
pub const NAME: &str = "cloister-shim";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const PROFILE: &str = "shim";

/// A built shim.
#[derive(Clone, Debug)]
pub struct Image {
    /// As it is loaded at `layout::SHIM`, the entry first.
    pub bytes: Vec<u8>,
    /// The ELF file that it was taken from, with its symbols.
    pub elf: PathBuf,
}

/// Builds the shim of the checkout at `root`, with cargo's files under `target`.
///
/// # Errors
/// When cargo fails, or what it made is not one piece of bytes that needs no loader.
pub fn build(root: &Path, target: &Path) -> Result<Image> {
    cargo(root, target, "build", &[]).context("the boot shim cannot be built")?;
    let elf = target.join(TRIPLE).join(PROFILE).join(NAME);
    let file = fs::read(&elf).with_context(|| format!("read {}", elf.display()))?;
    let bytes = flat(&file).context("the boot shim is no flat image")?;
    Ok(Image { bytes, elf })
}

/// Builds the shim and puts it to `target/shim/cloister-shim` and beside the programs; says where.
///
/// # Errors
/// As [`build`], or when it cannot be written.
pub fn install(root: &Path) -> Result<PathBuf> {
    let image = build(root, &root.join("target/shim/build"))?;
    let programs = std::env::var_os("CARGO_TARGET_DIR");
    let programs = programs.map_or_else(|| root.join("target"), |folder| root.join(folder));
    let folders = [
        root.join("target/shim"),
        programs.join(TRIPLE).join("release"),
    ];
    for folder in &folders {
        fs::create_dir_all(folder)?;
        write(&folder.join(NAME), &image.bytes)?;
    }
    Ok(folders[0].join(NAME))
}

/// Lints the shim, which no other command looks at.
///
/// # Errors
/// When there is a fault, with what clippy says of it.
pub fn lint(root: &Path) -> Result<()> {
    let target = root.join("target/shim/lint");
    cargo(root, &target, "clippy", &["--", "-D", "warnings"]).context("the boot shim has faults")
}

/// Runs cargo for the shim alone, with its own features, profile and flags.
fn cargo(root: &Path, target: &Path, command: &str, rest: &[&str]) -> Result<()> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args([command, "--locked", "--quiet"])
        .args(["--package", "measured-boot-shim", "--bin", NAME])
        .args(["--features", "image", "--profile", PROFILE])
        .args(["--target", TRIPLE, "--target-dir"])
        .arg(target)
        .args(rest)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root)?)
        .current_dir(root)
        .output()
        .context("run cargo")?;
    // What it says otherwise is a warning of the compiler about a target without SSE.
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Not at all where it is there already: a test may be reading it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    fs::write(&draft, bytes)
        .and_then(|()| fs::rename(&draft, path))
        .with_context(|| format!("write {}", path.display()))
}

/// What the compiler of this checkout says of itself.
fn rustc(root: &Path, arguments: &[&str]) -> Result<String> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output();
    let output = output.context("run rustc")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The compiler's flags, in place of those of `.cargo/config.toml`.
fn flags(root: &Path) -> Result<String> {
    let script = root.join("measured-boot/shim/link.ld");
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let sysroot = rustc(root, &["--print", "sysroot"])?;
    let about = rustc(root, &["--version", "--verbose"])?;
    let commit = about
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "));
    let commit = commit.context("rustc names no commit")?;
    let flags = [
        // The compiler's own linker: another one would lay the image out otherwise.
        "-Clinker=rust-lld".to_owned(),
        "-Clinker-flavor=ld.lld".to_owned(),
        format!("-Clink-arg=-T{}", script.display()),
        "-Clink-arg=-static".to_owned(),
        "-Clink-arg=--no-pie".to_owned(),
        "-Crelocation-model=static".to_owned(),
        // Ring 0 without state of its own: no XMM register to save, to scrub, or to be emulated by a KVM
        // without hardware virtualisation. There is no floating point whose ABI would need them.
        "-Ctarget-feature=-sse,-sse2".to_owned(),
        "-Cforce-unwind-tables=no".to_owned(),
        // Nothing may ask CPUID which SHA there is: under SEV-SNP the host would answer.
        "--cfg=sha2_backend=\"soft\"".to_owned(),
        format!("--remap-path-prefix={}=/cloister", root.display()),
        format!("--remap-path-prefix={}=/cargo", home.display()),
        // Where the component rust-src is installed, core's own lines would be called by it.
        format!("--remap-path-prefix={sysroot}/lib/rustlib/src/rust=/rustc/{commit}"),
    ];
    Ok(flags.join("\x1f"))
}
