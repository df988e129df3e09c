//! The log's sequencer: turns in a transaction, and the commit that they share.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use attestation_ledger::{SigningKey, TreeHead, VerifyingKey};

use crate::connection::{Connection, Value, signed, unsigned};
use crate::outcome::{Committed, Outcome};
use crate::schema::VERSION;
use crate::tree::Tree;
use crate::verify;
use crate::{DatabaseError, Logged, Reading, StoreError, Trouble, Writing};

/// Turns in one transaction. More would not make a sync of the disk much cheaper for each.
const TURNS: usize = 128;
/// How long a transaction is kept open for others.
const PATIENCE: Duration = Duration::from_millis(20);
/// After a connection could not be made, for how long nobody tries again.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes connections that write.
pub type Connect = Box<dyn Fn() -> Result<Box<dyn Connection>, DatabaseError> + Send + Sync>;

/// A commit that is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit<'a> {
    /// How long it took, from when the last writer had written.
    pub took: Duration,
    /// Writers that shared it.
    pub writers: usize,
    /// Entries of the log since.
    pub entries: u64,
    /// The signed checkpoint over them, where the commit added some.
    pub checkpoint: Option<&'a str>,
}

/// Hears of each commit, on the thread that made it, before its writers do: it must be quick.
pub type Watch = Box<dyn Fn(Commit<'_>) + Send + Sync>;

/// What stands behind the lock of the store: whoever holds it has the turn.
pub struct Sequence {
    place: String,
    connect: Connect,
    connection: Result<Box<dyn Connection>, Instant>,
    batch: Option<Batch>,
    /// The newest of the log that this process knows. It is never believed to be shorter, or another.
    newest: TreeHead,
    watch: Option<Watch>,
}

/// A transaction that is open.
struct Batch {
    tree: Tree,
    time: Option<u64>,
    /// Turns whose work is to be kept.
    kept: usize,
    begun: Instant,
    /// Indices whose audit paths are wanted.
    wanted: Vec<u64>,
    outcome: Arc<Outcome>,
}

/// What a turn gives to its store.
pub type Turn<T> = (T, Option<Logged>);

impl Sequence {
    pub fn new(
        place: String,
        connect: Connect,
        connection: Box<dyn Connection>,
        newest: TreeHead,
    ) -> Self {
        Self {
            place,
            connect,
            connection: Ok(connection),
            batch: None,
            newest,
            watch: None,
        }
    }

    /// From now on tells of each commit.
    pub fn tell(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// Begins a transaction unless one is open, and says where its end will be known.
    pub fn join(&mut self, key: &VerifyingKey) -> Result<Arc<Outcome>, StoreError> {
        if self.batch.is_none() {
            let begun = self.begin(key);
            if begun.is_err() {
                self.roll_back();
            }
            self.batch = Some(begun?);
        }
        let batch = self.batch.as_ref().expect("it was begun");
        Ok(Arc::clone(&batch.outcome))
    }

    /// Runs one turn. Where it fails, nothing is left of it, and of the others' everything.
    pub fn turn<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&Writing<'_>) -> Result<Turn<T>, E>,
    ) -> Result<T, E> {
        let Self {
            place,
            connection,
            batch,
            ..
        } = self;
        let (Ok(connection), Some(batch)) = (connection.as_ref(), batch.as_mut()) else {
            return Err(StoreError::from(DatabaseError::Waiting).into());
        };
        connection.run("SAVEPOINT turn").map_err(StoreError::from)?;
        let size = batch.tree.head().size;
        let writing = Writing::new(connection.as_ref(), place, size, batch.time);
        match catch_unwind(AssertUnwindSafe(|| work(&writing))) {
            Ok(Ok((value, proved))) => {
                connection.run("RELEASE turn").map_err(StoreError::from)?;
                let (leaves, time) = writing.into_added();
                for leaf in leaves {
                    batch.tree.push(leaf);
                }
                batch.time = time;
                batch.kept += 1;
                batch.wanted.extend(proved.map(|logged| logged.index));
                Ok(value)
            }
            Ok(Err(error)) => {
                connection
                    .run("ROLLBACK TO turn; RELEASE turn")
                    .map_err(StoreError::from)?;
                Err(error)
            }
            Err(panic) => {
                self.abandon(Arc::new(StoreError::Panicked));
                resume_unwind(panic)
            }
        }
    }

    /// Whether the transaction has to end though others wait.
    pub fn is_full(&self) -> bool {
        self.batch
            .as_ref()
            .is_some_and(|batch| batch.kept >= TURNS || batch.begun.elapsed() >= PATIENCE)
    }

    /// Extends the tree, signs it, commits, and tells all who took part.
    pub fn finish(&mut self, key: &SigningKey) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let began = Instant::now();
        match self.commit(&batch, key) {
            Ok(committed) => {
                self.newest = batch.tree.head();
                self.tell_of(&batch, &committed.checkpoint, began.elapsed());
                batch.outcome.settle(Ok(Arc::new(committed)));
            }
            Err(error) => {
                self.roll_back();
                batch.outcome.settle(Err(Arc::new(error)));
            }
        }
    }

    /// A transaction in which nothing was kept, as when readiness is tried out, is no commit.
    fn tell_of(&self, batch: &Batch, checkpoint: &str, took: Duration) {
        if let (Some(watch), 1..) = (&self.watch, batch.kept) {
            watch(Commit {
                took,
                writers: batch.kept,
                entries: self.newest.size,
                checkpoint: Some(checkpoint).filter(|note| !note.is_empty()),
            });
        }
    }

    fn abandon(&mut self, why: Arc<StoreError>) {
        self.roll_back();
        if let Some(batch) = self.batch.take() {
            batch.outcome.settle(Err(why));
        }
    }

    fn begin(&mut self, key: &VerifyingKey) -> Result<Batch, StoreError> {
        self.open_transaction()?;
        let Ok(connection) = &self.connection else {
            return Err(DatabaseError::Waiting.into());
        };
        let (tree, time) = read_log(connection.as_ref(), &self.place, key)?;
        let head = tree.head();
        self.refuse_another(connection.as_ref(), &head)?;
        self.newest = head;
        Ok(Batch {
            tree,
            time,
            kept: 0,
            begun: Instant::now(),
            wanted: Vec::new(),
            outcome: Arc::default(),
        })
    }

    /// A connection may have gone while nobody used it. Nothing was done on it then, so the next one does as well.
    fn open_transaction(&mut self) -> Result<(), DatabaseError> {
        self.reconnect()?;
        match self.connection.as_ref().map(|open| open.begin_writing()) {
            Ok(Err(error)) if error.trouble() == Trouble::Unreachable => {
                self.connection = Err(Instant::now());
                self.reconnect()?;
                self.connection
                    .as_ref()
                    .map_or(Err(DatabaseError::Waiting), |open| open.begin_writing())
            }
            Ok(begun) => begun,
            Err(_) => Err(DatabaseError::Waiting),
        }
    }

    fn reconnect(&mut self) -> Result<(), DatabaseError> {
        let Err(not_before) = &self.connection else {
            return Ok(());
        };
        if Instant::now() < *not_before {
            return Err(DatabaseError::Waiting);
        }
        match (self.connect)() {
            Ok(connection) => {
                self.connection = Ok(connection);
                Ok(())
            }
            Err(error) => {
                self.connection = Err(Instant::now() + PAUSE);
                Err(error)
            }
        }
    }

    /// The log has to be the one that was here before, or one that begins with it.
    fn refuse_another(
        &self,
        connection: &dyn Connection,
        head: &TreeHead,
    ) -> Result<(), StoreError> {
        let reading = Reading::new(connection, &self.place, None);
        verify::refuse_another(&reading, head, &self.newest)
    }

    fn commit(&self, batch: &Batch, key: &SigningKey) -> Result<Committed, StoreError> {
        let Ok(connection) = &self.connection else {
            return Err(DatabaseError::Waiting.into());
        };
        let (tree, time) = (&batch.tree, batch.time);
        let committed = write_tree(connection.as_ref(), tree, time, &batch.wanted, key)?;
        connection.run("COMMIT")?;
        Ok(committed)
    }

    /// Ends a transaction without a trace. A connection that cannot even do that is given up.
    fn roll_back(&mut self) {
        if let Ok(connection) = &self.connection
            && connection.run("ROLLBACK").is_err()
        {
            self.connection = Err(Instant::now());
        }
    }
}

/// The log as its own key signed it, by the row of its checkpoint.
pub fn read_log(
    connection: &dyn Connection,
    place: &str,
    key: &VerifyingKey,
) -> Result<(Tree, Option<u64>), StoreError> {
    let reading = Reading::new(connection, place, None);
    let row = connection.one(
        "SELECT note, border, checkpoint.time, version FROM checkpoint, store",
        &[],
        |row| {
            Ok((
                row.text(0)?,
                row.bytes(1)?,
                unsigned(row.number(2)?)?,
                row.number(3)?,
            ))
        },
    )?;
    let (note, border, time, found) = row.ok_or_else(|| reading.torn("it has no checkpoint"))?;
    if found != VERSION {
        return Err(StoreError::Newer {
            place: place.to_owned(),
            found,
            known: VERSION,
        });
    }
    let head = TreeHead::open(&note, key).map_err(|error| reading.torn(error))?;
    let tree = verify::tree(&reading, &head, &border)?;
    Ok((tree, Some(time).filter(|time| *time > 0)))
}

/// Writes what was added to the tree under a new checkpoint; without new entries the old one stands.
pub fn write_tree(
    connection: &dyn Connection,
    tree: &Tree,
    time: Option<u64>,
    wanted: &[u64],
    key: &SigningKey,
) -> Result<Committed, StoreError> {
    if tree.added().is_empty() {
        return Ok(Committed::default());
    }
    for (node, hash) in tree.added() {
        connection.execute(
            "INSERT INTO node (level, idx, hash) VALUES (?1, ?2, ?3)",
            &[
                Value::Number(node.level.into()),
                Value::Number(signed(node.index)),
                Value::Bytes(hash.as_bytes()),
            ],
        )?;
    }
    let checkpoint = tree.head().sign(key);
    write_checkpoint(connection, &checkpoint, &tree.border(), time)?;
    let path = |index: &u64| {
        let path = tree.path(*index);
        (*index, path.expect("the entry was appended to this tree"))
    };
    Ok(Committed {
        paths: wanted.iter().map(path).collect(),
        checkpoint,
    })
}

/// The checkpoint with what the next entries need of the tree.
pub fn write_checkpoint(
    connection: &dyn Connection,
    note: &str,
    border: &[u8],
    time: Option<u64>,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO checkpoint (one, note, border, time) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT (one) DO UPDATE
         SET note = excluded.note, border = excluded.border, time = excluded.time",
        &[
            Value::Text(note),
            Value::Bytes(border),
            Value::Number(signed(time.unwrap_or(0))),
        ],
    )?;
    Ok(())
}
