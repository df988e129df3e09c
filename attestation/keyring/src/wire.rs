//! How the verifier and `cloister-token`, the process that has the token's module loaded, speak: one
//! request, one reply, over a socket.
//!
//! A frame is its length (two bytes, little-endian) and its body; the first byte of a body says what it is.
//! The worker begins with a reply of its own: [`Reply::Done`] once it is logged in, or why it is not.

use std::io::{self, Read, Write};

use measured_boot_reader::{CutShort, Reader, Trailing};
use zeroize::Zeroizing;

use crate::envelope::{CONTEXT_LENGTH, KEY_LENGTH};
use crate::sealed::{IV_LENGTH, TOKEN_WRAP_LENGTH, TokenWrap};
use crate::{KeyId, TokenRefusal};

/// No frame is longer.
const LONGEST_FRAME: usize = 512;
/// No detail of a reply is longer.
pub const LONGEST_DETAIL: usize = 200;

/// A data key, or what is bound to it. Wiped when dropped.
pub type Secret = Zeroizing<[u8; KEY_LENGTH]>;
/// What a wrap is bound to.
pub type Context = [u8; CONTEXT_LENGTH];

/// What the verifier asks of the token.
#[derive(Clone, PartialEq, Eq)]
pub enum Request {
    /// Have a fit key of this id, and make it if there is none.
    Ensure {
        /// The key.
        key: KeyId,
        /// The label of a new one.
        label: String,
    },
    /// Encrypt a data key.
    Wrap {
        /// Under this key.
        key: KeyId,
        /// With this IV, if the token takes one.
        iv: [u8; IV_LENGTH],
        /// Bound to this.
        context: Context,
        /// The data key.
        data_key: Secret,
    },
    /// Decrypt a data key.
    Unwrap {
        /// Under this key.
        key: KeyId,
        /// What [`Request::Wrap`] answered.
        wrapped: TokenWrap,
        /// Bound to this.
        context: Context,
    },
    /// Destroy a key, if it is there.
    Destroy {
        /// The key.
        key: KeyId,
    },
}

/// What the token answers.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// The data key, encrypted.
    Wrapped(TokenWrap),
    /// The data key.
    Unwrapped(Secret),
    /// The token is well, and refuses.
    Refused(TokenRefusal),
    /// The token would not let this PIN in; to try again could lock it.
    PinRefused(String),
    /// The token is not well, or not there. The worker ends.
    Lost(String),
}

/// What came is not what is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It ends too early.
    #[error(transparent)]
    Cut(#[from] CutShort),
    /// Something follows.
    #[error(transparent)]
    Trailing(#[from] Trailing),
    /// A number that stands for nothing.
    #[error("message {0} is not known")]
    Unknown(u8),
    /// A text is not plain.
    #[error("a text is not printable ASCII of at most {LONGEST_DETAIL} characters")]
    Text,
}

impl From<WireError> for io::Error {
    fn from(error: WireError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Writes one frame.
///
/// # Errors
/// The stream's.
pub fn send(stream: &mut impl Write, body: &[u8]) -> io::Result<()> {
    let length = u16::try_from(body.len()).map_err(io::Error::other)?;
    let mut frame = Zeroizing::new(Vec::with_capacity(2 + LONGEST_FRAME));
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(body);
    stream.write_all(&frame)?;
    stream.flush()
}

/// Reads one frame's body.
///
/// # Errors
/// The stream's; a frame that is too long.
pub fn receive(stream: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let length = usize::from(u16::from_le_bytes(length));
    if length > LONGEST_FRAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = Zeroizing::new(vec![0; length]);
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// A text that may be written into a log: printable ASCII, and not too much of it.
#[must_use]
pub fn plain(text: &str) -> String {
    let shown = |character: char| match character {
        ' '..='~' => character,
        _ => '?',
    };
    text.chars().take(LONGEST_DETAIL).map(shown).collect()
}

impl Request {
    /// Its bytes. Wiped when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_FRAME));
        let mut head = |tag: u8, key: &KeyId| {
            bytes.push(tag);
            bytes.extend_from_slice(key.as_bytes());
        };
        match self {
            Self::Ensure { key, label } => {
                head(1, key);
                bytes.extend_from_slice(plain(label).as_bytes());
            }
            Self::Wrap {
                key,
                iv,
                context,
                data_key,
            } => {
                head(2, key);
                bytes.extend_from_slice(iv);
                bytes.extend_from_slice(context);
                bytes.extend_from_slice(data_key.as_slice());
            }
            Self::Unwrap {
                key,
                wrapped,
                context,
            } => {
                head(3, key);
                write_wrap(&mut bytes, wrapped);
                bytes.extend_from_slice(context);
            }
            Self::Destroy { key } => head(4, key),
        }
        bytes
    }

    /// Reads what [`Request::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let tag = reader.u8()?;
        let key = KeyId::from_bytes(reader.array()?);
        let request = match tag {
            1 => {
                let label = text(reader.rest())?;
                Self::Ensure { key, label }
            }
            2 => Self::Wrap {
                key,
                iv: reader.array()?,
                context: reader.array()?,
                data_key: read_secret(&mut reader)?,
            },
            3 => Self::Unwrap {
                key,
                wrapped: read_wrap(&mut reader)?,
                context: reader.array()?,
            },
            4 => Self::Destroy { key },
            other => return Err(WireError::Unknown(other)),
        };
        reader.end()?;
        Ok(request)
    }
}

impl Reply {
    /// Its bytes. Wiped when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_FRAME));
        match self {
            Self::Done => bytes.push(1),
            Self::Wrapped(wrapped) => {
                bytes.push(2);
                write_wrap(&mut bytes, wrapped);
            }
            Self::Unwrapped(data_key) => {
                bytes.push(3);
                bytes.extend_from_slice(data_key.as_slice());
            }
            Self::Refused(refusal) => {
                bytes.extend_from_slice(&[4, refusal.number()]);
            }
            Self::PinRefused(detail) => {
                bytes.push(5);
                bytes.extend_from_slice(plain(detail).as_bytes());
            }
            Self::Lost(detail) => {
                bytes.push(6);
                bytes.extend_from_slice(plain(detail).as_bytes());
            }
        }
        bytes
    }

    /// Reads what [`Reply::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let reply = match reader.u8()? {
            1 => Self::Done,
            2 => Self::Wrapped(read_wrap(&mut reader)?),
            3 => Self::Unwrapped(read_secret(&mut reader)?),
            4 => {
                let number = reader.u8()?;
                let refusal = TokenRefusal::from_number(number);
                Self::Refused(refusal.ok_or(WireError::Unknown(number))?)
            }
            5 => Self::PinRefused(text(reader.rest())?),
            6 => Self::Lost(text(reader.rest())?),
            other => return Err(WireError::Unknown(other)),
        };
        reader.end()?;
        Ok(reply)
    }
}

fn write_wrap(bytes: &mut Vec<u8>, wrapped: &TokenWrap) {
    bytes.extend_from_slice(&wrapped.iv);
    bytes.extend_from_slice(&wrapped.text);
}

fn read_wrap(reader: &mut Reader<'_>) -> Result<TokenWrap, CutShort> {
    Ok(TokenWrap {
        iv: reader.array()?,
        text: reader.array::<TOKEN_WRAP_LENGTH>()?,
    })
}

fn read_secret(reader: &mut Reader<'_>) -> Result<Secret, CutShort> {
    let mut secret = Zeroizing::new([0; KEY_LENGTH]);
    secret.copy_from_slice(reader.take(KEY_LENGTH)?);
    Ok(secret)
}

fn text(bytes: &[u8]) -> Result<String, WireError> {
    let text = str::from_utf8(bytes).map_err(|_| WireError::Text)?;
    if plain(text) == text {
        Ok(text.to_owned())
    } else {
        Err(WireError::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Vec<Request> {
        let key = KeyId::from_bytes([9; 16]);
        let wrapped = TokenWrap {
            iv: [1; IV_LENGTH],
            text: [2; TOKEN_WRAP_LENGTH],
        };
        vec![
            Request::Ensure {
                key,
                label: "cloister 1".to_owned(),
            },
            Request::Wrap {
                key,
                iv: [1; IV_LENGTH],
                context: [3; CONTEXT_LENGTH],
                data_key: Zeroizing::new([4; KEY_LENGTH]),
            },
            Request::Unwrap {
                key,
                wrapped,
                context: [3; CONTEXT_LENGTH],
            },
            Request::Destroy { key },
        ]
    }

    fn replies() -> Vec<Reply> {
        let mut replies: Vec<Reply> = TokenRefusal::ALL.map(Reply::Refused).into();
        replies.extend([
            Reply::Done,
            Reply::Wrapped(TokenWrap {
                iv: [1; IV_LENGTH],
                text: [2; TOKEN_WRAP_LENGTH],
            }),
            Reply::Unwrapped(Zeroizing::new([5; KEY_LENGTH])),
            Reply::PinRefused("wrong".to_owned()),
            Reply::Lost("CKR_DEVICE_REMOVED".to_owned()),
        ]);
        replies
    }

    #[test]
    fn messages_are_read_back_whole() {
        for request in requests() {
            assert!(Request::from_bytes(&request.to_bytes()) == Ok(request));
        }
        for reply in replies() {
            assert!(Reply::from_bytes(&reply.to_bytes()) == Ok(reply));
        }
    }

    #[test]
    fn messages_cut_or_followed_are_refused() {
        let has_text = |bytes: &[u8]| matches!(bytes[0], 5 | 6);
        for reply in replies() {
            let mut bytes = reply.to_bytes().to_vec();
            let whole = if has_text(&bytes) { 1 } else { bytes.len() };
            assert!((0..whole).all(|length| Reply::from_bytes(&bytes[..length]).is_err()));
            bytes.push(0);
            assert!(Reply::from_bytes(&bytes).is_err());
        }
        for request in requests() {
            let mut bytes = request.to_bytes().to_vec();
            let whole = if bytes[0] == 1 { 17 } else { bytes.len() };
            assert!((0..whole).all(|length| Request::from_bytes(&bytes[..length]).is_err()));
            bytes.push(0);
            assert!(Request::from_bytes(&bytes).is_err());
        }
    }

    #[test]
    fn unknown_messages_are_refused() {
        assert!(Reply::from_bytes(&[7]) == Err(WireError::Unknown(7)));
        assert!(Reply::from_bytes(&[4, 99]) == Err(WireError::Unknown(99)));
        assert!(Request::from_bytes(&[[9; 1].as_slice(), &[0; 16]].concat()).is_err());
    }

    #[test]
    fn frame_longer_than_any_message_is_refused() {
        let frame = [0xFF; 70_000];
        let refused = receive(&mut frame.as_slice()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        for message in requests().iter().map(Request::to_bytes) {
            let mut sent = Vec::new();
            send(&mut sent, &message).unwrap();
            assert_eq!(*receive(&mut sent.as_slice()).unwrap(), *message);
        }
    }

    #[test]
    fn what_a_module_says_is_made_plain() {
        assert_eq!(plain("a\nb\u{1b}[1m\u{e9}"), "a?b?[1m?");
        assert_eq!(plain(&"x".repeat(999)).len(), LONGEST_DETAIL);
    }
}
