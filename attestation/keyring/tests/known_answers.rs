//! What the keyring writes is what another implementation makes of the same: `vectors/make.py`.

mod support;

use attestation_keyring::{Backend, Credential, Keyring, Operation};
use serde_json::Value;
use support::{Counting, Place, write};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/vectors.json")).expect("make.py writes JSON")
}

fn file(place: &Place) -> String {
    hex::encode(std::fs::read(place.ring()).expect("it was made"))
}

#[test]
fn file_and_secret_sealed_by_a_key_file_are_what_python_makes() {
    let vectors = &vectors()["key_file"];
    let place = Place::new();

    let keyring =
        Keyring::create(&place.ring(), place.backend(), Box::new(Counting::new())).unwrap();
    assert_eq!(file(&place), vectors["created"]);
    let event = keyring.prepare(Operation::Generate).unwrap();
    assert_eq!(file(&place), vectors["prepared"]);
    keyring.commit(&event).unwrap();
    assert_eq!(file(&place), vectors["committed"]);
    assert_eq!(event.key.to_string(), vectors["key"]);
    let sealed = keyring.seal(b"the secret", b"for one").unwrap();
    assert_eq!(hex::encode(sealed.to_bytes()), vectors["sealed"]);
}

#[test]
fn file_sealed_by_a_passphrase_is_what_python_makes() {
    let place = Place::new();
    let passphrase = place.dir.path().join("passphrase");
    write(&passphrase, b"correct horse battery\n", 0o600);
    let credential = Credential::read_passphrase_file(&passphrase).unwrap();

    Keyring::create(
        &place.ring(),
        Backend::File(credential),
        Box::new(Counting::new()),
    )
    .unwrap();

    assert_eq!(file(&place), vectors()["passphrase"]["created"]);
}
