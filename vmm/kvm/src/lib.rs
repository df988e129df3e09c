//! KVM: makes a VM, sets and reads back its state, runs its vCPUs.

