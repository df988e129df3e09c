//! What a test asks of the lab's machine, and how the answers are framed.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The TCP port that the lab's machine listens on, inside.
pub const PORT: u16 = 7000;

/// The longest request or answer line, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// One request. A connection carries one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Write a file of `size` bytes, which follow the line. Missing folders are made.
    Put {
        /// Absolute path inside.
        path: String,
        /// How many bytes follow.
        size: u64,
        /// Unix permission bits.
        mode: u32,
    },
    /// Read a file; the answer is [`Answer::File`] and then its bytes.
    Get {
        /// Absolute path inside.
        path: String,
    },
    /// Start a program; the answer is a stream of [`Frame`]s that ends with [`Frame::Exit`]. Each byte
    /// that the client sends is a signal number for the program; if the client hangs up it is killed.
    Run {
        /// Program and arguments.
        argv: Vec<String>,
        /// Variables added to an empty environment.
        env: BTreeMap<String, String>,
    },
    /// List the names in a folder.
    List {
        /// Absolute path inside.
        path: String,
    },
    /// List every process.
    Processes,
    /// Send a signal to one process.
    Signal {
        /// The process.
        pid: i32,
        /// The signal's number.
        signal: i32,
    },
    /// Power the machine off.
    PowerOff,
}

/// The one-line answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// Done.
    Done,
    /// A program was started; frames follow.
    Started {
        /// Its process number.
        pid: u32,
    },
    /// A file of this many bytes follows.
    File {
        /// How many bytes follow.
        size: u64,
    },
    /// The names in a folder.
    Names {
        /// Sorted; none where there is no such folder.
        names: Vec<String>,
    },
    /// Every process.
    Processes {
        /// In order of process number.
        processes: Vec<Process>,
    },
    /// It failed.
    Failed {
        /// What failed, on what, and why.
        why: String,
    },
}

/// One row of the process list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Process number.
    pub pid: i32,
    /// The parent's process number.
    pub parent: i32,
    /// `R`, `S`, `Z` … as in proc(5).
    pub state: char,
    /// The program's short name.
    pub name: String,
}

/// A piece of a running program's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Bytes of standard output.
    Stdout(Vec<u8>),
    /// Bytes of standard error.
    Stderr(Vec<u8>),
    /// The program ended: its exit code, or 128 plus the signal that killed it.
    Exit(i32),
}

/// Writes one message as a JSON line.
///
/// # Errors
/// What the stream says.
pub fn write_line<T: Serialize>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Reads one message from a JSON line.
///
/// # Errors
/// The stream's, `UnexpectedEof` at its end, `InvalidData` for what is no such message.
pub fn read_line<T: DeserializeOwned>(stream: &mut impl BufRead) -> io::Result<T> {
    let mut line = Vec::new();
    stream
        .by_ref()
        .take(MAX_LINE)
        .read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the lab's line has no end",
        ));
    }
    Ok(serde_json::from_slice(&line)?)
}

impl Frame {
    const STDOUT: u8 = 1;
    const STDERR: u8 = 2;
    const EXIT: u8 = 3;

    /// Writes kind, length and content.
    ///
    /// # Errors
    /// What the stream says.
    pub fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let code;
        let (kind, content): (u8, &[u8]) = match self {
            Self::Stdout(bytes) => (Self::STDOUT, bytes),
            Self::Stderr(bytes) => (Self::STDERR, bytes),
            Self::Exit(status) => {
                code = status.to_le_bytes();
                (Self::EXIT, &code)
            }
        };
        let length = u32::try_from(content.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(content.len() + 5);
        bytes.push(kind);
        bytes.extend(length.to_le_bytes());
        bytes.extend(content);
        stream.write_all(&bytes)
    }

    /// Reads the next frame.
    ///
    /// # Errors
    /// The stream's, and `InvalidData` for an unknown kind or a frame over 1 MiB.
    pub fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut kind = [0];
        let mut length = [0; 4];
        stream.read_exact(&mut kind)?;
        stream.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if u64::from(length) > MAX_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a frame over 1 MiB",
            ));
        }
        let mut content = vec![0; length as usize];
        stream.read_exact(&mut content)?;
        match (kind[0], content.as_slice()) {
            (Self::STDOUT, _) => Ok(Self::Stdout(content)),
            (Self::STDERR, _) => Ok(Self::Stderr(content)),
            (Self::EXIT, &[a, b, c, d]) => Ok(Self::Exit(i32::from_le_bytes([a, b, c, d]))),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a frame of no known kind",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_written_reads_back_the_same() {
        for frame in [
            Frame::Stdout(b"out".to_vec()),
            Frame::Stderr(Vec::new()),
            Frame::Exit(137),
            Frame::Exit(-1),
        ] {
            let mut bytes = Vec::new();
            frame.write(&mut bytes).unwrap();
            assert_eq!(Frame::read(&mut bytes.as_slice()).unwrap(), frame);
        }
    }

    #[test]
    fn line_without_end_is_refused() {
        let cut = b"{\"op\":\"processes\"}";
        assert!(read_line::<Request>(&mut cut.as_slice()).is_err());
    }
}
