//! Lines on standard error, from processes that a guest can make complain.
//!
//! Whoever should read them may not, or be gone; the guest may want the host's logs full. Neither may
//! stop a process or end it: a line that cannot be written at once is lost, and so are those after the
//! first few.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::write;

/// So many lines a process tells in its life.
const LINES: usize = 16;

/// PIPE_BUF: what a pipe takes without blocking once it takes anything (pipe(7)).
const LONGEST: usize = 4096;

static TOLD: AtomicUsize = AtomicUsize::new(0);

/// Writes one line to standard error. Never blocks and never panics; of a process's lines the first
/// few come, then one that says so.
pub fn tell(line: &str) {
    tell_some(&TOLD, io::stderr(), line);
}

/// Writes a process's last lines, why it ends, however many came before. Never blocks or panics.
pub fn tell_last(line: &str) {
    write_line(io::stderr(), line);
}

/// The same for an error and its causes, from a process of this name.
pub fn tell_failure(process: &str, error: &(dyn Error + 'static)) {
    tell_last(&format!("error: {process}: {error}"));
    for cause in successors(error.source(), |&cause| cause.source()) {
        tell_last(&format!("  because: {cause}"));
    }
}

fn tell_some(told: &AtomicUsize, to: impl AsFd, line: &str) {
    match told.fetch_add(1, Ordering::Relaxed) {
        ..LINES => write_line(to, line),
        LINES => write_line(to, "this process has complained enough, and tells no more"),
        // Stays there: it could wrap otherwise.
        _ => told.store(LINES + 1, Ordering::Relaxed),
    }
}

fn write_line(to: impl AsFd, line: &str) {
    let length = line.len().min(LONGEST - 1);
    let bytes = [&line.as_bytes()[..length], b"\n"].concat();
    if takes_more(&to) {
        // Nobody is left to tell of a failure.
        let _ = write(to, &bytes);
    }
}

fn takes_more(to: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&to, PollFlags::OUT)];
    let found = poll(&mut polled, Some(&Timespec::default()));
    found.is_ok() && polled[0].revents() == PollFlags::OUT
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, PipeWriter, Read, pipe};
    use std::sync::mpsc;
    use std::time::Duration;

    use rustix::pipe::fcntl_getpipe_size;

    use super::*;

    fn told(lines: usize, to: &PipeWriter) {
        let count = AtomicUsize::new(0);
        for _ in 0..lines {
            tell_some(&count, to, "a line");
        }
    }

    fn heard(mut reader: PipeReader) -> String {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn lines_after_the_first_few_are_not_told() {
        let (reader, writer) = pipe().unwrap();
        told(1000, &writer);
        drop(writer);
        let text = heard(reader);
        assert_eq!(text.lines().count(), LINES + 1);
        assert!(text.ends_with("tells no more\n"), "{text}");
    }

    #[test]
    fn line_that_nobody_reads_is_lost_and_holds_up_nobody() {
        let (_reader, writer) = pipe().unwrap();
        let size = fcntl_getpipe_size(&writer).unwrap();
        write(&writer, &vec![0; size]).unwrap();
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || {
            told(1, &writer);
            done.send(()).unwrap();
        });
        is_done.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn line_to_nobody_is_lost() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        told(1, &writer);
    }

    #[test]
    fn line_of_any_length_is_cut_to_what_a_pipe_takes_at_once() {
        let (reader, writer) = pipe().unwrap();
        let line = "x".repeat(3 * LONGEST);
        write_line(&writer, &line);
        drop(writer);
        assert_eq!(heard(reader).len(), LONGEST);
    }
}
