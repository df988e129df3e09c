//! What a process does to itself.

use policies_profiles::Profile;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, write};
use rustix::process::{DumpableBehavior, getpid, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, UnshareFlags, capabilities, set_capabilities,
    set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    unshare_unsafe,
};
use thiserror::Error;

use crate::{Filter, FilterError, HOST_ID_BASE, heap, keep_only, landlock, limits, root};

/// Says that this process is confined, by all layers but those listed here with "false".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confinement {
    /// The kernel has Landlock and it denies everything too.
    pub landlock_enforced: bool,
}

/// Why a process could not confine itself. It must end then.
#[derive(Debug, Error)]
pub enum ConfineError {
    /// The profile's list does not compile or cannot be installed.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// There is more than one thread already, and the others would stay outside.
    #[error("this process has {0} threads; it must confine itself before it makes any")]
    Threads(usize),
    /// The own threads cannot be counted.
    #[error("cannot count this process's threads in /proc/self/task; is /proc mounted?")]
    CountThreads(#[source] std::io::Error),
    /// Not started as root.
    #[error("cannot become an unprivileged user; start it as root")]
    User(#[source] Errno),
    /// Namespaces cannot be made.
    #[error("cannot make namespaces; does user.max_user_namespaces allow it?")]
    Namespaces(#[source] Errno),
    /// The user of the new namespace cannot be set up.
    #[error("cannot map this user into its own namespace")]
    Map(#[source] Errno),
    /// The root stays as it is.
    #[error("cannot change to an empty root; /proc must exist to mount it on for a moment")]
    Root(#[source] Errno),
    /// The limits stay as they are.
    #[error("cannot set resource limits")]
    Limits(#[source] Errno),
    /// The heap cannot be had.
    #[error("cannot take {0} bytes of heap")]
    Heap(u64),
    /// Capabilities stay as they are.
    #[error("cannot give up capabilities")]
    Capabilities(#[source] Errno),
    /// The kernel has Landlock but did not take the rules.
    #[error("cannot restrict this process by Landlock")]
    Landlock(#[source] ::landlock::RulesetError),
}

/// Completes the confinement of a program that [`crate::spawn_confined`] started; the first thing
/// that its `main` does.
///
/// Afterwards there is an empty root, no capability, no way to gain one, and only `profile`'s system
/// calls.
pub fn confine(profile: &Profile) -> Result<Confinement, ConfineError> {
    // Compiled first: what is wrong with a profile is best reported while there is a way to do it.
    let filter = Filter::compile(profile)?;
    check_single_thread()?;
    if let Some(heap) = &profile.limits().heap {
        heap::reserve(heap.at_most).map_err(|()| ConfineError::Heap(heap.at_most))?;
    }
    let confinement = give_up_everything()?;
    filter.install()?;
    Ok(confinement)
}

/// Everything but seccomp, for a process that nobody spawned into namespaces: the VMM, once all that
/// it needs is open and while it has one thread.
///
/// It becomes an unprivileged user in user, mount, network, IPC and UTS namespaces of its own, with
/// an empty root, no capability, no_new_privs, Landlock and `profile`'s limits. A [`Filter`] for
/// every thread comes next: first each new thread's own, then the main thread's.
pub fn isolate_self(profile: &Profile) -> Result<Confinement, ConfineError> {
    Filter::compile(profile)?;
    check_single_thread()?;
    let host_id = HOST_ID_BASE + getpid().as_raw_nonzero().get().unsigned_abs();
    become_user(host_id).map_err(ConfineError::User)?;
    make_namespaces().map_err(ConfineError::Namespaces)?;
    map_only(host_id).map_err(ConfineError::Map)?;
    limits::apply(profile.limits()).map_err(ConfineError::Limits)?;
    give_up_everything()
}

/// The layers that both roads share. They need the capabilities that a fresh user namespace gives.
fn give_up_everything() -> Result<Confinement, ConfineError> {
    root::replace_with_empty().map_err(ConfineError::Root)?;
    // Another process of the same user could otherwise trace this one, and a core would hold guest
    // memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(ConfineError::Capabilities)?;
    keep_only(CapabilitySet::empty()).map_err(ConfineError::Capabilities)?;
    let landlock_enforced = landlock::deny_everything().map_err(ConfineError::Landlock)?;
    Ok(Confinement { landlock_enforced })
}

pub(crate) fn check_single_thread() -> Result<(), ConfineError> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(ConfineError::CountThreads)?
        .count();
    match threads {
        1 => Ok(()),
        _ => Err(ConfineError::Threads(threads)),
    }
}

/// Leaves root behind but keeps the capabilities for the next steps: some distributions let only
/// CAP_SYS_ADMIN make user namespaces.
fn become_user(host_id: u32) -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(host_id), Gid::from_raw(host_id));
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    let permitted = capabilities(None)?.permitted;
    set_capabilities(
        None,
        CapabilitySets {
            effective: permitted,
            permitted,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    // The change of user made /proc/self root's, and the maps are written there.
    set_dumpable_behavior(DumpableBehavior::Dumpable)
}

fn make_namespaces() -> Result<(), Errno> {
    let all = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    // SAFETY: only CLONE_FILES could pull descriptors from under other threads; it is not among
    // these flags.
    unsafe { unshare_unsafe(all) }
}

/// Maps root of the own user namespace to `host_id` and nothing else (user_namespaces(7)).
fn map_only(host_id: u32) -> Result<(), Errno> {
    let line = format!("0 {host_id} 1\n");
    // Without this the kernel refuses an unprivileged gid_map.
    write_once("/proc/self/setgroups", b"deny")?;
    write_once("/proc/self/gid_map", line.as_bytes())?;
    write_once("/proc/self/uid_map", line.as_bytes())
}

/// These files take their whole text in one write.
pub(crate) fn write_once(path: &str, text: &[u8]) -> Result<(), Errno> {
    let file = open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    match write(&file, text)? {
        written if written == text.len() => Ok(()),
        _ => Err(Errno::IO),
    }
}
