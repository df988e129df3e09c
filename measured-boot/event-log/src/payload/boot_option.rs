//! Boot variables (UEFI 2.11 §3.1.3, EFI_LOAD_OPTION).

use super::DevicePath;
use super::text::utf16;
use measured_boot_reader::Reader;

/// Whether a variable of this name holds a load option: `Boot0001`, `Driver0000`, and so on.
pub(super) fn is_name(name: &str) -> bool {
    let number = ["Boot", "Driver", "SysPrep", "PlatformRecovery"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    number.is_some_and(|digits| {
        digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// The order in which options are tried: a list of their numbers.
pub(super) fn order(data: &[u8]) -> Option<String> {
    let (numbers, []) = data.as_chunks::<2>() else {
        return None;
    };
    let shown = numbers.iter().take(32).map(|number| {
        let number = u16::from_le_bytes(*number);
        format!("{number:04X}")
    });
    let mut shown: Vec<String> = shown.collect();
    if numbers.len() > shown.len() {
        shown.push(format!("… ({} in all)", numbers.len()));
    }
    Some(shown.join(", "))
}

/// Its title and what it starts.
pub(super) fn describe(data: &[u8]) -> Option<String> {
    let mut option = Reader::new(data);
    let attributes = option.u32().ok()?;
    let path_length = option.u16().ok()?;
    let title = title(&mut option)?;
    let path = DevicePath(option.take(path_length.into()).ok()?);
    let inactive = if attributes & 1 == 0 {
        ", inactive"
    } else {
        ""
    };
    Some(format!("\"{}\" {path}{inactive}", utf16(title)))
}

/// UTF-16 up to its NUL, which is read too.
fn title<'a>(option: &mut Reader<'a>) -> Option<&'a [u8]> {
    let units = { *option }.rest().as_chunks::<2>().0;
    let length = units.iter().position(|unit| *unit == [0, 0])? * 2;
    let title = option.take(length).ok()?;
    option.take(2).ok()?;
    Some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_load_options_end_in_four_hexadecimal_digits() {
        assert!(is_name("Boot000A") && is_name("SysPrep0000"));
        assert!(!is_name("BootOrder") && !is_name("Boot00001") && !is_name("BootNext"));
    }

    #[test]
    fn order_of_an_odd_number_of_bytes_is_none() {
        assert_eq!(order(&[1, 0, 0x1F, 0]).as_deref(), Some("0001, 001F"));
        assert_eq!(order(&[1, 0, 2]), None);
    }

    #[test]
    fn option_without_the_end_of_its_title_is_none() {
        let whole = b"\x01\0\0\0\x04\0o\0s\0\0\0\x7f\xff\x04\0";
        assert_eq!(describe(whole).as_deref(), Some("\"os\" "));
        assert_eq!(describe(&whole[..10]), None);
    }
}
