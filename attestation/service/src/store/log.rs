//! The transparency log's part of the store.

use std::path::Path;

use attestation_ledger::{
    Digest, Entry, Hash, LogProof, MemoryNodes, Node, NodeReader, SigningKey, TreeHead,
    VerifyingKey, append, inclusion_proof, root,
};
use rusqlite::{OptionalExtension, Transaction};

use super::{Reading, StoreError, Writing, from_sql, to_sql};

impl Writing<'_> {
    /// Appends `entry`, signs the new checkpoint and proves the entry in it.
    ///
    /// The tree that is extended is checked against its own checkpoint first: what somebody put
    /// into the file behind our back is never signed.
    pub fn append(&self, entry: &Entry, key: &SigningKey) -> Result<LogProof, StoreError> {
        let nodes = Nodes(&self.transaction);
        let head = self.reading().head(&key.verifying_key())?;
        if root(&nodes, head.size)? != head.root {
            return Err(self.reading().torn("its nodes do not give the signed root"));
        }
        let index = head.size;
        self.transaction.execute(
            "INSERT INTO entry (idx, bytes) VALUES (?1, ?2)",
            (to_sql(index), entry.as_bytes()),
        )?;
        for (node, hash) in append(&nodes, index, Hash::leaf(entry.as_bytes()))? {
            insert_node(&self.transaction, node, &hash)?;
        }
        let size = index.saturating_add(1);
        let checkpoint = TreeHead {
            size,
            root: root(&nodes, size)?,
        }
        .sign(key);
        write_checkpoint(&self.transaction, &checkpoint)?;
        let path = inclusion_proof(&nodes, index, size)?;
        Ok(LogProof {
            extra: Some(entry.as_bytes().to_vec()),
            index,
            path,
            checkpoint,
        })
    }

    /// Keeps what a verdict was computed from; the same bytes are kept once.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        self.transaction.execute(
            "INSERT INTO blob (sha256, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            (digest.as_bytes(), bytes),
        )?;
        Ok(digest)
    }
}

impl Reading<'_> {
    /// The newest checkpoint, as signed.
    pub fn checkpoint(&self) -> Result<String, StoreError> {
        self.transaction
            .query_row("SELECT note FROM checkpoint", [], |row| row.get(0))
            .optional()?
            .ok_or_else(|| self.torn("it has no checkpoint"))
    }

    /// The newest checkpoint, opened with the log's key.
    pub fn head(&self, key: &VerifyingKey) -> Result<TreeHead, StoreError> {
        TreeHead::open(&self.checkpoint()?, key).map_err(|error| self.torn(error))
    }

    /// One entry's bytes.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.transaction.query_row(
            "SELECT bytes FROM entry WHERE idx = ?1",
            [to_sql(index)],
            |row| row.get(0),
        );
        Ok(bytes.optional()?)
    }

    /// The time of the newest entry; `None` of an empty log.
    pub fn latest_time(&self) -> Result<Option<u64>, StoreError> {
        let newest = "SELECT bytes FROM entry ORDER BY idx DESC LIMIT 1";
        let bytes: Option<Vec<u8>> = self
            .transaction
            .query_row(newest, [], |row| row.get(0))
            .optional()?;
        let time = |bytes: Vec<u8>| Entry::from_bytes(&bytes).map(|entry| entry.record().time());
        bytes
            .map(time)
            .transpose()
            .map_err(|error| self.torn(error))
    }

    /// Hands every entry to `each`, in the log's order.
    pub fn each_entry<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self
            .transaction
            .prepare("SELECT idx, bytes FROM entry ORDER BY idx")
            .map_err(StoreError::from)?;
        let mut rows = statement.query([]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let index = from_sql(row.get(0).map_err(StoreError::from)?)?;
            let bytes: Vec<u8> = row.get(1).map_err(StoreError::from)?;
            each(index, &bytes)?;
        }
        Ok(())
    }

    /// The blob with this digest.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.transaction.query_row(
            "SELECT bytes FROM blob WHERE sha256 = ?1",
            [digest.as_bytes()],
            |row| row.get(0),
        );
        Ok(bytes.optional()?)
    }

    /// Whether there is a blob with this digest.
    pub fn has_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM blob WHERE sha256 = ?1)";
        let found = self
            .transaction
            .query_row(sql, [digest.as_bytes()], |row| row.get(0))?;
        Ok(found)
    }

    /// The error that says what is wrong with the log in this file.
    pub fn torn(&self, what: impl ToString) -> StoreError {
        torn(self.path, what)
    }
}

pub(super) fn torn(path: &Path, what: impl ToString) -> StoreError {
    StoreError::Torn {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

/// The checkpoint of a log without entries.
pub(super) fn write_empty(
    transaction: &Transaction<'_>,
    key: &SigningKey,
) -> Result<(), StoreError> {
    let empty = TreeHead {
        size: 0,
        root: Hash::empty_root(),
    };
    write_checkpoint(transaction, &empty.sign(key))
}

/// Derives the whole tree from the entries and compares it with the stored nodes and with the
/// signed checkpoint.
pub(super) fn verify(
    transaction: &Transaction<'_>,
    path: &Path,
    key: &VerifyingKey,
) -> Result<TreeHead, StoreError> {
    let reading = Reading { transaction, path };
    let head = reading.head(key)?;
    let mut derived = MemoryNodes::default();
    reading.each_entry::<StoreError>(|index, bytes| {
        if index != derived.size() {
            return Err(reading.torn(format!("entry {} is missing", derived.size())));
        }
        derived.push(Hash::leaf(bytes));
        Ok(())
    })?;
    if derived.size() != head.size {
        let (found, signed) = (derived.size(), head.size);
        return Err(reading.torn(format!(
            "it has {found} entries and the signed checkpoint covers {signed}"
        )));
    }
    if root(&derived, head.size).ok() != Some(head.root) {
        return Err(reading.torn("an entry was changed: the root is not the signed one"));
    }
    compare_nodes(&reading, &derived)?;
    Ok(head)
}

/// Every stored node is the derived one, and none is missing.
fn compare_nodes(reading: &Reading<'_>, derived: &MemoryNodes) -> Result<(), StoreError> {
    let mut statement = reading
        .transaction
        .prepare("SELECT level, idx, hash FROM node")?;
    let mut rows = statement.query([])?;
    // A tree has one complete node of each level for every 2^level leaves.
    let mut missing: u64 = (0..u64::BITS).map(|level| derived.size() >> level).sum();
    while let Some(row) = rows.next()? {
        missing = missing.saturating_sub(1);
        let node = Node {
            level: row.get(0)?,
            index: from_sql(row.get(1)?)?,
        };
        let stored = Hash::from_bytes(row.get(2)?);
        // Reading from memory cannot fail.
        if derived.read(node).ok().flatten() != Some(stored) {
            let Node { level, index } = node;
            return Err(reading.torn(format!("the stored hash of node {level}/{index} is wrong")));
        }
    }
    match missing {
        0 => Ok(()),
        _ => Err(reading.torn(format!("{missing} of its tree's nodes are missing"))),
    }
}

fn write_checkpoint(transaction: &Transaction<'_>, checkpoint: &str) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO checkpoint (only, note) VALUES (1, ?1)
         ON CONFLICT (only) DO UPDATE SET note = excluded.note",
        [checkpoint],
    )?;
    Ok(())
}

fn insert_node(
    transaction: &Transaction<'_>,
    node: Node,
    hash: &Hash,
) -> Result<(), rusqlite::Error> {
    transaction.execute(
        "INSERT INTO node (level, idx, hash) VALUES (?1, ?2, ?3)",
        (node.level, to_sql(node.index), hash.as_bytes()),
    )?;
    Ok(())
}

struct Nodes<'a>(&'a Transaction<'a>);

impl NodeReader for Nodes<'_> {
    type Error = rusqlite::Error;

    fn read(&self, node: Node) -> Result<Option<Hash>, rusqlite::Error> {
        self.0
            .prepare_cached("SELECT hash FROM node WHERE level = ?1 AND idx = ?2")?
            .query_row((node.level, to_sql(node.index)), |row| row.get(0))
            .map(Hash::from_bytes)
            .optional()
    }
}
