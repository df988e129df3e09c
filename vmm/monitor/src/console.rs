//! Where the guest's serial console goes.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::path::Path;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

use crate::arguments::Output;
use crate::screen::Screen;

/// A guest that never ends its line must not fill memory. A pipe that takes anything takes this much
/// at once, so that a write after a poll does not block (PIPE_BUF, pipe(7)).
const LONGEST_LINE: usize = 1024;

/// A guest must not fill the host's disk either.
const LONGEST_FILE: u64 = 64 << 20;

const CUT: &[u8] = b"\n[cloister-vmm: the console is cut here, after 64 MiB]\n";

/// How long a vCPU waits for a reader that does not keep up; only for the first line that it loses.
const PATIENCE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};
const NONE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Collects the guest's bytes and writes them by lines: one write a line instead of one a byte.
/// Neither a reader that has stopped reading nor a full disk stops the guest: what cannot be written
/// is lost. A terminal is shown no more than a [`Screen`] lets through; everything else gets the bytes as they
/// are.
pub struct Console {
    to: File,
    screen: Option<Screen>,
    line: Vec<u8>,
    room: u64,
    is_cut: bool,
    lost_lines: u64,
}

impl Console {
    /// Opens what `--console` names.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn open(path: &Path, output: Output) -> anyhow::Result<Self> {
        let duplicate = |descriptor: io::Result<_>| descriptor.map(File::from);
        let to = match (path.to_str(), output) {
            // Standard output carries the events.
            (Some("-"), Output::Json) => duplicate(io::stderr().as_fd().try_clone_to_owned()),
            (Some("-"), Output::Text) => duplicate(io::stdout().as_fd().try_clone_to_owned()),
            _ => OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(path),
        };
        let to = to.with_context(|| format!("cannot write the console to {}", path.display()))?;
        // Whoever reads the other end of anything else decides what to keep.
        let is_kept = to.metadata().is_ok_and(|metadata| metadata.is_file());
        Ok(Self::new(to, if is_kept { LONGEST_FILE } else { u64::MAX }))
    }

    fn new(to: File, room: u64) -> Self {
        Self {
            screen: to.is_terminal().then(Screen::default),
            to,
            line: Vec::new(),
            room,
            is_cut: false,
            lost_lines: 0,
        }
    }

    /// Writes what is left of an unfinished line.
    pub fn finish(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.finish(&mut self.line);
        }
        if !self.line.is_empty() {
            self.write_line();
        }
    }

    fn write_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if let Some(screen) = &mut self.screen {
            screen.end_line(&mut line);
        }
        if !self.takes_a_line() {
            self.lost_lines += 1;
            return;
        }
        let lost = std::mem::take(&mut self.lost_lines);
        self.write_within_room(&[notice_of(lost), line].concat());
    }

    fn takes_a_line(&self) -> bool {
        let patience = if self.lost_lines == 0 { PATIENCE } else { NONE };
        let mut waiting = [PollFd::new(&self.to, PollFlags::OUT)];
        matches!(
            retry_on_intr(|| poll(&mut waiting, Some(&patience))),
            Ok(1..)
        )
    }

    fn write_within_room(&mut self, text: &[u8]) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let Some(room) = self.room.checked_sub(length) else {
            if !self.is_cut {
                self.is_cut = true;
                let _ = self.to.write_all(CUT);
            }
            return;
        };
        if !self.is_cut {
            self.room = room;
            let _ = self.to.write_all(text);
        }
    }
}

fn notice_of(lost_lines: u64) -> Vec<u8> {
    if lost_lines == 0 {
        return Vec::new();
    }
    format!("\n[cloister-vmm: {lost_lines} lines are lost, since nobody read them]\n").into_bytes()
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            match &mut self.screen {
                Some(screen) => screen.show(*byte, &mut self.line),
                None => self.line.push(*byte),
            }
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
    use std::io::Read as _;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    /// A console, and its other end, which keeps every write apart.
    fn console() -> (Console, UnixDatagram) {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let console = Console::new(File::from(OwnedFd::from(ours)), u64::MAX);
        (console, theirs)
    }

    fn next(writes: &UnixDatagram) -> Option<Vec<u8>> {
        let mut buffer = [0; 2 * LONGEST_LINE];
        let length = writes.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    }

    #[test]
    fn bytes_are_written_line_by_line_and_the_rest_at_the_end() {
        let (mut console, writes) = console();
        for byte in b"one\ntw" {
            console.write_all(&[*byte]).unwrap();
            console.flush().unwrap();
        }
        assert_eq!(next(&writes).as_deref(), Some(&b"one\n"[..]));
        assert_eq!(next(&writes), None);
        console.finish();
        assert_eq!(next(&writes).as_deref(), Some(&b"tw"[..]));
    }

    #[test]
    fn line_without_end_is_written_in_parts() {
        let (mut console, writes) = console();
        console.write_all(&[b'x'; 5000]).unwrap();
        assert!(console.line.len() < LONGEST_LINE);
        let parts = std::iter::from_fn(|| next(&writes)).count();
        assert_eq!(parts, 4);
    }

    #[test]
    fn pipe_that_nobody_reads_loses_lines_and_never_blocks() {
        let (mut read, write) = rustix::pipe::pipe()
            .map(|(read, write)| (File::from(read), File::from(write)))
            .unwrap();
        let mut console = Console::new(write, u64::MAX);
        let started = Instant::now();
        for _ in 0..1000 {
            console.write_all(&[b'x'; 999]).unwrap();
            console.write_all(b"\n").unwrap();
        }
        assert!(started.elapsed() < Duration::from_secs(20));
        let mut buffer = vec![0; 1 << 20];
        assert!(read.read(&mut buffer).unwrap() > 0);
        console.write_all(b"and then\nheard\n").unwrap();
        drop(console);
        let mut rest = String::new();
        read.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("lines are lost"), "{rest}");
        assert!(rest.ends_with("]\nand then\nheard\n"), "{rest}");
    }

    #[test]
    fn file_is_cut_once_where_the_guest_has_filled_its_share() {
        let mut file = tempfile::tempfile().unwrap();
        let mut console = Console::new(file.try_clone().unwrap(), 10);
        for _ in 0..5 {
            console.write_all(b"1234\n").unwrap();
        }
        console.finish();
        let mut written = Vec::new();
        io::Seek::rewind(&mut file).unwrap();
        file.read_to_end(&mut written).unwrap();
        assert_eq!(written, [b"1234\n1234\n", CUT].concat());
    }

    const ON_A_TERMINAL: &str = "CLOISTER_TEST_WRITES_TO_A_TERMINAL";

    /// By another process of this test, to which script(1) gives a terminal.
    #[test]
    fn terminal_is_not_shown_what_it_would_obey() {
        const CLIPBOARD: &[u8] = b"a\x1b]52;c;aGk=\x07b\x1b[31mred\n";
        if std::env::var_os(ON_A_TERMINAL).is_some() {
            let mut console = Console::open(Path::new("-"), Output::Text).unwrap();
            assert!(console.screen.is_some());
            console.write_all(CLIPBOARD).unwrap();
            return;
        }
        let test = std::env::current_exe().unwrap();
        let name = "console::tests::terminal_is_not_shown_what_it_would_obey";
        let again = format!("{} --exact {name} --nocapture", test.display());
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", &again, "/dev/null"]);
        let Ok(output) = script.env(ON_A_TERMINAL, "1").stdin(Stdio::null()).output() else {
            println!("skipped: script is not installed; apt-get install bsdutils");
            return;
        };
        assert!(output.status.success(), "{output:?}");
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(
            shown.contains("a\\x1b]52;c;aGk=\\x07b\x1b[31mred"),
            "{shown:?}"
        );
        assert!(!shown.contains("\x1b]"), "{shown:?}");
    }

    #[test]
    fn file_gets_the_guests_bytes_as_they_are() {
        let mut file = tempfile::tempfile().unwrap();
        let mut console = Console::new(file.try_clone().unwrap(), u64::MAX);
        console.write_all(b"\x1b]52;c;aGk=\x07\xff\n").unwrap();
        let mut written = Vec::new();
        io::Seek::rewind(&mut file).unwrap();
        file.read_to_end(&mut written).unwrap();
        assert_eq!(written, b"\x1b]52;c;aGk=\x07\xff\n");
    }

    #[test]
    fn only_a_file_is_cut() {
        let place = tempfile::tempdir().unwrap();
        let file = Console::open(&place.path().join("console"), Output::Text).unwrap();
        assert_eq!(file.room, LONGEST_FILE);
        let null = Console::open(Path::new("/dev/null"), Output::Text).unwrap();
        assert_eq!(null.room, u64::MAX);
    }
}
