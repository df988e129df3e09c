//! Answers the requests of [`crate::protocol`].

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};

use crate::protocol::{Answer, Frame, Process, Request, read_line, write_line};

/// Serves every connection on a thread of its own, for ever.
///
/// # Errors
/// When the listener itself fails.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || {
            if let Err(error) = serve_one(&stream) {
                let why = format!("{error:#}");
                // The client may be gone; there is nobody else to tell.
                let _ = write_line(&mut &stream, &Answer::Failed { why });
            }
        });
    }
}

fn serve_one(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let request = read_line(&mut reader).context("read the request")?;
    let answer = match request {
        Request::Put { path, size, mode } => put(&mut reader, Path::new(&path), size, mode)
            .with_context(|| format!("write {path}"))
            .map(|()| Answer::Done)?,
        Request::Get { path } => {
            return get(stream, Path::new(&path)).with_context(|| format!("read {path}"));
        }
        Request::Run { argv, env } => {
            let (program, arguments) = argv.split_first().context("an empty command")?;
            let child = Command::new(program)
                .args(arguments)
                .env_clear()
                .envs(env)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .with_context(|| format!("start {program}"))?;
            return relay(stream, reader, child);
        }
        Request::List { path } => Answer::Names {
            names: names(Path::new(&path)),
        },
        Request::Processes => Answer::Processes {
            processes: processes()?,
        },
        Request::Signal { pid, signal } => {
            send_signal(pid, signal)?;
            Answer::Done
        }
        Request::PowerOff => {
            write_line(&mut &*stream, &Answer::Done)?;
            rustix::system::reboot(rustix::system::RebootCommand::PowerOff)?;
            return Ok(());
        }
    };
    Ok(write_line(&mut &*stream, &answer)?)
}

fn put(reader: &mut impl Read, path: &Path, size: u64, mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // A running program cannot be written over, but its name can be given to a new file.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    let copied = io::copy(&mut reader.take(size), &mut file)?;
    if copied == size {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn get(stream: &TcpStream, path: &Path) -> Result<()> {
    let content = fs::read(path)?;
    let size = u64::try_from(content.len())?;
    write_line(&mut &*stream, &Answer::File { size })?;
    Ok((&*stream).write_all(&content)?)
}

/// Streams a program's output until it ends.
fn relay(stream: &TcpStream, signals: BufReader<&TcpStream>, mut child: Child) -> Result<()> {
    let writer = Arc::new(Mutex::new(stream.try_clone()?));
    write_line(&mut &*stream, &Answer::Started { pid: child.id() })?;
    let stdout = child.stdout.take().context("standard output is piped")?;
    let stderr = child.stderr.take().context("standard error is piped")?;
    let pid = i32::try_from(child.id())?;
    let status = thread::scope(|scope| -> Result<ExitStatus> {
        let out = scope.spawn(|| pump(stdout, &writer, Frame::Stdout));
        let err = scope.spawn(|| pump(stderr, &writer, Frame::Stderr));
        scope.spawn(move || forward_signals(signals, pid));
        let status = child.wait()?;
        let _ = (out.join(), err.join());
        Frame::Exit(code(status)).write(&mut *lock(&writer)?)?;
        // Ends the thread that waits for signals.
        stream.shutdown(std::net::Shutdown::Both)?;
        Ok(status)
    });
    status.map(drop)
}

fn lock(writer: &Mutex<TcpStream>) -> Result<std::sync::MutexGuard<'_, TcpStream>> {
    writer
        .lock()
        .map_err(|_| anyhow!("a thread of this connection panicked"))
}

fn pump(mut source: impl Read, writer: &Mutex<TcpStream>, frame: fn(Vec<u8>) -> Frame) {
    let mut buffer = [0; 8192];
    while let Ok(count) = source.read(&mut buffer) {
        if count == 0 {
            return;
        }
        let Ok(mut writer) = lock(writer) else { return };
        if frame(buffer[..count].to_vec()).write(&mut *writer).is_err() {
            return;
        }
    }
}

/// Each byte is a signal; a hang-up is a kill.
fn forward_signals(mut signals: BufReader<&TcpStream>, pid: i32) {
    let mut signal = [0];
    while let Ok(1) = signals.read(&mut signal) {
        let _ = send_signal(pid, i32::from(signal[0]));
    }
    let _ = send_signal(pid, Signal::KILL.as_raw());
}

fn send_signal(pid: i32, signal: i32) -> Result<()> {
    let target = Pid::from_raw(pid).context("process number 0 names no process")?;
    let signal =
        Signal::from_named_raw(signal).with_context(|| format!("{signal} is no signal"))?;
    kill_process(target, signal).with_context(|| format!("signal process {pid}"))
}

/// As a shell gives it: the exit code, or 128 plus the signal.
#[must_use]
pub fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// The names in a folder, sorted; none where there is no such folder.
#[must_use]
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Reads the process table from /proc.
///
/// # Errors
/// When /proc cannot be listed.
pub fn processes() -> Result<Vec<Process>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").context("list /proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        all.extend(parse_stat(pid, &stat));
    }
    all.sort_by_key(|process: &Process| process.pid);
    Ok(all)
}

/// `pid (name) state parent …`, where the name may hold spaces and parentheses: proc(5).
fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    let (start, rest) = stat.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        state,
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_spaces_and_parentheses_in_the_name_is_read() {
        let process = parse_stat(7, "7 (a (b) c) S 3 7 7 0").unwrap();
        assert_eq!(
            (process.name.as_str(), process.state, process.parent),
            ("a (b) c", 'S', 3)
        );
    }

    #[test]
    fn process_list_contains_this_process() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(
            processes()
                .unwrap()
                .iter()
                .any(|process| process.pid == own)
        );
    }
}
