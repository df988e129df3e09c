//! virtio-blk over vhost-user, confined.

fn main() {}
