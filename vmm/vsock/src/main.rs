//! virtio-vsock over vhost-user, confined.

fn main() {}
