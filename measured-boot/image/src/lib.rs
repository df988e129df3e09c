//! Builds guest images: kernel out of a Debian package, reproducible initramfs, encrypted data disk.

