//! A ring whose keys are in a token: one that is well, and ones that are not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::envelope::FileKey;
use crate::sealed::TokenWrap;
use crate::wire::{Reply, Request};
use crate::{Operation, SystemEntropy, Token, TokenError, TokenRefusal, Unavailable};

/// A token in memory, which can be told to misbehave.
#[derive(Default)]
struct Fake {
    keys: BTreeMap<KeyId, FileKey>,
    wraps: Vec<(Request, Vec<u8>)>,
    mood: Mood,
    asked: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    Gone,
    /// Makes no keys.
    Full,
    /// Answers with the data key itself.
    Plain,
    /// Gives another data key back than it took.
    Forgetful,
}

impl Fake {
    /// It is no cipher; it only remembers what it gave out for what.
    fn answer(&mut self, request: Request) -> Option<Reply> {
        self.asked += 1;
        if self.mood == Mood::Gone {
            return None;
        }
        Some(match request {
            Request::Ensure { .. } if self.mood == Mood::Full => {
                Reply::Refused(TokenRefusal::NoMechanism)
            }
            Request::Ensure { key, .. } => {
                let new = FileKey::draw(&SystemEntropy).unwrap();
                self.keys.entry(key).or_insert(new);
                Reply::Done
            }
            Request::Destroy { key } => {
                self.keys.remove(&key);
                Reply::Done
            }
            Request::Wrap { key, iv, .. } if self.keys.contains_key(&key) => {
                let mut text = [0; 48];
                SystemEntropy.fill(&mut text).unwrap();
                if let (Mood::Plain, Request::Wrap { data_key, .. }) = (self.mood, &request) {
                    text[..32].copy_from_slice(data_key.as_slice());
                }
                self.wraps.push((request, text.to_vec()));
                Reply::Wrapped(TokenWrap { iv, text })
            }
            Request::Unwrap {
                key,
                wrapped,
                context: bound,
            } if self.keys.contains_key(&key) => self.find(key, wrapped, bound),
            _ => Reply::Refused(TokenRefusal::NoSuchKey),
        })
    }

    fn find(&self, asked: KeyId, wrapped: TokenWrap, bound: [u8; crate::CONTEXT_LENGTH]) -> Reply {
        for (request, text) in &self.wraps {
            if let Request::Wrap {
                key,
                context,
                data_key,
                ..
            } = request
                && (*key, *context, text.as_slice()) == (asked, bound, &wrapped.text)
            {
                let mut data_key = data_key.clone();
                if self.mood == Mood::Forgetful {
                    data_key[0] ^= 1;
                }
                return Reply::Unwrapped(data_key);
            }
        }
        Reply::Refused(TokenRefusal::DoesNotOpen)
    }
}

struct Bench {
    dir: tempfile::TempDir,
    fake: Arc<Mutex<Fake>>,
}

impl Bench {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            fake: Arc::default(),
        }
    }

    fn backend(&self) -> Backend {
        let fake = Arc::clone(&self.fake);
        Backend::Token(Box::new(Token::answered_by(move |request| {
            fake.lock().unwrap().answer(request)
        })))
    }

    fn made(&self) -> Keyring {
        let path = self.dir.path().join("ring");
        let keyring = Keyring::create(&path, self.backend(), Box::new(SystemEntropy)).unwrap();
        let event = keyring.prepare(Operation::Generate).unwrap();
        keyring.commit(&event).unwrap();
        keyring
    }

    fn open(&self) -> Result<Keyring, KeyringError> {
        let path = self.dir.path().join("ring");
        Keyring::open(&path, self.backend(), Box::new(SystemEntropy), 0)
    }

    fn set(&self, mood: Mood) {
        self.fake.lock().unwrap().mood = mood;
    }

    fn keys(&self) -> usize {
        self.fake.lock().unwrap().keys.len()
    }

    fn asked(&self) -> usize {
        self.fake.lock().unwrap().asked
    }
}

#[test]
fn token_ring_seals_opens_rotates_and_is_opened_again() {
    let bench = Bench::new();
    let keyring = bench.made();
    let before = keyring.seal(b"one", b"a").unwrap();
    let event = keyring.prepare(Operation::Rotate).unwrap();
    keyring.commit(&event).unwrap();

    let next = bench.open().unwrap();
    let after = next.rewrap(&before, b"a").unwrap();

    assert_eq!((after.key, event.home), (event.key, crate::Home::Token));
    for sealed in [&before, &after] {
        assert_eq!(*next.open_sealed(sealed, b"a").unwrap(), b"one");
        assert!(matches!(
            next.open_sealed(sealed, b"b"),
            Err(KeyringError::DoesNotOpen(_))
        ));
    }
    assert_eq!(bench.keys(), 3, "two, and the one of the file");
}

#[test]
fn ring_that_is_there_already_leaves_no_key_in_the_token() {
    let bench = Bench::new();
    drop(bench.made());
    let path = bench.dir.path().join("ring");

    let refused = Keyring::create(&path, bench.backend(), Box::new(SystemEntropy));

    assert!(matches!(
        refused,
        Err(KeyringError::File(RingFileError::Exists(_)))
    ));
    assert_eq!(bench.keys(), 2);
}

#[test]
fn destroyed_token_key_is_gone_from_the_token() {
    let bench = Bench::new();
    let keyring = bench.made();
    let sealed = keyring.seal(b"one", b"").unwrap();
    let rotated = keyring.prepare(Operation::Rotate).unwrap();
    keyring.commit(&rotated).unwrap();
    let event = keyring.prepare(Operation::Destroy {
        key: sealed.key,
        still_wrapped: 1,
        with_secrets: true,
    });
    let event = event.unwrap();
    assert!(keyring.open_sealed(&sealed, b"").is_ok(), "prepared only");

    keyring.commit(&event).unwrap();

    assert_eq!(bench.keys(), 2);
    let asked = bench.asked();
    assert!(matches!(
        keyring.open_sealed(&sealed, b""),
        Err(KeyringError::Destroyed(_))
    ));
    assert_eq!(bench.asked(), asked, "the token is not even asked");
}

#[test]
fn abandoned_token_key_is_gone_from_the_token() {
    let bench = Bench::new();
    let keyring = bench.made();
    let event = keyring.prepare(Operation::Rotate).unwrap();
    assert_eq!(bench.keys(), 3);

    keyring.abandon(&event).unwrap();

    assert_eq!(bench.keys(), 2);
}

#[test]
fn step_that_a_crash_left_before_the_token_had_its_key_is_finished() {
    let bench = Bench::new();
    let keyring = bench.made();
    let event = keyring.prepare(Operation::Rotate).unwrap();
    bench.fake.lock().unwrap().keys.remove(&event.key);

    let next = bench.open().unwrap();
    next.commit(&event).unwrap();

    let sealed = next.seal(b"x", b"").unwrap();
    assert_eq!(sealed.key, event.key);
}

#[test]
fn step_whose_key_the_token_does_not_make_is_not_prepared() {
    let bench = Bench::new();
    let keyring = bench.made();
    // The file can be written, with the token's help; the key is not made.
    bench.set(Mood::Full);

    let failed = keyring.prepare(Operation::Rotate);

    assert!(matches!(failed, Err(KeyringError::Token(_))));
    assert_eq!(keyring.pending(), None);
    assert_eq!(bench.open().unwrap().pending(), None);
    bench.set(Mood::Well);
    keyring.prepare(Operation::Rotate).unwrap();
}

#[test]
fn token_that_is_gone_opens_and_seals_nothing() {
    let bench = Bench::new();
    let keyring = bench.made();
    let sealed = keyring.seal(b"one", b"").unwrap();
    bench.set(Mood::Gone);

    let failures = [
        keyring.open_sealed(&sealed, b"").err(),
        keyring.seal(b"two", b"").err(),
        keyring.rewrap(&sealed, b"").err(),
        keyring.prepare(Operation::Rotate).err(),
        keyring.reload().err(),
    ];

    for failure in failures {
        let failure = failure.unwrap();
        assert!(failure.is_unavailable(), "{failure}");
    }
    assert_eq!(keyring.pending(), None);
}

#[test]
fn token_that_encrypts_nothing_is_found_out() {
    let bench = Bench::new();
    let keyring = bench.made();
    bench.set(Mood::Plain);

    let refused = keyring.seal(b"one", b"");

    assert!(matches!(refused, Err(KeyringError::TokenLies(_))));
}

#[test]
fn token_that_does_not_give_back_what_it_took_is_found_out() {
    let bench = Bench::new();
    let keyring = bench.made();
    bench.set(Mood::Forgetful);

    let refused = keyring.seal(b"one", b"");

    assert!(matches!(refused, Err(KeyringError::TokenLies(_))));
    bench.set(Mood::Well);
    let sealed = keyring.seal(b"one", b"").unwrap();
    bench.set(Mood::Forgetful);
    assert!(matches!(
        keyring.open_sealed(&sealed, b""),
        Err(KeyringError::DoesNotOpen(_))
    ));
}

#[test]
fn key_that_the_token_lost_is_refused_and_not_unavailable() {
    let bench = Bench::new();
    let keyring = bench.made();
    let sealed = keyring.seal(b"one", b"").unwrap();
    bench.fake.lock().unwrap().keys.remove(&sealed.key);

    for refused in [
        keyring.open_sealed(&sealed, b"").err(),
        keyring.seal(b"two", b"").err(),
    ] {
        let refused = refused.unwrap();
        assert!(!refused.is_unavailable());
        assert!(matches!(
            refused,
            KeyringError::Token(TokenError::Refused {
                refusal: TokenRefusal::NoSuchKey,
                ..
            })
        ));
    }
}

#[test]
fn wraps_are_counted_ahead_of_them_in_the_file() {
    let bench = Bench::new();
    let keyring = bench.made();
    let before = keyring.generation();

    for _ in 0..3 {
        keyring.seal(b"x", b"").unwrap();
    }

    assert_eq!(keyring.generation(), before + 1, "one block for all three");
    let reserved = |keyring: &Keyring| keyring.look(|held| held.ring.active().unwrap().reserved);
    assert_eq!(reserved(&keyring), RESERVED_AT_ONCE);
    let next = bench.open().unwrap();
    next.seal(b"x", b"").unwrap();
    assert_eq!(
        reserved(&next),
        2 * RESERVED_AT_ONCE,
        "what a start left is not used"
    );
}

#[test]
fn wraps_set_aside_are_used_up_and_no_more() {
    let bench = Bench::new();
    let keyring = bench.made();
    keyring.seal(b"x", b"").unwrap();
    let before = keyring.generation();
    let key = keyring.keys()[0].key;
    keyring.change(|held| held.wraps = Some((key, 2)));

    for written in [0, 0, 1, 1] {
        keyring.seal(b"x", b"").unwrap();
        assert_eq!(keyring.generation(), before + written);
    }
}

#[test]
fn worn_out_token_key_seals_no_more_and_still_opens() {
    let bench = Bench::new();
    let keyring = bench.made();
    let sealed = keyring.seal(b"x", b"").unwrap();
    keyring.change(|held| {
        held.wraps = None;
        for entry in &mut held.ring.entries {
            entry.reserved = crate::MOST_TOKEN_WRAPS;
        }
    });

    assert!(matches!(
        keyring.seal(b"y", b""),
        Err(KeyringError::LifeCycle(crate::LifeCycleError::WornOut(_)))
    ));
    assert!(keyring.open_sealed(&sealed, b"").is_ok());
}

#[test]
fn pending_step_survives_the_counting_of_wraps() {
    let bench = Bench::new();
    let keyring = bench.made();
    let event = keyring.prepare(Operation::Rotate).unwrap();

    keyring.seal(b"x", b"").unwrap();

    assert_eq!(keyring.pending(), Some(event));
    keyring.commit(&event).unwrap();
}

#[test]
fn credential_does_not_open_a_token_ring() {
    let bench = Bench::new();
    drop(bench.made());
    let path = bench.dir.path().join("credential");
    std::fs::write(&path, [1; 32]).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, private).unwrap();
    let credential = crate::Credential::read_key_file(&path).unwrap();

    let refused = Keyring::open(
        &bench.dir.path().join("ring"),
        Backend::File(credential),
        Box::new(SystemEntropy),
        0,
    );

    assert!(matches!(
        refused,
        Err(KeyringError::File(RingFileError::OtherLock { .. }))
    ));
}

#[test]
fn errors_show_no_key_and_no_secret() {
    let unavailable = KeyringError::from(TokenError::from(Unavailable::Silent));
    assert!(unavailable.is_unavailable());
    let bench = Bench::new();
    let keyring = bench.made();
    let sealed = keyring.seal(b"the secret", b"").unwrap();
    let config = crate::TokenConfig {
        program: "program".into(),
        module: "module".into(),
        token: crate::TokenName::Serial("1".to_owned()),
        pin_file: "pin".into(),
        label: "label".to_owned(),
        environment: vec![("PASSWORD".to_owned(), "the secret".to_owned())],
        patience: std::time::Duration::ZERO,
    };
    let shown = format!(
        "{sealed:?} {config:?} {:?}",
        keyring.open_sealed(&sealed, b"x").err()
    );
    assert!(!shown.contains("the secret") && !shown.contains("116, 104"));
    assert!(!shown.contains(&hex::encode(&sealed.content)));
}

#[test]
fn secret_that_is_chosen_to_look_like_a_ring_is_none() {
    let bench = Bench::new();
    let keyring = bench.made();
    let path = bench.dir.path().join("ring");
    let header = std::fs::read(&path).unwrap()[..14].to_vec();
    let ring = keyring.look(|held| held.ring.to_bytes());
    // Whoever may put secrets chooses one, and what it is bound to.
    let bound_to = [b"cloister keyring file v1\n", header.as_slice()].concat();
    let forged = keyring.seal(&ring, &bound_to).unwrap();
    assert_eq!(*keyring.open_sealed(&forged, &bound_to).unwrap(), *ring);

    std::fs::write(&path, [header, forged.to_bytes()].concat()).unwrap();

    assert!(matches!(
        bench.open(),
        Err(KeyringError::File(RingFileError::DoesNotOpen { .. }))
    ));
}
