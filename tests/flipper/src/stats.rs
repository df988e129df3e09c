//! KVM's own counters, from debugfs: what really happened beneath.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FOLDER: &str = "/sys/kernel/debug";

/// Faults of guest memory that KVM took, exits from guests, and those to the VMM.
const WANTED: [&str; 5] = ["pf_taken", "pf_fixed", "exits", "mmio_exits", "io_exits"];

/// Makes them readable. Without them there are just no counts.
pub fn mount() {
    let flags = rustix::mount::MountFlags::empty();
    let _ = rustix::mount::mount("debugfs", FOLDER, "debugfs", flags, None);
}

/// The sums over all VMs that there are, by name.
#[must_use]
pub fn read() -> BTreeMap<&'static str, u64> {
    WANTED
        .into_iter()
        .filter_map(|name| {
            let path = Path::new(FOLDER).join("kvm").join(name);
            let value = fs::read_to_string(path).ok()?.trim().parse().ok()?;
            Some((name, value))
        })
        .collect()
}
