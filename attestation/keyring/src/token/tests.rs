//! Workers that crash, hang, lie in length, or refuse: what each becomes, and that none is asked too often.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;

const KEY: KeyId = KeyId::from_bytes([7; 16]);
const WRAP: TokenWrap = TokenWrap {
    iv: [1; IV_LENGTH],
    text: [2; 48],
};

/// A worker made of a shell script; each start adds a line to `starts`.
struct Script {
    dir: tempfile::TempDir,
}

impl Script {
    fn new(body: &str) -> Self {
        let script = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let starts = script.starts_file();
        let text = format!("#!/bin/sh\necho x >>{}\n{body}\n", starts.display());
        std::fs::write(script.program(), text).unwrap();
        let may_run = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(script.program(), may_run).unwrap();
        script
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn program(&self) -> PathBuf {
        self.path().join("worker")
    }

    fn starts_file(&self) -> PathBuf {
        self.path().join("starts")
    }

    fn starts(&self) -> usize {
        std::fs::read(self.starts_file()).map_or(0, |lines| lines.len() / 2)
    }

    fn token(&self) -> Token {
        Token::new(self.config())
    }

    fn config(&self) -> TokenConfig {
        TokenConfig {
            program: self.program(),
            module: "module.so".into(),
            token: TokenName::Label("t".to_owned()),
            pin_file: "pin".into(),
            label: "test".to_owned(),
            environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            patience: Duration::from_millis(300),
        }
    }
}

fn unwrap(token: &Token) -> Unavailable {
    match token.unwrap(KEY, WRAP, [0; CONTEXT_LENGTH]).err() {
        Some(TokenError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// What a worker writes to its standard input, which is the socket, in a script's spelling.
const LOGGED_IN: &str = r"printf '\001\000\001' >&0";

#[test]
fn worker_that_cannot_be_started_is_unavailable() {
    let script = Script::new("");
    std::fs::remove_file(script.program()).unwrap();

    assert!(matches!(
        unwrap(&script.token()),
        Unavailable::NoWorker { .. }
    ));
}

#[test]
fn worker_that_crashes_is_started_once_more_and_then_left_in_peace() {
    let script = Script::new("kill -SEGV $$");
    let token = script.token();

    assert_eq!(unwrap(&token), Unavailable::Ended);
    assert_eq!(script.starts(), 2);
    for _ in 0..5 {
        assert!(matches!(unwrap(&token), Unavailable::Resting(_)));
    }
    assert_eq!(script.starts(), 2);
}

#[test]
fn worker_that_crashes_over_a_request_is_started_once_more() {
    let script = Script::new(&format!("{LOGGED_IN}; head -c 20 >/dev/null; exit 1"));

    assert_eq!(unwrap(&script.token()), Unavailable::Ended);
    assert_eq!(script.starts(), 2);
}

#[test]
fn pause_grows_with_each_failure_and_ends() {
    let mut line = Line::default();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        line.take_rest();
        pauses.push(line.rest.unwrap().1.as_secs());
        assert!(line.may_be_asked().is_err());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    let long_ago = Instant::now().checked_sub(LONGEST_PAUSE).unwrap();
    line.rest = Some((long_ago, LONGEST_PAUSE));
    assert!(line.may_be_asked().is_ok());
}

#[test]
fn worker_that_hangs_is_given_up_at_the_deadline_and_killed() {
    let script = Script::new(&format!(
        "echo $$ >$(dirname $0)/pid; {LOGGED_IN}; exec sleep 60"
    ));
    let token = script.token();
    let began = Instant::now();

    assert_eq!(unwrap(&token), Unavailable::Silent);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(script.starts(), 1, "a hang is not asked for twice");
    let pid = std::fs::read_to_string(script.path().join("pid")).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
}

#[test]
fn worker_that_answers_by_drops_is_given_up_at_the_deadline() {
    let drops = "while :; do sleep 0.1; printf '\\001' >&0; done";
    let script = Script::new(&format!("{LOGGED_IN}; printf '\\020\\000' >&0; {drops}"));
    let token = script.token();
    let began = Instant::now();

    assert_eq!(unwrap(&token), Unavailable::Silent);
    assert!(began.elapsed() < Duration::from_millis(1500));
}

#[test]
fn worker_that_answers_nonsense_is_given_up() {
    for nonsense in [
        // No message 99; a frame of 65535 bytes; a data key cut short.
        r"printf '\001\000\143' >&0",
        r"printf '\377\377' >&0",
        r"printf '\004\000\003abc' >&0",
    ] {
        let script = Script::new(&format!(
            "{LOGGED_IN}; head -c 20 >/dev/null; {nonsense}; sleep 9"
        ));
        assert_eq!(unwrap(&script.token()), Unavailable::Garbled, "{nonsense}");
    }
}

#[test]
fn worker_that_answers_another_question_is_given_up() {
    let token = Token::answered_by(|_| Some(Reply::Done));

    assert_eq!(unwrap(&token), Unavailable::Garbled);
    assert!(token.line().worker.is_none());
}

#[test]
fn pin_that_was_refused_is_never_tried_again() {
    let script = Script::new(r"printf '\006\000\005wrong' >&0; sleep 9");
    let token = script.token();

    for _ in 0..5 {
        assert_eq!(unwrap(&token), Unavailable::Pin("wrong".to_owned()));
    }
    assert_eq!(script.starts(), 1);
}

#[test]
fn session_that_is_lost_is_made_anew_once() {
    let script = Script::new(&format!(
        r"{LOGGED_IN}; head -c 20 >/dev/null; printf '\005\000\006gone' >&0; sleep 9"
    ));

    assert_eq!(
        unwrap(&script.token()),
        Unavailable::Lost("gone".to_owned())
    );
    assert_eq!(script.starts(), 2);
}

#[test]
fn refusal_is_no_failure_and_is_asked_once() {
    let token = Token::answered_by(|_| Some(Reply::Refused(TokenRefusal::NoSuchKey)));

    for _ in 0..3 {
        assert_eq!(
            token.unwrap(KEY, WRAP, [0; CONTEXT_LENGTH]).err(),
            Some(TokenError::Refused {
                key: KEY,
                refusal: TokenRefusal::NoSuchKey
            })
        );
    }
    assert!(token.line().rest.is_none() && token.line().worker.is_some());
}

#[test]
fn environment_of_the_verifier_does_not_reach_the_module() {
    let script = Script::new(&format!("env >$(dirname $0)/env; {LOGGED_IN}; sleep 9"));

    assert_eq!(unwrap(&script.token()), Unavailable::Silent);
    let seen = std::fs::read_to_string(script.path().join("env")).unwrap();
    assert!(std::env::vars().any(|(name, _)| name == "CARGO_MANIFEST_DIR"));
    assert!(!seen.contains("CARGO"), "{seen}");
}

#[test]
fn token_whose_only_worker_is_gone_starts_no_other() {
    let dies = format!("{LOGGED_IN}; head -c 20 >/dev/null; exit 1");
    let hangs = format!("{LOGGED_IN}; exec sleep 2");
    for (body, first) in [(dies, Unavailable::Ended), (hangs, Unavailable::Silent)] {
        let script = Script::new(&body);
        let token = Token::started(script.config()).unwrap();
        assert_eq!(script.starts(), 1, "before it is needed");

        assert_eq!(unwrap(&token), first);

        for _ in 0..3 {
            assert_eq!(unwrap(&token), Unavailable::Gone(Box::new(first.clone())));
        }
        assert_eq!(script.starts(), 1);
    }
}

#[test]
fn token_that_does_not_let_its_only_worker_in_is_none() {
    let script = Script::new("exit 1");

    assert!(matches!(
        Token::started(script.config()),
        Err(Unavailable::Ended)
    ));
    assert_eq!(script.starts(), 1);
}
