//! The transparency log, and one consistent state of the store to read it from.

use attestation_ledger::{
    Digest, Hash, LogProof, Node, NodeReader, TreeHead, VerifyingKey, consistency_proof,
    inclusion_proof, root,
};

use crate::StoreError;
use crate::connection::{Connection, Value, signed, unsigned};

/// Entries that are in memory at once where all are looked at; each has 64 KiB at most.
const PAGE: u64 = 256;

/// One consistent state of the store.
pub struct Reading<'a> {
    connection: &'a dyn Connection,
    place: &'a str,
    /// Where a transaction that is not committed yet knows better than the checkpoint's row.
    time: Option<u64>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(connection: &'a dyn Connection, place: &'a str, time: Option<u64>) -> Self {
        Self {
            connection,
            place,
            time,
        }
    }

    pub(crate) fn connection(&self) -> &'a dyn Connection {
        self.connection
    }

    /// Where the store is, to say in errors.
    pub fn place(&self) -> &str {
        self.place
    }

    /// The error that says what is wrong with the log.
    pub fn torn(&self, what: impl ToString) -> StoreError {
        StoreError::Torn {
            place: self.place.to_owned(),
            what: what.to_string(),
        }
    }

    /// The newest checkpoint that is committed, as signed.
    pub fn checkpoint(&self) -> Result<String, StoreError> {
        self.connection
            .one("SELECT note FROM checkpoint", &[], |row| Ok(row.text(0)?))?
            .ok_or_else(|| self.torn("it has no checkpoint"))
    }

    /// The newest checkpoint, opened with the log's key.
    pub fn head(&self, key: &VerifyingKey) -> Result<TreeHead, StoreError> {
        TreeHead::open(&self.checkpoint()?, key).map_err(|error| self.torn(error))
    }

    /// The same, once the whole log was derived from its entries and compared with it.
    pub fn verified_head(&self, key: &VerifyingKey) -> Result<TreeHead, StoreError> {
        crate::verify::verify(self, key)
    }

    /// The root of the log's first entries, as many as `size`.
    pub fn root_of(&self, size: u64) -> Result<Hash, StoreError> {
        Ok(root(&self.nodes(), size)?)
    }

    /// The time of the newest entry; `None` of an empty log.
    pub fn latest_time(&self) -> Result<Option<u64>, StoreError> {
        if self.time.is_some() {
            return Ok(self.time);
        }
        let time = self
            .connection
            .one("SELECT time FROM checkpoint", &[], |row| {
                unsigned(row.number(0)?)
            })?;
        Ok(time.filter(|time| *time > 0))
    }

    /// One entry's bytes.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.connection.one(
            "SELECT bytes FROM entry WHERE idx = ?1",
            &[Value::Number(signed(index))],
            |row| Ok(row.bytes(0)?),
        )
    }

    /// The entries of one tenant from the index `from` on, `most` at most.
    pub fn entries_of(
        &self,
        tenant: &str,
        from: u64,
        most: u64,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.connection.all(
            "SELECT idx, bytes FROM entry WHERE tenant = ?1 AND idx >= ?2 ORDER BY idx LIMIT ?3",
            &[
                Value::Text(tenant),
                Value::Number(signed(from)),
                Value::Number(signed(most)),
            ],
            |row| Ok((unsigned(row.number(0)?)?, row.bytes(1)?)),
        )
    }

    /// Hands every entry to `each`, in the log's order; it may read more of the same state.
    pub fn each_entry<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut from = 0;
        loop {
            let page = self.entries(from, PAGE)?;
            for (index, bytes) in &page {
                each(*index, bytes)?;
            }
            match page.last() {
                Some((last, _)) => from = last.saturating_add(1),
                None => return Ok(()),
            }
        }
    }

    /// The entries from the index `from` on, `most` at most.
    pub fn entries(&self, from: u64, most: u64) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.connection.all(
            "SELECT idx, bytes FROM entry WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
            &[Value::Number(signed(from)), Value::Number(signed(most))],
            |row| Ok((unsigned(row.number(0)?)?, row.bytes(1)?)),
        )
    }

    /// The proof that an entry is in the log, under its newest checkpoint. It carries the entry.
    pub fn proof(&self, index: u64, key: &VerifyingKey) -> Result<Option<LogProof>, StoreError> {
        let Some(entry) = self.entry(index)? else {
            return Ok(None);
        };
        let checkpoint = self.checkpoint()?;
        let head = TreeHead::open(&checkpoint, key).map_err(|error| self.torn(error))?;
        if index >= head.size {
            return Err(self.torn(format!(
                "it has entry {index}, which its checkpoint does not cover"
            )));
        }
        Ok(Some(LogProof {
            extra: Some(entry),
            index,
            path: inclusion_proof(&self.nodes(), index, head.size)?,
            checkpoint,
        }))
    }

    /// The proof that the log of `new` entries begins with the log of `old` entries.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        Ok(consistency_proof(&self.nodes(), old, new)?)
    }

    /// The blob with this digest.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.connection.one(
            "SELECT bytes FROM blob WHERE sha256 = ?1",
            &[Value::Bytes(digest.as_bytes())],
            |row| Ok(row.bytes(0)?),
        )
    }

    /// Whether there is a blob with this digest.
    pub fn has_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let found = self.connection.one(
            "SELECT 1 FROM blob WHERE sha256 = ?1",
            &[Value::Bytes(digest.as_bytes())],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    pub(crate) fn nodes(&self) -> Nodes<'a> {
        Nodes(self.connection)
    }
}

/// The stored hashes of the tree.
pub(crate) struct Nodes<'a>(&'a dyn Connection);

impl NodeReader for Nodes<'_> {
    type Error = StoreError;

    fn read(&self, node: Node) -> Result<Option<Hash>, StoreError> {
        let found = self.0.one(
            "SELECT hash FROM node WHERE level = ?1 AND idx = ?2",
            &[
                Value::Number(node.level.into()),
                Value::Number(signed(node.index)),
            ],
            |row| Ok(row.bytes(0)?),
        )?;
        // One of another length is none: the tables allow none.
        Ok(found
            .and_then(|hash| hash.try_into().ok())
            .map(Hash::from_bytes))
    }
}
