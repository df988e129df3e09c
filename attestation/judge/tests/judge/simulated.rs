//! The simulated TEE.
