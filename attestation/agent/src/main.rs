//! Pid 1 of the measured initramfs: attests, gets the disk's secret, opens and uses the disk.

fn main() {}
