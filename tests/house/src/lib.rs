//! Checks the arrows between crates and writes docs/tcb.md.

