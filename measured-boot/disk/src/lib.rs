//! The data disk's layout and secret: dm-verity inside dm-crypt, as bytes.

#![forbid(unsafe_code)]
