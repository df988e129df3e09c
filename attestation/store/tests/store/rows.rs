//! What is kept beside the log.

use attestation_ledger::Digest;
use attestation_store::{Attempt, Document, Kind, SealedSecret, StoreError, Writing};

use crate::both;
use crate::support::Database;

fn secret(version: u64, sealed: &[u8]) -> SealedSecret {
    SealedSecret {
        version,
        terms: b"terms".to_vec(),
        sealed: sealed.to_vec(),
    }
}

both! {
    nonce_is_burned_once_until_it_is_forgotten,
    burned_nonce_stays_burned_when_the_store_is_opened_again,
    attempt_has_one_verdict,
    documents_are_their_tenants_own,
    each_change_of_a_tenants_documents_counts,
    newest_version_of_a_secret_that_is_not_destroyed_is_the_secret,
    version_of_a_secret_is_put_once,
    blob_is_kept_once_under_its_digest,
    generation_is_the_one_that_was_set_last,
}

fn nonce_is_burned_once_until_it_is_forgotten(database: &mut Database) {
    let store = database.make();
    let burn = || store.write(|writing| writing.burn("s", 100)).unwrap();

    assert!(burn());
    assert!(!burn());
    let forgotten = |now| store.write(|writing| writing.forget_attempts(now)).unwrap();
    assert_eq!(forgotten(99), 0);
    assert!(!burn());
    assert_eq!(forgotten(100), 1);
    assert!(burn());
}

fn burned_nonce_stays_burned_when_the_store_is_opened_again(database: &mut Database) {
    let store = database.make();
    assert!(store.write(|writing| writing.burn("s", 100)).unwrap());
    drop(store);

    assert!(
        !database
            .open()
            .write(|writing| writing.burn("s", 100))
            .unwrap()
    );
}

fn attempt_has_one_verdict(database: &mut Database) {
    let store = database.make();
    store.write(|writing| writing.burn("s", 100)).unwrap();
    let attempt = |name| store.read(|reading| reading.attempt(name)).unwrap();
    let judge = |index| store.write(|writing| writing.set_verdict("s", index));

    assert_eq!(attempt("s"), Some(Attempt { verdict: None }));
    judge(0).unwrap();
    assert_eq!(attempt("s"), Some(Attempt { verdict: Some(0) }));
    judge(1).unwrap_err();
    assert_eq!(attempt("s"), Some(Attempt { verdict: Some(0) }));
    assert_eq!(attempt("t"), None);
}

fn documents_are_their_tenants_own(database: &mut Database) {
    let store = database.make();
    let put = |tenant, kind, name, bytes: &[u8]| {
        store
            .write(|writing| writing.put_document(tenant, kind, name, bytes))
            .unwrap();
    };
    put("a", Kind::Policy, "strict", b"1");
    put("b", Kind::Policy, "strict", b"22");
    put("a", Kind::Reference, "strict", b"333");
    put("a", Kind::Policy, "lax", b"4444");

    store
        .read(|reading| {
            let found = reading.document("a", Kind::Policy, "strict")?;
            assert_eq!(found.as_deref(), Some(b"1".as_slice()));
            assert_eq!(reading.document("c", Kind::Policy, "strict")?, None);
            let names: Vec<_> = reading
                .documents("a", Kind::Policy)?
                .into_iter()
                .map(|one| one.name)
                .collect();
            assert_eq!(names, ["lax", "strict"]);
            assert_eq!(reading.document_sizes("a", Kind::Policy)?, (2, 5));
            assert_eq!(reading.document_sizes("c", Kind::Policy)?, (0, 0));
            let mut all = Vec::new();
            reading.each_document(|tenant, kind, Document { name, .. }| {
                all.push(format!("{tenant}/{kind}/{name}"));
                Ok(())
            })?;
            assert_eq!(
                all,
                [
                    "a/policy/lax",
                    "a/policy/strict",
                    "a/reference/strict",
                    "b/policy/strict"
                ]
            );
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

fn each_change_of_a_tenants_documents_counts(database: &mut Database) {
    let store = database.make();
    let revision = |tenant| store.read(|reading| reading.revision(tenant)).unwrap();
    assert_eq!(revision("a"), 0);

    store
        .write(|writing| writing.put_document("a", Kind::Policy, "p", b"1"))
        .unwrap();
    store
        .write(|writing| writing.put_document("a", Kind::Policy, "p", b"2"))
        .unwrap();
    let removed = store
        .write(|writing| writing.remove_document("a", Kind::Policy, "p"))
        .unwrap();
    let again = store
        .write(|writing| writing.remove_document("a", Kind::Policy, "p"))
        .unwrap();

    assert_eq!((removed, again), (true, false));
    assert_eq!((revision("a"), revision("b")), (4, 0));
}

fn newest_version_of_a_secret_that_is_not_destroyed_is_the_secret(database: &mut Database) {
    let store = database.make();
    let current = || {
        let found = store
            .read(|reading| reading.secret("a", "d/disk/k"))
            .unwrap();
        found.map(|secret| (secret.version, secret.sealed))
    };
    let destroy = |version| {
        store
            .write(|writing| writing.destroy_secret("a", "d/disk/k", version))
            .unwrap()
    };
    assert_eq!(current(), None);
    for (version, sealed) in [(1, b"one"), (2, b"two")] {
        store
            .write(|writing| writing.put_secret("a", "d/disk/k", &secret(version, sealed)))
            .unwrap();
    }

    assert_eq!(current(), Some((2, b"two".to_vec())));
    assert!(
        store
            .write(|writing| writing.reseal_secret("a", "d/disk/k", 2, b"TWO"))
            .unwrap()
    );
    assert_eq!(current(), Some((2, b"TWO".to_vec())));
    assert!(destroy(2));
    assert_eq!(current(), Some((1, b"one".to_vec())));
    assert!(destroy(1) && !destroy(3));
    assert_eq!(current(), None);
    store
        .read(|reading| {
            assert_eq!(reading.newest_version("a", "d/disk/k")?, 2);
            assert_eq!(reading.newest_version("b", "d/disk/k")?, 0);
            assert_eq!(reading.secret_names("a")?, ["d/disk/k"]);
            assert!(
                reading
                    .secret_versions("a", "d/disk/k")?
                    .iter()
                    .all(SealedSecret::is_destroyed)
            );
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

fn version_of_a_secret_is_put_once(database: &mut Database) {
    let store = database.make();
    let put = |bytes: &[u8]| {
        store.write(|writing| writing.put_secret("a", "d/disk/k", &secret(1, bytes)))
    };
    put(b"one").unwrap();

    put(b"another").unwrap_err();

    let found = store
        .read(|reading| reading.secret("a", "d/disk/k"))
        .unwrap()
        .unwrap();
    assert_eq!(found.sealed, b"one");
}

fn blob_is_kept_once_under_its_digest(database: &mut Database) {
    let store = database.make();
    let digest = Digest::of(b"bytes");
    for _ in 0..2 {
        let kept = store
            .write(|writing: &Writing<'_>| writing.put_blob(b"bytes"))
            .unwrap();
        assert_eq!(kept, digest);
    }

    store
        .read(|reading| {
            assert_eq!(reading.blob(&digest)?.as_deref(), Some(b"bytes".as_slice()));
            assert!(reading.has_blob(&digest)? && !reading.has_blob(&Digest::of(b"x"))?);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

fn generation_is_the_one_that_was_set_last(database: &mut Database) {
    let store = database.make();
    let generation = || store.read(|reading| reading.generation()).unwrap();
    assert_eq!(generation(), "first");

    store
        .write(|writing| writing.set_generation("second"))
        .unwrap();

    assert_eq!(generation(), "second");
}
