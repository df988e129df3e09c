//! Resource limits.

use policies_profiles::Limits;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};

/// Applies a profile's limits. Makes no allocation: it also runs between clone3 and execveat.
pub(crate) fn apply(limits: &Limits) -> Result<(), Errno> {
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Nofile, limits.open_files.at_most),
        (Resource::Nproc, limits.processes.at_most),
        (Resource::Fsize, limits.file_size.at_most),
        (Resource::As, limits.address_space.at_most),
    ] {
        setrlimit(
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        )?;
    }
    Ok(())
}
