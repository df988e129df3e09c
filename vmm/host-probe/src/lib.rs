//! Asks the processor, /dev/kvm and /dev/sev what this host has.
