//! Evidence and its wire shapes: KBS protocol messages, the binding that REPORT_DATA carries, the simulated TEE's evidence, the verifier's pins.

#![forbid(unsafe_code)]
