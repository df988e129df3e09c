//! A database of either kind, and a second hand on it.

use std::path::PathBuf;
use std::time::Duration;

use attestation_ledger::{
    AuditRecord, Entry, RecordVersion, Registered, Registration, SigningKey, TreeHead,
};
use attestation_store::{Location, Logged, Store, StoreError, Writing};
use tempfile::TempDir;
use tests_postgres::Server;

/// Where a test's store is.
pub enum Database {
    Sqlite(TempDir),
    Postgres(Server),
}

/// Runs each of these functions as a test on both databases.
#[macro_export]
macro_rules! both {
    ($($name:ident,)+) => {
        mod sqlite {
            $(#[test] fn $name() { $crate::support::on_sqlite(super::$name) })+
        }
        mod postgres {
            $(#[test] fn $name() { $crate::support::on_postgres(super::$name) })+
        }
    };
}

pub fn on_sqlite(test: impl Fn(&mut Database)) {
    test(&mut Database::Sqlite(tempfile::tempdir().unwrap()));
}

pub fn on_postgres(test: impl Fn(&mut Database)) {
    if let Some(server) = Server::start() {
        test(&mut Database::Postgres(server));
    }
}

pub fn key() -> SigningKey {
    SigningKey::from_seed("log", &[1; 32]).unwrap()
}

impl Database {
    pub fn location(&self) -> Location {
        match self {
            Self::Sqlite(folder) => Location::File(folder.path().join("store.sqlite")),
            Self::Postgres(server) => server.url().parse().unwrap(),
        }
    }

    pub fn make(&self) -> Store {
        Store::create(&self.location(), &key(), "first").unwrap();
        self.open()
    }

    pub fn open(&self) -> Store {
        self.try_open().unwrap().0
    }

    pub fn try_open(&self) -> Result<(Store, TreeHead), StoreError> {
        Store::open(&self.location(), key())
    }

    /// Why it does not open.
    pub fn error(&self) -> String {
        let Err(error) = self.try_open() else {
            panic!("the store opened");
        };
        error.to_string()
    }

    /// What somebody else does to the tables.
    pub fn tamper(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => {
                let hand = rusqlite::Connection::open(self.location().file().unwrap()).unwrap();
                hand.busy_timeout(Duration::from_secs(5)).unwrap();
                hand.execute_batch(sql).unwrap();
            }
            Self::Postgres(server) => {
                server.sql(sql);
            }
        }
    }

    /// The same without the triggers that keep the log from being changed.
    pub fn force(&self, sql: &str) {
        let (before, after) = match self {
            Self::Sqlite(_) => (
                "DROP TRIGGER entry_is_never_changed; DROP TRIGGER entry_is_never_removed;",
                "",
            ),
            Self::Postgres(_) => (
                "ALTER TABLE entry DISABLE TRIGGER ALL;",
                "; ALTER TABLE entry ENABLE TRIGGER ALL",
            ),
        };
        self.tamper(&format!("{before} {sql} {after}"));
    }

    /// Keeps the store as it is now.
    pub fn back_up(&self) -> Backup {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup");
        match self {
            Self::Sqlite(_) => {
                let hand = rusqlite::Connection::open(self.location().file().unwrap()).unwrap();
                let path = file.to_str().unwrap();
                hand.execute("VACUUM INTO ?1", [path]).unwrap();
            }
            Self::Postgres(server) => server.dump(&file),
        }
        Backup {
            file,
            _folder: folder,
        }
    }

    /// Puts it back, below whoever has it open.
    pub fn put_back(&self, backup: &Backup) {
        match self {
            Self::Sqlite(_) => {
                let from = rusqlite::Connection::open(&backup.file).unwrap();
                let mut to = rusqlite::Connection::open(self.location().file().unwrap()).unwrap();
                let copying = rusqlite::backup::Backup::new(&from, &mut to).unwrap();
                copying
                    .run_to_completion(1024, Duration::ZERO, None)
                    .unwrap();
            }
            Self::Postgres(server) => server.restore(&backup.file),
        }
    }
}

pub struct Backup {
    file: PathBuf,
    _folder: TempDir,
}

/// An entry that differs from others by its name.
pub fn entry(name: &str) -> Entry {
    entry_at(name, 1_000)
}

pub fn entry_at(name: &str, time: u64) -> Entry {
    entry_of(Some("acme"), name, time)
}

/// An entry of this tenant's, or of the whole verifier.
pub fn entry_of(tenant: Option<&str>, name: &str, time: u64) -> Entry {
    Entry::new(AuditRecord::Registered(Registration {
        version: RecordVersion::V2,
        time,
        tenant: tenant.map(str::to_owned),
        by: "alice".to_owned(),
        approved_by: None,
        name: name.to_owned(),
        what: Registered::PolicyRemoved {},
    }))
    .unwrap()
}

pub fn append(store: &Store, name: &str) -> Result<Logged, StoreError> {
    store.write(|writing| writing.append(&entry(name)))
}

/// Appends and has the proof checked.
pub fn append_and_check(store: &Store, name: &str) -> Result<u64, StoreError> {
    let entry = entry(name);
    let ((), proof) = store.write_and_prove(|writing: &Writing<'_>| {
        Ok::<_, StoreError>(((), writing.append(&entry)?))
    })?;
    let shown = proof.verified_entry(&store.log_key()).unwrap();
    assert_eq!(shown, entry.as_bytes());
    Ok(proof.index)
}

pub fn size(store: &Store) -> u64 {
    store
        .read(|reading| reading.head(&store.log_key()))
        .unwrap()
        .size
}
