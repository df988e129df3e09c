//! Who this simulated processor says it is: in its reports and in its certificate alike.

/// CHIP_ID: fixed and plainly not hardware's.
pub const CHIP_ID: [u8; 64] = *b"SIMULATED secure processor of Cloister: no hardware stands here.";

/// Version of the boot loader.
pub const BOOTLOADER: u8 = 4;
/// Version of the secure processor's operating system.
pub const TEE: u8 = 0;
/// Version of the SNP firmware.
pub const SNP: u8 = 22;
/// Version of the microcode.
pub const MICROCODE: u8 = 72;

/// Family, model and stepping of the processor that it pretends to be: 19h, 01h, 1 (Milan).
pub const FAMILY: u8 = 0x19;
/// See [`FAMILY`].
pub const MODEL: u8 = 0x01;
/// See [`FAMILY`].
pub const STEPPING: u8 = 0x01;
