//! Where the guest's serial console goes.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;

use crate::arguments::Output;

/// A guest that never ends its line must not fill memory.
const LONGEST_LINE: usize = 1024;

/// Collects the guest's bytes and writes them by lines: one write a line instead of one a byte.
pub struct Console {
    to: Box<dyn Write + Send>,
    line: Vec<u8>,
}

impl Console {
    /// Opens what `--console` names.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn open(path: &Path, output: Output) -> anyhow::Result<Self> {
        let to: Box<dyn Write + Send> = match (path.to_str(), output) {
            // Standard output carries the events.
            (Some("-"), Output::Json) => Box::new(io::stderr()),
            (Some("-"), Output::Text) => Box::new(io::stdout()),
            _ => Box::new(
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .open(path)
                    .with_context(|| format!("cannot write the console to {}", path.display()))?,
            ),
        };
        Ok(Self::new(to))
    }

    fn new(to: Box<dyn Write + Send>) -> Self {
        Self {
            to,
            line: Vec::new(),
        }
    }

    /// Writes what is left of an unfinished line.
    pub fn finish(&mut self) {
        self.write_line();
    }

    /// A console that nobody reads any more must not stop the guest: what cannot be written is lost.
    fn write_line(&mut self) {
        let _ = self.to.write_all(&self.line).and_then(|()| self.to.flush());
        self.line.clear();
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.line.push(*byte);
            if *byte == b'\n' || self.line.len() >= LONGEST_LINE {
                self.write_line();
            }
        }
        Ok(bytes.len())
    }

    /// The 16550 flushes after every byte; a line is flushed at its end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps every write apart.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bytes_are_written_line_by_line_and_the_rest_at_the_end() {
        let writes = Writes::default();
        let mut console = Console::new(Box::new(writes.clone()));
        for byte in b"one\ntw" {
            console.write_all(&[*byte]).unwrap();
            console.flush().unwrap();
        }
        assert_eq!(*writes.0.lock().unwrap(), [b"one\n".to_vec()]);
        console.finish();
        assert_eq!(writes.0.lock().unwrap().concat(), b"one\ntw");
    }

    #[test]
    fn line_without_end_is_written_in_parts() {
        let writes = Writes::default();
        let mut console = Console::new(Box::new(writes.clone()));
        console.write_all(&[b'x'; 5000]).unwrap();
        assert!(console.line.len() < LONGEST_LINE);
        assert_eq!(writes.0.lock().unwrap().len(), 4);
    }
}
