//! The ACPI sleep and reset registers (ACPI 6.5, section 4.8.3.7, hardware-reduced).

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
        _ => None,
    }
}

/// What `port` reads, if it is one of these: nothing is pending, nothing woke up.
pub fn read(port: u16) -> Option<u8> {
    (SLEEP_CONTROL_PORT..=RESET_PORT)
        .contains(&port)
        .then_some(0)
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
}
