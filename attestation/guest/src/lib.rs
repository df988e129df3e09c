//! What the agent asks of the guest's kernel: modules, device-mapper, mounts, vsock, power.

