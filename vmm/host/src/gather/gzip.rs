//! A file of gzip (RFC 1952) with one member, as the kernel makes /proc/config.gz.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// A kernel's configuration has some 300 KiB.
const MOST_BYTES: usize = 8 << 20;
const HEAD: usize = 10;
const TAIL: usize = 8;

/// The bytes inside. Their CRC is not checked: it guards against torn files, and the kernel's is in its memory; the
/// length is.
pub fn unpacked(file: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (head, rest) = file
        .split_at_checked(HEAD)
        .ok_or("it is too short for gzip")?;
    let [0x1f, 0x8b, 8, flags, ..] = head else {
        return Err("it does not begin as gzip does");
    };
    let rest = match flags {
        0 => rest,
        8 => after_name(rest)?,
        _ => return Err("it is gzip with parts that are not expected"),
    };
    let at = rest
        .len()
        .checked_sub(TAIL)
        .ok_or("it is too short for gzip")?;
    let (body, tail) = rest.split_at(at);
    let bytes = decompress_to_vec_with_limit(body, MOST_BYTES)
        .map_err(|_| "it cannot be unpacked, or is far too long")?;
    let length = u32::from_le_bytes([tail[4], tail[5], tail[6], tail[7]]);
    match usize::try_from(length) == Ok(bytes.len()) {
        true => Ok(bytes),
        false => Err("it is cut off, or has more behind it"),
    }
}

fn after_name(rest: &[u8]) -> Result<&[u8], &'static str> {
    let end = rest.iter().position(|byte| *byte == 0);
    end.map(|end| &rest[end + 1..]).ok_or("its name has no end")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "CONFIG_X86_64=y\n", stored.
    fn packed() -> Vec<u8> {
        let text = b"CONFIG_X86_64=y\n";
        let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        file.extend([1, 16, 0, 0xef, 0xff]);
        file.extend(text);
        file.extend([0, 0, 0, 0, 16, 0, 0, 0]);
        file
    }

    #[test]
    fn member_is_unpacked_with_and_without_a_name() {
        assert_eq!(unpacked(&packed()).unwrap(), b"CONFIG_X86_64=y\n");
        let mut named = packed();
        named[3] = 8;
        named.splice(10..10, *b"config\0");
        assert_eq!(unpacked(&named).unwrap(), b"CONFIG_X86_64=y\n");
    }

    #[test]
    fn what_is_cut_off_or_no_gzip_is_refused() {
        let whole = packed();
        for length in 0..whole.len() {
            assert!(unpacked(&whole[..length]).is_err(), "{length}");
        }
        let changed = |at: usize, to: u8| {
            let mut file = packed();
            file[at] = to;
            unpacked(&file)
        };
        assert!(changed(0, 0).is_err() && changed(2, 0).is_err());
        assert!(changed(3, 4).is_err());
        assert!(changed(whole.len() - 4, 17).is_err());
    }
}
