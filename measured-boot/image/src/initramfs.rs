//! The measured initramfs: the agent as pid 1, the key of its verifier, and the modules it loads.

use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_DYN, ET_EXEC, PT_INTERP};
use elf::endian::LittleEndian;
use thiserror::Error;

use crate::cpio::{CpioError, CpioWriter};
use crate::kernel_dir::KernelDir;
use crate::modules::{Module, ModuleError, module_closure};

/// Where the agent finds the pins of its verifier.
pub const VERIFIER_PINS_PATH: &str = "/etc/cloister/verifier.json";

/// Where the agent finds the paths of the modules, one a line, in the order in which to load them.
pub const MODULE_LIST_PATH: &str = "/etc/cloister/modules";

/// Without these the guest cannot reach its disk or its verifier. ext4 is built in. `xts` is asked for
/// by dm-crypt's table only, so no dependency names it; there is no modprobe in the guest to fetch it.
const REQUIRED_MODULES: [&str; 6] = [
    "virtio_mmio",
    "virtio_blk",
    "vmw_vsock_virtio_transport",
    "xts",
    "dm_crypt",
    "dm_verity",
];

/// Makes dm-crypt fast where the CPU has AES instructions. It refuses to load where there are none,
/// and a later kernel may have it built in.
const ACCELERATORS: [&str; 1] = ["aesni_intel"];

const DIRECTORIES: [&str; 5] = ["dev", "proc", "sys", "run", "mnt"];

/// What goes into an initramfs.
#[derive(Debug)]
pub struct InitramfsRequest<'a> {
    /// Brings the modules. The guest must boot its `vmlinux`.
    pub kernel: &'a KernelDir,
    /// The program that becomes `/init`.
    pub agent: &'a [u8],
    /// The verifier's pins, passed on as they are.
    pub pins: &'a [u8],
    /// More files: path in the guest, permission bits, content.
    pub extra: &'a [(String, u32, Vec<u8>)],
}

/// A finished initramfs.
#[derive(Debug)]
pub struct Initramfs {
    /// The uncompressed cpio archive.
    pub archive: Vec<u8>,
    /// Names of the modules in it, in the order in which the guest loads them.
    pub modules: Vec<String>,
}

/// Builds the archive. The same request gives the same bytes.
///
/// # Errors
///
/// An agent that cannot be pid 1, no pins, a module that the kernel lacks, or a path given twice.
pub fn build_initramfs(request: &InitramfsRequest<'_>) -> Result<Initramfs, InitramfsError> {
    check_agent(request.agent)?;
    if request.pins.is_empty() {
        return Err(InitramfsError::NoPins);
    }
    let modules = modules(request.kernel)?;
    let mut archive = CpioWriter::new();
    for path in DIRECTORIES {
        archive.directory(path, 0o755)?;
    }
    // The kernel opens it for /init's standard streams before anything is mounted.
    archive.character_device("dev/console", 0o600, 5, 1)?;
    archive.file("init", 0o755, request.agent)?;
    archive.file(VERIFIER_PINS_PATH, 0o444, request.pins)?;
    archive.file(MODULE_LIST_PATH, 0o444, module_list(&modules))?;
    let names = modules.iter().map(|module| module.name.clone()).collect();
    for module in modules {
        archive.file(&guest_path(&module), 0o444, module.bytes)?;
    }
    for (path, mode, content) in request.extra {
        archive.file(path, *mode, content.as_slice())?;
    }
    Ok(Initramfs {
        archive: archive.finish()?,
        modules: names,
    })
}

fn modules(kernel: &KernelDir) -> Result<Vec<Module>, ModuleError> {
    let tree = kernel.modules()?;
    let accelerators = ACCELERATORS.into_iter().filter(|name| tree.has(name));
    let wanted: Vec<&str> = accelerators.chain(REQUIRED_MODULES).collect();
    module_closure(&tree, &wanted)
}

fn guest_path(module: &Module) -> String {
    format!("/lib/modules/{}", module.file_name())
}

fn module_list(modules: &[Module]) -> String {
    modules
        .iter()
        .map(|module| guest_path(module) + "\n")
        .collect()
}

/// There is no dynamic linker in the initramfs: the kernel would panic for want of an init.
fn check_agent(agent: &[u8]) -> Result<(), InitramfsError> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(agent)
        .map_err(|_| InitramfsError::AgentNotAProgram)?;
    if elf.ehdr.e_machine != EM_X86_64 || !matches!(elf.ehdr.e_type, ET_EXEC | ET_DYN) {
        return Err(InitramfsError::AgentNotAProgram);
    }
    let segments = elf.segments().ok_or(InitramfsError::AgentNotAProgram)?;
    if segments.iter().any(|segment| segment.p_type == PT_INTERP) {
        return Err(InitramfsError::AgentNotStatic);
    }
    Ok(())
}

/// No initramfs can be made of this.
#[derive(Debug, Error)]
pub enum InitramfsError {
    /// A script, an object file, or for another CPU.
    #[error("the agent is not an x86-64 ELF program")]
    AgentNotAProgram,
    /// It needs a dynamic linker and libraries, which an initramfs has not.
    #[error("the agent is dynamically linked: build it with `-C target-feature=+crt-static`")]
    AgentNotStatic,
    /// A guest without pins would trust any verifier.
    #[error("the verifier's pins are empty: write them with `cloister-verifier init`")]
    NoPins,
    /// A module is missing or damaged.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// A path is given twice or is not plain.
    #[error(transparent)]
    Cpio(#[from] CpioError),
}
