use super::*;

fn key() -> SigningKey {
    SigningKey::from_seed("log", &[1; 32]).unwrap()
}

fn opened(dir: &Path) -> Store {
    let path = dir.join("store.sqlite");
    Store::create(&path, &key()).unwrap();
    Store::open(&path, &key().verifying_key()).unwrap().0
}

#[test]
fn commit_is_synced_before_it_returns() {
    const FULL: i64 = 2;
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    let connection = store.lock();

    let value = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));

    assert_eq!(value("synchronous").unwrap(), FULL);
}

fn open_session(store: &Store, name: &str, now: u64) {
    let nonce: [u8; 32] = attestation_ledger::Digest::of(name.as_bytes())
        .as_bytes()
        .to_owned();
    let session = NewSession {
        name,
        nonce: &nonce,
        tee: "simulated",
        expires: now + 300,
    };
    store
        .write(|writing| writing.open_session(&session, 3, now))
        .unwrap();
}

fn is_open(store: &Store, name: &str) -> bool {
    store.read(|reading| reading.has_session(name)).unwrap()
}

#[test]
fn session_beyond_the_limit_takes_the_place_of_a_burned_then_the_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    for (name, now) in [("old", 1000), ("burned", 1001), ("young", 1002)] {
        open_session(&store, name, now);
    }
    store.write(|writing| writing.burn("burned")).unwrap();

    open_session(&store, "fourth", 1003);
    assert!(!is_open(&store, "burned") && is_open(&store, "old"));
    open_session(&store, "fifth", 1004);
    assert!(!is_open(&store, "old") && is_open(&store, "young"));
}

#[test]
fn session_beyond_the_limit_takes_the_place_of_an_expired_before_an_open_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    for (name, now) in [("burned", 1200), ("expired", 1000), ("open", 1100)] {
        open_session(&store, name, now);
    }
    store.write(|writing| writing.burn("burned")).unwrap();

    open_session(&store, "fourth", 1350);
    open_session(&store, "fifth", 1350);

    assert!(!is_open(&store, "expired") && !is_open(&store, "burned"));
    assert!(is_open(&store, "open"));
}

#[test]
fn burned_nonce_cannot_be_unburned() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    let session = NewSession {
        name: "s",
        nonce: &[1; 32],
        tee: "simulated",
        expires: 9,
    };
    store
        .write(|writing| writing.open_session(&session, 9, 1))
        .unwrap();
    store.write(|writing| writing.burn("s")).unwrap();

    let unburned = store.lock().execute("UPDATE session SET burned = 0", []);

    assert!(unburned.is_err());
    let again = store.write(|writing| writing.burn("s")).unwrap().unwrap();
    assert!(again.burned_before);
}

#[test]
fn dropped_bytes_are_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    let connection = store.lock();

    let value: i64 = connection
        .pragma_query_value(None, "secure_delete", |row| row.get(0))
        .unwrap();

    assert_eq!(value, 1);
}

#[test]
fn reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    drop(opened(dir.path()));
    let reader = Store::open_to_read(&dir.path().join("store.sqlite")).unwrap();

    assert!(reader.write(|writing| writing.put_blob(b"x")).is_err());
}

#[test]
fn work_that_fails_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());

    let failed = store.write(|writing| {
        writing.put_blob(b"x")?;
        Err::<(), _>(StoreError::Number(-1))
    });

    assert!(failed.is_err());
    let digest = attestation_ledger::Digest::of(b"x");
    let blob = store.read(|reading| reading.blob(&digest)).unwrap();
    assert_eq!(blob, None);
}
