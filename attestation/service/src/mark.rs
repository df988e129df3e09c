//! The newest checkpoint that this verifier has answered on, kept outside of the store: so that a store which was put back to an
//! older day, while nobody served it, is noticed at the next start.
//!
//! It is written after each commit and before anybody hears of that, without waiting for the disk: what is written is in the
//! kernel's memory, and stays there however the process ends. The disk follows within a second. So after the death of the process the
//! mark is of the last answer; after that of the machine it may be a second older, and a store that was put back to within that
//! second passes. What catches that too is outside of the machine: whoever has seen a later checkpoint.
//!
//! Two places of the file are written in turn, each a signed checkpoint: one that was cut by a loss of power does not verify, and the
//! other still does. Who puts the whole data directory back puts the mark back with it, which nothing in the directory can show.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use attestation_ledger::{TreeHead, VerifyingKey};

use crate::data_dir::{DataDir, DataDirError, names};

/// Bytes of a place: a checkpoint has some 250, with the longest DNS name 700.
const PLACE: usize = 1024;
const PLACES: u64 = 2;
/// How often the disk is waited for, at most.
const REST: Duration = Duration::from_secs(1);

/// The file, open for writing.
pub struct Mark {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What is known of a log from outside of its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The signed checkpoint.
    pub checkpoint: String,
    /// What it says.
    pub head: TreeHead,
}

struct Shared {
    file: File,
    path: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
    failed: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Where the next checkpoint goes.
    place: u64,
    unsynced: bool,
    ended: bool,
}

/// The mark cannot be written: what the store then loses, nobody would notice.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written, which says up to where the log was seen", .0.display())]
pub struct MarkFailed(PathBuf);

/// The file's bytes that say this.
pub fn marked(checkpoint: &str) -> Vec<u8> {
    padded(checkpoint).repeat(2)
}

fn padded(checkpoint: &str) -> Vec<u8> {
    let mut bytes = checkpoint.as_bytes().to_vec();
    bytes.resize(PLACE, b'\n');
    bytes
}

/// The newest checkpoint of this log that the file of `dir` has.
///
/// # Errors
/// The file is not there, or no checkpoint in it is this log's.
pub fn read(dir: &DataDir, key: &VerifyingKey) -> Result<Seen, DataDirError> {
    let (seen, _) = read_places(dir, key)?;
    Ok(seen)
}

fn read_places(dir: &DataDir, key: &VerifyingKey) -> Result<(Seen, u64), DataDirError> {
    let bytes = dir.read_private(names::MARK)?;
    let places = (0u64..).zip(bytes.chunks(PLACE)).take(2);
    let found = places.filter_map(|(place, bytes)| Some((seen(bytes, key)?, place)));
    found
        .max_by_key(|(seen, _)| seen.head.size)
        .ok_or_else(|| dir.malformed(names::MARK, "checkpoint of this log"))
}

fn seen(bytes: &[u8], key: &VerifyingKey) -> Option<Seen> {
    let text = std::str::from_utf8(bytes).ok()?;
    let checkpoint = format!("{}\n", text.trim_end_matches('\n'));
    let head = TreeHead::open(&checkpoint, key).ok()?;
    Some(Seen { checkpoint, head })
}

impl Mark {
    /// Opens the file of `dir`, and says what it says.
    ///
    /// # Errors
    /// As [`read`]; or it cannot be written.
    pub fn open(dir: &DataDir, key: &VerifyingKey) -> Result<(Self, Seen), DataDirError> {
        let (seen, place) = read_places(dir, key)?;
        let path = dir.file(names::MARK);
        let opened = OpenOptions::new().write(true).open(&path);
        let file = opened.map_err(|source| DataDirError::Io {
            action: "open for writing",
            path: path.clone(),
            source,
        })?;
        let shared = Arc::new(Shared {
            file,
            path,
            state: Mutex::new(State {
                place: (place + 1) % PLACES,
                ..State::default()
            }),
            changed: Condvar::new(),
            failed: AtomicBool::new(false),
        });
        let syncing = Arc::clone(&shared);
        let thread = Some(std::thread::spawn(move || syncing.sync()));
        Ok((Self { shared, thread }, seen))
    }

    /// From now on the log was seen up to this checkpoint. Costs a write to the kernel's memory.
    pub fn note(&self, checkpoint: &str) {
        self.shared.note(checkpoint);
    }

    /// Whether something could not be written.
    pub fn failure(&self) -> Option<MarkFailed> {
        let failed = self.shared.failed.load(Ordering::SeqCst);
        failed.then(|| MarkFailed(self.shared.path.clone()))
    }
}

impl Drop for Mark {
    /// What was noted is on the disk afterwards.
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, checkpoint: &str) {
        let mut state = self.state();
        let at = state.place * u64::try_from(PLACE).unwrap_or_default();
        let written = match checkpoint.len() < PLACE {
            true => self.file.write_all_at(&padded(checkpoint), at),
            false => Err(io::ErrorKind::FileTooLarge.into()),
        };
        self.judge(written);
        state.place = (state.place + 1) % PLACES;
        if !state.unsynced {
            state.unsynced = true;
            self.changed.notify_all();
        }
    }

    fn judge(&self, done: io::Result<()>) {
        if done.is_err() {
            self.failed.store(true, Ordering::SeqCst);
        }
    }

    /// Until the end.
    fn sync(&self) {
        let mut state = self.state();
        loop {
            while !state.unsynced && !state.ended {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.unsynced {
                state.unsynced = false;
                drop(state);
                self.judge(self.file.sync_all());
                state = self.state();
            }
            if state.ended && !state.unsynced {
                return;
            }
            let rested = self
                .changed
                .wait_timeout_while(state, REST, |state| !state.ended);
            state = rested.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use attestation_ledger::{Hash, SigningKey};

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.test", &[7; 32]).unwrap()
    }

    fn checkpoint(size: u64) -> String {
        let root = Hash::leaf(&size.to_be_bytes());
        TreeHead { size, root }.sign(&key())
    }

    fn directory() -> (tempfile::TempDir, DataDir) {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::create::<DataDirError>(&parent.path().join("data"), |dir| {
            dir.write_private(names::LOG_KEY, b"")?;
            dir.write_private(names::MARK, &marked(&checkpoint(0)))
        });
        (parent, dir.unwrap())
    }

    fn size(dir: &DataDir) -> Option<u64> {
        let seen = read(dir, &key().verifying_key()).ok()?;
        Some(seen.head.size)
    }

    #[test]
    fn newest_that_was_noted_is_what_is_read_at_once() {
        let (_parent, dir) = directory();
        let (mark, seen) = Mark::open(&dir, &key().verifying_key()).unwrap();
        assert_eq!(seen.checkpoint, checkpoint(0));

        for noted in 1..6 {
            mark.note(&checkpoint(noted));
            assert_eq!(size(&dir), Some(noted));
        }
        drop(mark);

        let (mark, seen) = Mark::open(&dir, &key().verifying_key()).unwrap();
        assert_eq!(seen.head.size, 5);
        mark.note(&checkpoint(6));
        assert_eq!(size(&dir), Some(6));
        assert!(mark.failure().is_none());
    }

    #[test]
    fn place_that_was_cut_leaves_the_one_before() {
        let (_parent, dir) = directory();
        let (mark, _) = Mark::open(&dir, &key().verifying_key()).unwrap();
        mark.note(&checkpoint(1));
        mark.note(&checkpoint(2));
        drop(mark);
        let path = dir.file(names::MARK);
        let whole = std::fs::read(&path).unwrap();

        for place in 0..2 {
            let mut cut = whole.clone();
            cut[place * PLACE + 20..place * PLACE + 200].fill(0);
            std::fs::write(&path, cut).unwrap();
            assert!(size(&dir).is_some());
        }
        std::fs::write(&path, vec![0; whole.len()]).unwrap();
        assert_eq!(size(&dir), None);
    }

    #[test]
    fn checkpoint_of_another_key_is_no_mark() {
        let (_parent, dir) = directory();
        let other = SigningKey::from_seed("log.test", &[8; 32]).unwrap();

        assert!(Mark::open(&dir, &other.verifying_key()).is_err());
    }
}
