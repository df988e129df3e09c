//! One writer's turn.

use std::cell::{Cell, RefCell};

use attestation_ledger::{AuditRecord, Digest, Entry, Hash};

use crate::connection::{Connection, Value, signed};
use crate::{Reading, StoreError};

/// What one writer does, in a transaction that others may share. It is kept only when [`Store::write`](crate::Store::write)
/// returns `Ok`.
pub struct Writing<'a> {
    connection: &'a dyn Connection,
    place: &'a str,
    turn: Turn,
}

/// What a turn adds to the log.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The index that its first entry has.
    first: u64,
    leaves: RefCell<Vec<Hash>>,
    time: Cell<Option<u64>>,
}

/// An entry's place in the log. It is there once the turn is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The entry's index.
    pub index: u64,
    pub(crate) bytes: Vec<u8>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(
        connection: &'a dyn Connection,
        place: &'a str,
        first: u64,
        time: Option<u64>,
    ) -> Self {
        Self {
            connection,
            place,
            turn: Turn {
                first,
                leaves: RefCell::default(),
                time: Cell::new(time),
            },
        }
    }

    pub(crate) fn connection(&self) -> &dyn Connection {
        self.connection
    }

    /// The leaves that were added, and the time of the last.
    pub(crate) fn into_added(self) -> (Vec<Hash>, Option<u64>) {
        (self.turn.leaves.into_inner(), self.turn.time.into_inner())
    }

    /// The same state, to read from: it has what was written in this turn and in those before it. Checkpoint and proofs are
    /// the committed ones.
    pub fn reading(&self) -> Reading<'_> {
        Reading::new(self.connection, self.place, self.turn.time.get())
    }

    /// The index that the next entry will have.
    pub fn next_index(&self) -> u64 {
        let added = u64::try_from(self.turn.leaves.borrow().len()).unwrap_or(u64::MAX);
        self.turn.first.saturating_add(added)
    }

    /// Appends an entry to the log.
    pub fn append(&self, entry: &Entry) -> Result<Logged, StoreError> {
        let index = self.next_index();
        let (record, bytes) = (entry.record(), entry.as_bytes());
        self.connection.execute(
            "INSERT INTO entry (idx, tenant, time, bytes) VALUES (?1, ?2, ?3, ?4)",
            &[
                Value::Number(signed(index)),
                Value::Text(tenant_of(record)),
                Value::Number(signed(record.time())),
                Value::Bytes(bytes),
            ],
        )?;
        self.turn.leaves.borrow_mut().push(Hash::leaf(bytes));
        self.turn.time.set(Some(record.time()));
        Ok(Logged {
            index,
            bytes: bytes.to_vec(),
        })
    }

    /// Keeps what a verdict was computed from; the same bytes are kept once.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        self.connection.execute(
            "INSERT INTO blob (sha256, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            &[Value::Bytes(digest.as_bytes()), Value::Bytes(bytes)],
        )?;
        Ok(digest)
    }
}

/// What stands beside an entry: its tenant, or nothing where it concerns the whole verifier.
pub fn tenant_of(record: &AuditRecord) -> &str {
    record.tenant().unwrap_or_default()
}
