//! Starts the lab's machine and talks to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab_init::protocol::{self, Answer, Process, Request, read_line, write_line};

use crate::job::Job;

/// How long the machine may take to come up; a loaded host takes far longer than an idle one's 4 s.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running lab. Dropped, its machine is gone.
#[derive(Debug)]
pub struct Lab {
    qemu: Child,
    port: u16,
    console: PathBuf,
}

impl Lab {
    /// Boots `kernel` (an uncompressed vmlinux) with `initramfs`, both as files, and waits until it
    /// serves. Its console goes to `console`.
    ///
    /// # Errors
    /// When QEMU cannot start, or the machine does not come up: the console's path is in the message.
    pub fn boot(kernel: &Path, initramfs: &Path, console: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut qemu = command(kernel, initramfs, port)
            .spawn()
            .context("start qemu-system-x86_64 (apt-get install qemu-system-x86)")?;
        let stdout = qemu.stdout.take().context("the console is piped")?;
        let log = File::create(console).with_context(|| format!("write {}", console.display()))?;
        let lab = Self {
            qemu,
            port,
            console: console.to_owned(),
        };
        lab.wait_until_ready(stdout, log)?;
        Ok(lab)
    }

    fn wait_until_ready(&self, stdout: ChildStdout, mut log: File) -> Result<()> {
        let (sender, ready) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let _ = log.write_all(&line).and_then(|()| log.write_all(b"\n"));
                if line.starts_with(b"lab: ready") {
                    let _ = sender.send(());
                }
            }
        });
        ready.recv_timeout(PATIENCE).with_context(|| {
            format!(
                "the lab's machine did not come up; its console: {}",
                self.console.display()
            )
        })
    }

    /// Writes a file inside.
    ///
    /// # Errors
    /// What failed, on which file.
    pub fn put(&self, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let size = u64::try_from(content.len())?;
        let mut reader = self.ask(
            &Request::Put {
                path: path.to_owned(),
                size,
                mode,
            },
            content,
        )?;
        expect_done(&mut reader).with_context(|| format!("put {path} into the lab"))
    }

    /// Reads a file inside.
    ///
    /// # Errors
    /// What failed, on which file.
    pub fn get(&self, path: &str) -> Result<Vec<u8>> {
        let mut reader = self.ask(
            &Request::Get {
                path: path.to_owned(),
            },
            &[],
        )?;
        match read_line(&mut reader)? {
            Answer::File { size } => {
                let mut content = Vec::new();
                reader.take(size).read_to_end(&mut content)?;
                Ok(content)
            }
            other => unexpected(other),
        }
    }

    /// Starts a program inside.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, name: &str, argv: &[&str], env: &BTreeMap<String, String>) -> Result<Job> {
        let argv = argv.iter().map(|&word| word.to_owned()).collect();
        let mut reader = self.ask(
            &Request::Run {
                argv,
                env: env.clone(),
            },
            &[],
        )?;
        match read_line(&mut reader)? {
            Answer::Started { pid } => Job::remote(name, pid, reader),
            other => unexpected(other).with_context(|| format!("start {name} in the lab")),
        }
    }

    /// The names in a folder inside; none where there is no such folder.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn list(&self, path: &str) -> Result<Vec<String>> {
        let mut reader = self.ask(
            &Request::List {
                path: path.to_owned(),
            },
            &[],
        )?;
        match read_line(&mut reader)? {
            Answer::Names { names } => Ok(names),
            other => unexpected(other),
        }
    }

    /// Every process inside.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn processes(&self) -> Result<Vec<Process>> {
        let mut reader = self.ask(&Request::Processes, &[])?;
        match read_line(&mut reader)? {
            Answer::Processes { processes } => Ok(processes),
            other => unexpected(other),
        }
    }

    /// Signals a process inside.
    ///
    /// # Errors
    /// When there is none.
    pub fn signal(&self, pid: i32, signal: i32) -> Result<()> {
        expect_done(&mut self.ask(&Request::Signal { pid, signal }, &[])?)
    }

    fn ask(&self, request: &Request, content: &[u8]) -> Result<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .with_context(|| format!("reach the lab; its console: {}", self.console.display()))?;
        stream.set_nodelay(true)?;
        write_line(&mut stream, request)?;
        stream.write_all(content)?;
        Ok(BufReader::new(stream))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// What the machine is made of, whatever it boots.
///
/// One CPU: QEMU's emulated CPUs do not see each other's patched code in time, and Linux patches itself
/// whenever a VM comes or goes (docs/decisions/0001).
const MACHINE: &str = "-machine q35 -accel tcg -cpu max,+svm -smp 1 -m 3G -nodefaults -no-user-config \
    -display none -no-reboot -serial stdio -device virtio-net-pci,netdev=net,romfile=";

/// The timer ticks by itself instead of being set for each event (docs/decisions/0012).
const KERNEL: &str =
    "console=ttyS0 quiet mitigations=off tsc=reliable panic=-1 nohz=off highres=off";

/// `setpriv` ties the emulator's life to this process's, even when this one is killed.
fn command(kernel: &Path, initramfs: &Path, port: u16) -> Command {
    let network = format!(
        "user,id=net,hostfwd=tcp:127.0.0.1:{port}-:{}",
        protocol::PORT
    );
    let mut command = Command::new("setpriv");
    command
        .args([
            "--pdeathsig",
            "KILL",
            "--",
            "qemu-system-x86_64",
            "-netdev",
            &network,
        ])
        .args(MACHINE.split_whitespace())
        .args(["-append", KERNEL])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initramfs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

fn free_port() -> Result<u16> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(probe.local_addr()?.port())
}

fn expect_done(reader: &mut impl BufRead) -> Result<()> {
    match read_line(reader)? {
        Answer::Done => Ok(()),
        other => unexpected(other),
    }
}

fn unexpected<T>(answer: Answer) -> Result<T> {
    match answer {
        Answer::Failed { why } => bail!("{why}"),
        other => bail!("the lab gave an answer to another question: {other:?}"),
    }
}
