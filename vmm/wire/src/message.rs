//! What all messages share: a size limit, a strict encoding, a number of descriptors.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The longest encoded message in bytes. It fits a Unix socket's default send buffer (212,992), so
/// that a message is always one packet.
pub const MESSAGE_LIMIT: usize = 64 * 1024;

/// One direction's vocabulary.
pub trait Message: Serialize + DeserializeOwned {
    /// What people call this vocabulary, for errors.
    const NAME: &'static str;

    /// How many file descriptors travel with this message; any other number is an error.
    fn descriptors(&self) -> usize {
        0
    }

    /// The packet for this message.
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let bytes = serde_json::to_vec(self).map_err(|source| EncodeError::Json {
            name: Self::NAME,
            source,
        })?;
        if bytes.len() > MESSAGE_LIMIT {
            return Err(EncodeError::TooLong {
                name: Self::NAME,
                length: bytes.len(),
            });
        }
        Ok(bytes)
    }

    /// The message in a packet. Unknown fields and trailing data are refused.
    fn decode(packet: &[u8]) -> Result<Self, DecodeError> {
        if packet.len() > MESSAGE_LIMIT {
            return Err(DecodeError::TooLong {
                name: Self::NAME,
                length: packet.len(),
            });
        }
        serde_json::from_slice(packet).map_err(|source| DecodeError::Json {
            name: Self::NAME,
            source,
        })
    }
}

/// Why a message cannot be sent.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// It does not fit one packet.
    #[error("a {name} of {length} bytes is over the limit of {MESSAGE_LIMIT}; send less at once")]
    TooLong {
        /// The vocabulary.
        name: &'static str,
        /// Encoded bytes.
        length: usize,
    },
    /// It cannot be written as JSON.
    #[error("cannot encode a {name}")]
    Json {
        /// The vocabulary.
        name: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
}

/// Why a packet is not the message that was expected.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Longer than any message may be.
    #[error("a {name} of {length} bytes is over the limit of {MESSAGE_LIMIT}")]
    TooLong {
        /// The vocabulary.
        name: &'static str,
        /// Bytes in the packet.
        length: usize,
    },
    /// Not this vocabulary.
    #[error("a packet is not a {name}; are both programs of the same build?")]
    Json {
        /// The vocabulary.
        name: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
}
