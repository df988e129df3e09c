//! An empty root.

use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};
use rustix::process::{chdir, pivot_root};

/// Where the new root is mounted for a moment. It must exist; its contents do not matter.
const STAGE: &str = "/proc";

/// Replaces everything that this mount namespace shows by one empty, read-only file system.
///
/// Needs a mount namespace of its own. pivot_root(2) cannot leave a root that is the initial
/// ramfs: there it answers EINVAL.
pub(crate) fn replace_with_empty() -> Result<(), Errno> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(
        "tmpfs",
        STAGE,
        "tmpfs",
        flags,
        c"size=4k,nr_inodes=1,mode=0555",
    )?;
    chdir(STAGE)?;
    // The old root ends up on top of the new one and is then detached: pivot_root(2), NOTES,
    // "pivot_root(".", ".")".
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")
}
