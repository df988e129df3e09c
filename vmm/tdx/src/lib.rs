//! Launches TDX guests on the upstream kernel's interface, and has their quotes made.
