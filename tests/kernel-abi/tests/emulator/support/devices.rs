//! A guest's devices, each of them a process.

use std::path::Path;

use tests_kernel_abi::machine::Folder;

/// Bytes of the disk.
pub const DISK_BYTES: u64 = 8 * 512;

/// Gives the folder's VM a disk and a vsock. `None`, after saying so, where their programs are not built.
pub fn with_devices(folder: Folder) -> Option<Folder> {
    for name in ["blk", "vsock"] {
        let program = Path::new(super::LAUNCHER).with_file_name(format!("cloister-{name}"));
        if !program.exists() {
            println!(
                "skipped: {} is not built; cargo build --release",
                program.display()
            );
            return None;
        }
    }
    let config = std::fs::read_to_string(folder.path("vm.toml")).expect("it was written");
    let devices = "[[disk]]\npath = \"disk.img\"\nread_only = true\n[vsock]\ncid = 3\n";
    folder.write("vm.toml", (config + devices).as_bytes());
    let bytes = usize::try_from(DISK_BYTES).expect("small");
    folder.write("disk.img", &vec![0xd1; bytes]);
    Some(folder)
}
