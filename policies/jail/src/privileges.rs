//! Capabilities and no_new_privs.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Gives up every capability but `keep`, for good: also in the bounding set, and with no_new_privs,
/// so that no program that this thread executes gains any.
pub fn keep_only(keep: CapabilitySet) -> Result<(), Errno> {
    // First, since it needs CAP_SETPCAP.
    shrink_bounding_set(keep)?;
    give_up_but(keep)
}

/// The same for a process that executes nothing any more: what programs could gain does not matter.
pub(crate) fn give_up_but(keep: CapabilitySet) -> Result<(), Errno> {
    clear_ambient_capability_set()?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: keep,
            permitted: keep,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    set_no_new_privs(true)
}

fn shrink_bounding_set(keep: CapabilitySet) -> Result<(), Errno> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        match capability_is_in_bounding_set(capability) {
            Ok(true) if !keep.contains(capability) => {
                remove_capability_from_bounding_set(capability)?;
            }
            Ok(_) => {}
            // Past the last capability that this kernel knows.
            Err(Errno::INVAL) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
