//! The PIN and data keys stay out of core dumps and of other processes.

use anyhow::Context;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From here on a crash of the module writes no core file, and a process of the same user can neither attach
/// to this one nor read its memory.
pub fn keep_memory_private() -> anyhow::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("cannot turn core dumps off (RLIMIT_CORE)")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("cannot keep other processes out of this one's memory (PR_SET_DUMPABLE)")
}
