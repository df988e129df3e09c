//! The server under its own confinement, looked at from outside: which calls it makes, and what the kernel says of it.

mod tls_wire;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Place, SECRET, success};
use attestation_audit::Conclusion;
use policies_jail::Exit;
use policies_jail::observe::{Observed, Observer};
use policies_profiles::{Program, Reach};
use tests_postgres::{Server as Database, Wire};
use tls_wire::TlsWire;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server under a tracer that it does not know of.
struct Traced {
    observer: Observer,
    pid: u32,
    url: String,
}

impl Traced {
    fn start(place: &Place) -> Self {
        let ready = place.path("ready");
        // It begins when it is traced: of threads that were made before, nothing would be seen.
        let mut child = Command::new("sh")
            .args(["-c", "read -r begin && exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_cloister-verifier"))
            .args(place.serve_args())
            .args(["--ready-file", &ready])
            .stdin(Stdio::piped())
            .stderr(Stdio::from(File::create(place.path("journal")).unwrap()))
            .spawn()
            .unwrap();
        let pid = child.id();
        let mut begin = child.stdin.take().unwrap();
        let observer = Observer::attach_to(child).unwrap();
        begin.write_all(b"begin\n").unwrap();
        let start = Instant::now();
        let address = loop {
            match fs::read_to_string(&ready) {
                Ok(text) => break text,
                Err(_) => assert!(start.elapsed() < PATIENCE, "it does not come up"),
            }
            sleep(Duration::from_millis(10));
        };
        Self {
            observer,
            pid,
            url: format!("https://{}", address.trim_end()),
        }
    }

    /// SIGTERM, and what it did since its filter was installed.
    fn stop(self, place: &Place) -> Observed {
        let pid = self.pid.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let observed = self.observer.finish().unwrap();
        let since = observed.since_filter().expect("it installs a filter");
        let last = since.describe();
        let last = &last[last.len().saturating_sub(20)..];
        let journal = fs::read_to_string(place.path("journal")).unwrap();
        assert_eq!(observed.exit, Exit::Code(0), "{last:#?}\n{journal}");
        since
    }
}

/// All that a verifier does: documents and a secret come in, guests attest and are refused, a secret goes out, the log is
/// exported beside it.
fn whole_life(place: &Place, url: &str) {
    place.furnish(url);
    // The ring of keys is read anew, for readiness and because somebody changed it.
    success(&["key", "rotate", "--data-dir", &place.path("data")]);
    place.furnish(url);
    assert_eq!(place.ready(url).status, 200);
    many_guests(place, url);
    assert_eq!(place.audit("bundle").verdict, Conclusion::Agrees);
}

/// More at once than are kept threads and connections for.
fn many_guests(place: &Place, url: &str) {
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let (secret, _) = place.guest(url).fetch(&place.pins);
                assert_eq!(secret, SECRET);
            });
        }
    });
}

/// What the kernel says of a thread, by the names of proc(5).
fn state_of(thread: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(thread.join("status")).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once(":\t"));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn every_thread_of_the_server_is_under_both_filters_and_can_gain_nothing() {
    let place = Place::new();
    let server = Traced::start(&place);
    whole_life(&place, &server.url);

    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid)).unwrap();
    let tasks: Vec<_> = tasks.map(|task| task.unwrap().path()).collect();

    assert!(tasks.len() > 2, "{tasks:?}");
    for task in tasks {
        let state = state_of(&task);
        let found = ["NoNewPrivs", "Seccomp", "Seccomp_filters"].map(|name| state[name].as_str());
        assert_eq!(found, ["1", "2", "2"], "{}", state["Name"]);
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid)).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().skip(4).take(2).collect();
    assert_eq!(core, ["0", "0"]);
    let journal = fs::read_to_string(place.path("journal")).unwrap();
    assert!(
        journal.contains("\"event\":\"confined\",\"profile\":\"verifier-file\""),
        "{journal}"
    );
    server.stop(&place);
}

/// Another process holds the store, and guests wait for it, at once.
fn many_guests_who_wait(place: &Place, url: &str) {
    let other = rusqlite::Connection::open(place.path("data/store.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| many_guests(place, url));
        sleep(Duration::from_millis(1000));
        other.execute_batch("ROLLBACK").unwrap();
    });
}

/// Rules that allow what is not seen here, by their calls, and why they are there.
type Unseen = [(&'static str, usize, &'static str)];

/// Of every verifier.
const UNSEEN: &Unseen = &[
    ("renameat", 1, "only where a piece of collateral comes"),
    ("flock", 1, "likewise"),
    ("getcwd", 1, "only at a panic"),
    ("readlink", 1, "likewise"),
    (
        "clock_gettime",
        1,
        "only where the kernel's own page has no time",
    ),
    (
        "restart_syscall",
        1,
        "only after the process was stopped in a wait",
    ),
];

/// Rules that were seen to allow nothing are among those expected, so many of each call: which thread comes first decides of
/// some.
#[track_caller]
fn assert_unused(observed: &Observed, reach: Reach, expected: &[&Unseen]) {
    let profile = Program::Verifier(reach).profile();
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for (call, count, why) in expected.iter().flat_map(|list| list.iter()) {
        assert!(!why.is_empty(), "{call}");
        left.insert(call, *count);
    }
    let unexpected = observed.unused(&profile).into_iter().filter(|rule| {
        let left = left.entry(rule.name()).or_default();
        let is_unexpected = *left == 0;
        *left = left.saturating_sub(1);
        is_unexpected
    });
    let unexpected = unexpected.map(|rule| format!("{}: {}", rule.name(), rule.reason()));
    assert_eq!(unexpected.collect::<Vec<_>>(), [""; 0]);
}

/// Of a verifier that is a client: kinds of connection that another test's verifier has, or none yet.
const CLIENT: &Unseen = &[
    (
        "fsync",
        1,
        "of a store in a file, and of collateral that comes",
    ),
    ("clock_nanosleep", 1, "of SQLite, and of the tests' pauses"),
    ("mremap", 1, "only where a large buffer grows"),
    (
        "poll",
        1,
        "of HTTPS to vendors, and of a name that is asked over the network",
    ),
];

#[test]
fn verifier_on_a_file_uses_every_call_that_it_may_make() {
    const UNSEEN_HERE: &Unseen = &[
        (
            "read",
            1,
            "of /dev/urandom and of others' certificates; an event descriptor that overflows",
        ),
        ("lseek", 1, "of files that the C library reads"),
        (
            "statx",
            1,
            "of certificates that are read, and of the tests' pauses",
        ),
        ("mremap", 1, "only where a large buffer grows"),
        (
            "fcntl",
            1,
            "F_GETLK: only beside another process that writes",
        ),
        (
            "mmap",
            1,
            "shared: only once the index of a long log of writes grows",
        ),
    ];
    let place = Place::new();
    let server = Traced::start(&place);
    whole_life(&place, &server.url);
    for _ in 0..2 {
        many_guests_who_wait(&place, &server.url);
    }

    let observed = server.stop(&place);

    let reach = Reach {
        file: true,
        ..Reach::default()
    };
    assert_unused(&observed, reach, &[UNSEEN, UNSEEN_HERE]);
}

/// Rules for who is reached otherwise than in the test at hand.
const DATABASE: Reach = Reach {
    file: false,
    database: true,
    fetch: false,
    names: false,
    token: false,
};

#[test]
fn verifier_on_a_database_survives_a_cut_and_uses_what_it_may() {
    const UNSEEN_HERE: &Unseen = &[
        (
            "socket",
            4,
            "a database on a Unix socket, or over IPv6; HTTPS to vendors",
        ),
        (
            "openat",
            1,
            "of certificates: there is no TLS to a loopback address",
        ),
        ("statx", 1, "likewise"),
        ("lseek", 1, "likewise"),
        ("read", 1, "likewise"),
        ("newfstatat", 1, "of the resolver's files"),
    ];
    let Some(database) = Database::start() else {
        return;
    };
    let wire = Wire::to(&database.socket());
    let place = Place::on(&["--database", &wire.url()]);
    let server = Traced::start(&place);
    whole_life(&place, &server.url);
    wire.cut();
    wire.mend();
    comes_back(&place, &server.url);

    let observed = server.stop(&place);

    assert_unused(&observed, DATABASE, &[UNSEEN, CLIENT, UNSEEN_HERE]);
}

#[test]
fn verifier_on_a_database_by_name_and_tls_survives_a_cut_and_uses_what_it_may() {
    const UNSEEN_HERE: &Unseen = &[
        (
            "socket",
            9,
            "IPv6; HTTPS to vendors; a name that is asked over the network",
        ),
        ("bind", 1, "a name with addresses of both kinds"),
        ("getsockname", 1, "likewise"),
        ("sendto", 1, "likewise: the question to the kernel"),
        ("recvmsg", 1, "likewise"),
        ("sendmmsg", 1, "a name that is asked over the network"),
        ("ioctl", 1, "likewise"),
        ("setsockopt", 2, "likewise"),
        (
            "uname",
            1,
            "the own name, where resolv.conf says nothing of a domain",
        ),
    ];
    let Some(database) = Database::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    let wire = TlsWire::to(&database.socket(), &roots);
    let place = Place::on(&["--database", &wire.url(&roots)]);
    let server = Traced::start(&place);
    whole_life(&place, &server.url);
    wire.cut();
    comes_back(&place, &server.url);

    let observed = server.stop(&place);

    let reach = Reach {
        names: true,
        ..DATABASE
    };
    assert_unused(&observed, reach, &[UNSEEN, CLIENT, UNSEEN_HERE]);
}

/// What was under way when it was cut may fail; then it goes on.
fn comes_back(place: &Place, url: &str) {
    let start = Instant::now();
    loop {
        let guest = place.guest(url);
        if guest.attest(&guest.auth()).status == 200 {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "it does not come back");
        sleep(Duration::from_millis(100));
    }
}
