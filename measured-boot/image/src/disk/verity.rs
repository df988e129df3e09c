//! dm-verity's superblock and hash tree, by `veritysetup`.

use std::fs::File;

use measured_boot_disk::{BLOCK_BYTES, DiskLayout, ROOT_HASH_BYTES};

use crate::staged::path_of_open;
use crate::tool::{ToolError, VERITYSETUP};

/// Appends superblock and tree to the file system in `image`; returns the root hash.
pub(super) fn append(
    image: &File,
    layout: DiskLayout,
    salt: &[u8],
    uuid: &str,
) -> Result<[u8; ROOT_HASH_BYTES], ToolError> {
    let image = path_of_open(image);
    let args = [
        "format".to_owned(),
        "--hash=sha256".to_owned(),
        format!("--data-block-size={BLOCK_BYTES}"),
        format!("--hash-block-size={BLOCK_BYTES}"),
        format!("--data-blocks={}", layout.data_blocks()),
        format!("--hash-offset={}", layout.superblock_offset()),
        format!("--salt={}", hex::encode(salt)),
        format!("--uuid={uuid}"),
        image.clone(),
        image,
    ];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (stdout, _) = VERITYSETUP.run(&args, "")?;
    root_hash(&stdout).ok_or(ToolError::Unexpected {
        program: VERITYSETUP.program,
        output: stdout,
    })
}

fn root_hash(output: &str) -> Option<[u8; ROOT_HASH_BYTES]> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("Root hash:"))?;
    hex::decode(line.trim()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_hash_line_is_found_and_decoded() {
        let output = format!(
            "Salt:            \tab\nRoot hash:      \t{}\n",
            "0f".repeat(32)
        );
        assert_eq!(root_hash(&output), Some([0x0f; 32]));
    }

    #[test]
    fn root_hash_of_another_length_is_none() {
        for output in ["", "Root hash: 00", "Root hash: zz\n"] {
            assert_eq!(root_hash(output), None);
        }
    }
}
