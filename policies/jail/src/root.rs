//! An empty root.

use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_move, unmount,
};
use rustix::process::{chdir, chroot, pivot_root};

/// Where the new root is mounted for a moment. It must exist; its contents do not matter.
const STAGE: &str = "/proc";

/// Replaces everything that this mount namespace shows by one empty, read-only file system. Needs a
/// mount namespace of its own.
pub(crate) fn replace_with_empty() -> Result<(), Errno> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    match pivot_into_empty() {
        Err(Errno::INVAL) => {
            cover_initial_ramfs()?;
            pivot_into_empty()
        }
        result => result,
    }
}

fn pivot_into_empty() -> Result<(), Errno> {
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let options = c"size=4k,nr_inodes=1,mode=0555";
    mount("tmpfs", STAGE, "tmpfs", flags, options)?;
    chdir(STAGE)?;
    // The old root ends up on top of the new one and is then detached: pivot_root(2), NOTES,
    // "pivot_root(".", ".")".
    if let Err(error) = pivot_root(".", ".") {
        chdir("/")?;
        unmount(STAGE, UnmountFlags::DETACH)?;
        return Err(error);
    }
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")
}

/// The initial ramfs, as in a machine that never left its initramfs, is no mount that pivot_root(2)
/// could move. A second view of it, mounted over it, is. What lies under a root cannot be reached
/// without the capabilities that are given up next; every Linux system has its ramfs there.
fn cover_initial_ramfs() -> Result<(), Errno> {
    mount_bind_recursive("/", STAGE)?;
    chdir(STAGE)?;
    mount_move(".", "/")?;
    chroot(".")?;
    chdir("/")
}
