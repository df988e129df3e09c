//! The process: how it ends, and who can look into it.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::Place;
use attestation_audit::Conclusion;
use attestation_pinned_http::{HttpClient, Request, TlsStream};
use attestation_service::test_support::connect;

/// Nobody.
const OTHER_USER: u32 = 65_534;

/// A client that asks, and reads no answer, until the server takes no more.
fn deaf_client(place: &Place, url: &str) -> TlsStream<TcpStream> {
    let mut stream = connect(url, &place.pins);
    let patience = Some(Duration::from_millis(200));
    stream.sock.set_write_timeout(patience).unwrap();
    let ask = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    while stream.write_all(&ask).is_ok() {}
    stream
}

#[test]
fn stop_waits_neither_for_clients_that_do_not_read_nor_for_a_long_appraisal() {
    let place = Place::new();
    let pause = place.path("pause");
    let fault = format!("pause-in-appraisal={pause}");
    let server = place.serve_with(&["--fault", &fault]);
    place.furnish(&server.url);
    std::fs::write(&pause, "").unwrap();
    let url = server.url.clone();

    std::thread::scope(|scope| {
        // Its connection breaks.
        scope.spawn(|| {
            let guest = place.guest(&url);
            let attempt = || guest.attest(&guest.auth());
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(attempt)).ok()
        });
        server.wait_for_line("paused-by-test-fault");
        let _deaf: Vec<_> = (0..3).map(|_| deaf_client(&place, &url)).collect();

        let start = Instant::now();
        assert_eq!(server.signal("TERM"), Some(0));
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            start.elapsed()
        );
    });

    assert_eq!(place.audit("bundle").verdict, Conclusion::Agrees);
}

#[test]
fn operators_log_that_nobody_reads_holds_nothing_up() {
    let place = Place::new();
    // One client asks more often than any may.
    let limits = "[limits]\nclient_requests_at_once = 10000\n";
    std::fs::write(place.path("data/verifier.toml"), limits).unwrap();
    let ready = place.path("ready");
    let mut child = Command::new(env!("CARGO_BIN_EXE_cloister-verifier"))
        .args(place.serve_args())
        .args(["--ready-file", &ready])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = || std::fs::read_to_string(&ready).unwrap_or_default();
    wait_until("it listens", || !address().is_empty());
    let stream = connect(&format!("https://{}", address().trim_end()), &place.pins);
    stream
        .sock
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let http = HttpClient::over(stream, &place.pins.server_name);
    let ask = |path| {
        let request = Request {
            method: "GET",
            path,
            ..Request::default()
        };
        http.send(&request).unwrap().status
    };

    // Each is worth a line; a pipe holds 64 KiB.
    for _ in 0..2000 {
        assert_eq!(ask("/v1/audit/entries/0"), 401);
    }

    assert_eq!(ask("/livez"), 200);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn memory_is_neither_dumped_nor_open_to_processes_of_the_same_user() {
    let place = Place::new();
    // As root, who may look into every process, the test has to be somebody else to see it.
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let program = place.path("program");
    std::fs::copy(env!("CARGO_BIN_EXE_cloister-verifier"), &program).unwrap();
    let mut command = Command::new(program);
    if is_root {
        hand_over(place.dir.path());
        command.uid(OTHER_USER);
    }
    let mut child = command
        .args(["put", "secret", "a/b/c", "-", "--reference", "demo"])
        .args(["--data-dir", &place.path("data")])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let process = format!("/proc/{}", child.id());

    wait_until("core dumps are off", || {
        let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        core.unwrap()
            .split_whitespace()
            .skip(4)
            .take(2)
            .eq(["0", "0"])
    });
    // What may be dumped belongs to the process's user (proc(5)); everything else to root.
    wait_until("its memory is root's", || {
        std::fs::metadata(format!("{process}/mem")).unwrap().uid() == 0
    });

    drop(child.stdin.take());
    child.wait().unwrap();
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "not so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn hand_over(folder: &Path) {
    chown(folder, Some(OTHER_USER), None).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            hand_over(&path);
        } else {
            chown(&path, Some(OTHER_USER), None).unwrap();
        }
    }
}
