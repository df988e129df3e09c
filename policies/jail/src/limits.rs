//! Resource limits.

use policies_profiles::Limits;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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

/// Lowers this process's limits to a profile's, and leaves those that are lower already, which takes no right at all.
pub fn lower_limits(limits: &Limits) -> Result<(), Errno> {
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Nofile, limits.open_files.at_most),
        (Resource::Nproc, limits.processes.at_most),
        (Resource::Fsize, limits.file_size.at_most),
        (Resource::As, limits.address_space.at_most),
    ] {
        let now = getrlimit(resource);
        // None is no limit.
        let lower = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
        setrlimit(
            resource,
            Rlimit {
                current: lower(now.current),
                maximum: lower(now.maximum),
            },
        )?;
    }
    Ok(())
}
