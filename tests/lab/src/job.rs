//! A program that runs on the machine, and its output.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lab_init::protocol::Frame;
use lab_init::server::code;

/// Which of a program's outputs a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a program's output, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which output.
    pub stream: Stream,
    /// The text; what is not UTF-8 is replaced.
    pub text: String,
}

enum Event {
    Line(Line),
    Exit(i32),
}

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub struct Job {
    name: String,
    pid: i32,
    events: Receiver<Event>,
    control: Control,
    seen: Vec<Line>,
    exit: Option<i32>,
}

#[derive(Debug)]
enum Control {
    /// A child of this process: signalled by number.
    Local,
    /// A child in the lab: signalled through its connection.
    Remote(TcpStream),
}

impl Job {
    /// Follows a child of this process whose two outputs are pipes.
    ///
    /// # Errors
    /// When they are not.
    pub(crate) fn local(name: &str, mut child: Child) -> Result<Self> {
        let pid = i32::try_from(child.id())?;
        let stdout = child.stdout.take().context("standard output is no pipe")?;
        let stderr = child.stderr.take().context("standard error is no pipe")?;
        let (sender, events) = channel();
        let readers = [
            follow(stdout, Stream::Stdout, sender.clone()),
            follow(stderr, Stream::Stderr, sender.clone()),
        ];
        thread::spawn(move || {
            let status = child.wait();
            for reader in readers {
                let _ = reader.join();
            }
            let _ = sender.send(Event::Exit(status.map_or(-1, code)));
        });
        Ok(Self::new(name, pid, events, Control::Local))
    }

    /// Follows a program in the lab over the connection that started it.
    pub(crate) fn remote(name: &str, pid: u32, reader: BufReader<TcpStream>) -> Result<Self> {
        let control = reader.get_ref().try_clone()?;
        let (sender, events) = channel();
        thread::spawn(move || follow_frames(reader, &sender));
        Ok(Self::new(
            name,
            i32::try_from(pid)?,
            events,
            Control::Remote(control),
        ))
    }

    fn new(name: &str, pid: i32, events: Receiver<Event>, control: Control) -> Self {
        Self {
            name: name.to_owned(),
            pid,
            events,
            control,
            seen: Vec::new(),
            exit: None,
        }
    }

    /// Its process number on the machine.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Every line so far.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.seen
    }

    /// Waits for the next line; `None` when the program has ended.
    ///
    /// # Errors
    /// When `patience` runs out first.
    pub fn next_line(&mut self, patience: Duration) -> Result<Option<Line>> {
        if self.exit.is_some() {
            return Ok(None);
        }
        match self.events.recv_timeout(patience) {
            Ok(Event::Line(line)) => {
                self.seen.push(line.clone());
                Ok(Some(line))
            }
            Ok(Event::Exit(code)) => {
                self.exit = Some(code);
                Ok(None)
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "{} said nothing for {} s\n{}",
                    self.name,
                    patience.as_secs(),
                    self.tail()
                )
            }
            Err(RecvTimeoutError::Disconnected) => {
                bail!(
                    "the machine stopped answering for {}\n{}",
                    self.name,
                    self.tail()
                )
            }
        }
    }

    /// Waits until a line contains `text` and returns that line.
    ///
    /// # Errors
    /// When the program ends or `patience` (in all) runs out first.
    pub fn wait_for(&mut self, text: &str, patience: Duration) -> Result<Line> {
        if let Some(line) = self.seen.iter().find(|line| line.text.contains(text)) {
            return Ok(line.clone());
        }
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self
                .next_line(left)
                .with_context(|| format!("wait for «{text}»"))?
            {
                Some(line) if line.text.contains(text) => return Ok(line),
                Some(_) => {}
                None => bail!(
                    "{} ended before it said «{text}»\n{}",
                    self.name,
                    self.tail()
                ),
            }
        }
    }

    /// Waits for the end and returns the exit code, or 128 plus the signal that killed it.
    ///
    /// # Errors
    /// When `patience` (in all) runs out first.
    pub fn wait(&mut self, patience: Duration) -> Result<i32> {
        let end = Instant::now() + patience;
        while self
            .next_line(end.saturating_duration_since(Instant::now()))?
            .is_some()
        {}
        self.exit
            .with_context(|| format!("{} has no exit code", self.name))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&mut self, signal: rustix::process::Signal) -> Result<()> {
        match &mut self.control {
            Control::Local => {
                let pid = rustix::process::Pid::from_raw(self.pid).context("no process number")?;
                rustix::process::kill_process(pid, signal)?;
            }
            Control::Remote(stream) => {
                stream.write_all(&[u8::try_from(signal.as_raw())?])?;
            }
        }
        Ok(())
    }

    /// The last lines, for a message.
    #[must_use]
    pub fn tail(&self) -> String {
        let from = self.seen.len().saturating_sub(12);
        self.seen[from..]
            .iter()
            .map(|line| format!("  | {}\n", line.text))
            .collect()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.exit.is_none() {
            let _ = self.signal(rustix::process::Signal::KILL);
        }
        if let Control::Remote(stream) = &self.control {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn follow(
    source: impl Read + Send + 'static,
    stream: Stream,
    sender: Sender<Event>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut lines = Lines::default();
        let mut source = BufReader::new(source);
        while let Ok(bytes) = source.fill_buf() {
            if bytes.is_empty() {
                break;
            }
            let count = bytes.len();
            lines.feed(bytes, stream, &sender);
            source.consume(count);
        }
        lines.finish(stream, &sender);
    })
}

fn follow_frames(mut reader: BufReader<TcpStream>, sender: &Sender<Event>) {
    let (mut out, mut err) = (Lines::default(), Lines::default());
    while let Ok(frame) = Frame::read(&mut reader) {
        match frame {
            Frame::Stdout(bytes) => out.feed(&bytes, Stream::Stdout, sender),
            Frame::Stderr(bytes) => err.feed(&bytes, Stream::Stderr, sender),
            Frame::Exit(code) => {
                out.finish(Stream::Stdout, sender);
                err.finish(Stream::Stderr, sender);
                let _ = sender.send(Event::Exit(code));
                return;
            }
        }
    }
}

/// Cuts bytes into lines.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8], stream: Stream, sender: &Sender<Event>) {
        for &byte in bytes {
            match byte {
                b'\n' => self.finish(stream, sender),
                b'\r' => {}
                _ => self.partial.push(byte),
            }
        }
    }

    fn finish(&mut self, stream: Stream, sender: &Sender<Event>) {
        if !self.partial.is_empty() {
            let text = String::from_utf8_lossy(&self.partial).into_owned();
            self.partial.clear();
            let _ = sender.send(Event::Line(Line { stream, text }));
        }
    }
}
