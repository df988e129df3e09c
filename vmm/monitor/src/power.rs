//! The ACPI sleep and reset registers (ACPI 6.5, section 4.8.3.7, hardware-reduced), and what a kernel without
//! ACPI restarts by: the keyboard controller's command to pulse the reset line. There is no other controller's
//! register.

use measured_boot_plan::machine::S5_SLEEP_TYPE;
use measured_boot_plan::machine::{RESET_PORT, RESET_VALUE, SLEEP_CONTROL_PORT, SLEEP_STATUS_PORT};

/// What a guest asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// S5: soft off.
    PowerOff,
    /// Start again.
    Reset,
}

/// The keyboard controller's command register (8042), and its command to pulse the processor's reset line.
const KEYBOARD_COMMAND: u16 = 0x64;
const PULSE_RESET: u8 = 0xFE;
/// The bit of its status register, at the same port, for which a kernel waits 65,536 times.
const COMMAND_IS_PENDING: u8 = 1 << 1;

/// SLP_EN of the sleep control register.
const SLEEP_ENABLE: u8 = 1 << 5;

/// Whether a write of `value` to `port` asks for something. Sleep states other than S5 do not exist.
pub fn request(port: u16, value: u8) -> Option<Request> {
    match port {
        SLEEP_CONTROL_PORT
            if value & SLEEP_ENABLE != 0 && (value >> 2) & 0b111 == S5_SLEEP_TYPE =>
        {
            Some(Request::PowerOff)
        }
        RESET_PORT if value == RESET_VALUE => Some(Request::Reset),
        KEYBOARD_COMMAND if value == PULSE_RESET => Some(Request::Reset),
        _ => None,
    }
}

/// What `port` reads, if it is one of these: nothing is pending, nothing woke up. Of the keyboard controller's
/// status one bit alone says something, that it takes a command; the others are as where no device is, so
/// that no driver finds a controller.
pub fn read(port: u16) -> Option<u8> {
    match port {
        SLEEP_CONTROL_PORT..=RESET_PORT => Some(0),
        KEYBOARD_COMMAND => Some(!COMMAND_IS_PENDING),
        _ => None,
    }
}

const _: () = assert!(SLEEP_CONTROL_PORT < SLEEP_STATUS_PORT && SLEEP_STATUS_PORT < RESET_PORT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_control_powers_off_for_s5_with_sleep_enable_only() {
        assert_eq!(request(0x600, 5 << 2 | 1 << 5), Some(Request::PowerOff));
        for value in [5 << 2, 1 << 5, 3 << 2 | 1 << 5, 0] {
            assert_eq!(request(0x600, value), None, "value {value:#x}");
        }
    }

    #[test]
    fn reset_register_takes_its_one_value() {
        assert_eq!(request(0x602, 1), Some(Request::Reset));
        assert_eq!(request(0x602, 0), None);
        assert_eq!(request(0x601, 1), None);
    }

    #[test]
    fn keyboard_controller_takes_the_command_to_reset_and_no_other() {
        assert_eq!(request(0x64, 0xFE), Some(Request::Reset));
        for (port, value) in [(0x64, 0xFF), (0x64, 0xF0), (0x60, 0xFE)] {
            assert_eq!(request(port, value), None, "{value:#x} to {port:#x}");
        }
        assert_eq!((read(0x64), read(0x60)), (Some(0xFD), None));
    }
}
