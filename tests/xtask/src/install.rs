//! Installs, by Debian's package names, what the commands need, and builds the programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tests_lab::Backend;

/// A package, the file that shows that it is there, and what it is needed for.
struct Package {
    name: &'static str,
    shows: &'static str,
    needed_for: &'static str,
    only: Option<Backend>,
}

const PACKAGES: [Package; 22] = [
    Package {
        name: "gcc",
        shows: "/usr/bin/cc",
        needed_for: "linking; SQLite and xz are C",
        only: None,
    },
    Package {
        name: "linux-headers-6.12-cloud-amd64",
        shows: "/usr/share/doc/linux-headers-6.12-cloud-amd64",
        needed_for: "the test that compares the kernel's structures with its C headers",
        only: None,
    },
    Package {
        name: "e2fsprogs",
        shows: "/sbin/mke2fs",
        needed_for: "the data disk's file system",
        only: None,
    },
    Package {
        name: "cryptsetup-bin",
        shows: "/sbin/veritysetup",
        needed_for: "the data disk's hash tree",
        only: None,
    },
    Package {
        name: "util-linux",
        shows: "/usr/bin/setpriv",
        needed_for: "tying the lab's life to its owner's",
        only: None,
    },
    Package {
        name: "strace",
        shows: "/usr/bin/strace",
        needed_for: "the test that finds unused seccomp rules",
        only: None,
    },
    Package {
        name: "tpm2-tools",
        shows: "/usr/bin/tpm2_eventlog",
        needed_for: "the test that replays event logs with it, too",
        only: None,
    },
    Package {
        name: "systemd",
        shows: "/usr/lib/systemd/systemd-measure",
        needed_for: "the test that compares PCR 11 with systemd-measure",
        only: None,
    },
    Package {
        name: "systemd-container",
        shows: "/usr/bin/systemd-nspawn",
        needed_for: "the tests of the packages: a copy of this machine to install them on",
        only: None,
    },
    Package {
        name: "lintian",
        shows: "/usr/bin/lintian",
        needed_for: "those tests: what Debian's own checker says",
        only: None,
    },
    Package {
        name: "osslsigncode",
        shows: "/usr/bin/osslsigncode",
        needed_for: "the test that compares Authenticode digests with a signing tool",
        only: None,
    },
    Package {
        name: "openssl",
        shows: "/usr/bin/openssl",
        needed_for: "the key of that test",
        only: None,
    },
    Package {
        name: "softhsm2",
        shows: "/usr/lib/softhsm/libsofthsm2.so",
        needed_for: "the tests of keys in a PKCS#11 token",
        only: None,
    },
    Package {
        name: "opensc",
        shows: "/usr/bin/pkcs11-tool",
        needed_for: "those tests: what another tool sees in the token, and does to it",
        only: None,
    },
    Package {
        name: "cpio",
        shows: "/usr/bin/cpio",
        needed_for: "the test of the guide to hardware, which packs an initrd",
        only: None,
    },
    Package {
        name: "python3-venv",
        shows: "/usr/share/doc/python3-venv",
        needed_for: "sev-snp-measure, with which launch digests are compared",
        only: None,
    },
    Package {
        name: "qemu-system-x86",
        shows: "/usr/bin/qemu-system-x86_64",
        needed_for: "the lab: a CPU with AMD-V, emulated",
        only: Some(Backend::Lab),
    },
    Package {
        name: "busybox-static",
        shows: "/bin/busybox",
        needed_for: "the lab's network set-up",
        only: Some(Backend::Lab),
    },
    Package {
        name: "gcc-12",
        shows: "/usr/bin/x86_64-linux-gnu-gcc-12",
        needed_for: "the lab's KVM with software-protected VMs: Debian's kernel is built with it",
        only: None,
    },
    Package {
        name: "make",
        shows: "/usr/bin/make",
        needed_for: "building that",
        only: None,
    },
    Package {
        name: "postgresql",
        shows: "/usr/lib/postgresql",
        needed_for: "the verifier's store beyond one machine; tests start servers of their own",
        only: None,
    },
    Package {
        name: "xz-utils",
        shows: "/usr/bin/xz",
        needed_for: "its source",
        only: None,
    },
];

/// Installs what is missing and says so. `wish` is the back end asked for, if any.
///
/// # Errors
/// When apt-get fails, with the command to run by hand.
pub fn packages(wish: Option<Backend>) -> Result<()> {
    let backend = wish.or_else(|| {
        tests_lab::missing(Backend::Kvm)
            .is_none()
            .then_some(Backend::Kvm)
    });
    let lab_needed = backend != Some(Backend::Kvm);
    let missing: Vec<&Package> = PACKAGES
        .iter()
        .filter(|package| package.only != Some(Backend::Lab) || lab_needed)
        .filter(|package| !Path::new(package.shows).exists())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        println!("installing {} ({})", package.name, package.needed_for);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    apt_get(&["update", "-q"])?;
    apt_get(
        &[
            &["install", "-q", "-y", "--no-install-recommends"],
            names.as_slice(),
        ]
        .concat(),
    )
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let root = rustix::process::geteuid().is_root();
    let mut command = if root {
        Command::new("apt-get")
    } else {
        Command::new("sudo")
    };
    if !root {
        command.arg("apt-get");
    }
    let by_hand = format!("apt-get {}", arguments.join(" "));
    let output = command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run {by_hand}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{by_hand} failed: run it by hand as root and look\n{said}");
    }
    Ok(())
}

/// Runs cargo on the locked dependencies.
///
/// # Errors
/// When it fails.
pub fn build(root: &Path, arguments: &[&str]) -> Result<()> {
    let (command, rest) = arguments.split_first().context("an empty command")?;
    cargo(root, &[&[*command, "--locked"], rest].concat())
}

/// Builds the boot shim and says where it is.
///
/// # Errors
/// When it cannot be built.
pub fn shim(root: &Path) -> Result<()> {
    let path = tests_shim_image::install(root)?;
    println!(
        "boot shim: {}, {} bytes",
        path.display(),
        path.metadata()?.len()
    );
    Ok(())
}

/// Runs cargo with its own progress shown.
///
/// # Errors
/// When it fails.
pub fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    cargo_with(root, arguments, [])
}

/// The same with these variables set.
///
/// # Errors
/// When it fails.
pub fn cargo_with(
    root: &Path,
    arguments: &[&str],
    set: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(arguments)
        .envs(set)
        .current_dir(root)
        .status();
    if !status.context("run cargo")?.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}

/// A program of crates.io for this machine, built into `target/tools` if it is not there.
///
/// # Errors
/// When it cannot be built.
pub fn tool(root: &Path, name: &str) -> Result<PathBuf> {
    let folder = root.join("target/tools");
    let program = folder.join("bin").join(name);
    if !program.exists() {
        println!("installing {name} into target/tools (some minutes, once)");
        let folder = folder.display().to_string();
        let arguments = ["install", name, "--locked", "--quiet", "--root", &folder];
        // It runs on this machine, so it is no static program for a guest.
        let host = ["--config", "build.rustflags=[]"];
        cargo(root, &[arguments.as_slice(), &host].concat())?;
    }
    Ok(program)
}
