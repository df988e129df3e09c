//! Everything that a launch reads, opened and checked before anything is started.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use measured_boot_digest::LaunchDigest;
use measured_boot_plan::{DeviceKind, LaunchConfig, LaunchPlan, NamedFile, Source, Sources, plan};
use measured_boot_tdx_launch::predicted_digest;
use vmm_launch::{Keys, Staging};
use vmm_snp::CertificateFile;

/// The configuration and the files that it names.
pub struct Inputs {
    /// The configuration.
    pub config: LaunchConfig,
    /// Paths in it are relative to this.
    pub folder: PathBuf,
    files: Vec<Input>,
}

/// A file that was read.
struct Input {
    source: Source,
    bytes: Vec<u8>,
    /// The same file, still open: none if it is a pipe or the like, which cannot be read again.
    file: Option<File>,
}

impl Inputs {
    /// Reads the configuration, the kernel and the initrd: once, so that what is hashed is what is
    /// loaded.
    ///
    /// # Errors
    /// One of them is missing or cannot be understood.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let config = LaunchConfig::from_toml(&text)
            .with_context(|| format!("{} is not a VM configuration", path.display()))?;
        let folder = fs::canonicalize(path)
            .with_context(|| format!("cannot find {}", path.display()))?
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        let named = config
            .files()
            .into_iter()
            .map(|NamedFile { source, path }| {
                let file = path.map_or_else(shim_beside_program, |path| folder.join(path));
                read_named(&file, source)
            });
        let files = named.collect::<anyhow::Result<_>>()?;
        Ok(Self {
            config,
            folder,
            files,
        })
    }

    /// The bytes that the plan refers to.
    pub fn sources(&self) -> Sources<'_> {
        let none = Sources::default();
        let files = self.files.iter();
        files.fold(none, |all, input| all.with(input.source, &input.bytes))
    }

    /// Maps what the plan stages, as it lies in its files.
    ///
    /// # Errors
    /// Memory is short, or a file was cut meanwhile.
    pub fn staging(&self, plan: &LaunchPlan) -> anyhow::Result<Staging> {
        let file = |source| {
            let input = self.files.iter().find(|input| input.source == source)?;
            input.file.as_ref()
        };
        Staging::prepare(plan, &self.sources(), file).context("cannot lay out what the guest loads")
    }

    /// The plan and the digest that it predicts.
    ///
    /// # Errors
    /// The configuration cannot be launched.
    pub fn plan(&self) -> anyhow::Result<(LaunchPlan, LaunchDigest)> {
        let sources = self.sources();
        let plan = plan(&self.config, &sources)
            .with_context(|| format!("{} cannot be planned", self.config.name))?;
        let predicted = predicted_digest(&plan, &sources);
        Ok((plan, predicted))
    }

    /// The firmware would refuse the launch at its very end.
    ///
    /// # Errors
    /// The plan's ID block is of another digest.
    pub fn check_id_block(&self, plan: &LaunchPlan, predicted: LaunchDigest) -> anyhow::Result<()> {
        let Some(signed) = &plan.id_block.0 else {
            return Ok(());
        };
        let block = match self.config.tee.id_block {
            Some(_) => "tee.id_block: it",
            None => "boot.igvm: its ID block",
        };
        let held = LaunchDigest(signed.block.launch_digest);
        ensure!(
            held == predicted,
            "{block} is of another launch; sign one for this configuration by `cloister measure id-block`\n  \
             the block's digest: {held}\n  predicted:          {predicted}"
        );
        Ok(())
    }

    /// Opens the certificates that an SNP guest gets beside its report, if the configuration names some.
    ///
    /// # Errors
    /// The file is missing, or holds no table of certificates.
    pub fn certificates(&self) -> anyhow::Result<Option<CertificateFile>> {
        let Some(path) = &self.config.tee.certificates else {
            return Ok(None);
        };
        let path = self.folder.join(path);
        let opened = CertificateFile::open(&path);
        opened
            .with_context(|| format!("[tee] certificates: cannot read {}", path.display()))
            .map(Some)
    }

    /// Opens what `cloister-simulated-tee init` made.
    ///
    /// # Errors
    /// The configuration names none, or a file is missing.
    pub fn keys(&self) -> anyhow::Result<Keys> {
        let remedy = "make one by `cloister-simulated-tee init --dir DIR`";
        let Some(keys) = &self.config.tee.keys else {
            bail!("[tee] keys is missing: name a directory of simulated keys; {remedy}");
        };
        let dir = self.folder.join(keys);
        let open = |name: &str| {
            let path = dir.join(name);
            File::open(&path)
                .with_context(|| format!("[tee] keys: cannot open {}; {remedy}", path.display()))
        };
        Ok(Keys {
            vcek_key: open("vcek.key")?,
            vcek: open("vcek.der")?,
            ask: open("ask.der")?,
            ark: open("ark.der")?,
        })
    }

    /// Opens the disks, in slot order.
    ///
    /// # Errors
    /// A disk is missing, may not be read, or is no disk.
    pub fn disks(&self, plan: &LaunchPlan) -> anyhow::Result<Vec<File>> {
        plan.devices
            .0
            .iter()
            .filter_map(|device| match &device.kind {
                DeviceKind::Disk { path } => Some(open_disk(&self.folder.join(path))),
                DeviceKind::Vsock { .. } => None,
            })
            .collect()
    }
}

/// The boot shim that comes with this program: `cloister-shim` in the same directory.
fn shim_beside_program() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.with_file_name("cloister-shim")
}

/// A kernel and an initrd have room in a guest's lowest 3 GiB; all else is shorter.
fn most_bytes(source: Source) -> u64 {
    match source {
        Source::Kernel | Source::Initrd | Source::Shim | Source::Igvm => 3 << 30,
        Source::InitData | Source::IdBlock | Source::IdAuth => 16 << 20,
    }
}

/// A file without end must not take all of the host's memory before somebody finds it too long.
fn read_at_most(most: u64, file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= most => Ok(bytes),
        _ => Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is longer than {most} bytes"),
        )),
    }
}

fn read_named(path: &Path, source: Source) -> anyhow::Result<Input> {
    let key = source.key();
    let read = || -> io::Result<_> {
        let mut file = File::open(path)?;
        let bytes = read_at_most(most_bytes(source), &mut file)?;
        let is_kept = file.metadata()?.is_file();
        let file = is_kept.then_some(file);
        Ok(Input {
            source,
            bytes,
            file,
        })
    };
    let remedy = match source {
        Source::Shim => "; `cargo xtask shim` builds it and puts it beside the programs",
        _ => "",
    };
    read().with_context(|| match path.try_exists() {
        Ok(false) => format!("{key}: there is no file {}{remedy}", path.display()),
        _ => format!("{key}: cannot read {}", path.display()),
    })
}

/// A disk is a file or a block device of at least one sector.
fn open_disk(path: &Path) -> anyhow::Result<File> {
    let shown = path.display();
    let mut file = File::open(path).with_context(|| {
        let missing = matches!(path.try_exists(), Ok(false));
        if missing {
            format!("[[disk]] path: there is no file {shown}")
        } else {
            format!("[[disk]] path: cannot read {shown}; may this user read it?")
        }
    })?;
    let size = file
        .seek(SeekFrom::End(0))
        .and_then(|size| file.rewind().map(|()| size))
        .with_context(|| format!("[[disk]] path: {shown} is no file and no block device"))?;
    // A directory opens and seeks, but does not read.
    if let Err(error) = file.read(&mut [0])
        && error.kind() == ErrorKind::IsADirectory
    {
        bail!("[[disk]] path: {shown} is a directory; name a disk image");
    }
    file.rewind()?;
    if size == 0 || size % 512 != 0 {
        bail!("[[disk]] path: {shown} has {size} bytes, which are no whole 512-byte sectors");
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_too_long_is_read_no_further() {
        assert_eq!(read_at_most(4, &mut &b"four"[..]).unwrap(), b"four");
        let mut endless = io::repeat(0);
        let refused = read_at_most(4, &mut endless).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
    }
}
