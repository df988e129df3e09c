//! Files to be measured, of random contents: no two pages are alike, so that nothing can be saved.

mod igvm;
mod ovmf;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use measured_boot_tiny_kernel::{Segment, elf};

/// 2^20 bytes.
pub const MIB: usize = 1 << 20;
/// As large as OVMF's larger builds.
pub const FIRMWARE_BYTES: usize = 4 * MIB;
const REST_BYTES: usize = 64 * MIB;

const DEBIAN_OVMF: &str = "measured-boot/debian-ovmf/OVMF.fd";
const INSTALLED_OVMF: &str = "/usr/share/ovmf/OVMF.fd";
const SVSM_OVMF: &str = "sev-snp-measure/fixtures/svsm_ovmf.fd";

const CONFIGURATION: &str = r#"name = "bench"

[tee]
kind = "simulated"

[boot]
protocol = "simulated-direct"
kernel = "kernel.elf"
initrd = "initrd.bin"
cmdline = ""

[cpu]
count = 1
model = "x86-64-v2"

[memory]
mib = 512
"#;

/// What is measured.
pub struct Inputs {
    /// 132 MiB.
    pub random: Vec<u8>,
    /// An OVMF image of 4 MiB.
    pub ovmf: PathBuf,
    /// Debian's, of 2 MiB, where it is there.
    pub debian_ovmf: Option<PathBuf>,
    /// The one of sev-snp-measure's SVSM tests, of 3.6 MB, where it is there.
    pub svsm_ovmf: Option<PathBuf>,
    /// An IGVM file of 4 + 64 MiB.
    pub igvm: PathBuf,
    /// A vm.toml with a kernel of 4 MiB and an initrd of 64 MiB.
    pub config: PathBuf,
}

impl Inputs {
    /// Writes the files into `folder`.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn make(root: &Path, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let random = random(FIRMWARE_BYTES + 128 * MIB);
        let (firmware, rest) = random.split_at(FIRMWARE_BYTES);
        let rest = &rest[..REST_BYTES];
        let write = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, bytes).with_context(|| path.display().to_string())?;
            Ok(path)
        };
        let segment = Segment::new(16 << 20, firmware.to_vec());
        write("kernel.elf", &elf(16 << 20, &[segment]))?;
        write("initrd.bin", rest)?;
        Ok(Self {
            ovmf: write("ovmf.fd", &ovmf::image(firmware))?,
            debian_ovmf: there(&[&vector(root, DEBIAN_OVMF), Path::new(INSTALLED_OVMF)]),
            svsm_ovmf: there(&[&vector(root, SVSM_OVMF)]),
            igvm: write("launch.igvm", &igvm::file(firmware, rest)?)?,
            config: write("vm.toml", CONFIGURATION.as_bytes())?,
            random,
        })
    }
}

fn vector(root: &Path, name: &str) -> PathBuf {
    root.join("../shared/vectors").join(name)
}

/// The first that is.
fn there(paths: &[&Path]) -> Option<PathBuf> {
    let found = paths.iter().find(|path| path.exists())?;
    Some(found.to_path_buf())
}

/// The same each time (xorshift64 by Marsaglia).
pub fn random(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = Vec::with_capacity(bytes);
    while random.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        random.extend(state.to_le_bytes());
    }
    random
}
