//! Runs the boot shim's measured bytes in an instruction emulator, with models of RMP, GHCB and TD.
