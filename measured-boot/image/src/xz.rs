//! The .xz container, by liblzma in this process.

use std::io::{self, Read};

use liblzma::read::XzDecoder;
use liblzma::stream::Stream;
use thiserror::Error;

/// More than `xz -9` needs (65 MiB); a file that asks for more is not one of a kernel package.
const MEMORY_LIMIT: u64 = 256 << 20;

/// A reader of what `compressed` holds, bounded in memory but not in length.
pub(crate) fn xz_reader(compressed: &[u8]) -> Result<XzDecoder<&[u8]>, XzError> {
    let stream = Stream::new_stream_decoder(MEMORY_LIMIT, 0)
        .map_err(|error| XzError::Corrupt(error.into()))?;
    Ok(XzDecoder::new_stream(compressed, stream))
}

/// Decompresses one whole .xz file, such as a `.ko.xz`, of at most `limit` bytes unpacked.
///
/// # Errors
///
/// Damaged or truncated input, bytes after its end, or more than `limit` bytes of output.
pub fn decompress_xz(compressed: &[u8], limit: usize) -> Result<Vec<u8>, XzError> {
    let mut reader = xz_reader(compressed)?;
    let mut plain = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader
        .by_ref()
        .take(bound)
        .read_to_end(&mut plain)
        .map_err(XzError::Corrupt)?;
    if plain.len() > limit {
        return Err(XzError::TooLarge(limit));
    }
    if usize::try_from(reader.total_in()) != Ok(compressed.len()) {
        return Err(XzError::TrailingBytes);
    }
    Ok(plain)
}

/// The bytes are not one .xz file of the expected size.
#[derive(Debug, Error)]
pub enum XzError {
    /// liblzma refused it.
    #[error("not a complete .xz file")]
    Corrupt(#[source] io::Error),
    /// Far larger than its kind can be.
    #[error("unpacks to more than {0} bytes")]
    TooLarge(usize),
    /// Something follows the compressed stream.
    #[error("bytes follow the end of the .xz stream")]
    TrailingBytes,
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use liblzma::write::XzEncoder;

    use super::*;

    fn xz(plain: &[u8]) -> Vec<u8> {
        let mut encoder = XzEncoder::new(Vec::new(), 6);
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn xz_round_trip_returns_the_bytes() {
        let plain: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        assert_eq!(decompress_xz(&xz(&plain), plain.len()).unwrap(), plain);
    }

    #[test]
    fn xz_one_byte_over_the_limit_refused() {
        assert!(matches!(
            decompress_xz(&xz(&[7; 1001]), 1000),
            Err(XzError::TooLarge(1000))
        ));
    }

    #[test]
    fn xz_truncated_refused() {
        let whole = xz(b"module");
        for length in 0..whole.len() {
            assert!(matches!(
                decompress_xz(&whole[..length], 100),
                Err(XzError::Corrupt(_))
            ));
        }
    }

    #[test]
    fn xz_with_trailing_bytes_refused() {
        let mut bytes = xz(b"module");
        bytes.push(0);
        assert!(matches!(
            decompress_xz(&bytes, 100),
            Err(XzError::TrailingBytes)
        ));
    }
}
