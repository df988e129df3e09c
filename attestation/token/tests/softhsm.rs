//! A keyring with its keys in a token: SoftHSM 2, through the process that has its module loaded.

mod support;

use std::process::{Command, Stdio};

use attestation_keyring::{
    Keyring, KeyringError, Operation, Sealed, TokenError, TokenName, TokenRefusal, Unavailable,
};
use support::{PIN, SoftHsm, step};

fn unavailable<T>(result: Result<T, KeyringError>) -> Unavailable {
    match result.err() {
        Some(KeyringError::Token(TokenError::Unavailable(why))) => why,
        other => panic!("{other:?}"),
    }
}

fn refusal<T>(result: Result<T, KeyringError>) -> TokenRefusal {
    match result.err() {
        Some(KeyringError::Token(TokenError::Refused { refusal, .. })) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn token_keyring_goes_through_a_whole_life() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let before = keyring.seal(b"the secret", b"for one").unwrap();
    let new = step(&keyring, Operation::Rotate);
    drop(keyring);

    let keyring = hsm.open().unwrap();
    assert_eq!(
        *keyring.open_sealed(&before, b"for one").unwrap(),
        b"the secret"
    );
    let after = keyring.rewrap(&before, b"for one").unwrap();
    assert_eq!(after.key(), new);
    assert_eq!(hsm.ids().len(), 3, "two, and the one of the ring's file");
    let destroy = Operation::Destroy {
        key: before.key(),
        still_wrapped: 0,
        with_secrets: false,
    };
    step(&keyring, destroy);

    assert!(matches!(
        keyring.open_sealed(&before, b"for one"),
        Err(KeyringError::Destroyed(_))
    ));
    assert_eq!(
        *keyring.open_sealed(&after, b"for one").unwrap(),
        b"the secret"
    );
    let left = hsm.ids();
    assert!(left.contains(&new.to_string()) && !left.contains(&before.key().to_string()));
}

#[test]
fn token_key_is_as_another_tool_sees_it() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let key = keyring.keys()[0].key;

    let id = key.to_string();
    let seen = hsm.pkcs11_tool(&["--list-objects", "--type", "secrkey", "--id", &id]);

    assert!(seen.contains("AES length 32"), "{seen}");
    assert!(seen.contains("verifier 1"), "{seen}");
    assert!(seen.contains("encrypt, decrypt\n"), "nothing else: {seen}");
    assert!(
        seen.contains("sensitive, always sensitive, never extractable, local"),
        "{seen}"
    );
}

#[test]
fn wrapped_key_changed_or_bound_elsewhere_is_refused_by_the_token() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let sealed = keyring.seal(b"the secret", b"for one").unwrap();
    let bytes = sealed.to_bytes();

    for place in (22..22 + 60).step_by(7) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let changed = Sealed::from_bytes(&changed).unwrap();
        assert!(
            matches!(keyring.open_sealed(&changed, b"for one"), Err(KeyringError::DoesNotOpen(key)) if key == sealed.key()),
            "byte {place}"
        );
    }
    assert!(matches!(
        keyring.open_sealed(&sealed, b"for two"),
        Err(KeyringError::DoesNotOpen(_))
    ));
    assert!(keyring.open_sealed(&sealed, b"for one").is_ok());
}

#[test]
fn wrong_pin_is_tried_once_whoever_starts_how_often() {
    let Some(hsm) = SoftHsm::new() else { return };
    let sealed = hsm.made().seal(b"x", b"").unwrap();
    hsm.set_pin("999999");

    let Unavailable::Pin(first) = unavailable(hsm.open()) else {
        panic!("the PIN is wrong")
    };
    assert_eq!(first, "PinIncorrect");
    // Even the right one is not tried by a program now, however often it is started.
    hsm.set_pin(PIN);
    for _ in 0..3 {
        let Unavailable::Pin(why) = unavailable(hsm.open()) else {
            panic!("it was tried")
        };
        assert_eq!(why, "a wrong one was given before: not tried");
    }
    let checked = hsm.check();
    assert!(checked.status.success(), "{checked:?}");
    let opened = hsm.open().unwrap().open_sealed(&sealed, b"").unwrap();
    assert_eq!(*opened, b"x");
}

#[test]
fn token_that_is_missing_is_unavailable() {
    let Some(hsm) = SoftHsm::new() else { return };
    drop(hsm.made());
    for name in [
        TokenName::Label("other".to_owned()),
        TokenName::Serial("0".to_owned()),
    ] {
        let mut config = hsm.config();
        config.token = name;
        let why = unavailable(hsm.open_by(config));
        assert_eq!(
            why,
            Unavailable::Lost("the module has no token of that name".to_owned())
        );
    }
}

#[test]
fn token_that_is_found_by_its_serial_opens() {
    let Some(hsm) = SoftHsm::new() else { return };
    let sealed = hsm.made().seal(b"x", b"").unwrap();
    let slots = hsm.list_slots();
    let serial = slots
        .lines()
        .find_map(|line| line.trim().strip_prefix("serial num"));
    let serial = serial.unwrap().trim_start_matches([' ', ':']).to_owned();
    let mut config = hsm.config();
    config.token = TokenName::Serial(serial);

    let keyring = hsm.open_by(config).unwrap();

    assert_eq!(*keyring.open_sealed(&sealed, b"").unwrap(), b"x");
}

#[test]
fn token_that_is_removed_meanwhile_releases_nothing() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let sealed = keyring.seal(b"x", b"").unwrap();
    std::fs::remove_dir_all(hsm.tokens()).unwrap();

    for result in [
        keyring.open_sealed(&sealed, b"").map(|_| ()),
        keyring.seal(b"y", b"").map(|_| ()),
    ] {
        // SoftHSM whose files are gone says that it has no such key; a device says that it is gone.
        assert!(matches!(result, Err(KeyringError::Token(_))), "{result:?}");
    }
}

#[test]
fn key_that_is_deleted_meanwhile_is_refused() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let sealed = keyring.seal(b"x", b"").unwrap();
    hsm.delete(sealed.key());

    assert_eq!(
        refusal(keyring.open_sealed(&sealed, b"")),
        TokenRefusal::NoSuchKey
    );
    assert_eq!(refusal(keyring.seal(b"y", b"")), TokenRefusal::NoSuchKey);
}

#[test]
fn key_that_is_not_fit_is_refused() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let sealed = keyring.seal(b"x", b"").unwrap();
    let key = sealed.key();
    let private = "--private";
    for (arguments, why) in [
        (
            ["AES:32", private, "--sensitive", "--extractable"].as_slice(),
            TokenRefusal::Extractable,
        ),
        (&["AES:32", private], TokenRefusal::Extractable),
        (&["AES:16", private, "--sensitive"], TokenRefusal::OtherKind),
        (&["AES:32", "--sensitive"], TokenRefusal::OtherKind),
        (
            &["GENERIC:32", private, "--sensitive"],
            TokenRefusal::OtherKind,
        ),
        (&["AES:32", private, "--sensitive"], TokenRefusal::OtherUse),
    ] {
        hsm.replace(key, &[&["--key-type"], arguments].concat());
        let told = String::from_utf8(hsm.check().stdout).unwrap();
        assert!(
            told.contains(&format!("{key} \"verifier 1\": not fit: {why}")),
            "{told}"
        );
        assert_eq!(refusal(keyring.seal(b"y", b"")), why, "{arguments:?}");
        assert_eq!(refusal(keyring.open_sealed(&sealed, b"")), why);
    }
    let second = ["--keygen", "--key-type", "AES:32", "--id", &key.to_string()];
    hsm.pkcs11_tool(&second);
    assert_eq!(refusal(keyring.seal(b"y", b"")), TokenRefusal::Ambiguous);
}

#[test]
fn key_that_was_brought_into_the_token_is_refused() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let key = keyring.keys()[0].key;
    hsm.delete(key);
    let file = hsm.dir.path().join("imported");
    std::fs::write(&file, [7; 32]).unwrap();
    let mut import = Command::new("softhsm2-util");
    import.args(["--aes", "--import"]).arg(&file);
    import.args(["--token", "cloister", "--pin", PIN]);
    import.args(["--label", "verifier 1", "--id", &key.to_string()]);
    hsm.run(&mut import);

    let why = refusal(keyring.seal(b"y", b""));

    // It was outside, so it was not always sensitive; which is said first does not matter.
    assert!(
        matches!(why, TokenRefusal::Extractable | TokenRefusal::NotLocal),
        "{why}"
    );
}

#[test]
fn worker_that_was_killed_is_started_anew_and_logs_in_once() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let sealed = keyring.seal(b"x", b"").unwrap();
    let before = workers(&hsm);
    assert_eq!(before.len(), 1);
    for child in before {
        let killed = Command::new("kill").args(["-KILL", &child]).status();
        assert!(killed.unwrap().success());
    }

    assert_eq!(*keyring.open_sealed(&sealed, b"").unwrap(), b"x");
    assert_eq!(workers(&hsm).len(), 1);
}

/// The workers that this test started: other tests may run in the same process.
fn workers(hsm: &SoftHsm) -> Vec<String> {
    let ours = hsm.dir.path().display().to_string();
    let mut found = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").expect("/proc is there") {
        let children = task.expect("a thread").path().join("children");
        // A thread may have ended meanwhile, and a child too.
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let of_ours = children.split_whitespace().filter(|child| {
            let line = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&ours)
        });
        found.extend(of_ours.map(str::to_owned));
    }
    found
}

#[test]
fn many_threads_share_one_session() {
    let Some(hsm) = SoftHsm::new() else { return };
    let keyring = hsm.made();
    let work = |name: u8| {
        for number in 0..20 {
            let sealed = keyring.seal(&[name, number], &[name]).unwrap();
            assert_eq!(
                *keyring.open_sealed(&sealed, &[name]).unwrap(),
                [name, number]
            );
        }
    };
    std::thread::scope(|scope| {
        for name in 0..4 {
            scope.spawn(move || work(name));
        }
    });
    assert_eq!(workers(&hsm).len(), 1);
}

#[test]
fn pin_file_open_to_others_is_not_read() {
    let Some(hsm) = SoftHsm::new() else { return };
    drop(hsm.made());
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(hsm.pin_file(), open).unwrap();

    let Unavailable::Lost(why) = unavailable(hsm.open()) else {
        panic!("it was read")
    };

    assert!(why.contains("is open to other users"), "{why}");
}

/// A module of C that does this when it is loaded.
fn module(hsm: &SoftHsm, does: &str) -> Option<std::path::PathBuf> {
    let (source, module) = (hsm.dir.path().join("m.c"), hsm.dir.path().join("m.so"));
    let text = format!(
        "extern void abort(void); extern int pause(void);\n\
         unsigned long C_GetFunctionList(void **list) {{ {does} }}\n"
    );
    std::fs::write(&source, text).expect("a file");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&module, &source])
        .status();
    if compiled.is_ok_and(|status| status.success()) {
        return Some(module);
    }
    println!("skipped: no cc (package gcc)");
    None
}

fn with_module(hsm: &SoftHsm, module: std::path::PathBuf) -> Result<Keyring, KeyringError> {
    let mut config = hsm.config();
    config.module = module;
    config.patience = std::time::Duration::from_secs(1);
    hsm.open_by(config)
}

#[test]
fn module_that_crashes_or_hangs_or_is_none_is_unavailable() {
    let Some(hsm) = SoftHsm::new() else { return };
    drop(hsm.made());
    for (does, why) in [
        ("abort();", Unavailable::Ended),
        ("*(volatile int *)8 = 1;", Unavailable::Ended),
        ("for (;;) pause();", Unavailable::Silent),
        (
            "return 6;",
            Unavailable::Lost(
                "the module cannot be loaded: C_GetFunctionList: FunctionFailed".to_owned(),
            ),
        ),
    ] {
        let Some(module) = module(&hsm, does) else {
            return;
        };
        assert_eq!(unavailable(with_module(&hsm, module)), why, "{does}");
    }
    let none = hsm.dir.path().join("none.so");
    assert!(matches!(
        unavailable(with_module(&hsm, none)),
        Unavailable::Lost(_)
    ));
    assert!(workers(&hsm).is_empty(), "each worker is gone");
}

#[test]
fn worker_ends_with_the_keyring_though_its_module_hangs() {
    let Some(hsm) = SoftHsm::new() else { return };
    let Some(module) = module(&hsm, "for (;;) pause();") else {
        return;
    };
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut worker = Command::new(env!("CARGO_BIN_EXE_cloister-token"))
        .args(["serve", "--token-label", "cloister", "--module"])
        .arg(module)
        .arg("--pin-file")
        .arg(hsm.pin_file())
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(worker.try_wait().unwrap().is_none(), "it hangs");

    drop(ours);

    assert!(worker.wait().unwrap().success());
}

#[test]
fn serve_without_a_socket_says_what_people_use() {
    let output = Command::new(env!("CARGO_BIN_EXE_cloister-token"))
        .args(["serve", "--module", "m", "--token-label", "t"])
        .args(["--pin-file", "p"])
        .stdin(Stdio::null())
        .output()
        .unwrap();

    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("people use check"), "{said}");
}
