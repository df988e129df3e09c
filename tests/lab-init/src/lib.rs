//! Pid 1 of the lab's machine, and the protocol by which a test drives it.
//!
//! The lab is a stock Linux under an emulated CPU with AMD-V. A test on the outside connects once per
//! request over loopback TCP: one JSON line asks, and the answer is one JSON line or a stream of frames.

#![forbid(unsafe_code)]

pub mod protocol;
pub mod server;
