//! The keys of secrets as an operator meets them: in the ring's file, under a credential from elsewhere, in a token of
//! SoftHSM 2; and what is left of a server whose token's process is gone. All of it confined.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Place, SECRET, failure, success};
use attestation_audit::Conclusion;
use attestation_service::test_support::{RESOURCE, expect_error};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "246813";

/// A token of SoftHSM, in a directory of its own.
struct SoftHsm {
    dir: tempfile::TempDir,
}

impl SoftHsm {
    /// None, and says so, where there is no SoftHSM or nobody built `cloister-token`.
    fn new() -> Option<Self> {
        let token =
            Path::new(env!("CARGO_BIN_EXE_cloister-verifier")).with_file_name("cloister-token");
        for needed in [
            Path::new(MODULE),
            Path::new("/usr/bin/softhsm2-util"),
            &token,
        ] {
            if !needed.exists() {
                println!("skipped: there is no {}", needed.display());
                return None;
            }
        }
        let hsm = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(hsm.path("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}\n", hsm.path("tokens"));
        fs::write(hsm.path("conf"), conf).unwrap();
        private(&hsm.path("pin"), format!("{PIN}\n").as_bytes());
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", "cloister"])
            .args(["--so-pin", "135790", "--pin", PIN])
            .env("SOFTHSM2_CONF", hsm.path("conf"))
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        Some(hsm)
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// A verifier with its keys here.
    fn place(&self) -> Place {
        let (pin, conf) = (self.path("pin"), self.path("conf"));
        let environment = format!("SOFTHSM2_CONF={conf}");
        Place::on(&[
            "--pkcs11-module",
            MODULE,
            "--token",
            "cloister",
            "--pin-file",
            &pin,
            "--pkcs11-env",
            &environment,
        ])
    }
}

fn private(path: &str, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// What `cloister-verifier key` prints.
fn key(place: &Place, words: &[&str]) -> serde_json::Value {
    let data = place.path("data");
    let more = ["--data-dir", &data, "-o", "json"];
    let words = [&["key"], words, more.as_slice()].concat();
    serde_json::from_str(&success(&words)).unwrap()
}

#[track_caller]
fn assert_releases(place: &Place, url: &str) {
    let (secret, _) = place.guest(url).fetch(&place.pins);
    assert_eq!(secret, SECRET);
}

/// The one process that this one started.
fn child_of(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().unwrap()
}

#[test]
fn verifier_with_its_keys_in_a_token_releases_nothing_once_the_tokens_process_is_gone() {
    let Some(hsm) = SoftHsm::new() else { return };
    let place = hsm.place();
    let server = place.serve();
    place.furnish(&server.url);
    assert_releases(&place, &server.url);
    assert_eq!(place.ready(&server.url).status, 200);

    let child = child_of(server.id()).to_string();
    assert!(
        Command::new("kill")
            .args(["-KILL", &child])
            .status()
            .unwrap()
            .success()
    );

    let guest = place.guest(&server.url);
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    let start = Instant::now();
    // Readiness is looked at once a second.
    while place.ready(&server.url).status == 200 {
        assert!(start.elapsed() < Duration::from_secs(10), "it stays ready");
        std::thread::sleep(Duration::from_millis(100));
    }
    expect_error(&place.ready(&server.url), 503, "KeysUnavailable");
    for _ in 0..3 {
        let refused = guest.resource(&opened.cookie, RESOURCE);
        expect_error(&refused, 503, "KeysUnavailable");
        assert!(!String::from_utf8_lossy(&refused.body).contains(PIN));
    }
    // The first line says what happened, those after it that it stays so.
    let line = server.wait_for_line("restart cloister-verifier");
    assert!(line.contains("keys-unavailable"), "{line}");
    assert!(!line.contains(PIN), "{line}");
    assert_eq!(server.signal("TERM"), Some(0), "the filter did not kill it");
    let server = place.serve();
    assert_releases(&place, &server.url);
    assert_eq!(place.audit("bundle").verdict, Conclusion::Agrees);
}

#[test]
fn keys_in_a_token_go_through_their_lives_beside_the_server() {
    let Some(hsm) = SoftHsm::new() else { return };
    let place = hsm.place();
    let server = place.serve();
    place.furnish(&server.url);
    let first = key(&place, &["list"])[0]["key"]
        .as_str()
        .unwrap()
        .to_owned();

    key(&place, &["rotate"]);
    assert_releases(&place, &server.url);
    assert_eq!(key(&place, &["rewrap"])["secrets"], 1);
    key(&place, &["destroy", &first]);
    assert_releases(&place, &server.url);
    place.furnish(&server.url);
    assert_releases(&place, &server.url);

    let list = key(&place, &["list"]);
    assert_eq!(
        (&list[0]["state"], &list[1]["state"], &list[1]["home"]),
        (&"destroyed".into(), &"active".into(), &"token".into())
    );
    assert_eq!(server.signal("TERM"), Some(0));
    assert_eq!(place.audit("bundle").verdict, Conclusion::Agrees);
}

#[test]
fn server_without_its_token_does_not_start_and_tries_no_pin_twice() {
    let Some(hsm) = SoftHsm::new() else { return };
    let place = hsm.place();
    private(&hsm.path("pin"), b"999999\n");
    let serve = place.serve_args();
    let serve: Vec<&str> = serve.iter().map(String::as_str).collect();

    let error = failure(1, &serve);

    assert!(error.contains("the token refused the PIN"), "{error}");
    assert!(!error.contains("999999"), "{error}");
    private(&hsm.path("pin"), format!("{PIN}\n").as_bytes());
    let error = failure(1, &serve);
    assert!(error.contains("cloister-token check"), "{error}");
}

#[test]
fn credential_from_elsewhere_opens_the_ring_and_no_other_does() {
    let folder = tempfile::tempdir().unwrap();
    let credential = folder
        .path()
        .join("credential")
        .to_str()
        .unwrap()
        .to_owned();
    private(&credential, &[9; 32]);
    let place = Place::on(&["--unseal-credential", &credential]);
    assert!(!fs::exists(place.path("data/unseal")).unwrap());
    let server = place.serve();
    place.furnish(&server.url);
    assert_releases(&place, &server.url);
    assert_eq!(server.signal("TERM"), Some(0));

    private(&credential, &[8; 32]);

    let serve = place.serve_args();
    let serve: Vec<&str> = serve.iter().map(String::as_str).collect();
    let error = failure(1, &serve);
    assert!(
        error.contains("the unseal credential is another one"),
        "{error}"
    );
    let error = failure(1, &["key", "list", "--data-dir", &place.path("data")]);
    assert!(
        error.contains("the unseal credential is another one"),
        "{error}"
    );
}

#[test]
fn command_that_is_killed_at_any_step_is_finished_or_undone_by_the_next() {
    let place = Place::new();
    let server = place.serve();
    place.furnish(&server.url);
    for (fault, said, keys) in [
        ("pause-before-key-entry", "undid a step", 1),
        ("pause-after-key-entry", "finished a step", 2),
    ] {
        let hold = place.path("hold");
        fs::write(&hold, "").unwrap();
        let size = fs::metadata(place.path("data/keyring")).unwrap().len();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-verifier"))
            .args(["key", "rotate", "--data-dir", &place.path("data")])
            .args(["--fault", &format!("{fault}={hold}")])
            .spawn()
            .unwrap();
        let start = Instant::now();
        while fs::metadata(place.path("data/keyring")).unwrap().len() == size {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "nothing is prepared"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        // Long enough to come to the pause: that it does is what is said then.
        std::thread::sleep(Duration::from_secs(1));
        command.kill().unwrap();
        command.wait().unwrap();

        let output = crate::support::run(&["key", "list", "--data-dir", &place.path("data")]);

        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(said), "{told}");
        let listed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(listed.lines().count(), keys, "{listed}");
        assert_releases(&place, &server.url);
        place.furnish(&server.url);
    }
    assert_eq!(place.audit("bundle").verdict, Conclusion::Agrees);
}
