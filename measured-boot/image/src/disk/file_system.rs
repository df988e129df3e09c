//! An ext4 file system with one file, equal for equal content.

use std::fs::File;
use std::io::Read;

use crate::digest::sha256_of;
use crate::staged::path_of_open;
use crate::tool::{DEBUGFS, MKE2FS, ToolError};

/// Name of the payload in the root directory of the disk.
const PAYLOAD_NAME: &str = "payload.bin";

const BLOCK: u64 = 4096;

/// Everything named, nothing by default: the next release of e2fsprogs must not make other disks. No
/// journal, since the disk is never written; no checksums, since dm-verity is below.
const FEATURES: &str = "none,extent,extra_isize,filetype,huge_file,large_file,sparse_super";

/// Blocks for a payload of this many bytes and for what ext4 keeps about it.
///
/// Each group of 32768 blocks has two bitmaps, a block of inodes and perhaps a copy of the superblock
/// and the group descriptors (a block for 128 groups); extents take a block for 340 of up to 128 MiB.
/// A 128th is more than all that at any size, and 1 MiB covers the fixed part.
pub(super) fn blocks_for(payload_bytes: u64) -> u64 {
    let payload = payload_bytes.div_ceil(BLOCK);
    payload + payload / 128 + 256
}

/// Formats `image`, which is as long as `blocks`, and puts the payload into it.
pub(super) fn make(image: &File, payload: &File, blocks: u64, uuid: &str) -> Result<(), ToolError> {
    let image = path_of_open(image);
    format(&image, blocks, uuid)?;
    let requests = format!(
        "write {} {PAYLOAD_NAME}\nset_inode_field {PAYLOAD_NAME} mode 0100444\n",
        path_of_open(payload)
    );
    let (stdout, stderr) = DEBUGFS.run(&["-w", "-f", "-", &image], &requests)?;
    // It exits with 0 whatever happens; where all is well it prints only its version.
    if stderr.lines().count() > 1 {
        return Err(ToolError::Unexpected {
            program: DEBUGFS.program,
            output: stderr + &stdout,
        });
    }
    Ok(())
}

/// Reads the payload back through the file system: its digest and length.
pub(super) fn read_back(image: &File) -> Result<(String, u64), ToolError> {
    let request = format!("cat {PAYLOAD_NAME}");
    let mut child = DEBUGFS.spawn(&["-R", &request, &path_of_open(image)])?;
    let failed = |source| ToolError::Run {
        program: DEBUGFS.program,
        source,
    };
    let stdout = child.stdout.take().expect("stdout is piped");
    let read = sha256_of(stdout).map_err(failed);
    let mut stderr = String::new();
    let words = child
        .stderr
        .take()
        .expect("stderr is piped")
        .read_to_string(&mut stderr);
    child.wait().and(words).map_err(failed)?;
    read
}

fn format(image: &str, blocks: u64, uuid: &str) -> Result<(), ToolError> {
    let extended = format!("lazy_itable_init=0,root_owner=0:0,hash_seed={uuid}");
    let blocks = blocks.to_string();
    let args = [
        "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-N", "16", "-m", "0", "-O", FEATURES,
        "-E", &extended, "-U", uuid, image, &blocks,
    ];
    MKE2FS.run(&args, "").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_system_too_small_for_its_payload_refused() {
        if DEBUGFS.run(&["-V"], "").is_err() {
            println!("skipped: needs the package e2fsprogs");
            return;
        }
        let (image, payload) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        image.set_len(64 * BLOCK).unwrap();
        std::io::copy(&mut std::io::repeat(1).take(1 << 20), &mut &payload).unwrap();
        let uuid = "00112233-4455-6677-8899-aabbccddeeff";
        let error = make(&image, &payload, 64, uuid);
        assert!(
            matches!(error, Err(ToolError::Unexpected { .. })),
            "{error:?}"
        );
    }
}
