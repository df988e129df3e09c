//! One device-mapper request: the fixed header and the room behind it, in one piece of memory.

use zerocopy::IntoBytes;
use zeroize::Zeroize;

use super::abi::{DM_NAME_LEN, DmIoctl, DmTargetSpec, VERSION};
use super::{DeviceMapperError, Target};

/// Room for one target: its spec, its parameters (a verity line is below 400 bytes), padding.
const PAYLOAD: usize = 2048 - size_of::<DmIoctl>();

/// What the kernel reads and writes: `header.data_size` covers both fields.
///
/// Wiped when dropped, as a table may hold a disk key.
#[repr(C)]
pub struct Request {
    pub header: DmIoctl,
    payload: [u8; PAYLOAD],
}

const REQUEST_SIZE: u32 = 2048;
const HEADER_SIZE: u32 = 312;
const _: () = assert!(size_of::<Request>() == 2048 && size_of::<DmIoctl>() == 312);

impl Request {
    /// A request about the device called `name`.
    pub fn about(name: &str) -> Result<Self, DeviceMapperError> {
        Ok(Self {
            header: DmIoctl {
                version: VERSION,
                data_size: REQUEST_SIZE,
                data_start: HEADER_SIZE,
                target_count: 0,
                open_count: 0,
                flags: 0,
                event_nr: 0,
                padding: 0,
                dev: 0,
                name: c_string::<DM_NAME_LEN>(name).ok_or_else(|| DeviceMapperError::Name {
                    name: name.to_owned(),
                })?,
                uuid: [0; 129],
                data: [0; 7],
            },
            payload: [0; PAYLOAD],
        })
    }

    /// Puts a table of one target, from sector 0, behind the header.
    pub fn set_table(&mut self, target: &Target<'_>) -> Result<(), DeviceMapperError> {
        const SPEC: usize = size_of::<DmTargetSpec>();
        let spec = DmTargetSpec {
            sector_start: 0,
            length: target.sectors,
            status: 0,
            next: 0,
            target_type: c_string(target.kind).ok_or(DeviceMapperError::TableTooLong)?,
        };
        let parameters = target.parameters.as_bytes();
        // The byte after the parameters stays zero and ends the string.
        let room = self.payload[SPEC..PAYLOAD - 1]
            .get_mut(..parameters.len())
            .filter(|_| !parameters.contains(&0))
            .ok_or(DeviceMapperError::TableTooLong)?;
        room.copy_from_slice(parameters);
        self.payload[..SPEC].copy_from_slice(spec.as_bytes());
        self.header.target_count = 1;
        Ok(())
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.payload.zeroize();
    }
}

/// `text` in a field of `N` bytes that ends in at least one zero.
fn c_string<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut field = [0; N];
    if text.is_empty() || text.contains('\0') {
        return None;
    }
    field[..N - 1]
        .get_mut(..text.len())?
        .copy_from_slice(text.as_bytes());
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_bytes_are_spec_parameters_zero() {
        let mut request = Request::about("data").unwrap();
        request
            .set_table(&Target {
                sectors: 0x0102,
                kind: "verity",
                parameters: "1 a b",
            })
            .unwrap();
        assert_eq!(request.header.target_count, 1);
        assert_eq!(&request.payload[..8], [0; 8]);
        assert_eq!(&request.payload[8..16], [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&request.payload[16..24], [0; 8]);
        assert_eq!(&request.payload[24..40], b"verity\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(&request.payload[40..46], b"1 a b\0");
    }

    #[test]
    fn table_longest_fits_and_one_more_refused() {
        let longest = "x".repeat(PAYLOAD - size_of::<DmTargetSpec>() - 1);
        let mut request = Request::about("data").unwrap();
        let mut load = |parameters: &str| {
            request.set_table(&Target {
                sectors: 8,
                kind: "crypt",
                parameters,
            })
        };
        assert!(load(&longest).is_ok());
        let refused = load(&format!("{longest}x"));
        assert!(matches!(refused, Err(DeviceMapperError::TableTooLong)));
        assert_eq!(request.payload[PAYLOAD - 1], 0);
    }

    #[test]
    fn table_with_embedded_zero_refused() {
        let mut request = Request::about("data").unwrap();
        let target = Target {
            sectors: 8,
            kind: "crypt",
            parameters: "a\0b",
        };
        assert!(request.set_table(&target).is_err());
    }

    #[test]
    fn name_empty_too_long_or_with_zero_refused() {
        for name in ["", "a\0b", &"n".repeat(DM_NAME_LEN)] {
            assert!(
                matches!(Request::about(name), Err(DeviceMapperError::Name { .. })),
                "{name:?}"
            );
        }
        let longest = "n".repeat(DM_NAME_LEN - 1);
        assert_eq!(
            Request::about(&longest).unwrap().header.name[DM_NAME_LEN - 1],
            0
        );
    }
}
