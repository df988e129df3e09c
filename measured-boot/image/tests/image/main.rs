//! The image builder's library, on forged input and, where there is one, on the stock package.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cpio;
mod deb;
mod disk;
mod forge;
mod igvm;
mod igvm_refused;
mod initramfs;
mod kernel;
mod modules;
mod stock;
