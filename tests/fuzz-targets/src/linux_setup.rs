//! Kernels whose header QEMU fills in.

use crate::{Bound, Target};
use measured_boot_tdx_launch::qemu_patched;

/// Nothing but the setup header changes, whatever the size of initrd and memory.
///
/// The input's last sixteen bytes are these two sizes; the kernel is filled up with zeros.
pub const LINUX_SETUP: Target = Target {
    name: "linux_setup",
    // A copy.
    bound: Bound {
        factor: 1,
        constant: 4096,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some((kernel, sizes)) = bytes.split_last_chunk::<16>() else {
        return false;
    };
    let (initrd, memory) = sizes.split_at(8);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let mut kernel = kernel.to_vec();
    kernel.resize(kernel.len().max(0x1000), 0);
    let patched = bound.holds(bytes, || {
        qemu_patched(&kernel, number(initrd), number(memory))
    });
    let Some(patched) = patched else {
        return false;
    };
    assert_eq!(patched.len(), kernel.len());
    assert_eq!(patched[..0x210], kernel[..0x210]);
    assert_eq!(patched[0x230..], kernel[0x230..]);
    true
}
