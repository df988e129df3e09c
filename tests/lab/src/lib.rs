//! Boots a stock Linux under emulated AMD-V and runs programs in it, so that KVM guests run on any machine.

