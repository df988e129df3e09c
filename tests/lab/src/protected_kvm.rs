//! KVM's modules with software-protected VMs, which Debian's kernel leaves out.
//!
//! `CONFIG_KVM_SW_PROTECTED_VM` gives VM type 1: private memory (guest_memfd), memory attributes and the
//! guest's own requests for conversion, with no hardware and no protection. The modules are built from
//! Debian's source of exactly the lab's kernel: its headers carry the version magic, the checksums of the
//! symbols and a finished kbuild, so nothing but `arch/x86/kvm` and `virt/kvm` is compiled.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::kernel::{apt, kernel_package};

/// The modules that are built, as they are loaded; everything else stays the stock kernel's.
pub(crate) const BUILT: [&str; 2] = ["kvm.ko", "kvm-amd.ko"];

/// What Kconfig would turn on with it (arch/x86/kvm/Kconfig and virt/kvm/Kconfig of 6.12); all of it is
/// within the modules.
const SWITCHED_ON: [&str; 4] = [
    "CONFIG_KVM_SW_PROTECTED_VM",
    "CONFIG_KVM_GENERIC_PRIVATE_MEM",
    "CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES",
    "CONFIG_KVM_PRIVATE_MEM",
];

/// Not built: the other maker's processors, and debugging information that nobody reads.
const SWITCHED_OFF: [&str; 3] = [
    "CONFIG_KVM_INTEL",
    "CONFIG_DEBUG_INFO",
    "CONFIG_DEBUG_INFO_BTF_MODULES",
];

/// The folder in `cache` with `kvm.ko` and `kvm-amd.ko` for the lab's kernel, built when it is not there:
/// half a minute on two cores, and 170 MB fetched. Tests that ask at the same time wait for one build.
///
/// # Errors
/// A package cannot be had, or the build fails: its log is named.
pub fn protected_kvm(cache: &Path) -> Result<PathBuf> {
    let package = kernel_package(cache)?;
    let finished = package.with_extension("protected-kvm");
    let lock = package.with_extension("protected-kvm.lock");
    let lock = File::create(&lock).with_context(|| format!("write {}", lock.display()))?;
    lock.lock().context("wait for another build")?;
    if !finished.exists() {
        let work = package.with_extension("protected-kvm.work");
        clear(&work)?;
        build(&Release::of(&package)?, &work)
            .with_context(|| {
                format!(
                    "no KVM with software-protected VMs can be built; if apt has no packages of this version \
                     any more, remove {} and try again with the newest kernel",
                    package.display()
                )
            })?;
        fs::rename(work.join("finished"), &finished)
            .with_context(|| format!("write {}", finished.display()))?;
        clear(&work)?;
    }
    Ok(finished)
}

/// Which packages belong to a kernel image.
#[derive(Debug, PartialEq, Eq)]
struct Release {
    /// `6.12.117+deb12`, as packages are named.
    name: String,
    /// `6.12.117-1~deb12u1`, the version of each.
    version: String,
}

impl Release {
    /// From the image's file name, `linux-image-NAME-cloud-amd64_VERSION_amd64.deb`.
    fn of(package: &Path) -> Result<Self> {
        let parts = || {
            let file = package.file_name()?.to_str()?;
            let (name, rest) = file
                .strip_prefix("linux-image-")?
                .split_once("-cloud-amd64_")?;
            Some((name, rest.strip_suffix("_amd64.deb")?))
        };
        let (name, version) = parts()
            .with_context(|| format!("{} is no cloud kernel's package", package.display()))?;
        Ok(Self {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// Source, headers and build tools, each as `NAME=VERSION`.
    fn packages(&self) -> Vec<String> {
        let Self { name, version } = self;
        [
            "linux-source-6.12".to_owned(),
            format!("linux-headers-{name}-cloud-amd64"),
            format!("linux-headers-{name}-common"),
            format!("linux-kbuild-{name}"),
        ]
        .map(|package| format!("{package}={version}"))
        .to_vec()
    }
}

fn build(release: &Release, work: &Path) -> Result<()> {
    fs::create_dir_all(work).with_context(|| format!("make {}", work.display()))?;
    apt(Command::new("apt-get")
        .args(["download", "-q"])
        .args(release.packages())
        .current_dir(work))?;
    let tree = work.join("tree");
    for package in files_ending_in(work, ".deb")? {
        run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&tree))?;
    }
    let common = tree.join(format!("usr/src/linux-headers-{}-common", release.name));
    let flavour = tree.join(format!(
        "usr/src/linux-headers-{}-cloud-amd64",
        release.name
    ));
    run(Command::new("tar")
        .arg("-xJf")
        .arg(tree.join("usr/src/linux-source-6.12.tar.xz"))
        .arg("-C")
        .arg(&common)
        .args(["--strip-components=1", "linux-source-6.12/arch/x86/kvm"])
        .arg("linux-source-6.12/virt/kvm"))?;
    // The packaged one names the place where the package would be installed.
    let makefile = format!("include {}/Makefile\n", common.display());
    fs::write(flavour.join("Makefile"), makefile).context("write the headers' Makefile")?;
    let sources = common.join("arch/x86/kvm");
    run(&mut make(&flavour, &sources))?;
    keep(&sources, &work.join("finished"))
}

/// Options are given as kbuild's variables and as the preprocessor's, so that the configuration that the
/// kernel was built with stays as it is in all other files.
fn make(flavour: &Path, sources: &Path) -> Command {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let flags = SWITCHED_ON.map(|option| format!("-D{option}=1")).join(" ");
    let mut make = Command::new("make");
    make.arg("-C")
        .arg(flavour)
        .arg(format!("M={}", sources.display()))
        .arg(format!("-j{jobs}"))
        .args(SWITCHED_OFF.map(|option| format!("{option}=")))
        .args(SWITCHED_ON.map(|option| format!("{option}=y")))
        .arg(format!("KCFLAGS={flags}"))
        .arg("modules")
        // What cargo or another make left there is not meant for this one.
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS");
    make
}

fn keep(sources: &Path, finished: &Path) -> Result<()> {
    fs::create_dir_all(finished).with_context(|| format!("make {}", finished.display()))?;
    for module in BUILT {
        fs::copy(sources.join(module), finished.join(module))
            .with_context(|| format!("copy {module}"))?;
    }
    Ok(())
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn files_ending_in(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Runs a step to its end; what it said is in the error.
fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("run {program} (apt-get install make gcc-12 dpkg xz-utils)"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let from = said.char_indices().rev().nth(2000).map_or(0, |(at, _)| at);
    ensure!(
        output.status.success(),
        "{program} failed with {}:\n{}",
        output.status,
        &said[from..]
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_of_an_image_names_its_own_source_and_headers() {
        let file = "linux-image-6.12.117+deb12-cloud-amd64_6.12.117-1~deb12u1_amd64.deb";
        let release = Release::of(&Path::new("/cache").join(file)).unwrap();
        assert_eq!(
            release.packages(),
            [
                "linux-source-6.12=6.12.117-1~deb12u1",
                "linux-headers-6.12.117+deb12-cloud-amd64=6.12.117-1~deb12u1",
                "linux-headers-6.12.117+deb12-common=6.12.117-1~deb12u1",
                "linux-kbuild-6.12.117+deb12=6.12.117-1~deb12u1",
            ]
        );
    }

    #[test]
    fn release_of_another_flavours_image_is_refused() {
        let file = "linux-image-6.12.117+deb12-amd64_6.12.117-1~deb12u1_amd64.deb";
        assert!(Release::of(Path::new(file)).is_err());
    }

    #[test]
    fn failed_step_tells_what_it_said() {
        let mut command = Command::new("ls");
        let error = run(command.arg("/no/such/file")).unwrap_err();
        assert!(error.to_string().contains("/no/such/file"), "{error:#}");
    }
}
