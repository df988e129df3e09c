//! A real PostgreSQL server for a test.
//!
//! Debian's package, in a temporary folder, reached by a socket in that folder: no other server is touched, and no port is
//! taken. It syncs its commits as it would for a bank. A [`Wire`] stands between a client and the server, and can be cut.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod wire;

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

pub use wire::Wire;

/// Where Debian keeps the programs of each major version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// A server that does not come up within this does not at all.
const PATIENCE: Duration = Duration::from_secs(30);
/// The user under which a server runs where the test is root's: it refuses to be root's.
const USER: &str = "postgres";

/// A running server. It ends when this is dropped.
pub struct Server {
    folder: TempDir,
    programs: PathBuf,
    running: Option<Child>,
    settings: Vec<String>,
}

impl Server {
    /// Starts a server, or prints why this test is skipped.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same, with settings such as `fsync=off`.
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: there is no PostgreSQL in {VERSIONS}");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self {
            folder,
            programs,
            running: None,
            settings: settings.iter().map(ToString::to_string).collect(),
        };
        server.own(server.folder.path());
        server.make();
        server.resume();
        Some(server)
    }

    /// The URL of its database, for its superuser.
    pub fn url(&self) -> String {
        let socket = self.folder.path().display().to_string();
        format!(
            "postgres://postgres@{}/postgres",
            socket.replace('/', "%2F")
        )
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// Runs statements as its superuser, and answers what psql prints.
    pub fn sql(&self, statements: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args([
                "--set",
                "ON_ERROR_STOP=1",
                "--username",
                "postgres",
                "--host",
            ])
            .arg(self.folder.path())
            .args(["--dbname", "postgres", "--command", statements])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Writes what `pg_dump` makes of the database to `file`.
    pub fn dump(&self, file: &Path) {
        self.tool("pg_dump", |command| {
            command.args(["--format=custom", "--file"]).arg(file);
        });
    }

    /// Puts the database back to what `pg_dump` wrote.
    pub fn restore(&self, file: &Path) {
        self.tool("pg_restore", |command| {
            command
                .args(["--clean", "--if-exists", "--single-transaction"])
                .args(["--dbname", "postgres"])
                .arg(file);
        });
    }

    /// Kills the server, as if its machine lost its power, and waits until all of its processes are gone.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
        // Its children notice that it is gone, one after the other; the last one leaves the socket to nobody.
        let deadline = Instant::now() + PATIENCE;
        while self.answers() {
            assert!(Instant::now() < deadline, "it still answers");
            sleep(Duration::from_millis(10));
        }
    }

    /// Starts it again where it was left, and waits until it answers.
    pub fn resume(&mut self) {
        let data = self.data();
        // What a killed server leaves says which processes to look for. They are gone.
        let deadline = Instant::now() + PATIENCE;
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses="])
            .arg("-c")
            .arg(format!(
                "unix_socket_directories={}",
                self.folder.path().display()
            ))
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        self.running = Some(child);
        while !self.answers() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let ended = self.running.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the server does not come up: {}",
                log()
            );
            sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        let ready = Command::new(self.programs.join("pg_isready"))
            .arg("--host")
            .arg(self.folder.path())
            .args(["--username", "postgres", "--quiet"])
            .status();
        ready.unwrap().success()
    }

    fn tool(&self, name: &str, arguments: impl FnOnce(&mut Command)) {
        let mut command = Command::new(self.programs.join(name));
        command
            .args(["--username", "postgres", "--host"])
            .arg(self.folder.path());
        arguments(&mut command);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {error}");
    }

    fn make(&self) {
        let made = self
            .command("initdb")
            .args(["--username", "postgres", "--auth", "trust", "--no-locale"])
            .args(["--encoding", "UTF8", "--no-sync", "--pgdata"])
            .arg(self.data())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {error}");
    }

    /// It ends with the thread that starts it, however that ends: a test that is killed leaves no server behind.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        command.arg(self.programs.join(program));
        command.current_dir(self.folder.path());
        if let Some((user, group)) = substitute() {
            command.uid(user).gid(group);
        }
        command
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = substitute() {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.running.take() else {
            return;
        };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = kill_process(pid, signal);
        }
        let _ = child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // "Immediate shutdown": it ends its children and does not wait for clients.
        self.end(Signal::QUIT);
    }
}

/// The programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    programs.filter(|bin| bin.join("postgres").exists()).max()
}

/// Whose the server is where the test is root's.
fn substitute() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&USER))
        .expect("Debian's package of PostgreSQL makes the user postgres");
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}
