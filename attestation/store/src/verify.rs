//! What has to hold of a log before anything is served from it.

use attestation_ledger::{
    Entry, Hash, MemoryNodes, Node, NodeReader, TreeHead, VerifyingKey, root,
};

use crate::connection::unsigned;
use crate::tree::Tree;
use crate::writing::tenant_of;
use crate::{Reading, StoreError};

/// Derives the whole tree from the entries, and compares it with the stored nodes, the right border, and the signed
/// checkpoint.
pub fn verify(reading: &Reading<'_>, key: &VerifyingKey) -> Result<TreeHead, StoreError> {
    let head = reading.head(key)?;
    let (derived, time) = derive(reading)?;
    if derived.size() != head.size {
        let (found, signed) = (derived.size(), head.size);
        return Err(reading.torn(format!(
            "it has {found} entries and the signed checkpoint covers {signed}"
        )));
    }
    if root(&derived, head.size).ok() != Some(head.root) {
        return Err(reading.torn("an entry was changed: the root is not the signed one"));
    }
    compare_nodes(reading, &derived)?;
    read_tree(reading, &head)?;
    if reading.latest_time()? != time {
        return Err(reading.torn("the time beside its checkpoint is not its last entry's"));
    }
    Ok(head)
}

/// The tree that the right border gives, which has to be the signed one.
pub fn read_tree(reading: &Reading<'_>, head: &TreeHead) -> Result<Tree, StoreError> {
    let border =
        reading.connection().one(
            "SELECT border FROM checkpoint",
            &[],
            |row| Ok(row.bytes(0)?),
        )?;
    tree(reading, head, &border.unwrap_or_default())
}

/// The tree of a border, which has to be the signed one.
pub fn tree(reading: &Reading<'_>, head: &TreeHead, border: &[u8]) -> Result<Tree, StoreError> {
    Tree::with_border(head.size, border)
        .filter(|tree| tree.head() == *head)
        .ok_or_else(|| reading.torn("its right border does not give the signed root"))
}

/// The log that is there, up to `head`, has to be the one that was here before, up to `known`, or one that begins with it.
pub fn refuse_another(
    reading: &Reading<'_>,
    head: &TreeHead,
    known: &TreeHead,
) -> Result<(), StoreError> {
    if head == known {
        return Ok(());
    }
    let other = |what: String| StoreError::Older {
        place: reading.place().to_owned(),
        what,
    };
    if head.size <= known.size {
        let (then, now) = (known.size, head.size);
        return Err(other(format!("it had {then} entries and has {now}")));
    }
    if root(&reading.nodes(), known.size)? != known.root {
        return Err(other(format!(
            "its first {} entries are not those that were there",
            known.size
        )));
    }
    Ok(())
}

fn derive(reading: &Reading<'_>) -> Result<(MemoryNodes, Option<u64>), StoreError> {
    let mut derived = MemoryNodes::default();
    let mut time = None;
    let rows = "SELECT idx, bytes, time, tenant FROM entry ORDER BY idx";
    reading.connection().each(rows, &[], &mut |row| {
        let (index, bytes) = (unsigned(row.number(0)?)?, row.bytes(1)?);
        if index != derived.size() {
            return Err(reading.torn(format!("entry {} is missing", derived.size())));
        }
        derived.push(Hash::leaf(&bytes));
        let beside = unsigned(row.number(2)?)?;
        time = Some(beside);
        let tenant = row.text(3)?;
        match Entry::from_bytes(&bytes) {
            Ok(entry) if entry.record().time() != beside => Err(reading.torn(format!(
                "the row of entry {index} has another time than the entry"
            ))),
            Ok(entry) if tenant_of(entry.record()) != tenant => Err(reading.torn(format!(
                "the row of entry {index} has another tenant than the entry"
            ))),
            // Of an entry that cannot be read there is nothing to compare: whoever needs it says so.
            _ => Ok(()),
        }
    })?;
    Ok((derived, time))
}

/// Every stored node is the derived one, and none is missing.
fn compare_nodes(reading: &Reading<'_>, derived: &MemoryNodes) -> Result<(), StoreError> {
    // A tree has one complete node of each level for every 2^level leaves.
    let mut missing: u64 = (0..u64::BITS).map(|level| derived.size() >> level).sum();
    let rows = "SELECT level, idx, hash FROM node";
    reading.connection().each(rows, &[], &mut |row| {
        missing = missing.saturating_sub(1);
        let (level, index) = (unsigned(row.number(0)?)?, unsigned(row.number(1)?)?);
        let stored = row.bytes(2)?;
        let node = u8::try_from(level).map(|level| Node { level, index });
        // Reading from memory cannot fail.
        let known = node.ok().and_then(|node| derived.read(node).ok().flatten());
        if known.is_none_or(|known| known.as_bytes() != stored.as_slice()) {
            return Err(reading.torn(format!("the stored hash of node {level}/{index} is wrong")));
        }
        Ok(())
    })?;
    match missing {
        0 => Ok(()),
        _ => Err(reading.torn(format!("{missing} of its tree's nodes are missing"))),
    }
}
