//! The spec ID event, with which a crypto-agile log begins (PFP 1.06 §10.4.5.1).

use crate::event::{declared, declared_size};
use crate::{Algorithm, LogError, LogRule};
use measured_boot_reader::Reader;

pub(crate) const SIGNATURE: [u8; 16] = *b"Spec ID Event03\0";

/// With no TCG algorithm a digest is shorter or longer; it bounds how many records a file can hold.
const DIGEST_SIZES: std::ops::RangeInclusive<u16> = 16..=128;
const MOST_ALGORITHMS: u32 = 16;

/// What the first event of a crypto-agile log declares. No digest covers any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecId<'a> {
    /// 0 for clients, 1 for servers.
    pub platform_class: u32,
    /// The errata level of the specification.
    pub errata: u8,
    /// 1 for 32 bits, 2 for 64.
    pub uintn_size: u8,
    /// Bytes of the vendor's.
    pub vendor_info: &'a [u8],
    /// Whether these lie behind the event and not in it, as some firmware has it.
    pub vendor_info_outside: bool,
    /// Algorithm and size, two bytes each.
    pub(crate) declared: &'a [u8],
}

impl<'a> SpecId<'a> {
    /// The algorithms of the log's digests in their declared order, each with its bytes a digest.
    pub fn algorithms(&self) -> impl Iterator<Item = (Algorithm, usize)> + use<'a> {
        declared(self.declared)
    }

    /// Reads the event's data; `after` is what follows the event in the file.
    pub(crate) fn read(mut event: Reader<'a>, after: &mut Reader<'a>) -> Result<Self, LogError> {
        let cut = LogRule::truncated("the spec ID event");
        event.take(SIGNATURE.len()).map_err(&cut)?;
        let platform_class = event.u32().map_err(&cut)?;
        let version_at = event.offset();
        let [minor, major, errata, uintn_size] = event.array().map_err(&cut)?;
        if (major, minor) != (2, 0) {
            return Err(LogRule::SpecIdVersion { major, minor }.at(version_at));
        }
        let declared = algorithms(&mut event)?;
        let (vendor_info, vendor_info_outside) = vendor_info(event, after)?;
        Ok(Self {
            platform_class,
            errata,
            uintn_size,
            vendor_info,
            vendor_info_outside,
            declared,
        })
    }
}

fn algorithms<'a>(event: &mut Reader<'a>) -> Result<&'a [u8], LogError> {
    let cut = LogRule::truncated("the spec ID event's algorithms");
    let count_at = event.offset();
    let count = event.u32().map_err(&cut)?;
    let length = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(4);
    if count == 0 || count > MOST_ALGORITHMS || length > event.left() {
        return Err(LogRule::SpecIdAlgorithmCount(count).at(count_at));
    }
    let pairs_at = event.offset();
    let pairs = event.take(length).map_err(&cut)?;
    for at in (0..length).step_by(4) {
        check_algorithm(&pairs[..at], &pairs[at..at + 4], pairs_at + at)?;
    }
    Ok(pairs)
}

/// Checks one pair against those before it.
fn check_algorithm(before: &[u8], pair: &[u8], offset: usize) -> Result<(), LogError> {
    let mut pair = Reader::part(pair, offset);
    let cut = LogRule::truncated("the spec ID event's algorithms");
    let algorithm = Algorithm(pair.u16().map_err(&cut)?);
    let size_at = pair.offset();
    let size = pair.u16().map_err(&cut)?;
    if declared_size(before, algorithm).is_some() {
        return Err(LogRule::AlgorithmTwice(algorithm).at(offset));
    }
    let right = match algorithm.size() {
        Some(known) => known == usize::from(size),
        None => DIGEST_SIZES.contains(&size),
    };
    if right {
        Ok(())
    } else {
        Err(LogRule::SpecIdDigestSize { algorithm, size }.at(size_at))
    }
}

/// The vendor's bytes end the event. Some firmware counts them in their own field but not in the event's
/// size, so that they follow it; anything between the two could be read either way.
fn vendor_info<'a>(
    mut event: Reader<'a>,
    after: &mut Reader<'a>,
) -> Result<(&'a [u8], bool), LogError> {
    let cut = LogRule::truncated("the spec ID event's vendor information");
    let said_at = event.offset();
    let said = event.u8().map_err(&cut)?;
    let left = event.left();
    if usize::from(said) == left {
        return Ok((event.rest(), false));
    }
    if left != 0 {
        return Err(LogRule::SpecIdVendorInfo { said, left }.at(said_at));
    }
    let outside = after.take(said.into()).map_err(&cut)?;
    Ok((outside, true))
}
