//! Reads unified kernel images: PE sections, PCR 11 by stub version, and the Authenticode digest.

#![forbid(unsafe_code)]
