//! A bare-metal guest that flips its pages between private and shared, under block and vsock I/O.
//!
//! It knows at every moment what each of its pages must hold, and says so when one does not. What it
//! writes while a page is private certifies itself ([`pattern`]): whoever finds such words outside, in
//! shared memory or on a device's other side, has found a leak, without knowing what the guest did.
//!
//! The modules are compiled twice: here as a library, for their tests, and by `tests-flipper`'s build
//! script into the program, whose root is `payload.rs`.
//!
//! Unsafe: it is the only thing on its machine; it reads and writes its memory, device registers and
//! ports by their addresses.

#![cfg_attr(not(test), no_std)]
#![allow(
    unsafe_code,
    reason = "a sys crate: a program without an operating system"
)]

pub mod block;
pub mod boot;
pub mod console;
pub mod counts;
pub mod cpu;
pub mod hostile;
pub mod memory;
pub mod pattern;
pub mod random;
pub mod run;
pub mod selfish;
pub mod state;
pub mod virtio;
pub mod vsock;
pub mod world;
