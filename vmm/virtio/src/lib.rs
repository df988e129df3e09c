//! virtio-mmio transport in the VMM, joined to vhost-user device processes.

