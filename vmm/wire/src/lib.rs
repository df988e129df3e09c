//! Messages between the VMM, the supervisor, the devices and the simulated TEE.

#![forbid(unsafe_code)]
