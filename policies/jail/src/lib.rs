//! Confines a process: namespaces, empty root, capabilities, no_new_privs, Landlock, seccomp, limits.
//!
//! Two roads lead into the jail, and neither has a gate that leaves a layer out:
//!
//! - A device: the supervisor calls [`spawn_confined`] (namespaces, own user, limits, no descriptor
//!   but the control socket); the program calls [`confine`] first thing in `main` (empty root, no
//!   capabilities, no_new_privs, Landlock, seccomp); the supervisor then [`inspect`]s it from outside.
//! - The VMM: opens what it needs, then [`isolate_self`] while it has one thread, then each thread
//!   installs its own [`Filter`].
//!
//! What is a service, and has files and connections of its own, confines itself by `attestation-confinement`, which takes
//! [`Filter::install_on_all_threads`] and [`lower_limits`] from here.
//!
//! Every layer is mandatory but Landlock, which stands on top of the empty root and which a kernel
//! may lack: [`Confinement`] says so.

#![allow(
    unsafe_code,
    reason = "clone3, execveat, unshare and taking over an inherited descriptor have no safe form"
)]

mod child;
mod clone;
mod confine;
mod control;
mod filter;
mod guardian;
mod heap;
mod inspect;
mod landlock;
mod limits;
#[cfg(feature = "observe")]
pub mod observe;
mod privileges;
mod root;
mod signals;
mod spawn;
mod step;
mod syscalls;
mod tell;

pub use child::{Child, Exit, WaitError};
pub use confine::{ConfineError, Confinement, confine, isolate_self};
pub use control::{ControlError, inherited_control};
pub use filter::{Filter, FilterError};
pub use guardian::{Guardian, GuardianError};
pub use inspect::{Finding, InspectError, inspect};
pub use limits::lower_limits;
pub use privileges::keep_only;
pub use rustix::thread::CapabilitySet;
pub use signals::StopsHeld;
pub use spawn::{SpawnError, spawn_confined, spawn_helper};
pub use step::Step;
pub use tell::{tell, tell_failure, tell_last};

/// Host user and group ids of confined processes begin here: a process's id is this plus its
/// process id, so that no two in one pid namespace share one. The range is one that systemd's allocation
/// leaves unused (systemd UIDS-GIDS, 0x70000000 to 0x7FFFFFFD).
pub const HOST_ID_BASE: u32 = 0x7000_0000;
