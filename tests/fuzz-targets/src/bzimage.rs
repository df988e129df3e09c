//! Kernels as distributions pack them.

use crate::{Bound, Target};
use measured_boot_image::vmlinux_from_bzimage;

/// A kernel that is unpacked is an ELF file, and the same each time.
pub const BZIMAGE: Target = Target {
    name: "bzimage",
    // 64 times is the rule for what is unpacked. The constant is zstd's window: kernels are packed with
    // one of 128 MiB whatever their size, and the decoder reserves it, without touching it, at once.
    bound: Bound {
        factor: 64,
        constant: 132 << 20,
    },
    longest: 16 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok(vmlinux) = bound.holds(bytes, || vmlinux_from_bzimage(bytes)) else {
        return false;
    };
    assert!(vmlinux.starts_with(b"\x7FELF"));
    assert_eq!(vmlinux_from_bzimage(bytes).ok(), Some(vmlinux));
    true
}
